"""The rules by a setting's name: whether its value is shown, whether it needs Force, whether it can be changed."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from backend.configuration.kinds import (
    is_boolean,
    is_cloud,
    is_runtime,
    is_schedule,
    is_small_count,
    is_switch,
    is_time_zone,
    is_version,
    names_a_group,
    names_a_vault,
    names_an_app,
)
from backend.configuration.own_settings import check_own_change
from backend.errors import ConflictError, InvalidInputError
from backend.hosting.platform_names import PLATFORM
from backend.hosting.results.apps import FunctionApp
from backend.text.quoting import is_like_a_key, quoted, shown

NAME: Final = r"[A-Za-z0-9._]{1,256}"  # App Service's documented rule
# The values that are shown if they are of the expected kind. Every other value is masked.
_SHOWN: Final[Mapping[str, Callable[[str], bool]]] = {
    "AzureWebJobsDisableHomepage": is_switch,
    "CIPP_CLOUD": is_cloud,
    "CIPP_FUNCTION_APP": names_an_app,
    "CIPP_HOSTED": is_boolean,
    "CIPP_KV_NAME": names_a_vault,
    "CIPP_PROCESSOR": is_switch,
    "CIPP_RESOURCE_GROUP": names_a_group,
    "CIPP_TIMEZONE": is_time_zone,
    "FUNCTIONS_EXTENSION_VERSION": is_version,
    "FUNCTIONS_WORKER_PROCESS_COUNT": is_small_count,
    "FUNCTIONS_WORKER_RUNTIME": is_runtime,
    "KEY_ROTATION_SCHEDULE": is_schedule,
    "PYTHON_THREADPOOL_THREAD_COUNT": is_small_count,
    "SCM_DO_BUILD_DURING_DEPLOYMENT": is_switch,
    "WEBSITE_NODE_DEFAULT_VERSION": is_version,
    "WEBSITE_TIME_ZONE": is_time_zone,
}
_KIND_OF: Final = {name.lower(): kind for name, kind in _SHOWN.items()}
HARMLESS: Final = frozenset(_KIND_OF)
# Without these settings a function app does not start, or starts with other code.
_VITAL: Final = (
    r"AzureWebJobsStorage(__.*)?|DEPLOYMENT_STORAGE_CONNECTION_STRING|FUNCTIONS_EXTENSION_VERSION"
    r"|FUNCTIONS_WORKER_RUNTIME|WEBSITE_CONTENTAZUREFILECONNECTIONSTRING|WEBSITE_CONTENTSHARE|WEBSITE_RUN_FROM_PACKAGE"
)
# The same for CIPP's container: its storage, group, sign-in, port and registry, and its host program Craft.
_VITAL_OF_CONTAINER: Final = (
    r"AzureWebJobsStorage(__.*)?|WEBSITE_RESOURCE_GROUP|AUTH_SECRET|WEBSITES_.*|DOCKER_.*|App__.*|CRAFT_(SERVE|RUN).*"
)
# The deployment of the container sets the group, and CIPP the scope, which people must correct by hand.
_SET_ON_CONTAINER: Final = r"WEBSITE_RESOURCE_GROUP|WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES"


@dataclass(frozen=True)
class Rules:
    """The rules of one kind of app, as patterns of names. `settable` are exceptions to those of the platform."""

    vital: str
    settable: str = ""

    def is_vital(self, name: str) -> bool:
        """Return whether an app does not start without this setting, or starts with other code."""
        return _is(self.vital, name)

    def is_platforms(self, name: str) -> bool:
        """Return whether this app never changes this setting."""
        return _is(PLATFORM, name) and not _is(self.settable, name)


FUNCTION_APP: Final = Rules(_VITAL)
CONTAINER: Final = Rules(_VITAL_OF_CONTAINER, settable=_SET_ON_CONTAINER)
_REPEAT: Final = "To continue, repeat with Force: true."


def is_harmless(name: str, value: str) -> bool:
    """Return whether a setting's value is shown: its name is listed, and the value is of the expected kind."""
    kind = _KIND_OF.get(name.lower())
    return kind is not None and kind(value)


def check_names(to_set: Mapping[str, str], remove: Iterable[str], app: FunctionApp, rules: Rules) -> None:
    """Check a change's names by the rules of App Service and this app, and the values for this app's settings.

    `check_confirmed` checks the names that `unconfirmed` returns.

    Raises:
        InvalidInputError: The change is empty, or a name is not valid, is repeated, or is never changed by this app.
    """
    names = [*to_set, *remove]
    if not names:
        raise InvalidInputError("Missing settings: send Set, Remove or both.", field="Set")
    if not all(re.fullmatch(NAME, name) for name in to_set):
        raise _not_a_name("Set")
    lower = [name.lower() for name in names]
    if twins := {shown(name) for name in lower if lower.count(name) > 1}:
        raise InvalidInputError(f"Duplicate settings: {', '.join(sorted(twins))}.", field="Remove")
    if app.answers_this:
        check_own_change(to_set, remove)
    for name in names:
        if rules.is_platforms(name):
            field = "Set" if name in to_set else "Remove"
            raise InvalidInputError(
                f"Couldn't change {quoted(name)}: this app never changes it, because only the platform may set it, or "
                "it makes an app load other code.",
                field=field,
                advice="If you need it, set it in the portal.",
            )


def unconfirmed(names: Iterable[str]) -> list[str]:
    """Return the names that may be values in the wrong field, unless the app has settings with these names."""
    return [name for name in names if not re.fullmatch(NAME, name) or is_like_a_key(name)]


def check_confirmed(to_set: Mapping[str, str], remove: Iterable[str], there: Iterable[str]) -> None:
    """Check that names which look like values belong to existing settings of the app.

    Raises:
        InvalidInputError: One of them does not. The message does not repeat it.
    """
    existing = {name.lower() for name in there}
    for field, names in (("Set", to_set), ("Remove", remove)):
        if any(name.lower() not in existing for name in unconfirmed(names)):
            raise _not_a_name(field)


def _not_a_name(field: str) -> InvalidInputError:
    return InvalidInputError(
        f"Invalid setting name in {field}: use 1 to 256 letters, digits, periods or underscores, and not a key or a "
        "token. The name is not shown, because it may be a value.",
        field=field,
    )


def check_force(names: Iterable[str], app: FunctionApp, meaning: Iterable[str], rules: Rules) -> None:
    """Refuse a change that needs Force. `meaning` is its effect on this app, which the refusal shows.

    Raises:
        ConflictError: The change is on this app, or on a setting without which an app may not start.
    """
    if vital := [shown(name) for name in names if rules.is_vital(name)]:
        raise ConflictError(f"Without {', '.join(vital)} '{app.name}' may not start.", advice=_REPEAT)
    if app.answers_this:
        refusal = f"'{app.name}' is this app, and a write of its settings restarts it."
        raise ConflictError(" ".join([refusal, *meaning]), advice=_REPEAT)


def _is(pattern: str, name: str) -> bool:
    """Return whether the pattern matches a name as the app gets it: on Linux a period becomes an underscore."""
    plain = name.replace(".", "_").replace(":", "__")
    return re.fullmatch(pattern, plain, re.IGNORECASE | re.DOTALL) is not None

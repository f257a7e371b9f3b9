"""Which settings of an app are shown, which need Force, and which are never changed, by their names."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from backend.errors import ConflictError, InvalidInputError
from backend.function_apps import FunctionApp
from backend.own_settings import check_own_change
from backend.platform_names import PLATFORM
from backend.quoting import is_like_a_key, quoted, shown
from backend.setting_kinds import (
    is_boolean,
    is_cloud,
    is_host_time_zone,
    is_runtime,
    is_schedule,
    is_small_count,
    is_switch,
    is_version,
    names_a_group,
    names_a_vault,
    names_an_app,
)

NAME: Final = r"[A-Za-z0-9._]{1,256}"  # App Service's documented rule
# Shown as they are if they are of their kind. Every other value is masked.
_SHOWN: Final[Mapping[str, Callable[[str], bool]]] = {
    "AzureWebJobsDisableHomepage": is_switch,
    "CIPP_CLOUD": is_cloud,
    "CIPP_FUNCTION_APP": names_an_app,
    "CIPP_HOSTED": is_boolean,
    "CIPP_KV_NAME": names_a_vault,
    "CIPP_PROCESSOR": is_switch,
    "CIPP_RESOURCE_GROUP": names_a_group,
    "CIPP_TIMEZONE": is_host_time_zone,
    "FUNCTIONS_EXTENSION_VERSION": is_version,
    "FUNCTIONS_WORKER_PROCESS_COUNT": is_small_count,
    "FUNCTIONS_WORKER_RUNTIME": is_runtime,
    "KEY_ROTATION_SCHEDULE": is_schedule,
    "PYTHON_THREADPOOL_THREAD_COUNT": is_small_count,
    "SCM_DO_BUILD_DURING_DEPLOYMENT": is_switch,
    "WEBSITE_NODE_DEFAULT_VERSION": is_version,
    "WEBSITE_TIME_ZONE": is_host_time_zone,
}
_KIND_OF: Final = {name.lower(): kind for name, kind in _SHOWN.items()}
HARMLESS: Final = frozenset(_KIND_OF)
# Without these the app does not start, or starts with other code.
VITAL: Final = (
    r"AzureWebJobsStorage(__.*)?|DEPLOYMENT_STORAGE_CONNECTION_STRING|FUNCTIONS_EXTENSION_VERSION"
    r"|FUNCTIONS_WORKER_RUNTIME|WEBSITE_CONTENTAZUREFILECONNECTIONSTRING|WEBSITE_CONTENTSHARE|WEBSITE_RUN_FROM_PACKAGE"
)


def is_harmless(name: str, value: str) -> bool:
    """Return whether a setting's value is shown: it has such a name, and is of the kind that the name wants."""
    kind = _KIND_OF.get(name.lower())
    return kind is not None and kind(value)


def check_names(to_set: Mapping[str, str], remove: Iterable[str], app: FunctionApp) -> None:
    """Check the names of a change by App Service's rule and by this app's, and the values of this app's settings.

    `check_confirmed` checks what `unconfirmed` returns.

    Raises:
        InvalidInputError: Nothing is named, a name is not one, is named twice, or is never changed here.
    """
    names = [*to_set, *remove]
    if not names:
        raise InvalidInputError("Nothing is to be set or removed.", field="Set")
    if not all(re.fullmatch(NAME, name) for name in to_set):
        raise _not_a_name("Set")
    lower = [name.lower() for name in names]
    if twins := {shown(name) for name in lower if lower.count(name) > 1}:
        raise InvalidInputError(f"Named more than once: {', '.join(sorted(twins))}.", field="Remove")
    if app.answers_this:
        check_own_change(to_set, remove)
    for name in names:
        if _is(PLATFORM, name):
            field = "Set" if name in to_set else "Remove"
            raise InvalidInputError(
                f"Couldn't change {quoted(name)}: only the platform may set it, or it makes an app load other code, so "
                "it is never changed here. If it is needed, set it in the portal.",
                field=field,
            )


def unconfirmed(names: Iterable[str]) -> list[str]:
    """Return the names that may be values in the wrong place, unless the app has settings of these names."""
    return [name for name in names if not re.fullmatch(NAME, name) or is_like_a_key(name)]


def check_confirmed(to_set: Mapping[str, str], remove: Iterable[str], there: Iterable[str]) -> None:
    """Check that names which look like values are those of settings that the app has.

    Raises:
        InvalidInputError: One of them is not. It is not repeated.
    """
    existing = {name.lower() for name in there}
    for field, names in (("Set", to_set), ("Remove", remove)):
        if any(name.lower() not in existing for name in unconfirmed(names)):
            raise _not_a_name(field)


def _not_a_name(field: str) -> InvalidInputError:
    return InvalidInputError(
        f"A name in {field} is not the name of a setting: 1 to 256 letters, digits, periods and underscores, and not a "
        "key or a token. It is not repeated here, since it may be a value.",
        field=field,
    )


def check_force(names: Iterable[str], app: FunctionApp) -> None:
    """Refuse what needs Force.

    Raises:
        ConflictError: A setting without which the app may not start, or this app itself.
    """
    if vital := [shown(name) for name in names if _is(VITAL, name)]:
        raise ConflictError(f"Without {', '.join(vital)} '{app.name}' may not start. Repeat with Force: true if meant.")
    if app.answers_this:
        raise ConflictError(
            f"'{app.name}' is the app that answers this call, and a write of its settings restarts it. "
            "Repeat with Force: true if that is meant."
        )


def _is(pattern: str, name: str) -> bool:
    """Return whether a name is one of the pattern's as the app gets it: on Linux a period becomes an underscore."""
    plain = name.replace(".", "_").replace(":", "__")
    return re.fullmatch(pattern, plain, re.IGNORECASE | re.DOTALL) is not None

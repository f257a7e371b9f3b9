"""The settings of this app that its own API may write, and their valid values. Pure.

All other settings are changed in the portal or with the Azure CLI. With them, a caller of this API could take over
sessions, use the app's identity, or run other code. Each new setting of docs/settings.md must be listed here or
excluded, and a test compares both. The values have strict kinds, so that they can't expose a secret.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from backend.configuration import mode
from backend.configuration.kinds import is_boolean, is_schedule, is_small_count, is_time_zone
from backend.configuration.schedules import FIELDS_WITHOUT_SECONDS, Schedule
from backend.configuration.timeouts import Limits
from backend.errors import InvalidInputError, NotConfiguredError
from backend.text.quoting import quoted

SCHEDULE: Final = "KEY_ROTATION_SCHEDULE"
ELSEWHERE: Final = "Set it in the portal, or with 'az functionapp config appsettings set'."
_BEGINS_A_REFERENCE: Final = "@microsoft.keyvault("
# Settings of docs/settings.md that decide about access: allowed callers, the vault, the tables and the cloud. Also the
# contact that every user sees.
ACCESS: Final = frozenset(
    (
        "ALLOWED_TENANTS",
        "CIPP_CLOUD",
        "CIPP_CONTACT",
        "CIPP_FUNCTION_APP",
        "CIPP_KV_NAME",
        "CIPP_RESOURCE_GROUP",
        "CIPP_STORAGE",
        "CIPP_STORAGE__accountName",
        "CIPP_STORAGE__tableServiceUri",
        "CIPP_SUBSCRIPTION_ID",
        "RESTORE_SUPERADMIN",
        "TRUSTED_PROXIES",
        "TRUST_STATIC_WEB_APP",
        *mode.SETTINGS,
    )
)


@dataclass(frozen=True)
class Kind:
    """The rule for a setting's value, its check, and what applies if the value is invalid or missing."""

    rule: str
    reads: Callable[[str], bool]
    otherwise: str


# APPLICATIONINSIGHTS_CONNECTION_STRING is not included: with another value, the log, which names callers, addresses and
# resources, would go to another owner's Application Insights.
KINDS: Final[Mapping[str, Kind]] = {
    "CIPP_TIMEZONE": Kind(
        "must be a time zone: an IANA name such as Europe/Amsterdam, or a Windows name",
        is_time_zone,
        "UTC is used unless CIPP's table Config names a zone",
    ),
    "CIPP_HOSTED": Kind("must be true or false", is_boolean, "false is used"),
    SCHEDULE: Kind(
        "must be NCRONTAB with six fields such as 0 0 0 * * 0, or five fields without seconds, not a time span",
        is_schedule,
        "the weekly rotation starts on Sunday at 00:00 UTC",
    ),
    "PYTHON_THREADPOOL_THREAD_COUNT": Kind(
        "must be a whole number from 1 to 999", is_small_count, "the worker uses its default number of threads"
    ),
}
# A blank value of these does not mean the default. To use the default, remove the setting.
NEVER_BLANK: Final = frozenset((SCHEDULE,))
LIMITS: Final = frozenset(field.upper() for field in Limits.__struct_fields__)
WRITABLE: Final = LIMITS | KINDS.keys()


def check_own_change(to_set: Mapping[str, str], remove: Iterable[str]) -> None:
    """Check a change of this app's own settings.

    Raises:
        InvalidInputError: A setting is not in the list, or its value is not of its kind.
    """
    for field, names in (("Set", to_set), ("Remove", remove)):
        for name in names:
            if name.upper() not in WRITABLE:
                raise InvalidInputError(
                    f"Couldn't change {quoted(name)}: the app's own API can't change this setting of the app.",
                    field=field,
                    advice=ELSEWHERE,
                )
    for name, value in to_set.items():
        if problem := problem_with(name, value):
            detail, advice = problem
            raise InvalidInputError(detail, field="Set", advice=advice)


def as_read(to_set: Mapping[str, str]) -> Mapping[str, str]:
    """Return a change with each writable name in the case that this app reads, because Linux is case-sensitive."""
    return {name.upper() if name.upper() in WRITABLE else name: value for name, value in to_set.items()}


def problem_with(name: str, value: str) -> tuple[str, str] | None:
    """Return why a value of a writable setting is not valid, without the value, and the advice. None if it is valid.

    The warnings of a running app use the same rules (`setting_problems`). An empty value means the default, except for
    settings in `NEVER_BLANK`.
    """
    setting = name.upper()
    if value.strip().lower().startswith(_BEGINS_A_REFERENCE):
        return f"Couldn't set {setting}: the app does not accept a Key Vault reference here.", "Set the value itself."
    if setting in NEVER_BLANK and not value.strip():
        return (
            f"Invalid setting {setting}: it is blank. It {KINDS[setting].rule}.",
            f"To use the default ({KINDS[setting].otherwise}), remove it.",
        )
    if not value:
        return None
    if setting in LIMITS:
        try:
            Limits.of({setting: value})
        except NotConfiguredError as error:
            return error.detail, error.advice
        return None
    kind = KINDS[setting]
    return None if kind.reads(value) else (f"Invalid setting {setting}: it {kind.rule}.", "")


def consequences(to_set: Mapping[str, str], remove: Iterable[str]) -> list[str]:
    """Return the effects of a checked change of this app's settings: its meaning, and the defaults that apply.

    A schedule is shown with its meaning, because five fields are easily confused with six. Other values are not shown.
    """
    effects = []
    for name, value in to_set.items():
        schedule = Schedule.of(value) if name.upper() == SCHEDULE else None
        if schedule:
            fields = value.split()
            five = " It has five fields, so the seconds are 0." if len(fields) == FIELDS_WITHOUT_SECONDS else ""
            effects.append(f"{SCHEDULE}: '{' '.join(fields)}' means {schedule.in_words()} (UTC).{five}")
    gone = [*remove, *(name for name, value in to_set.items() if not value)]
    effects += [f"Without {name.upper()} {_default_of(name.upper())}." for name in gone if name.upper() in WRITABLE]
    return effects


def _default_of(setting: str) -> str:
    if setting in LIMITS:
        default = getattr(Limits(), setting.lower())
        return f"the default applies: {str(default).lower() if isinstance(default, bool) else f'{default:g}'}"
    return KINDS[setting].otherwise

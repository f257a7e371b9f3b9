"""The settings of this app that its own API may write, and what each may hold. Pure.

Everything else is set in the portal or with the Azure CLI: whoever writes a setting of this app through this app could
hand themselves its sessions, its identity or other code. A new setting of the README must be decided here: a test
compares both. The values have strict kinds, so that none of them can carry a secret to where it is shown.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from backend.errors import InvalidInputError, NotConfiguredError
from backend.limits import Limits
from backend.quoting import quoted
from backend.setting_kinds import is_boolean, is_schedule, is_small_count, is_time_zone

ELSEWHERE: Final = "Set it in the portal, or with 'az functionapp config appsettings set'."
_BEGINS_A_REFERENCE: Final = "@microsoft.keyvault("
# Settings of the README's table that access depends on: who may call, whose vault and tables decide it, in which cloud.
ACCESS: Final = frozenset(
    (
        "ALLOWED_TENANTS",
        "CIPP_CLOUD",
        "CIPP_FUNCTION_APP",
        "CIPP_KV_NAME",
        "CIPP_RESOURCE_GROUP",
        "CIPP_STORAGE",
        "CIPP_STORAGE__accountName",
        "CIPP_STORAGE__tableServiceUri",
        "CIPP_SUBSCRIPTION_ID",
        "TRUSTED_PROXIES",
        "TRUST_STATIC_WEB_APP",
    )
)
# Each kind in words, and how a value is read. APPLICATIONINSIGHTS_CONNECTION_STRING is not among them: with another
# one the log, which names callers, addresses and resources, goes to another owner's Application Insights.
_KINDS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "CIPP_TIMEZONE": ("must be an IANA time zone such as Europe/Amsterdam", is_time_zone),
    "CIPP_HOSTED": ("must be true or false", is_boolean),
    "KEY_ROTATION_SCHEDULE": ("must be NCRONTAB of six fields such as 0 0 0 * * 0, not a time span", is_schedule),
    "PYTHON_THREADPOOL_THREAD_COUNT": ("must be a whole number from 1 to 999", is_small_count),
}
LIMITS: Final = frozenset(field.upper() for field in Limits.__struct_fields__)
WRITABLE: Final = LIMITS | _KINDS.keys()


def check_own_change(to_set: Mapping[str, str], remove: Iterable[str]) -> None:
    """Check a change of this app's own settings.

    Raises:
        InvalidInputError: A name that is not in the list, or a value that is not of its setting's kind.
    """
    for field, names in (("Set", to_set), ("Remove", remove)):
        for name in names:
            if name.upper() not in WRITABLE:
                raise InvalidInputError(
                    f"Couldn't change {quoted(name)}: this setting of this app is never changed through its own API. "
                    f"{ELSEWHERE}",
                    field=field,
                )
    for name, value in to_set.items():
        if problem := problem_with(name, value):
            raise InvalidInputError(problem, field="Set")


def as_read(to_set: Mapping[str, str]) -> Mapping[str, str]:
    """Return a change with each writable name in the case in which this app reads it: Linux distinguishes case."""
    return {name.upper() if name.upper() in WRITABLE else name: value for name, value in to_set.items()}


def problem_with(name: str, value: str) -> str:
    """Return why a value can't be used for a writable setting, without the value, "" if it can.

    An empty value is read as the default, so it can be used.
    """
    setting = name.upper()
    if value.strip().lower().startswith(_BEGINS_A_REFERENCE):
        return f"Couldn't set {setting}: a Key Vault reference is not accepted for this app's settings. Set the value."
    if not value:
        return ""
    if setting in LIMITS:
        try:
            Limits.of({setting: value})
        except NotConfiguredError as error:
            return str(error)
        return ""
    rule, reads = _KINDS[setting]
    return "" if reads(value) else f"The setting {setting} cannot be used: it {rule}."

"""What a setting's value may look like, by kind: a time zone, a schedule, true or false. Pure, but for the zones.

The same function reads a value when the app starts, checks it before it is written, and decides whether it is shown:
a value of another kind may be a secret that somebody, or a Key Vault reference, put there.
"""

import re
from typing import Final

from backend.clouds import CLOUDS
from backend.quoting import is_like_a_key, is_surely_a_key

# App Service's words for the tiers of a plan; the first four are documented, the others were seen in its pricing.
_TIERS: Final = (
    r"Free|Shared|Basic|Standard|Dynamic|FlexConsumption|WorkflowStandard|PremiumContainer"
    r"|(Elastic)?(Premium|Isolated)(M?V[0-9])?"
)
_RUNTIMES: Final = r"dotnet|dotnet-isolated|java|node|powershell|python|custom"
_VERSION: Final = r"~?[0-9]{1,3}(\.[0-9]{1,9}){0,3}"
# Windows' names of zones, which WEBSITE_TIME_ZONE takes on Windows: "Central Standard Time (Mexico)", "UTC-11".
_WINDOWS_ZONE: Final = (
    r"([A-Z][A-Za-z]{0,15}\.?[ -]){1,4}Standard Time( \([A-Z][a-z]{2,15}\))?"
    r"|Russia Time Zone [0-9]{1,2}|UTC[+-][0-9]{2}"
)
_ADDRESS: Final = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"
_TIME_SPAN: Final = r"([0-9]{1,3}\.)?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?"
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# The fields of NCRONTAB: the lowest and the highest number, and the names that may stand for the numbers.
_FIELDS: Final[tuple[tuple[int, int, tuple[str, ...]], ...]] = (
    (0, 59, ()),
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
# Azure's rules for names. An app's may have letters of any alphabet, a group's more than those.
_APP: Final = r"[^\W_](?:[^\W_]|-){0,58}[^\W_]"
_SLOT: Final = rf"{_APP}__[^\W_](?:[^\W_]|-){{0,58}}"
_VAULT: Final = r"[A-Za-z0-9-]{3,24}"
_GROUP: Final = r"[\w.()-]{0,89}[\w()-]"
_LONGEST_NAME: Final = 9  # wednesday, september: NCRONTAB takes a name and its first three letters
_WITHOUT_SECONDS: Final = 5


def is_time_zone(text: str) -> bool:
    """Return whether a text is a time zone of the IANA database, such as Europe/Amsterdam."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - it looks around the disk when imported

    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return bool(text)


def is_host_time_zone(text: str) -> bool:
    """Return whether a text is a time zone for the host: one of the IANA database, or one of Windows' names."""
    return re.fullmatch(_WINDOWS_ZONE, text) is not None or is_time_zone(text)


def is_schedule(text: str) -> bool:
    """Return whether a text is a schedule that the host takes: NCRONTAB of five or six fields, or a time span."""
    fields = text.split()
    if len(fields) not in (_WITHOUT_SECONDS, len(_FIELDS)):
        return re.fullmatch(_TIME_SPAN, text.strip()) is not None
    return all(_fits(field, *kind) for field, kind in zip(fields, _FIELDS[-len(fields) :], strict=True))


def is_boolean(text: str) -> bool:
    """Return whether a text is true or false, case-insensitive."""
    return text.lower() in ("true", "false")


def is_switch(text: str) -> bool:
    """Return whether a text turns something on or off: true, false, 1 or 0."""
    return is_boolean(text) or text in ("0", "1")


def is_small_count(text: str) -> bool:
    """Return whether a text is a whole number from 1 to 999, such as a number of threads."""
    return re.fullmatch(r"[1-9][0-9]{0,2}", text) is not None


def is_cloud(text: str) -> bool:
    """Return whether a text names one of the three clouds."""
    return text.strip().lower() in CLOUDS


def is_address(text: str) -> bool:
    """Return whether a text is the address of a service. An SDK that fails repeats it, so it must not be a key."""
    if re.fullmatch(_ADDRESS, text) is None:
        return False
    _, _, host, *path = text.split("/")
    return not is_surely_a_key(host) and not any(map(is_like_a_key, path))


def is_app_name(text: str) -> bool:
    """Return whether a function app may have this name by Azure's rule."""
    return re.fullmatch(_APP, text) is not None


def is_deployment_id(text: str) -> bool:
    """Return whether a text may be WEBSITE_DEPLOYMENT_ID: an app's name, and for a slot the slot's behind it."""
    return is_app_name(text) or re.fullmatch(_SLOT, text) is not None


def is_group_name(text: str) -> bool:
    """Return whether a resource group may have this name by Azure's rule. That rule takes some tokens, too."""
    return re.fullmatch(_GROUP, text) is not None


def names_an_app(text: str) -> bool:
    """Return whether a setting's value names a function app. The sure signs of a key are not accepted."""
    return is_app_name(text) and not is_surely_a_key(text)


def names_a_vault(text: str) -> bool:
    """Return whether a setting's value names a key vault. The sure signs of a key are not accepted."""
    return re.fullmatch(_VAULT, text) is not None and not is_surely_a_key(text)


def names_a_group(text: str) -> bool:
    """Return whether a setting's value names a resource group. The sure signs of a key are not accepted."""
    return is_group_name(text) and not is_surely_a_key(text)


def names_a_subscription(text: str) -> bool:
    """Return whether a setting's value can stand for a subscription in an address. A GUID is not required."""
    return is_group_name(text) and not is_surely_a_key(text)


def is_tier(text: str) -> bool:
    """Return whether a text is the tier of an App Service plan, such as PremiumV3."""
    return re.fullmatch(_TIERS, text, re.IGNORECASE) is not None


def is_runtime(text: str) -> bool:
    """Return whether a text names a worker of the Functions host."""
    return re.fullmatch(_RUNTIMES, text, re.IGNORECASE) is not None


def is_version(text: str) -> bool:
    """Return whether a text is a version, such as ~4 or 18.2.1."""
    return re.fullmatch(_VERSION, text) is not None


def _fits(field: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Return whether one field of a schedule fits: a list of values, ranges and steps, such as `1-5,*/10`."""
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not (re.fullmatch(r"[0-9]{1,3}", step) and int(step)):
            return False
        if span != "*" and not all(_is_value(value, low, high, names) for value in span.split("-", 1)):
            return False
    return True


def _is_value(text: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    if re.fullmatch(r"[0-9]{1,2}", text):
        return low <= int(text) <= high
    return text.isalpha() and len(text) <= _LONGEST_NAME and text.lower().startswith(names)

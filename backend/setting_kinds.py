"""What a setting's value may look like, by kind: a time zone, a schedule, true or false. Pure, but for the zones.

The same function reads a value when the app starts, checks it before it is written, and decides whether it is shown:
a value of another kind may be a secret that a person, or a Key Vault reference, put there.
"""

import re
from typing import Final

from backend.clouds import CLOUDS
from backend.quoting import is_like_a_key, is_surely_a_key

# App Service's words for the tiers of a plan. The first four are documented, the others were seen in its pricing.
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
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month
# The fields of NCRONTAB: the lowest and the highest number, and the names that may stand for the numbers. A name is
# full, or its first three letters.
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
    """Return whether a text is a schedule that the host takes on every plan: NCRONTAB of five or six fields.

    The host takes a time span only on an App Service plan. A schedule without any day, such as 30 February, does not
    count either.
    """
    fields = [field for field in text.split(" ") if field]  # the host splits at spaces alone
    if len(fields) not in (_WITHOUT_SECONDS, len(_FIELDS)):
        return False
    numbers = [_numbers(field, *kind) for field, kind in zip(fields, _FIELDS[-len(fields) :], strict=True)]
    *_, days, months, _ = numbers
    return all(numbers) and min(days) <= max(_LONGEST[month - 1] for month in months)


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


def _numbers(field: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    """Return the numbers of one field: a list of values, ranges and steps, such as `1-5,*/10`; none if invalid."""
    numbers: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]{0,2}", step):
            return frozenset()
        first, dash, last = span.partition("-")
        if span == "*":
            ends = [low, high]
        else:
            ends = [_number(value, low, names) for value in ([first, last] if dash else [first])]
        if not all(low <= end <= high for end in ends):
            return frozenset()
        # A value with a step goes up to the highest number, and NCRONTAB swaps the ends of a range.
        most = high if slash and len(ends) == 1 else max(ends)
        numbers.update(range(min(ends), most + 1, int(step or 1)))
    return frozenset(numbers)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    """Return the number of a value, which may be a name; -1 if it is neither."""
    if re.fullmatch(r"[0-9]{1,2}", text):
        return int(text)
    found = [low + index for index, name in enumerate(names) if text.lower() in (name, name[:3])]
    return found[0] if found else -1

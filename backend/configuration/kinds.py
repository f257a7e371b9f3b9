"""Kinds of setting values: a time zone, a schedule, true or false, and so on. Pure, except for the zones.

The same function reads a value when the app starts, checks it before it is written, and decides whether it is shown. A
value of another kind might be a secret from a person or from a Key Vault reference.
"""

import re
from typing import Final

from backend.configuration.clouds import CLOUDS
from backend.configuration.schedules import Schedule
from backend.configuration.zone_names import iana_name
from backend.text.pasted_text import Takes, problem_with_text
from backend.text.quoting import is_like_a_key, is_surely_a_key

LONGEST_CONTACT: Final = 200

# App Service's names of plan tiers. The first four are documented, the others are from its pricing page.
_TIERS: Final = (
    r"Free|Shared|Basic|Standard|Dynamic|FlexConsumption|WorkflowStandard|PremiumContainer"
    r"|(Elastic)?(Premium|Isolated)(M?V[0-9])?"
)
_RUNTIMES: Final = r"dotnet|dotnet-isolated|java|node|powershell|python|custom"
_VERSION: Final = r"~?[0-9]{1,3}(\.[0-9]{1,9}){0,3}"
_ADDRESS: Final = r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?"
# Azure's rules for names. An app name can have letters of any alphabet, a group name also other characters.
_APP: Final = r"[^\W_](?:[^\W_]|-){0,58}[^\W_]"
_SLOT: Final = rf"{_APP}__[^\W_](?:[^\W_]|-){{0,58}}"
_VAULT: Final = r"[A-Za-z0-9-]{3,24}"
_GROUP: Final = r"[\w.()-]{0,89}[\w()-]"


def is_time_zone(text: str) -> bool:
    """Return whether a text is a time zone: an IANA name such as Europe/Amsterdam, or a Windows name."""
    return iana_name(text) is not None


def is_schedule(text: str) -> bool:
    """Return whether a text is a schedule that the host accepts on every plan: NCRONTAB of five or six fields.

    A time span does not count, because the host accepts it only on an App Service plan. A schedule without any day,
    such as 30 February, does not count either.
    """
    return Schedule.of(text) is not None


def is_boolean(text: str) -> bool:
    """Return whether a text is true or false, case-insensitive."""
    return text.lower() in ("true", "false")


def is_contact(text: str) -> bool:
    """Return whether a text is a contact: one line, such as a name with a phone number or an address.

    A text with a part that is surely a key does not count, because every user of CIPP would see it.
    """
    is_reference = text.strip().lower().startswith("@microsoft.keyvault(")  # which was not resolved
    is_line = 0 < len(text.strip()) <= LONGEST_CONTACT and not problem_with_text(text, Takes.LINE)
    return is_line and not is_reference and not any(is_surely_a_key(word) for word in text.split())


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
    """Return whether a text is the URL of a service. A failing SDK repeats it, so it must not look like a key."""
    if re.fullmatch(_ADDRESS, text) is None:
        return False
    _, _, host, *path = text.split("/")
    return not is_surely_a_key(host) and not any(map(is_like_a_key, path))


def is_app_name(text: str) -> bool:
    """Return whether a text is a valid name of a function app by Azure's rule."""
    return re.fullmatch(_APP, text) is not None


def is_deployment_id(text: str) -> bool:
    """Return whether a text is a valid WEBSITE_DEPLOYMENT_ID: an app name, for a slot with `__` and the slot name."""
    return is_app_name(text) or re.fullmatch(_SLOT, text) is not None


def is_group_name(text: str) -> bool:
    """Return whether a text is a valid name of a resource group by Azure's rule. Some tokens are valid names, too."""
    return re.fullmatch(_GROUP, text) is not None


def names_an_app(text: str) -> bool:
    """Return whether a setting's value names a function app. A text that is clearly a key does not."""
    return is_app_name(text) and not is_surely_a_key(text)


def names_a_vault(text: str) -> bool:
    """Return whether a setting's value names a key vault. A text that is clearly a key does not."""
    return re.fullmatch(_VAULT, text) is not None and not is_surely_a_key(text)


def names_a_group(text: str) -> bool:
    """Return whether a setting's value names a resource group. A text that is clearly a key does not."""
    return is_group_name(text) and not is_surely_a_key(text)


def names_a_subscription(text: str) -> bool:
    """Return whether a setting's value can be a subscription ID in a URL. It does not have to be a GUID."""
    return is_group_name(text) and not is_surely_a_key(text)


def is_tier(text: str) -> bool:
    """Return whether a text is a tier of an App Service plan, such as PremiumV3."""
    return re.fullmatch(_TIERS, text, re.IGNORECASE) is not None


def is_runtime(text: str) -> bool:
    """Return whether a text names a worker of the Functions host."""
    return re.fullmatch(_RUNTIMES, text, re.IGNORECASE) is not None


def is_version(text: str) -> bool:
    """Return whether a text is a version, such as ~4 or 18.2.1."""
    return re.fullmatch(_VERSION, text) is not None

"""The trusted proxies in front of this app: their addresses or their number. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from backend.configuration.address_ranges import Ranges, network_of

_COUNT: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
Proxies = int | Ranges | None


def trusted_proxies(environ: Mapping[str, str]) -> Proxies:
    """Return the trusted proxies: their addresses or their number, or None if the setting is not valid.

    The default is 0. A list with anything other than addresses and ranges is not valid as a whole.
    """
    return proxies_in(environ.get("TRUSTED_PROXIES", ""))


@lru_cache(maxsize=4)
def proxies_in(setting: str) -> Proxies:
    """Return the trusted proxies of a value of the setting, or None if it is not valid."""
    text = setting.strip()
    if not text:
        return 0
    if _COUNT.fullmatch(text):
        return int(text)
    try:
        return Ranges(tuple(network_of(entry) for entry in text.split(",")))
    except ValueError:
        return None

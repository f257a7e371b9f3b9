"""The IANA time zone of a name, which is an IANA name or a Windows name. Pure, except for the two lists.

All code that reads or checks a zone uses this module, so that a name always means the same zone.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

# Windows still has these IDs, but CLDR removed them.
_OBSOLETE: Final = {"kamchatka standard time": "Asia/Kamchatka", "mid-atlantic standard time": "Etc/GMT+2"}
PSEUDO: Final = frozenset(("Factory",))  # IANA's placeholder for a machine without a zone. The list has no other


def iana_name(text: str) -> str | None:
    """Return the IANA name of the zone that a text names, or None if it is not a zone.

    The text is an IANA name, including links such as America/Buenos_Aires, or a Windows name such as W. Europe Standard
    Time. It is case-insensitive and can have spaces around it. Only names in IANA's list count. Other files beside the
    zones, such as `localtime` or `right/UTC`, do not.
    """
    name = text.strip(" \t\r\n").lower()
    return _iana_names().get(name) or _windows_names().get(name) or _OBSOLETE.get(name)


@cache
def _iana_names() -> Mapping[str, str]:
    from importlib.resources import files  # noqa: PLC0415 - needed by links and timers, not by a cold start

    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.lower(): name for name in names if name not in PSEUDO}


@cache
def _windows_names() -> Mapping[str, str]:
    """Return CLDR's zones for Windows names, by the name in lower case."""
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 - few deployments have a Windows name

    return {name.lower(): zone for name, zone in win_tz.items()}

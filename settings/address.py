"""From where a caller calls: the address that the nearest trusted proxy saw. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from backend.address_ranges import readable

HEADER: Final = "x-forwarded-for"
# IPv4, or anything in brackets; then perhaps a port.
_ENTRY: Final = re.compile(r"(?:\[(?P<bare>[^\[\]]*)\]|(?P<plain>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
_MOST_PORTS: Final = 65_535
_COUNT: Final = re.compile(r"[0-9]{1,3}", re.ASCII)


def trusted_proxies(environ: Mapping[str, str]) -> int | None:
    """Answer how many proxies stand between us and the caller, 0 by default; None where the setting is no number."""
    text = environ.get("TRUSTED_PROXIES", "").strip()
    if not text:
        return 0
    return int(text) if _COUNT.fullmatch(text) else None


def address_of(headers: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Answer the caller's address; "" where it cannot be told.

    Each proxy appends whom it saw, so only the last entries were written by proxies of ours: the
    (1 + `TRUSTED_PROXIES`)-th from the right counts. What stands left of it, a caller may have sent themselves.
    """
    proxies = trusted_proxies(environ)
    entries = headers.get(HEADER, "").split(",")
    if proxies is None or len(entries) <= proxies:
        return ""
    return _address_in(entries[-1 - proxies].strip())


def _address_in(entry: str) -> str:
    # IPv6 without brackets has no port: its last group would be taken for one.
    text = entry
    if entry.startswith("[") or entry.count(":") <= 1:
        found = _ENTRY.fullmatch(entry)
        if found is None or int(found["port"] or 0) > _MOST_PORTS:
            return ""
        text = found["plain"] if found["bare"] is None else found["bare"]
    address = readable(text)
    return str(address) if address else ""

"""From where a caller calls: the address that the nearest trusted proxy saw. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from backend.address_ranges import Ranges, readable
from backend.trusted_proxies import trusted_proxies

HEADER: Final = "x-forwarded-for"
# IPv4, or anything in brackets; then perhaps a port.
_ENTRY: Final = re.compile(r"(?:\[(?P<bare>[^\[\]]*)\]|(?P<plain>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
_MOST_PORTS: Final = 65_535


def address_of(headers: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the caller's address, "" if it can't be determined.

    Each proxy appends the address that it saw, and Azure's front end writes the last entry. If the trusted proxies
    are named, the first entry from the right that is not one of them counts. If they are counted, the entry left of
    so many counts, whoever wrote it: that is safe only if no caller reaches this app past them.
    """
    proxies = trusted_proxies(environ)
    entries = headers.get(HEADER, "").split(",")
    if isinstance(proxies, Ranges):
        return _in_front_of(proxies, entries)
    if proxies is None or len(entries) <= proxies:
        return ""
    return _address_in(entries[-1 - proxies].strip())


def why_unknown(environ: Mapping[str, str]) -> str:
    """Return why an address can't be determined. The setting's value is not repeated."""
    match trusted_proxies(environ):
        case None:
            return (
                "the setting TRUSTED_PROXIES must be a whole number from 0 to 999, or the addresses and ranges of your "
                "proxies, separated by commas"
            )
        case Ranges():
            return "X-Forwarded-For names no caller in front of the proxies that TRUSTED_PROXIES names"
        case _:
            return "it does not come through as many proxies as TRUSTED_PROXIES states"


def _in_front_of(proxies: Ranges, entries: Sequence[str]) -> str:
    """Return the first address from the right that is not a trusted proxy's.

    If every entry is a trusted proxy's, the result is "": the caller may have written the leftmost one.
    """
    for entry in reversed(entries):
        address = _address_in(entry.strip())
        if not proxies.hold(address):
            return address
    return ""


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

"""The caller's address, as the outermost trusted proxy saw it. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from backend.configuration.address_ranges import Ranges, readable
from backend.configuration.trusted_proxies import trusted_proxies

HEADER: Final = "x-forwarded-for"
# IPv4, or anything in brackets, optionally with a port.
_ENTRY: Final = re.compile(r"(?:\[(?P<bare>[^\[\]]*)\]|(?P<plain>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
_MOST_PORTS: Final = 65_535


def address_of(headers: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Return the caller's address, or "" if it can't be determined.

    Each proxy appends the address that it saw, and Azure's front end writes the last entry. If TRUSTED_PROXIES lists
    addresses, the result is the first entry from the right that isn't one of them. If it is a number, the result is
    the entry left of that many entries. That is safe only if no caller can bypass the proxies.
    """
    proxies = trusted_proxies(environ)
    entries = headers.get(HEADER, "").split(",")
    if isinstance(proxies, Ranges):
        return _in_front_of(proxies, entries)
    if proxies is None or len(entries) <= proxies:
        return ""
    return _address_in(entries[-1 - proxies].strip())


def why_unknown(environ: Mapping[str, str]) -> str:
    """Return why an address can't be determined. The setting's value is not included."""
    match trusted_proxies(environ):
        case None:
            return (
                "the setting TRUSTED_PROXIES must be a whole number from 0 to 999, or the addresses and ranges of your "
                "proxies, separated by commas"
            )
        case Ranges():
            return "X-Forwarded-For contains no valid address outside the proxies in TRUSTED_PROXIES"
        case _:
            return "the request did not pass through as many proxies as TRUSTED_PROXIES states"


def _in_front_of(proxies: Ranges, entries: Sequence[str]) -> str:
    """Return the first address from the right that doesn't belong to a trusted proxy.

    If every entry belongs to a trusted proxy, the result is "", because the caller may have written the leftmost one.
    """
    for entry in reversed(entries):
        address = _address_in(entry.strip())
        if not proxies.hold(address):
            return address
    return ""


def _address_in(entry: str) -> str:
    # IPv6 without brackets can't have a port, because its last group would look like one.
    text = entry
    if entry.startswith("[") or entry.count(":") <= 1:
        found = _ENTRY.fullmatch(entry)
        if found is None or int(found["port"] or 0) > _MOST_PORTS:
            return ""
        text = found["plain"] if found["bare"] is None else found["bare"]
    address = readable(text)
    return str(address) if address else ""

"""The DNS records of host names, as Azure sees them. The name itself chooses them, so that a test needs no zone.

Names in `.invalid` have no records. The first label can choose others: see `_LABELS`. All other names lead straight to
the app of the request: the top of a zone by an A record, and others by a CNAME record.
"""

from dataclasses import dataclass
from typing import Final

from publicsuffixlist import PublicSuffixList

_SUFFIXES: Final = PublicSuffixList()
STRAY: Final = "0" * 64  # the verification ID of another subscription
_PROXY: Final = ("proxy.example.net", "203.0.113.7")
_LABELS: Final = {
    "stray": "a TXT record asuid of another subscription",
    "elsewhere": "a CNAME record to another host, such as that of a proxy",
    "conflict": "another subscription has bound the name",
    "caa": "a CAA record, by which no certificate is issued",
    "plain": "an A record to the app, although the name is not the top of a zone",
}


@dataclass(frozen=True)
class Records:
    """What DNS has of a host name. `asuid` are the TXT records of asuid.<host>."""

    cnames: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    asuid: tuple[str, ...] = ()

    def lead_to(self, host: str, address: str, record: str) -> bool:
        """Return whether they lead to an app by a type of record. An A record also counts behind a CNAME record."""
        return host in self.cnames if record == "CName" else bool(self.cnames) or address in self.addresses


def records_of(name: str, app: str, address: str) -> Records:
    """Return the records of a host name. `app` and `address` are the own host and address of the app of the request."""
    base = name.removeprefix("*.")
    label = base.partition(".")[0]
    if base.endswith(".invalid"):
        return Records()
    if label == "elsewhere":
        return Records(cnames=_PROXY[:1], addresses=_PROXY[1:])
    if label == "plain" or name == _SUFFIXES.privatesuffix(name):
        return Records(addresses=(address,))
    return Records(cnames=(app,), asuid=(STRAY,) if label == "stray" else ())


def is_bound_by_others(name: str) -> bool:
    """Return whether an app of another subscription has bound a host name."""
    return name.removeprefix("*.").startswith("conflict.")


def allows_certificates(name: str) -> bool:
    """Return whether a certificate is ever issued for a host name: DNS leads straight to the app, without a CAA."""
    return not name.startswith(("caa.", "elsewhere.")) and not name.endswith(".invalid")

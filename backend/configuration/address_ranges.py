"""The address ranges from which a role or an API client may call. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec

ANY: Final = "any"


class Ranges(msgspec.Struct, frozen=True):
    """Ranges of addresses. None in `networks` means any address."""

    networks: tuple[IPv4Network | IPv6Network, ...] | None

    def hold(self, address: str) -> bool:
        """Return whether an address is in one of the ranges. An unreadable address is not."""
        if self.networks is None:
            return True
        parsed = readable(address)
        return parsed is not None and any(parsed in network for network in self.networks)

    def __or__(self, other: "Ranges") -> "Ranges":
        """Return the ranges of both."""
        if self.networks is None or other.networks is None:
            return ANYWHERE
        return Ranges(self.networks + other.networks)


ANYWHERE: Final = Ranges(None)
NOWHERE: Final = Ranges(())


def ranges_of(entries: Iterable[str]) -> Ranges:
    """Return ranges from CIPP's format: addresses, networks, or Any. An unreadable entry allows no address."""
    networks = []
    for entry in entries:
        if entry.strip().lower() == ANY:
            return ANYWHERE
        try:
            networks.append(network_of(entry))
        except ValueError:
            continue
    return Ranges(tuple(networks))


def network_of(entry: str) -> IPv4Network | IPv6Network:
    """Return the network of an address or a CIDR range. A range may begin at any of its addresses.

    Raises:
        ValueError: It is neither an address nor a range.
    """
    return _plain(ip_network(entry.strip(), strict=False))


def readable(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address without its zone, or None if it is not valid. An IPv4-mapped IPv6 address becomes IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return a network of IPv4-mapped IPv6 addresses as an IPv4 network. Others stay unchanged."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    mapped_bits = 96
    if mapped is None or network.prefixlen < mapped_bits:
        return network
    return IPv4Network((mapped, network.prefixlen - mapped_bits))

"""From which addresses a role or an API client may call. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

ANY: Final = "any"


@dataclass(frozen=True)
class Ranges:
    """Ranges of addresses; `networks` None is everywhere."""

    networks: tuple[IPv4Network | IPv6Network, ...] | None

    def hold(self, address: str) -> bool:
        """Tell whether an address is in one of them; an address that is not known is in none."""
        if self.networks is None:
            return True
        found = readable(address)
        return found is not None and any(found in network for network in self.networks)

    def __or__(self, other: "Ranges") -> "Ranges":
        """Both together."""
        if self.networks is None or other.networks is None:
            return ANYWHERE
        return Ranges(self.networks + other.networks)


ANYWHERE: Final = Ranges(None)
NOWHERE: Final = Ranges(())


def ranges_of(entries: Iterable[str]) -> Ranges:
    """Read ranges as CIPP stores them: addresses, networks, or Any. What cannot be read lets nobody in."""
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
    """Read an address, without its zone; IPv4 in IPv6's clothes is IPv4. None where it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _plain(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Answer a network of IPv4-mapped addresses as the IPv4 network that it is."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    mapped_bits = 96
    if mapped is None or network.prefixlen < mapped_bits:
        return network
    return IPv4Network((mapped, network.prefixlen - mapped_bits))

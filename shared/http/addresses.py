"""Addresses that are never connected to, whatever a name resolves to or a link says.

Whoever owns a name decides where it leads, and may decide otherwise a second later. Under these addresses a machine
hands its own credentials to anybody who asks from inside, or there is nobody at all. Private networks are not among
them: that is where a company's own provider stands, and there a certificate says whether it is the right one.
"""

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import httpcore

_FORBIDDEN_4 = (
    IPv4Network("0.0.0.0/8"),  # connects to ourselves on some systems
    IPv4Network("169.254.0.0/16"),  # link-local; nearly every cloud's metadata
    IPv4Network("100.100.100.200/32"),  # Alibaba's metadata
    IPv4Network("168.63.129.16/32"),  # Azure's
    IPv4Network("192.0.0.192/32"),  # Oracle's
    IPv4Network("224.0.0.0/4"),
    IPv4Network("255.255.255.255/32"),
)
_FORBIDDEN_6 = (
    IPv6Network("::/128"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),  # Amazon's metadata
    IPv6Network("fd20:ce::254/128"),  # Google's
    IPv6Network("ff00::/8"),
)
_LOOPBACK_6 = IPv6Address("::1")
_WITH_IPV4_AT_THE_END = (IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))


class ForbiddenAddressError(httpcore.ConnectError):
    """A host leads only where nobody may be asked: the message says all there is, since nothing was asked."""


def allowed(host: str, addresses: Sequence[str]) -> list[str]:
    """Those of a host's addresses that may be connected to; raises ForbiddenAddressError when that is none of them."""
    found = [address for address in addresses if not is_forbidden(address)]
    if addresses and not found:
        raise ForbiddenAddressError(
            f"{host} leads to {', '.join(addresses)}, where no provider can be; it was not asked; check base_url and "
            f"who answers for that name"
        )
    return found


def is_forbidden(address: str) -> bool:
    """Whether an IP address is one of these, in whichever way it is written."""
    parsed = ipaddress.ip_address(address)
    plain = parsed if isinstance(parsed, IPv4Address) else _embedded(parsed)
    if plain is not None:
        return any(plain in network for network in _FORBIDDEN_4)
    return any(parsed in network for network in _FORBIDDEN_6)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to this one end at: mapped, translated (NAT64) or tunnelled (6to4)."""
    if address == _LOOPBACK_6:
        return None
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour

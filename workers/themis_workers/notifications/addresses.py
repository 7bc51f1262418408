"""Forbidden addresses: no notification is sent to those that are reserved for a machine's own requests.

A cloud's metadata service answers at a link-local address, and gives credentials to any caller. Neither a redirect nor
a name whose address changes between two look-ups may lead a worker there. So a name is resolved once, all its addresses
are checked, and the connection goes to one of these.
"""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from themis.core.errors import ForbiddenAddressError

_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
"""Metadata services of clouds: the link-local address that most use, and the other addresses."""

_EMBEDDING = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")))
"""Networks whose addresses end in the IPv4 address that they lead to: NAT64, and two old notations."""


def connect(host: str, port: int, timeout_s: float | None) -> socket.socket:
    """Connect to the first address of `host` that answers.

    Raises:
        ForbiddenAddressError: one of its addresses is forbidden; none was tried.
        OSError: it has no address, or none answers.
    """
    found = resolve(host, port)
    failure: OSError | None = None
    for family, kind, protocol, _, place in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = failure or error
        else:
            return connection
    raise failure or OSError(f"{host} has no address")


def resolve(host: str, port: int) -> list[Any]:
    """Resolve `host` to addresses in the form of `socket.getaddrinfo`; raises like `connect`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        if (kind := forbidden_kind(str(place[0]))) is not None:
            raise ForbiddenAddressError(host=host, address=place[0], kind=kind)
    return found


def forbidden_kind(address: str) -> str | None:
    """Kind of a forbidden address; None for an allowed one, public or private."""
    text = address.partition("%")[0]  # without the zone, such as %eth0
    for meant in _meant(ipaddress.ip_address(text)):
        if meant in _METADATA:
            return "metadata"
        if meant.is_link_local:
            return "link-local"
        if meant.is_unspecified:
            return "unspecified"
        if meant.is_multicast:
            return "multicast"
        if isinstance(meant, IPv4Address) and meant.is_reserved:
            return "reserved"
    return None


def _meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """An address, and the IPv4 addresses that packets to it may reach."""
    found: list[IPv4Address | IPv6Address] = [address]
    if isinstance(address, IPv6Address):
        teredo = address.teredo or ()
        found += [inner for inner in (address.ipv4_mapped, address.sixtofour, *teredo) if inner is not None]
        if int(address) > 1 and any(address in network for network in _EMBEDDING):
            found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found

"""Networks that an address lies in, however it is written."""

from __future__ import annotations

import ipaddress
from typing import Final

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: IPv6 networks whose last 32 bits are an address of IPv4: compatible and mapped ones (RFC 4291 §2.5.5),
#: translated ones (RFC 2765 §2.1, RFC 6052 §2.1).
_EMBEDDING: Final = tuple(
    ipaddress.IPv6Network(one) for one in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Tell whether an address lies in one of the networks, as it is written or as what it stands for."""
    written = ipaddress.ip_address(address.partition("%")[0])
    return any(one in network for one in (written, _meant(written)) for network in networks)


def _meant(address: _Address) -> _Address:
    """Give the address of IPv4 that one of IPv6 carries (6to4: RFC 3056 §2), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour:
        return address.sixtofour
    if any(address in network for network in _EMBEDDING) and int(address) > 1:  # :: and ::1 are IPv6's own
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address

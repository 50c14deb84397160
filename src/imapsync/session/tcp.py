"""A TCP connection to an endpoint: the addresses of its name, or those that were given."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, TypeVar

from imapsync.session.endpoint import AUTO_PROBE_TIMEOUT_S, IMAPS_PORT, Endpoint
from imapsync.session.errors import AddressAvoided, ConnectionFailed
from imapsync.session.link import Link
from imapsync.session.networks import is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imapsync.session.trace import Trace
    from imapsync.terms import Side
    from imapsync.wire.limits import Bounds

_Protocol = TypeVar("_Protocol", bound=asyncio.BaseProtocol)


async def listens(endpoint: Endpoint) -> bool:
    """Tell whether something accepts connections at the imaps port."""
    try:
        async with asyncio.timeout(AUTO_PROBE_TIMEOUT_S):
            transport, _ = await _open(endpoint, asyncio.Protocol, IMAPS_PORT)
    except (OSError, TimeoutError, AddressAvoided):
        return False
    transport.abort()
    return True


async def _open(
    endpoint: Endpoint, protocol: Callable[[], _Protocol], port: int
) -> tuple[asyncio.Transport, _Protocol]:
    """Connect to the first address that accepts; the last one's OSError when none does."""
    loop = asyncio.get_running_loop()
    *others, last = await _addresses(endpoint, port)
    for address in others:
        try:
            return await loop.create_connection(protocol, address, port)
        except OSError:
            continue
    return await loop.create_connection(protocol, last, port)


async def _addresses(endpoint: Endpoint, port: int) -> list[str]:
    """Give where to connect: at least one. The name is looked up here only where its addresses matter.

    socket.gaierror: the name has none. AddressAvoided: none that may be connected to.
    """
    if endpoint.addresses is not None:
        found = list(endpoint.addresses)
    elif endpoint.avoided or endpoint.discreet:
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(endpoint.host, port, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    else:
        return [endpoint.host]
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "it was looked up before, and had none")
    left = [address for address in found if not is_within(address, endpoint.avoided)]
    if not left:
        raise AddressAvoided(f"{endpoint.host} is at {', '.join(found)} now, which is not to be connected to")
    return left


async def located(endpoint: Endpoint, side: Side | None) -> Endpoint:
    """Give the endpoint at the addresses that its name has now; ConnectionFailed as `tcp` says."""
    with _told(endpoint, side):
        return endpoint._replace(addresses=tuple(await _addresses(endpoint, endpoint.port)))


async def tcp(endpoint: Endpoint, side: Side | None, trace: Trace | None, limits: Bounds) -> Link:
    """Connect to the endpoint's port.

    ConnectionFailed: its cause is unknown_host, refused, unreachable or avoided.
    """
    with _told(endpoint, side):
        transport, link = await _open(
            endpoint, lambda: Link(side, endpoint.timeout_s, trace, limits), endpoint.port
        )
    connected = transport.get_extra_info("socket")
    if endpoint.keepalive and connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if trace is not None:
        trace.note(f"connected to {endpoint.host}:{endpoint.port}")
    return link


@contextlib.contextmanager
def _told(endpoint: Endpoint, side: Side | None) -> Iterator[None]:
    """Say in the engine's own errors why there is no connection."""
    try:
        yield
    except socket.gaierror as error:
        message = f"no address for the host name {endpoint.host}: {error.strerror}"
        retryable = error.errno == socket.EAI_AGAIN
        raise ConnectionFailed(message, cause="unknown_host", side=side, retryable=retryable) from None
    except AddressAvoided as error:
        raise AddressAvoided(error.message, side=side) from None
    except UnicodeError:
        message = f"not a host name: {endpoint.host}"
        raise ConnectionFailed(message, cause="unknown_host", side=side, retryable=False) from None
    except OSError as error:
        message = f"no connection to {endpoint.host}:{endpoint.port}: {error.strerror or error}"
        cause = "refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
        raise ConnectionFailed(message, cause=cause, side=side) from None

"""Which servers may be reached: the form for a remote account is no port scanner, and no task becomes one.

Loopback, link-local addresses and the cluster's own network hold services that trust who reaches them. There
only IMAP's two ports are tried, the ports of tasks that were there before, and hosts that an administrator
allowed. A task whose server was outside is not led inside by its name, whatever the port.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, places
from imapsync_tasks.errors import NoSuchTaskError, Refusal, TaskFileError
from imapsync_tasks.places import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imapsync_tasks.engine import Remote
    from imapsync_tasks.instance import Settings
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.store import Store
    from imapsync_tasks.task import Task

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IMAP_PORTS: Final = (143, 993)
#: IPv6 networks whose last 32 bits are an address of IPv4: compatible and mapped ones (RFC 4291 §2.5.5),
#: translated ones (RFC 2765 §2.1, RFC 6052 §2.1).
_EMBEDDING: Final = tuple(
    ipaddress.IPv6Network(one) for one in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
#: What lies inside beside the cluster's own network: this host, loopback, link-local.
_INSIDE: Final = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/127", "fe80::/10")
#: A name server that is silent must not use up the time of the login check.
_LOOKUP_S: Final = 5.0
#: Entries of the list of allowed hosts.
MAX_ALLOWED: Final = 64


class Reach:
    """What is asked about each server; the tasks are read once, and only when a server needs it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._known: frozenset[tuple[str, int]] | None = None
        self._addresses: dict[str, list[str]] = {}
        self._inside = _networks([*_INSIDE, settings.cluster_network])

    @classmethod
    def published(cls, paths: Paths) -> Reach:
        """Give what judges by the settings that were handed to the container."""
        from imapsync_tasks import instance
        from imapsync_tasks.store import Store

        return cls(Store(paths), instance.published(paths))

    def is_guarded(self, host: str) -> bool:
        """Tell whether a server lies where little may be tried and less told, and nobody allowed it."""
        return self.guards(host, self.addresses(host))

    def guards(self, host: str, addresses: Sequence[str]) -> bool:
        """Tell the same of a server whose addresses are known."""
        plain = [_plain(one) for one in addresses]
        return any(self._is_inside(one) for one in plain) and not self._is_allowed(host, plain)

    def refusal(self, remote: Remote) -> Refusal | None:
        """Give the reason not to try a server; None when it may be tried."""
        if remote.remoteport in _IMAP_PORTS or not self.is_guarded(remote.remotehostname):
            return None
        if (remote.remotehostname.casefold(), remote.remoteport) in self._of_tasks():
            return None
        return Refusal("host_not_allowed", "remotehostname", remote.remotehostname)

    def way(self, remote: Remote) -> list[str]:
        """Give the words that bind the engine to the addresses that were judged, and to silence inside.

        The name is not looked up a second time: it may have become another server's.
        """
        addresses = self.addresses(remote.remotehostname)
        words = [f"--via1={address}" for address in addresses or ["none"]]
        return words + (self._words("discreet1") if self.guards(remote.remotehostname, addresses) else [])

    def settle(self, task: Task) -> None:
        """Find out where a task's server is, unless that is known, and keep it: before each run.

        The lookup takes time: the caller does not hold the instance lock.
        """
        place = places.known(self._store.paths, task)
        if place is not None and place.inside is not None:
            return
        addresses = [_plain(one) for one in self.addresses(task.remotehostname)]
        if not addresses:
            return
        is_inside = any(self._is_inside(one) for one in addresses)
        if not is_inside and not self._settings.cluster_network:  # not known yet: it may be in there
            return
        may_be = is_inside and (
            place is None
            or task.remoteport in _IMAP_PORTS
            or self._is_allowed(task.remotehostname, addresses)
        )
        found = Place.of(task)._replace(inside=may_be)
        with self._store.locked(), suppress(OSError):  # where nothing can be written it is judged each time
            if self._store.exists(task.name):
                files.replace(self._store.paths.place(task.name), str(found), durable=False)

    def bounds(self, task: Task) -> list[str]:
        """Give the words that keep a task's engine outside, or silent inside, at each of its connections."""
        if self._is_named(task.remotehostname):
            return []
        place = places.known(self._store.paths, task)
        return self._words("discreet1" if place is None or place.inside else "avoid1")

    def _words(self, option: str) -> list[str]:
        """Give an option of the engine with each network inside that no administrator allowed."""
        left = _without(self._inside, _networks(self._settings.allowed_hosts))
        return [f"--{option}={network}" for network in left]

    def addresses(self, host: str) -> list[str]:
        """Give the addresses of a host, looked up once: what is judged, tried and told is the same server."""
        found = self._addresses.get(host)
        # Of two threads that look a name up at once the first one's answer counts for both.
        return self._addresses.setdefault(host, lookup(host)) if found is None else found

    def _is_inside(self, address: _Address) -> bool:
        return any(address in network for network in self._inside)

    def _is_allowed(self, host: str, addresses: list[_Address]) -> bool:
        if self._is_named(host):
            return True
        networks = _networks(self._settings.allowed_hosts)
        return bool(addresses) and any(all(one in network for one in addresses) for network in networks)

    def _is_named(self, host: str) -> bool:
        """Tell whether an administrator allowed a host by its name."""
        return host.casefold() in (entry.casefold() for entry in self._settings.allowed_hosts)

    def _of_tasks(self) -> frozenset[tuple[str, int]]:
        if self._known is None:
            found = set()
            for name in self._store.names():
                try:
                    task = self._store.load(name)
                except (NoSuchTaskError, TaskFileError):
                    continue
                place = places.known(self._store.paths, task)
                if place is None or place.inside:
                    found.add((task.remotehostname.casefold(), task.remoteport))
            self._known = frozenset(found)
        return self._known


def is_entry(text: str) -> bool:
    """Tell whether a text can be an allowed host that is no name: an address or a network."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def is_inside(address: str, cluster_network: str) -> bool:
    """Tell whether a text is an address inside the cluster: this host's own, or of the cluster's network."""
    try:
        plain = _plain(address)
    except ValueError:
        return False
    return any(plain in network for network in _networks([*_INSIDE, cluster_network]))


def lookup(host: str, seconds: float = _LOOKUP_S) -> list[str]:
    """Give the addresses of a host, in the system's order; none: unknown name, or no answer in time."""
    found: list[str] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return list(found)


def _plain(text: str) -> _Address:
    """Read an address; one of IPv4 that is written as IPv6, or reached by translation, is one of IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour:
        return address.sixtofour
    if any(address in network for network in _EMBEDDING) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _networks(texts: Iterable[str]) -> list[_Network]:
    """Read networks and addresses; names are left out."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(ipaddress.ip_network(text, strict=False))
    return found


def _without(networks: Iterable[_Network], holes: Iterable[_Network]) -> list[_Network]:
    """Give networks without others."""
    left = list(networks)
    for hole in holes:
        left = [part for network in left for part in _parts(network, hole)]
    return left


def _parts(network: _Network, hole: _Network) -> Iterable[_Network]:
    """Give what is left of a network without another."""
    if network.version != hole.version or not network.overlaps(hole):
        return [network]
    if hole.supernet_of(network):  # type: ignore[arg-type]  # of one version
        return []
    return network.address_exclude(hole)  # type: ignore[arg-type]  # idem

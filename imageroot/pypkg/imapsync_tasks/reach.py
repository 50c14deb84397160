"""Which servers a login may be tried at: the form for a remote account is no port scanner.

Loopback, link-local addresses and the cluster's own network hold services that trust who reaches them. There
only IMAP's two ports are tried, the ports of tasks that exist, and hosts that an administrator allowed.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Final

from imapsync_tasks import diagnosis
from imapsync_tasks.errors import NoSuchTaskError, Refusal, TaskFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.engine import Remote
    from imapsync_tasks.errors import Json
    from imapsync_tasks.instance import Settings
    from imapsync_tasks.store import Store

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_IMAP_PORTS: Final = (143, 993)
#: IPv6 networks whose last 32 bits are an address of IPv4: compatible and mapped ones (RFC 4291 §2.5.5),
#: translated ones (RFC 2765 §2.1, RFC 6052 §2.1).
_EMBEDDING: Final = tuple(
    ipaddress.IPv6Network(one) for one in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
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

    def is_guarded(self, host: str) -> bool:
        """Tell whether a server lies where little may be tried and less told, and nobody allowed it."""
        return self.guards(host, self._of(host))

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
        """Give the words that bind the engine to the addresses that were judged.

        The name is not looked up a second time: it may have become another server's.
        """
        return [f"--via1={address}" for address in self._of(remote.remotehostname) or ["none"]]

    def told(self, remote: Remote, report: Json) -> Json:
        """Give what may be told of a look at a server; one that worked needs no thought."""
        if report.get("exit_code") == 0 or not self.is_guarded(remote.remotehostname):
            return report
        return diagnosis.guarded(report)

    def _of(self, host: str) -> list[str]:
        """Give the addresses of a host, looked up once: what is judged, tried and told is the same server."""
        found = self._addresses.get(host)
        # Of two threads that look a name up at once the first one's answer counts for both.
        return self._addresses.setdefault(host, lookup(host)) if found is None else found

    def _is_inside(self, address: _Address) -> bool:
        if address.is_loopback or address.is_link_local or _in(address, "0.0.0.0/8") or _in(address, "::"):
            return True
        network = self._settings.cluster_network
        return bool(network) and _in(address, network)

    def _is_allowed(self, host: str, addresses: list[_Address]) -> bool:
        for entry in self._settings.allowed_hosts:
            if entry.casefold() == host.casefold():
                return True
            if addresses and all(_in(one, entry) for one in addresses):
                return True
        return False

    def _of_tasks(self) -> frozenset[tuple[str, int]]:
        if self._known is None:
            found = set()
            for name in self._store.names():
                try:
                    task = self._store.load(name)
                except (NoSuchTaskError, TaskFileError):
                    continue
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


def _in(address: _Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False

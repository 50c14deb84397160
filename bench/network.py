"""The network between an engine and the servers: none, far, narrow, or watched."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.servers.proxy import Counters, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.engines import Account, Task

WATCHED_RTT_S = 0.01
"""Round trip of a watched run: without any, bursts that belong together would be counted apart."""


@dataclass(slots=True)
class Route:
    """How an engine reaches the source and the destination during one run.

    rtt_s and bits_per_second: of the link to the source, 0 for a direct connection.
    destination_bits_per_second: of the link to the destination. watched: count bytes and turns on both sides
    (in a run that is not timed).
    """

    rtt_s: float = 0.0
    bits_per_second: int = 0
    destination_bits_per_second: int = 0
    watched: bool = False
    counters: tuple[Counters, ...] = field(default=(), init=False)

    @contextmanager
    def open(self, task: Task) -> Iterator[Task]:
        """Give the task with the accounts as reached through this route; counters are set afterwards."""
        with ExitStack() as stack:
            proxies: list[Proxy] = []

            def through(account: Account, rtt_s: float, bits_per_second: int) -> Account:
                proxy = Proxy(account.host, account.port, rtt_s=rtt_s, bits_per_second=bits_per_second)
                proxies.append(stack.enter_context(proxy))
                return replace(account, port=proxy.port)

            source, destination = task.source, task.destination
            if self.watched or self.rtt_s or self.bits_per_second:
                rtt_s = max(self.rtt_s, WATCHED_RTT_S) if self.watched else self.rtt_s
                source = through(source, rtt_s, self.bits_per_second)
            if self.watched or self.destination_bits_per_second:
                rtt_s = WATCHED_RTT_S if self.watched else 0.0
                destination = through(destination, rtt_s, self.destination_bits_per_second)
            yield replace(task, source=source, destination=destination)
            self.counters = tuple(proxy.counters() for proxy in proxies)

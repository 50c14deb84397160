"""Many messages through a server that throttles at random: all arrive, each sent once, no wait is cut."""

from __future__ import annotations

import itertools
import random
import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.hostile.conftest import FOLDERS, Pair
from tests.servers.client import NewMessage
from tests.servers.hostile import Relay

if TYPE_CHECKING:
    from tests.servers.hostile import Intercept, Twist

pytestmark = pytest.mark.servers

PATIENT = ("--timeout1", "60", "--timeout2", "60")
#: What providers say, with seconds of a test, and how many those are.
WORDS = (
    (b"NO Request is throttled. Suggested Backoff Time: 300 milliseconds", 0.3),
    (b"BAD Request is throttled. Suggested Backoff Time: 200 milliseconds", 0.2),
    (b"NO [THROTTLED] Suggested Backoff Time: 100 milliseconds", 0.1),
    (b"NO [UNAVAILABLE] Server error, try again in 1 seconds", 1.0),
    (b"NO [LIMIT] wait 1 second", 1.0),
    (b"NO [UNAVAILABLE] UID FETCH Server error - Please try again later (retry after 150 ms)", 0.15),
    (b"NO [THROTTLED] Account exceeded command or bandwidth limits, retry after 100 ms", 0.1),
    (b"NO [ALERT] Too many simultaneous connections, try again in 200 milliseconds", 0.2),
    (b"BAD [INUSE] wait 120 ms", 0.12),
    (b"NO [OVERQUOTA] wait 90 ms", 0.09),
)


class Throttling:
    """A server that refuses everything for a moment, now and then, and sometimes for longer than it says.

    apart: how many commands it takes between two such moments, on average. waits: how often it began to
    refuse. said: the words that it used. asked: for each connection that was made while it refused, what that
    asked. early: connections that were made before the time that the first refusal told was over, in seconds
    before it.
    """

    def __init__(self, dice: random.Random, apart: int) -> None:
        self._dice = dice
        self._apart = apart
        self._left = apart
        self._all_words = itertools.cycle(dice.sample(WORDS, len(WORDS)))
        self._words = next(self._all_words)
        self._quiet_until = 0.0
        #: Until when it told to wait, the least of what the connections of before were told.
        self._told_until: float | None = None
        self.waits = 0
        self.said: set[bytes] = set()
        self.asked: list[list[bytes]] = []
        self.early: list[float] = []

    def connection(self) -> tuple[Twist | None, Intercept | None]:
        """Take a connection."""
        now = time.monotonic()
        if self._told_until is not None and now < self._told_until:
            self.early.append(self._told_until - now)
        self._told_until = None
        probe: list[bytes] | None = [] if now < self._quiet_until else None
        during = self._quiet_until
        if probe is not None:
            self.asked.append(probe)
        refused = [False]

        def intercept(tag: bytes, line: bytes) -> bytes | None:
            now = time.monotonic()
            if b"LOGOUT" in line:
                return None
            if now >= self._quiet_until:
                self._left -= 1
                if self._left > 0:
                    return None
                self._left = self._dice.randrange(self._apart // 2, 2 * self._apart)
                self.waits += 1
                self._quiet_until = now + self._dice.choice((0.05, 0.05, 0.3, 1.5))
            elif probe is not None and self._quiet_until == during:
                probe.append(line)
            if not refused[0]:  # what else is in flight there is refused, too
                refused[0] = True
                words, told_s = self._words = next(self._all_words)
                self.said.add(words)
                until = now + told_s
                self._told_until = until if self._told_until is None else min(self._told_until, until)
            return tag + b" " + self._words[0] + b"\r\n"

        return None, intercept


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("count", "apart"), [(300, 16), pytest.param(10_000, 25, marks=pytest.mark.slow)])
def test_all_arrive_each_is_sent_once_and_no_wait_is_cut_short(pair: Pair, count: int, apart: int) -> None:
    text = "Message-Id: <many.{}@example.org>\r\nSubject: {}\r\n\r\nbody\r\n"
    many = [NewMessage(text.format(n, n).encode(), (), 1_500_000_000) for n in range(count)]
    pair.source.fill(pair.user, {"Archive": many})
    pair.before = pair.source.snapshot(pair.user)
    total = count + sum(len(messages) for messages in FOLDERS.values())
    server = Throttling(random.Random(7), apart)
    sent: list[bytes] = []

    def counted(line: bytes) -> bytes:
        """Note each message of an APPEND, of which MULTIAPPEND has several (RFC 3502)."""
        if re.search(rb"\{\d+\+?\}\r\n\Z", line):
            sent.append(line)
        return line

    with (
        Relay(pair.source.port, server.connection) as source,
        Relay(pair.destination.port, lambda: (None, None), counted) as destination,
    ):
        # Who waits patiently for a busy machine is not taken for one who does not wait for a server.
        ran = pair.run(*PATIENT, source_port=source.port, destination_port=destination.port, limit_s=800)
    pair.check_honest(ran)
    assert ran.exit_code == 0, ran.output[-3000:]
    assert ran.report["failures_total"] == ran.report["errors_total"] == 0
    assert ran.report["messages_transferred"] == total
    assert len(sent) == total, "a message was sent twice"
    assert not server.early
    assert max(map(len, server.asked), default=1) <= 1, "more than one probe of a wait"
    assert len(server.said) >= min(len(WORDS), count // 75)
    assert server.asked

"""When to read on and when to stop: back-pressure of the receiving side, and the clock for silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.wire.responses import ListEntry, MailboxStatus, Search

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Hashable

    from imapsync.wire.responses import Response

#: Received bytes that may wait for consumers before reading stops; it goes on at a part of them.
READ_HIGH_BYTES = 2 * 1024 * 1024
READ_LOW = 4
#: Bytes that may wait while a consumer needs something that comes behind them; beyond, bodies are given up.
READ_MOST_BYTES = 24 * 1024 * 1024
#: The idle clock is looked at this often per timeout.
_LOOKS = 4
#: Words without substance ("* OK still working") keep a connection alive for this many timeouts: searching a
#: huge folder takes servers minutes, and a server that only talks must not hold a task for ever.
WORDS_ONLY = 10
#: When it is we who make the server wait, the clock is this much more patient; it still ends a stand-still.
_OWN_FAULT = 10


class ReadGate:
    """Counts what waits and who waits, and tells the connection to stop or go on reading.

    Dovecot withholds the tagged answers of pipelined FETCHes until all are done: who waits for an early one
    must not be stopped by the records of a later one. Therefore reading goes on while anybody waits for the
    server.
    """

    def __init__(self, switch: Callable[[bool], None]) -> None:
        self._switch = switch
        self._waiting_bytes = 0
        self._starving = 0
        self._high_bytes = READ_HIGH_BYTES
        self.open = True

    def bound(self, waiting_bytes: int) -> None:
        """Let fewer received bytes wait than READ_HIGH_BYTES: others need memory, too."""
        self._high_bytes = min(waiting_bytes, READ_HIGH_BYTES)

    def note_waiting(self, delta_bytes: int) -> None:
        """Count received bytes that consumers have not taken yet."""
        self._waiting_bytes += delta_bytes
        self._regulate()

    def note_starving(self, delta: int) -> None:
        """Count consumers that can do nothing before the server sends more."""
        self._starving += delta
        self._regulate()

    @property
    def overfull(self) -> bool:
        """Whether so much waits that bodies nobody has begun to read must be given up."""
        return self._waiting_bytes > READ_MOST_BYTES

    def _regulate(self) -> None:
        limit = self._high_bytes if self.open else self._high_bytes // READ_LOW
        should_be_open = self._waiting_bytes <= limit or self._starving > 0
        if should_be_open != self.open:
            self.open = should_be_open
            self._switch(should_be_open)


class Progress:
    """Counts what was asked for and came. What was told before is none: a server may repeat that for ever."""

    def __init__(self) -> None:
        self.count = 0
        self._told: set[Hashable] = set()

    def answered(self) -> None:
        """Count the end of a command."""
        self.count += 1
        self._told.clear()

    def moved(self) -> None:
        """Count something that cannot be repeated at will."""
        self.count += 1

    def told(self, response: Response) -> None:
        """Count what a command waits for: its first folder of a name, set of numbers, or answer of a kind."""
        what: Hashable = type(response).__name__
        if isinstance(response, ListEntry | MailboxStatus):
            what = what, response.name.raw
        elif isinstance(response, Search):
            what = response.numbers
        if what not in self._told:
            self._told.add(what)
            self.count += 1


class Activity(NamedTuple):
    """What the idle clock looks at.

    moved: any number that changes while bytes move. progress: any number that changes while something comes
    that was asked for, or something of ours is taken. expecting: an answer is due. own_fault: it is we who
    hold things up.
    """

    moved: int
    progress: int
    expecting: bool
    own_fault: bool


class IdleClock:
    """Calls `expired` once when nothing has moved for timeout_s (0: never) although an answer is due.

    Or when what moved was nothing that helps, for WORDS_ONLY times as long; `expired` is told how long.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        look: Callable[[], Activity],
        expired: Callable[[float, bool], None],
    ) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._look = look
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None
        self._since = self._progress_since = loop.time()
        self._moved = self._progress = -1
        self._stopped = False

    def start(self) -> None:
        """Measure from now on."""
        self._since = self._progress_since = self._loop.time()
        if self._timeout_s and self._timer is None and not self._stopped:
            self._timer = self._loop.call_later(self._timeout_s / _LOOKS, self._tick)

    def stop(self) -> None:
        """Never expire."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        activity = self._look()
        if activity.moved != self._moved or not activity.expecting:
            self._moved = activity.moved
            self._since = now
        if activity.progress != self._progress or not activity.expecting:
            self._progress = activity.progress
            self._progress_since = now
        patience_s = self._timeout_s * (_OWN_FAULT if activity.own_fault else 1)
        if now - self._since >= patience_s:
            self._expired(patience_s, False)
        elif now - self._progress_since >= patience_s * WORDS_ONLY:
            self._expired(patience_s * WORDS_ONLY, True)
        elif not self._stopped:
            self._timer = self._loop.call_later(self._timeout_s / _LOOKS, self._tick)

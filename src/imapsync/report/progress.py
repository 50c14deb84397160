"""The live progress: a JSON file replaced about once a second while a run works."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from imapsync.report.events import Phase
from imapsync.report.files import replace_file
from imapsync.report.remaining import Pace, time_left
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.report.counters import Counters

#: Time between two writes.
INTERVAL_S: Final = 1.0
#: Rates are those of this last stretch, so that they follow what happens now.
WINDOW_S: Final = 15.0
#: Longest words of a server.
MAX_WORDS: Final = 300
HOST: Final = {Side.SOURCE: "host1", Side.DESTINATION: "host2"}


class Progress:
    """Writes the progress file.

    `wall` gives seconds since the epoch, `monotonic` seconds that never jump. After a failed write it goes
    silent and `failure` says why: progress is comfort, the run goes on.
    """

    def __init__(
        self,
        path: str,
        pid: int,
        counters: Counters,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._pid = pid
        self._counters = counters
        self._wall = wall
        self._monotonic = monotonic
        self._started_at = wall()
        self._last_write = float("-inf")
        self._last_phase: Phase | None = None
        #: When, messages, bytes.
        self._samples: deque[tuple[float, int, int]] = deque()
        self._copying_from: tuple[float, int, int] | None = None
        self.failure: OSError | None = None

    def tick(self) -> None:
        """Write when a second has gone by since the last time or the phase is another one."""
        now = self._monotonic()
        if now - self._last_write < INTERVAL_S and self._counters.phase is self._last_phase:
            return
        self.write()

    def write(self) -> None:
        """Write now."""
        now = self._monotonic()
        self._last_write = now
        self._last_phase = self._counters.phase
        if self.failure is not None:
            return
        import json

        try:
            replace_file(self._path, json.dumps(self.document(now)).encode("ascii"))
        except OSError as error:
            self.failure = error

    def document(self, now: float) -> dict[str, object]:
        """Give the progress as JSON values; `now` by the monotonic clock."""
        counters = self._counters
        done, bytes_done = counters.messages_done, counters.transferred_bytes + _other_bytes(counters)
        total = max(counters.planned_messages, done)
        bytes_total = max(counters.planned_bytes, bytes_done)
        recent, whole = self._paces(now, done, bytes_done)
        left = None
        if counters.phase is Phase.COPYING:
            left = time_left(total - done, bytes_total - bytes_done, recent, whole)
        return {
            "version": 1,
            "pid": self._pid,
            "phase": counters.phase.value,
            "started_at": round(self._started_at, 3),
            "updated_at": round(self._wall(), 3),
            "folder": counters.folder,
            "folders_done": counters.folders_done,
            "folders_total": counters.folders_total,
            "messages_done": done,
            "messages_total": total,
            "bytes_done": bytes_done,
            "bytes_total": bytes_total,
            "messages_per_second": _rate(recent.messages, recent.seconds),
            "bytes_per_second": _rate(recent.size_bytes, recent.seconds),
            "eta_seconds": left and left.likely,
            "eta_least_seconds": left and left.least,
            "eta_most_seconds": left and left.most,
            "failures": counters.errors,
            **_waiting(counters),
        }

    def _paces(self, now: float, done: int, bytes_done: int) -> tuple[Pace, Pace]:
        """Give the pace of the last stretch, and of the copying as a whole."""
        samples = self._samples
        samples.append((now, done, bytes_done))
        while len(samples) > 2 and now - samples[0][0] > WINDOW_S:
            samples.popleft()
        if self._copying_from is None and self._counters.phase is Phase.COPYING:
            self._copying_from = samples[-1]
        recent, whole = (
            Pace(now - begin, done - messages, bytes_done - size_bytes)
            for begin, messages, size_bytes in (samples[0], self._copying_from or samples[-1])
        )
        return recent, whole


def _rate(done: int, seconds: float) -> float:
    return round(done / seconds, 1) if seconds > 0 else 0.0


def _waiting(counters: Counters) -> dict[str, object]:
    """Give until when, for whom and why the run waits; nothing while it does not."""
    waiting = counters.waiting
    if waiting is None:
        return {}
    return {
        "waiting_until": round(waiting.until, 3),
        "waiting_for": None if waiting.side is None else HOST[waiting.side],
        "waiting_words": waiting.words[:MAX_WORDS].encode("utf-8", "replace").decode("utf-8"),
    }


def _other_bytes(counters: Counters) -> int:
    """Give what is settled without having arrived, and what has gone out of messages that are under way."""
    return counters.failed_bytes + counters.unplanned_bytes + sum(counters.under_way.values())

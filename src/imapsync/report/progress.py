"""The live progress: a JSON file replaced about once a second while a run works."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from imapsync.report.events import Phase
from imapsync.report.files import replace_file
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.report.counters import Counters

#: Time between two writes.
INTERVAL_S: Final = 1.0
#: Rates are those of this last stretch, so that the time left follows what happens now.
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
        self._samples: deque[tuple[float, int, int]] = deque()
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
        done, bytes_done = counters.messages_done, counters.transferred_bytes + _settled_bytes(counters)
        messages_rate, bytes_rate = self._rates(now, done, bytes_done)
        total = max(counters.planned_messages, done)
        bytes_total = max(counters.planned_bytes, bytes_done)
        eta = None
        if counters.phase is Phase.COPYING and messages_rate > 0:
            by_messages = (total - done) / messages_rate
            by_bytes = (bytes_total - bytes_done) / bytes_rate if bytes_rate > 0 else 0.0
            eta = round(max(by_messages, by_bytes))
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
            "messages_per_second": round(messages_rate, 1),
            "bytes_per_second": round(bytes_rate, 1),
            "eta_seconds": eta,
            "failures": counters.errors,
            **_waiting(counters),
        }

    def _rates(self, now: float, done: int, bytes_done: int) -> tuple[float, float]:
        samples = self._samples
        samples.append((now, done, bytes_done))
        while len(samples) > 2 and now - samples[0][0] > WINDOW_S:
            samples.popleft()
        begin, done_then, bytes_then = samples[0]
        elapsed = now - begin
        if elapsed <= 0:
            return 0.0, 0.0
        return (done - done_then) / elapsed, (bytes_done - bytes_then) / elapsed


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


def _settled_bytes(counters: Counters) -> int:
    return counters.failed_bytes + counters.unplanned_bytes

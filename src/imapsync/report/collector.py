"""The sink of the command line: every event is counted, logged and shown in the progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from imapsync.report.counters import Counters
from imapsync.report.events import Event, PhaseChanged, WaitBegan, WaitEnded
from imapsync.report.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.report.progress import Progress


class Watcher(Protocol):
    """Somebody who looks at a run while it works."""

    def take(self, event: Event) -> None:
        """Take one event."""

    def tick(self) -> None:
        """Notice that time has gone by."""


class Collector:
    """Takes the events of one run. `write` gets the log lines of an event at once, each with its line end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.counters = Counters()
        self.progress: Progress | None = None
        #: Gets each event after it was counted, and each tick: a screen that shows the run.
        self.watcher: Watcher | None = None
        self._write = write

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self.counters.add(event)
        lines = lines_of(event)
        if lines:
            self._write("\n".join(lines) + "\n")
        if self.watcher is not None:
            self.watcher.take(event)
        if self.progress is not None and isinstance(event, PhaseChanged | WaitBegan | WaitEnded):
            self.progress.tick()

    def tick(self) -> None:
        """Bring the progress file up to date; called about once a second."""
        if self.progress is not None:
            self.progress.tick()
        if self.watcher is not None:
            self.watcher.tick()

"""Stop a run exactly after a step of its dialogue, by SIGKILL or SIGTERM, its answer heard or not."""

from __future__ import annotations

import re
import signal
import threading
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.commands import Step, Watch

if TYPE_CHECKING:
    from tests.engine.rules.zygote import Running


class How(NamedTuple):
    """Which signal, and whether the engine hears the answer to the step before it."""

    signal: signal.Signals
    heard: bool

    @property
    def name(self) -> str:
        return f"{self.signal.name} {'after' if self.heard else 'before'} the answer"


EVERY_WAY = tuple(
    How(number, heard) for number in (signal.SIGKILL, signal.SIGTERM) for heard in (False, True)
)


class _Stopper(Watch):
    """Knows the engine's process; after `stop` nothing more goes to the servers before the signal is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._known = threading.Event()
        self._gone_on = threading.Event()
        self._running: Running | None = None
        self.stopped_at: Step | None = None

    def begun(self, running: Running) -> None:
        """Get to know the process."""
        self._running = running
        self._known.set()

    def released(self) -> None:
        self._gone_on.set()

    def stop(self, step: Step, number: signal.Signals) -> None:
        """Send the signal; a process that lives on has taken note of it when this returns."""
        self._known.wait()
        assert self._running is not None
        self.stopped_at = step
        self._running.signal(number)
        if number != signal.SIGKILL:
            self._running.wait_idle()
            self._gone_on.set()

    def wait_idle(self) -> None:
        self._known.wait()
        assert self._running is not None
        self._running.wait_idle()


class StopAfter(_Stopper):
    """Stops the run after its ``last`` step: the server has carried it out, and got none of the later ones.

    After SIGTERM the servers get and give what is still said, as in life.
    """

    def __init__(self, last: int, how: How) -> None:
        super().__init__()
        self._last, self._how = last, how

    def sent(self, step: Step) -> bool:
        if step.number <= self._last:
            return True
        if self._how.signal is signal.SIGKILL:
            return False
        self._gone_on.wait()
        return True

    def delays(self, step: Step) -> bool:
        return step.number == self._last and not self._how.heard

    def answered(self, step: Step) -> bool:
        self.stop(step, self._how.signal)
        return self._how.signal is not signal.SIGKILL

    def passed(self, step: Step) -> None:
        if step.number == self._last and self._how.heard:
            self.wait_idle()
            self.stop(step, self._how.signal)


class StopBefore(_Stopper):
    """Stops the run when it sends the ``nth`` step that matches, which the server never gets."""

    def __init__(
        self, side: int, pattern: str, number: signal.Signals = signal.SIGKILL, nth: int = 1
    ) -> None:
        super().__init__()
        self._side, self._pattern, self._number = side, re.compile(pattern, re.IGNORECASE), number
        self._left = nth

    def sent(self, step: Step) -> bool:
        with self.lock:
            if self.stopped_at is not None:
                return self._number is not signal.SIGKILL
            if step.side == self._side and self._pattern.search(step.text):
                self._left -= 1
                if self._left == 0:
                    self.stop(step, self._number)
                    return self._number is not signal.SIGKILL
            return True

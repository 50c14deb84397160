"""Stop a run exactly after a step of its dialogue, by SIGKILL or SIGTERM, its answer heard or not."""

from __future__ import annotations

import re
import signal
import sys
import threading
from typing import TYPE_CHECKING

from tests.servers.commands import Step, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.rules.zygote import Running


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


class StepByStep(_Stopper):
    """Lets a run take one step at a time, whichever side it goes to, and stops at each moment between two.

    The server has carried out the step then and got none of the later ones; the engine has, or has not, heard
    the answer, and has nothing else to do. `moment` gets the step and whether the answer was heard.
    """

    def __init__(self, moment: Callable[[Step, bool], object]) -> None:
        super().__init__()
        self._moment = moment
        self._turn = threading.Condition()
        self._next = 1

    def released(self) -> None:
        super().released()
        self._go_on(sys.maxsize)

    def sent(self, step: Step) -> bool:
        with self._turn:
            self._turn.wait_for(lambda: step.number <= self._next)
        return self.stopped_at is None

    def delays(self, step: Step) -> bool:  # noqa: ARG002 - each answer waits for its moment
        return True

    def answered(self, step: Step) -> bool:
        self._at(step, heard=False)
        return self.stopped_at is None

    def passed(self, step: Step) -> None:
        self._at(step, heard=True)
        self._go_on(step.number + 1)

    def _at(self, step: Step, *, heard: bool) -> None:
        self.wait_idle()
        self._moment(step, heard)

    def _go_on(self, number: int) -> None:
        with self._turn:
            # The client may be gone already, and everybody released, when the last answer is told of.
            self._next = max(self._next, number)
            self._turn.notify_all()


class KillAt(StepByStep):
    """Kills the run at one of these moments."""

    def __init__(self, number: int, *, heard: bool) -> None:
        super().__init__(self._look)
        self._at_moment = (number, heard)

    def _look(self, step: Step, heard: bool) -> None:
        if (step.number, heard) == self._at_moment:
            self.stop(step, signal.SIGKILL)


class EndAfter(_Stopper):
    """Sends SIGTERM when the run has heard the answer to its ``last`` step, and the server got no later one.

    Then the servers get and give what is still said, as in life.
    """

    def __init__(self, last: int) -> None:
        super().__init__()
        self._last = last

    def sent(self, step: Step) -> bool:
        if step.number > self._last:
            self._gone_on.wait()
        return True

    def passed(self, step: Step) -> None:
        if step.number == self._last:
            self.wait_idle()
            self.stop(step, signal.SIGTERM)


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

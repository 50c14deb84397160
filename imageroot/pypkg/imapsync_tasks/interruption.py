"""Ending early, between two pieces of work: a cancelled action, a closed terminal, Ctrl-C."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_T = TypeVar("_T")

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: sysexits.h EX_TEMPFAIL: what is left can be done by running the same again.
INTERRUPTED: Final = 75


class InterruptedWaitError(Exception):
    """Somebody asked for the end while nothing was being done but waiting."""


class Interruption:
    """Within the block a signal is only noted: what is being written is written to its end."""

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False

    def __enter__(self) -> Self:
        wanted = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup
        self._before = {number: signal.signal(number, self._note) for number in wanted}
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def waits(self, items: Iterator[_T]) -> Iterator[_T]:
        """Give the items, none of which is None; a signal ends the wait for one: InterruptedWaitError."""
        while True:
            with self.waiting():
                item = next(items, None)
            if item is None:
                return
            yield item

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a signal end what is in this block, or what would begin: InterruptedWaitError."""
        self._waiting = True
        try:
            if self.asked:
                raise InterruptedWaitError
            yield
        finally:
            self._waiting = False

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._waiting:
            raise InterruptedWaitError

"""A bound on the time that a pattern may work on one text.

Python's ``re`` backtracks as Perl's engine does: some patterns take for ever on some texts. It looks for
signals while it works, so a timer can end it. Only the main thread of a process can be bounded so; the
engine matches there.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from imapsync.cli.errors import PatternTimeout

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: Far above what a sensible pattern needs for a large message, far below what hangs a run.
TIME_LIMIT_S = 5.0

T = TypeVar("T")
R = TypeVar("R")
_armed: list[str] = []  # the name of the pattern at work; the timer is ignored when there is none


def bounded(function: Callable[[T], R], name: str, limit_s: float = TIME_LIMIT_S) -> Callable[[T], R]:
    """Give `function` with a bound on each call; beyond it PatternTimeout names the option `name`.

    What comes back shows `name` as its repr, so that rules made of other patterns differ in writing too.
    """
    return _Bounded(function, name, limit_s)


class _Bounded(Generic[T, R]):
    __slots__ = ("_function", "_limit_s", "_name")

    def __init__(self, function: Callable[[T], R], name: str, limit_s: float) -> None:
        self._function = function
        self._name = name
        self._limit_s = limit_s

    def __repr__(self) -> str:
        return self._name

    def __call__(self, text: T) -> R:
        if threading.current_thread() is not threading.main_thread():
            return self._function(text)
        if signal.getsignal(signal.SIGALRM) is not _expired:
            signal.signal(signal.SIGALRM, _expired)
        _armed.append(f"{self._name} worked longer than {self._limit_s:g} seconds on one text")
        try:
            signal.setitimer(signal.ITIMER_REAL, self._limit_s)
            return self._function(text)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _armed.clear()


def _expired(_signal: int, _frame: FrameType | None) -> None:
    if _armed:
        raise PatternTimeout(_armed[-1])

"""A bound on the time that a pattern may work on one text.

Python's ``re`` backtracks as Perl's engine does: some patterns take for ever on some texts. It looks for
signals while it works, so a timer can end it. Only the main thread of a process can be bounded so; the
engine matches there.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, TypeVar

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
    """Give `function` with a bound on each call; beyond it PatternTimeout names the option `name`."""

    def call(text: T) -> R:
        if threading.current_thread() is not threading.main_thread():
            return function(text)
        if signal.getsignal(signal.SIGALRM) is not _expired:
            signal.signal(signal.SIGALRM, _expired)
        _armed.append(f"{name} worked longer than {limit_s:g} seconds on one text")
        try:
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            return function(text)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            _armed.clear()

    return call


def _expired(_signal: int, _frame: FrameType | None) -> None:
    if _armed:
        raise PatternTimeout(_armed[-1])

"""Requests to end (SIGINT, SIGTERM, SIGHUP) from the first moment of the command to its last.

Until the event loop takes them over they are noted and looked at between two steps, so that none of them
falls into an import or into the telling of another error. Only a wait for the user or for a pipe is
interrupted.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []
_waiting: list[bool] = []


def watch() -> None:
    """Note requests to end from now on."""
    for number in ENDING:
        signal.signal(number, _note)


def forget() -> None:
    """Begin anew in a child: what came was for the parent."""
    _received.clear()
    _waiting.clear()
    watch()


def raise_if_received() -> None:
    """Raise KeyboardInterrupt when the end was asked for."""
    if _received:
        raise KeyboardInterrupt


def received() -> signal.Signals | None:
    """Give the request that came, None when there was none."""
    return signal.Signals(_received[0]) if _received else None


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let a request to end interrupt what may wait for ever, by KeyboardInterrupt."""
    _waiting.append(True)
    try:
        raise_if_received()
        yield
    finally:
        _waiting.pop()


def ignore(before: Callable[[], object] = lambda: None) -> None:
    """Take no further requests, because what is left is to tell the end; `before` takes handlers away."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    before()
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _note(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if _waiting:
        raise KeyboardInterrupt

"""How long a copy still takes: a range, until everything that was measured agrees."""

from __future__ import annotations

from typing import Final, NamedTuple

#: Seconds of copying below which no figure is trusted.
LEARNING_S: Final = 15.0
#: A range whose ends are this near to each other (as a factor, or in seconds) is a figure.
NEAR: Final = 1.5
NEAR_S: Final = 10


class Pace(NamedTuple):
    """Messages and bytes that were settled within some seconds."""

    seconds: float
    messages: int
    size_bytes: int


class TimeLeft(NamedTuple):
    """Whole seconds: the likely, and between what they may lie; all the same once they can be trusted."""

    likely: int
    least: int
    most: int


def time_left(messages: int, size_bytes: int, recent: Pace, whole: Pace) -> TimeLeft | None:
    """Give how long so many messages and bytes still take; None while nothing has been settled lately.

    recent: the last stretch; whole: all of the copying. Small messages cost by their number and large ones
    by their bytes, and a server may have been slower or faster before: each is a guess of its own.
    """
    if not messages and not size_bytes:
        return TimeLeft(0, 0, 0)
    now = _guesses(messages, size_bytes, recent)
    if not now:
        return None
    likely = round(max(now))
    every = [*now, *_guesses(messages, size_bytes, whole)]
    least, most = round(min(every)), round(max(every))
    agreed = most <= NEAR * least or most - least <= NEAR_S
    if agreed and whole.seconds >= LEARNING_S:
        return TimeLeft(likely, likely, likely)
    return TimeLeft(likely, least, most)


def _guesses(messages: int, size_bytes: int, pace: Pace) -> list[float]:
    """Give how long it takes if it goes on as in `pace`: by the messages, and by the bytes."""
    work = ((messages, pace.messages), (size_bytes, pace.size_bytes))
    return [left * pace.seconds / done for left, done in work if left > 0 and done > 0 and pace.seconds > 0]

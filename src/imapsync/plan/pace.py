"""How fast to go on after a server said "later": at half of what it did not bear, then faster again."""

from __future__ import annotations

from typing import NamedTuple

#: Slower helps no server: it says "later" again, and that is waited for.
LEAST_PER_SECOND = 20.0
#: The pace doubles in this time.
DOUBLING_S = 15.0
#: After so many doublings there is no limit any more.
DOUBLINGS = 5


class Pace(NamedTuple):
    """Messages a second that were allowed when a server last said "later", and when that was (s)."""

    per_second: float
    set_at: float


def slowed(pace: Pace | None, observed_per_second: float, now: float) -> Pace:
    """Give the pace after a "later". observed_per_second: how fast it went since the one before it."""
    borne = observed_per_second
    if pace is not None:
        limit = allowed(pace, now)
        borne = limit if limit is not None and (not borne or limit < borne) else borne
    return Pace(max(LEAST_PER_SECOND, borne / 2), now)


def allowed(pace: Pace, now: float) -> float | None:
    """Give how many messages a second are allowed now; None: as many as one likes."""
    doublings = (now - pace.set_at) / DOUBLING_S
    return None if doublings >= DOUBLINGS else pace.per_second * 2.0**doublings

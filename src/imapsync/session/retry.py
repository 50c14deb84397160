"""How often and how long to wait before connecting again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Backoff(NamedTuple):
    """Growing waits with jitter, so that many clients of one server do not come back together.

    attempts: reconnections before giving up. base_s doubles each time up to cap_s; each wait is between half
    of it and all.
    """

    attempts: int = 5
    base_s: float = 0.5
    cap_s: float = 30.0

    def delays(self, jitter: Callable[[], float]) -> Iterator[float]:
        """Give the seconds to wait before each attempt; jitter gives numbers from 0 to 1 (random.random)."""
        for attempt in range(self.attempts):
            full = min(self.cap_s, self.base_s * 2**attempt)
            yield full * (0.5 + 0.5 * jitter())

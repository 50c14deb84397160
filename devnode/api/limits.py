"""The request rate limit of the API server, per client address."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

RATE_PER_S = 25.0
BURST = 300.0
MAX_ADDRESSES = 1000
"""Beyond that the table starts again: a stand-in has few clients."""


@dataclass
class RateLimit:
    """Token buckets: 25 requests a second, 300 at once."""

    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def allows(self, address: str) -> bool:
        """Count one request; False when it is one too many."""
        now = time.monotonic()
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.clear()
        left, since = self._buckets.get(address, (BURST, now))
        left = min(BURST, left + (now - since) * RATE_PER_S)
        self._buckets[address] = (max(left - 1, 0.0), now)
        return left >= 1

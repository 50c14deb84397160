"""Keep the average speed under what the user allows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.transfer.settings import Limits


class Throttle:
    """Sleeps after each batch as long as the averages since the start are too high.

    Never longer than --maxsleep for each message of the batch, as documented for that option.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._began: float | None = None
        self._bytes_began: float | None = None
        self._messages = 0
        self._bytes = 0
        self._counted_bytes = 0

    @property
    def active(self) -> bool:
        """Whether any speed is limited; batches are then one message, so that the flow is even."""
        return self._limits.messages_per_second is not None or self._limits.bytes_per_second is not None

    async def passed(self, messages: int, size_bytes: int) -> None:
        """Count what was copied and wait if it was too fast."""
        if not self.active:
            return
        now = self._clock()
        if self._began is None:
            self._began = now
        self._messages += messages
        self._bytes += size_bytes
        wait_s = 0.0
        if self._limits.messages_per_second:
            wait_s = self._began + self._messages / self._limits.messages_per_second - now
        if self._limits.bytes_per_second and self._bytes > self._limits.bytes_after:
            if self._bytes_began is None:
                self._bytes_began = now
            self._counted_bytes += size_bytes
            due = self._bytes_began + self._counted_bytes / self._limits.bytes_per_second
            wait_s = max(wait_s, due - now)
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, self._limits.max_sleep_s * messages))

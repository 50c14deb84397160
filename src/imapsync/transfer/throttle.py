"""Keep the average speed under what the user allows, and the pace under what a server bears."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.plan.pace import Pace, allowed, slowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.transfer.settings import Limits


class Throttle:
    """Sleeps after each batch as long as the averages since the start are too high.

    Never longer than --maxsleep for each message of the batch, as documented for that option. Once a server
    asked to wait, messages go at the pace that plan/pace.py gives, whatever that option says.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._began: float | None = None
        self._bytes_began: float | None = None
        self._messages = 0
        self._bytes = 0
        self._counted_bytes = 0
        self._pace: Pace | None = None
        #: Since when the messages are counted that tell the pace which a server did not bear, and how many.
        self._since: float | None = None
        self._since_messages = 0
        self._due = 0.0

    @property
    def active(self) -> bool:
        """Whether any speed is limited; batches are then one message, so that the flow is even."""
        return self._limits.messages_per_second is not None or self._limits.bytes_per_second is not None

    @property
    def most_messages(self) -> int | None:
        """How many messages may go together at the pace of now: those of a second; None: any number."""
        limit = None if self._pace is None else allowed(self._pace, self._clock())
        return None if limit is None else max(1, int(limit))

    def slow_down(self) -> None:
        """Go on at half the pace: a server asked to wait."""
        now = self._clock()
        elapsed_s = 0.0 if self._since is None else now - self._since
        self._pace = slowed(self._pace, self._since_messages / elapsed_s if elapsed_s > 0 else 0.0, now)
        self._since, self._since_messages = None, 0

    async def passed(self, messages: int, size_bytes: int) -> None:
        """Count what was copied and wait if it was too fast."""
        now = self._clock()
        self._since = now if self._since is None else self._since
        self._since_messages += messages
        await self._keep_pace(messages, now)
        if self.active:
            await self._keep_limits(messages, size_bytes, now)

    async def _keep_pace(self, messages: int, now: float) -> None:
        limit = None if self._pace is None else allowed(self._pace, now)
        if limit is None:
            self._pace = None
            return
        self._due = max(self._due, now) + messages / limit
        await asyncio.sleep(self._due - now)

    async def _keep_limits(self, messages: int, size_bytes: int, now: float) -> None:
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

"""What a run does when a server says "later": wait as told, and give up when that would take too long."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.session.errors import AskedToWait, Parked
from imapsync.transfer.context import side_of
from imapsync.transfer.provided import provider_of

if TYPE_CHECKING:
    from imapsync.session.errors import SyncError
    from imapsync.transfer.context import Run


async def wait(run: Run, cause: SyncError) -> None:
    """Wait before the next connection: as a server asked, or for a moment after a loss.

    Parked when all waits together would be longer than --maxwait.
    """
    if not isinstance(cause, AskedToWait):
        await asyncio.sleep(run.patience.next_pause_s())
        return
    provider = None if cause.side is None else provider_of(run, cause.side)
    seconds = run.patience.next_wait_s(cause, provider.default_wait_s if provider is not None else 0.0)
    until = run.clock() + seconds
    if run.patience.waited_s + seconds > run.settings.limits.max_wait_s:
        message = f"{cause.message}; that is longer than --maxwait allows"
        raise Parked(message, run_again_at=until, side=cause.side, server_text=cause.server_text)
    run.sink(events.WaitBegan(side_of(cause), until, seconds, cause.server_text))
    try:
        await asyncio.sleep(seconds)
    finally:
        run.patience.waited_s += seconds
        run.sink(events.WaitEnded())

"""Carry out steps that may be repeated as a whole: again after a lost connection, and no further than that.

A step about one folder pair that a server refuses, or hangs up at each time, costs that pair. Only when that
is so of one folder after the other, the server is taken to be broken and the run ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from imapsync.session.errors import AskedToWait, CommandRefused, ConnectionFailed, SyncError, TimedOut
from imapsync.transfer.connect import STEP_ATTEMPTS, reconnect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

T = TypeVar("T")
#: Folders in a row over which a connection is lost each time, until the run ends.
MOST_BREAKING_FOLDERS = 3


class Persistence:
    """Tries steps of a run again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._in_a_row = 0

    async def whole(self, step: Callable[[], Awaitable[T]], *, counts: bool = True) -> T:
        """Carry out a step.

        counts: whether its end moves the work forward. Raises ConnectionFailed when the connection was lost
        too often.
        """
        losses, given_up = 0, self._run.given_up
        while True:
            try:
                result = await step()
            except ConnectionFailed as error:
                losses += not isinstance(error, AskedToWait)
                if losses == STEP_ATTEMPTS or not error.retryable:
                    raise
                await reconnect(self._run, error)
                if self._run.given_up != given_up and not isinstance(error, TimedOut):
                    losses, given_up = 0, self._run.given_up
                    self._run.patience.progressed()
            else:
                if counts:
                    self._run.patience.progressed()
                return result

    async def spared(
        self, step: Callable[[], Awaitable[object]], *, counts: bool = True, repeats: bool = True
    ) -> SyncError | None:
        """Carry out a step about one folder pair; give what stood against it, None when it was done.

        repeats: whether to carry it out again after a lost connection; some do so by themselves.
        Who is silent is silent about all: that is raised, as is a server that cannot be reached.
        """
        try:
            if repeats:
                await self.whole(step, counts=counts)
            else:
                await step()
        except CommandRefused as error:
            return error
        except ConnectionFailed as error:
            self._in_a_row += 1
            if not error.retryable or isinstance(error, TimedOut) or self._in_a_row == MOST_BREAKING_FOLDERS:
                raise
            await reconnect(self._run, error)
            self._run.patience.progressed()
            return error
        self._in_a_row = 0
        return None

    async def each(
        self,
        jobs: list[FolderJob],
        step: Callable[[list[FolderJob]], Awaitable[object]],
        give_up: Callable[[FolderJob, SyncError], None],
    ) -> None:
        """Carry out a step for folder pairs together; where that does not come to its end, one by one."""
        if not jobs or await self.spared(lambda: step(jobs)) is None:
            return
        self._in_a_row = 0
        for job in jobs:
            error = await self.spared(lambda job=job: step([job]))  # type: ignore[misc]
            if error is not None:
                give_up(job, error)

"""Copy in spite of connections that are lost, as long as each try moves the work forward.

What was on its way when a connection broke is looked for before it is sent again. A message that breaks the
connection each time it travels alone is a failure; a folder in which several do so one after the other is
given up.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from imapsync.account.seen import FolderReplaced
from imapsync.session.errors import AskedToWait, ConnectionFailed
from imapsync.terms import Reason
from imapsync.transfer.connect import reconnect
from imapsync.transfer.copylist import SENT, WAITING
from imapsync.transfer.failures import give_up_rest, message_failed
from imapsync.transfer.lanes import MAX_STRIKES
from imapsync.transfer.persistence import MOST_BREAKING_FOLDERS
from imapsync.transfer.resolve import arrived_unseen, find_copies, wait_until_quiet
from imapsync.transfer.sizelimit import refuse_too_large
from imapsync.transfer.steady import note_replaced

if TYPE_CHECKING:
    from imapsync.session.errors import SyncError
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.lanes import Copier
    from imapsync.transfer.persistence import Persistence
    from imapsync.transfer.reading import Reading

#: Lost connections in a row without any message settled: enough to single out one that breaks connections.
FRUITLESS_LIMIT = 9
#: Messages of a folder that break the connection, one after the other, before the rest is not tried.
MOST_BREAKING_MESSAGES = 3


class Copying:
    """Copies groups of folder pairs, one group after the other."""

    def __init__(self, run: Run, copier: Copier, reading: Reading, persistence: Persistence) -> None:
        self._run = run
        self._copier = copier
        self._reading = reading
        self._persistence = persistence
        #: Folders given up since a message arrived, and how many had arrived then.
        self._given_up = self._copied_then = 0

    async def copy(self, jobs: list[FolderJob]) -> None:
        """Copy until every row has its end; ConnectionFailed when nothing moves forward any more."""
        run, copier = self._run, self._copier
        await self._persistence.whole(partial(refuse_too_large, run, jobs), counts=False)
        fruitless = 0
        while True:
            before = _settled_rows(jobs)
            try:
                await copier.copy(
                    [job for job in jobs if not (job.unsteady or job.given_up or job.postponed)]
                )
                return
            except ConnectionFailed as error:
                if _settled_rows(jobs) != before:
                    fruitless = 0
                    run.patience.progressed()
                asked = isinstance(error, AskedToWait)
                fruitless += not asked
                if fruitless > FRUITLESS_LIMIT or self._given_up >= MOST_BREAKING_FOLDERS:
                    raise
                copier.lost(jobs, blame=not asked)
                await reconnect(run, error)
            if await self._resolve(jobs):
                fruitless = 0  # one that broke the connection is out of the way
                run.patience.progressed()

    async def _resolve(self, jobs: list[FolderJob]) -> bool:
        """Find out what became of what was on its way; tell whether a message was singled out."""
        singled_out = False
        for job in jobs:
            if job.given_up:
                continue
            # That is no progress: only copied messages are.
            error = await self._persistence.spared(partial(self._look_for_sent, job), counts=False)
            if error is not None:
                self._lose(job, error)
            singled_out |= self._single_out(job)
        return singled_out

    async def _look_for_sent(self, job: FolderJob) -> None:
        """Look for the messages whose APPEND was not answered; what is not there waits to be sent again."""
        run = self._run
        rows = job.copying.rows(SENT)
        if not rows:
            return
        await asyncio.sleep(self._copier.strays_until - asyncio.get_running_loop().time())
        await wait_until_quiet(run, job)
        # Copies that the server confirmed without naming them must not be taken for the lost ones.
        wanted = job.copying.unnamed() + rows
        try:
            found = await find_copies(run.source, run.destination, job, wanted, self._reading)
        except FolderReplaced as error:
            note_replaced(job, error)
            return
        for row in rows:
            if row in found:
                arrived_unseen(run, job, row, found[row])
            else:
                job.copying.wait(row)

    def _lose(self, job: FolderJob, error: SyncError) -> None:
        """Send nothing twice that may be there: nobody can look."""
        text = f"it was on its way when the connection broke, and cannot be looked for: {error}"
        for row in job.copying.rows(SENT):
            message_failed(self._run, job, row, None, reason=Reason.CONNECTION, server_text=text)

    def _single_out(self, job: FolderJob) -> bool:
        """Let messages fail that broke the connection each time; tell whether there were any."""
        rows = [row for row in job.copying.rows(WAITING) if self._copier.strikes(job, row) > MAX_STRIKES]
        for row in rows:
            text = "the connection broke each time this message was on its way"
            message_failed(self._run, job, row, None, reason=Reason.CONNECTION, server_text=text)
        job.copying.breaking += len(rows)
        if rows and job.copying.breaking >= MOST_BREAKING_MESSAGES:
            text = f"not tried: the connection broke each time at {job.copying.breaking} messages before"
            left = job.copying.rows(WAITING)
            give_up_rest(self._run, job, left, reason=Reason.CONNECTION, text=text)
            arrived = self._run.copied_messages
            self._given_up = self._given_up + 1 if arrived == self._copied_then else 1
            self._copied_then = arrived
        return bool(rows)


def _settled_rows(jobs: list[FolderJob]) -> int:
    return sum(len(job.copying) - job.copying.left for job in jobs)

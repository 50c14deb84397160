"""Copy a folder whose UIDs do not outlive an opening: compared and copied within one, over one lane.

Nothing is recorded of it, so that a later run compares it from scratch; nothing is deleted or marked on the
source.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.session.errors import AskedToWait, ConnectionFailed
from imapsync.transfer import telling
from imapsync.transfer.arrivals import check_arrivals
from imapsync.transfer.connect import STEP_ATTEMPTS, reconnect
from imapsync.transfer.copylist import DELIVERED, DONE
from imapsync.transfer.finish import finish
from imapsync.transfer.full import FullComparison
from imapsync.transfer.resolve import wait_until_quiet
from imapsync.transfer.steady import leave_unrecorded

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.lanes import Copier
    from imapsync.transfer.reading import Reading


async def copy_anew(run: Run, job: FolderJob, reading: Reading, copier: Copier) -> None:
    """Read, copy and finish one folder pair; what arrived before a connection was lost is found there."""
    run.warn(f"{job.name}: its messages get other UIDs at each opening; it is read anew and copied in one")
    remembered = leave_unrecorded(run, job)
    losses = 0
    while True:
        _start_over(run, job)
        try:
            await _within_one_opening(
                FullComparison(run, job, reading, lambda: remembered), run, reading, copier
            )
        except ConnectionFailed as error:
            losses = 0 if {DONE, DELIVERED} & set(job.copying.states) else losses
            losses += not isinstance(error, AskedToWait)
            if losses == STEP_ATTEMPTS or not error.retryable:
                raise
            copier.lost([job], blame=False)
            await reconnect(run, error)
            job.destination.begin()
            await asyncio.sleep(copier.strays_until - asyncio.get_running_loop().time())
            await wait_until_quiet(run, job)
        else:
            run.patience.progressed()
            return


async def _within_one_opening(comparison: FullComparison, run: Run, reading: Reading, copier: Copier) -> None:
    job = comparison.job
    comparison.ask()
    await comparison.take()
    if not job.finished:
        job.take(await comparison.conclude())
    if job.finished:
        return
    if job.copying.left:
        await copier.copy([job])
        if job.postponed:
            return
        await check_arrivals(run, [job], reading)
    await finish(run, job, reading)


def _start_over(run: Run, job: FolderJob) -> None:
    """Forget what was seen and planned."""
    telling.withdrawn(run, job)
    job.start_over()
    job.unsteady = True
    run.source.anew()
    run.destination.anew()

r"""Run the user's Sieve script on what was copied (--sievedelivery2): FILTER=SIEVE of Dovecot Pigeonhole.

The server files a message elsewhere by copying it and marking the original \Deleted. Only those originals are
expunged, by UID; the user's own \Deleted messages stay. The journal holds what is still to be filtered: the
pairs are written before the filter runs, so a message that was filed elsewhere is never copied again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Copy, Reason, Side
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account.opened import MetFolder, OpenFolder
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: Messages filtered by one command: each may cost the server a delivery.
FILTER_BATCH = 100
#: Marks that stay the same for this long, in seconds, stay so; looked at this many times at most.
SETTLE_S = 0.5
SETTLE_LOOKS = 12


async def deliver(run: Run, job: FolderJob) -> int:
    """Filter what was copied into the folder; gives how many messages left it."""
    begun = (
        run.journal.unfiltered(job.record.id) if run.journal is not None and job.record is not None else {}
    )
    fresh = set(job.copying.arrived().values())
    uids = fresh | set(begun)
    if not uids:
        return 0
    run.sink(events.PhaseChanged(Phase.FILTERING))
    if not run.destination.has("FILTER=SIEVE"):
        run.warn("host2 cannot run Sieve scripts on copied messages (no FILTER=SIEVE)", Side.DESTINATION)
        _done(run, job, uids)
        return 0
    folder = await run.destination.change(job.destination)
    interrupted = {uid for uid, was_begun in begun.items() if was_begun}
    marked = await (_settled_marks(folder, uids) if interrupted else _marked(folder, uids))
    # What was marked before our filter ran is the user's; what is marked although the last run began to
    # filter it and did not come to its end was filed by that filter.
    filed = marked & interrupted
    todo = sorted(uids - marked)
    if run.journal is not None and job.record is not None:
        run.journal.begin_filtering(job.record.id)
        run.journal.commit()
    acted: set[int] = set()
    for start in range(0, len(todo), FILTER_BATCH):
        try:
            records = await folder.filter_sieve(UidSet.of(todo[start : start + FILTER_BATCH]))
        except CommandRefused as error:
            run.note(f"Sieve: the server did not filter, messages stay in {job.pair.destination}: {error}")
            break
        acted.update(record.uid for record in records if record.status == "OK")
        for record in records:
            if record.status != "OK":
                run.warn(f"Sieve: message {record.uid} of {job.pair.destination}: {record.text}")
    filed |= await _marked(folder, acted | (interrupted & set(todo)))
    _note_filed(run, job, filed)
    gone = await _expunge(run, folder, job, filed)
    run.sink(events.FilterRan(job.pair.destination, len(uids), gone))
    _done(run, job, uids)
    return gone


def _note_filed(run: Run, job: FolderJob, filed: set[int]) -> None:
    """Note before they go from here that the user's own script has filed these copies: that is proof."""
    job.copying.note_filed(filed)
    if run.journal is not None and job.record is not None and filed:
        run.journal.mark_copies(job.record.id, filed, Copy.REMOVED)
        run.journal.commit()


async def _settled_marks(folder: OpenFolder, uids: set[int]) -> set[int]:
    """Give the marks once they no longer change.

    The server may still be at the filter of a run that was killed.
    """
    marked = await _marked(folder, uids)
    for _ in range(SETTLE_LOOKS):
        await asyncio.sleep(SETTLE_S)
        before, marked = marked, await _marked(folder, uids)
        if marked == before:
            break
    return marked


async def _marked(folder: OpenFolder, uids: set[int]) -> set[int]:
    r"""Give those of the messages that carry \Deleted."""
    if not uids:
        return set()
    records = await folder.fetch(UidSet.of(uids), b"(UID FLAGS)").collect()
    return {
        record.uid
        for record in records
        if record.uid in uids and any(flag.lower() == b"\\deleted" for flag in record.flags or ())
    }


async def _expunge(run: Run, folder: MetFolder, job: FolderJob, filed: set[int]) -> int:
    if not filed:
        return 0
    if not run.destination.has("UIDPLUS"):
        run.warn(
            f"{len(filed)} messages that Sieve filed elsewhere stay marked as deleted in"
            f" {job.pair.destination}: host2 has no UIDPLUS"
        )
        return 0
    try:
        await folder.expunge(UidSet.of(filed))
    except CommandRefused as error:
        run.problem(error, "filtered messages cannot be expunged", folder=job.name, reason=Reason.FILTER)
        return 0
    return len(filed)


def _done(run: Run, job: FolderJob, uids: set[int]) -> None:
    if run.journal is not None and job.record is not None:
        run.journal.remove_unfiltered(job.record.id, uids)
        run.journal.commit()

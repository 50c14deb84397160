"""Changes on the source after a copy is proven: --setflag1, --delete1, --delete1older."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.journal import GONE
from imapsync.plan.selection import SECONDS_PER_DAY
from imapsync.report import events
from imapsync.report.events import Phase, Reason, Side
from imapsync.session.errors import CommandRefused
from imapsync.transfer.expunging import expunge
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.dates import epoch_of, search_date
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob

_DELETED = (b"\\Deleted",)


async def mark_source(run: Run, focus: Focus, job: FolderJob) -> None:
    """Flag and delete on the source what `job.proven` names, and what --delete1older lets go."""
    settings = run.settings
    rules = settings.deletion
    doomed = set(job.proven) if rules.source else set()
    if rules.source_older_days is not None:
        doomed |= await _older(run, focus, job, run.started_at - rules.source_older_days * SECONDS_PER_DAY)
    flagged = set(job.proven) if settings.flags.set_on_source else set()
    if not doomed and not flagged:
        return
    if run.dry:
        _tell_dry(run, job, len(flagged), len(doomed))
        return
    if doomed:
        run.sink(events.PhaseChanged(Phase.DELETING))
    focus.source(job)
    try:
        for some in UidSet.of(flagged).split(UIDS_PER_QUESTION):
            await run.source.store(some, b"+FLAGS", [flag.encode() for flag in settings.flags.set_on_source])
        if flagged:
            run.sink(events.FlagsChanged(Side.SOURCE, job.name, len(flagged)))
        for some in UidSet.of(doomed).split(UIDS_PER_QUESTION):
            await run.source.store(some, b"+FLAGS", _DELETED)
    except CommandRefused as error:
        job.failed = True
        run.problem(error, f"messages of {job.name} cannot be changed", folder=job.name, reason=Reason.FLAGS)
        return
    if doomed:
        gone = rules.source_expunge is not False and await expunge(run, run.source, job.name, doomed)
        run.sink(events.MessagesDeleted(Side.SOURCE, job.name, len(doomed), expunged=gone))


async def _older(run: Run, focus: Focus, job: FolderJob, before: float) -> set[int]:
    """Give source UIDs that arrived before a moment and whose copy is proven, now or by the journal.

    SEARCH knows whole days in the server's zone only; the exact internal dates decide.
    """
    focus.source(job)
    day_after = search_date(int(before + 2 * SECONDS_PER_DAY)).decode()
    candidates = await run.source.search(f"BEFORE {day_after}")
    older: set[int] = set()
    for some in candidates.split(UIDS_PER_QUESTION):
        async for batch in run.source.fetch(some, b"(UID INTERNALDATE)"):
            for record in batch:
                date = epoch_of(record.internaldate) if record.internaldate else None
                if record.uid is not None and date is not None and date < before:
                    older.add(record.uid)
    proven = older & set(job.proven)
    if run.journal is not None and job.state is not None:
        known = run.journal.find(job.state.id, older)
        proven.update(uid for uid, (copy, _) in known.items() if copy >= GONE)
    return proven


def _tell_dry(run: Run, job: FolderJob, flagged: int, doomed: int) -> None:
    if flagged:
        run.note(f"would flag {flagged} messages of {job.name} on host1")
    if doomed:
        run.note(f"would delete {doomed} messages of {job.name} on host1")

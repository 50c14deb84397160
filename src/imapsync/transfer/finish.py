"""Finish a folder pair.

Apply flags, run the filter, change the source, settle the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.transfer.flagging import change_flags
from imapsync.transfer.job import DONE
from imapsync.transfer.marks import mark_source
from imapsync.transfer.sieve import deliver

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


async def finish(run: Run, focus: Focus, job: FolderJob, reading: Reading) -> None:
    """Do all that follows the copying of one folder pair; nothing else may be in flight."""
    if job.finished:
        return
    if not run.dry:
        await change_flags(run, focus, job)
        if run.journal is not None and job.state is not None and job.flag_rows and not job.failed:
            run.journal.add(job.state.id, job.flag_rows)
            job.flag_rows.clear()
    elif job.flag_changes:
        run.note(f"would change flags of {sum(map(len, job.flag_changes.values()))} messages of {job.name}")
    _prove_copied(run, job)
    expunged = 0
    if run.settings.sieve_delivery and not run.dry:
        expunged = await deliver(run, focus, job)
    await mark_source(run, focus, job)
    settle(run, job, reading, expunged)
    job.finished = True
    run.sink(events.FolderFinished(job.name, job.pair.destination))


def settle(run: Run, job: FolderJob, reading: Reading, expunged: int = 0) -> None:
    """Write down what both folders look like now, so that the next run can see whether anything changed.

    The destination's numbers are foreseen: UIDNEXT and count as they were, plus what was copied. If the UIDs
    of the copies have gaps, somebody else put messages there too; then the old UIDNEXT stays, and the next
    run looks.
    """
    journal, state = run.journal, job.state
    if journal is None or state is None or run.dry:
        return
    selected, status = job.source_selected, job.source_status
    copied = [copy for row, copy in enumerate(job.copies) if job.states[row] == DONE]
    known = 0 not in copied
    contiguous = known and (not copied or max(copied) - job.floor + 1 == len(copied))
    complete = job.open_rows == 0 and not job.failed
    journal.update(
        state._replace(
            source_uidnext=(selected.uidnext if selected else None)
            or (status.uidnext if status else None)
            or 0,
            source_modseq=(
                (selected.highestmodseq if selected else None)
                or (status.highestmodseq if status else None)
                or 0
            ),
            source_messages=selected.exists if selected else (status.messages if status else None) or 0,
            destination_uidnext=job.floor + len(copied) if contiguous else job.floor,
            destination_messages=job.destination_count + len(copied) - expunged if contiguous else -1,
            removed=len(journal.gone(state.id)),
            settled=complete and known,
            rules=reading.rules,
        )
    )
    journal.commit()


def _prove_copied(run: Run, job: FolderJob) -> None:
    rules = run.settings
    if rules.deletion.empties_source or rules.flags.set_on_source:
        job.proven.extend(
            job.uids[row] for row, state in enumerate(job.states) if state == DONE and job.copies[row]
        )

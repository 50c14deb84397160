"""Hold what the destination confirmed against what lies there, before anything is believed of it.

One STATUS a folder, all at once, where messages were copied. Only where the numbers are not exactly those
that the confirmed copies make, the folder is searched; copies that are not there are looked for by identity,
and those not found are failures: a server may say OK and store nothing, or store an odd message and not be
able to read it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from imapsync.account.folders import status_items
from imapsync.account.seen import FolderReplaced, numbers_of
from imapsync.plan.stored import all_there, unaccounted
from imapsync.session.errors import CommandRefused
from imapsync.terms import Numbers, Reason
from imapsync.transfer import recording, telling
from imapsync.transfer.copylist import DONE
from imapsync.transfer.failures import message_lost
from imapsync.transfer.flagging import change_flags, missing_flags
from imapsync.transfer.resolve import find_copies

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


async def check_arrivals(run: Run, jobs: list[FolderJob], reading: Reading) -> None:
    """Find UIDs of copies that nobody told, where somebody needs them; report copies that are not there.

    For folders whose copying has come to its end; nothing else may be in flight.
    """
    server = run.destination.server
    items = status_items(server, sizes=run.journal is not None)
    asked = [
        (job, server.status(job.destination.mailbox, items)) for job in jobs if DONE in job.copying.states
    ]
    for job, answer in asked:
        try:
            now = numbers_of(await answer)
        except CommandRefused:
            now = None
        try:
            await _check(run, job, reading, now or Numbers())
        except CommandRefused as error:
            text = f"folder {job.pair.destination} cannot be looked into after the copying"
            telling.not_done(run, job, error, text, Reason.SELECT)


async def _check(run: Run, job: FolderJob, reading: Reading, now: Numbers) -> None:
    done = job.copying.rows(DONE)
    before = Numbers(uidnext=job.copying.floor, messages=_there(job))
    agrees = not job.pair.shared and all_there(before, now, len(done))
    if agrees:
        wanted = _needs_uids(run) or job.copying.flags_open
        rows = [row for row in done if not job.copying.copies[row] and (wanted or row in job.copying.odd)]
    else:
        if any(0 < job.copying.copies[row] < job.copying.floor for row in done):
            job.copying.floor = 1
            recording.restored(run, job)
        present: set[int] = set()
        with contextlib.suppress(FolderReplaced):  # else none of their UIDs is there any more
            folder = await run.destination.opened(job.destination)
            # A server may answer from what it told before (RFC 3501 §7.4.1), as Courier does after an APPEND.
            await folder.noop()
            present = set(await folder.uids(b"%d:*" % job.copying.floor))
        rows = [done[place] for place in unaccounted([job.copying.copies[row] for row in done], present)]
        for row in rows:
            job.copying.name(row, 0)
    found = await find_copies(run.source, run.destination, job, rows, reading, doubted=not agrees)
    if not agrees and len(found) < len(rows):
        # GNU imap4d shows of an open folder what was there before, whatever NOOP says.
        run.destination.anew()
        found = await find_copies(run.source, run.destination, job, rows, reading, doubted=True)
    for row in rows:
        if row in found:
            job.copying.name(row, found[row].copy)
        elif not agrees or row in job.copying.odd:
            if agrees:
                job.destination.unread.append(job.copying.sizes[row])
            message_lost(run, job, row)
        else:  # as many are there as should be, and this one is not shown: a later run must not copy it again
            job.destination.unread.append(job.copying.sizes[row])
    _record(run, job, [row for row in rows if row in found])
    if job.copying.flags_open:
        await _set_open_flags(run, job)
    elif agrees:
        job.copying.after = now


async def _set_open_flags(run: Run, job: FolderJob) -> None:
    """Give copies the flags that they could not come with."""
    done = False
    try:
        done = await change_flags(run, job, await missing_flags(run, job))
    finally:
        if not done:
            recording.keywords_left(run, job)
    job.copying.flags_open = False


def _there(job: FolderJob) -> int:
    """Give how many messages the destination folder had when it was compared."""
    return job.destination.opened.exists if job.destination.opened is not None else 0


def _needs_uids(run: Run) -> bool:
    rules = run.settings
    return (
        run.journal is not None
        or rules.deletion.empties_source
        or bool(rules.flags.set_on_source)
        or rules.sieve_delivery
    )


def _record(run: Run, job: FolderJob, rows: list[int]) -> None:
    """Write the pairs that were found into the journal."""
    if run.journal is None or job.record is None or not rows:
        return
    known = run.journal.find(job.record.id, [job.copying.uids[row] for row in rows])
    numbers = {uid: pair.flags for uid, pair in known.items()} | job.copying.flags
    copies = [job.copying.copies[row] for row in rows]
    flags = [numbers.get(job.copying.uids[row], 0) for row in rows]
    run.journal.add(job.record.id, job.copying.pairs(rows, copies, flags))
    if run.settings.sieve_delivery:
        run.journal.add_unfiltered(job.record.id, copies)
    run.journal.commit()

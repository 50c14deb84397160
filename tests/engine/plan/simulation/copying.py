"""Copy, and find out what became of what was sent, in the order of the real steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.job import DONE, FAILED, SENT, SKIPPED, WAITING, Row
from tests.engine.plan.simulation.servers import Cut, Stored
from tests.engine.plan.simulation.world import ordered

from imapsync.plan.changes import Absence, absence, without_our_marks
from imapsync.plan.stored import all_there, unaccounted
from imapsync.terms import Numbers, Pair

if TYPE_CHECKING:
    from tests.engine.plan.simulation.context import Context, Steps
    from tests.engine.plan.simulation.job import Job


def claim_arrivals(run: Context, jobs: list[Job]) -> Steps[None]:
    """Look once more for what arrived since the comparison."""
    for job in jobs:
        if not any(row.state == WAITING for row in job.rows):
            continue
        yield
        if run.destination.status(job.name).uidnext > job.floor:
            waiting = [row for row in job.rows if row.state == WAITING]
            found = yield from run.find_copies(job, waiting)
            for row, copy in found.items():
                _arrived(run, job, row, copy)


def copy(run: Context, jobs: list[Job]) -> Steps[None]:
    """Copy all rows; a lost connection is made anew and its last message looked for."""
    while True:
        try:
            for job in jobs:
                for row in job.rows:
                    if row.state == WAITING:
                        yield from _copy_row(run, job, row)
        except Cut:
            run.reopen()
            yield from run.persist(partial(resolve, run, jobs))
        else:
            return


def resolve(run: Context, jobs: list[Job]) -> Steps[None]:
    for job in jobs:
        rows = [row for row in job.rows if row.state == SENT]
        if rows:
            unnamed = [row for row in job.done if not row.copy]
            found = yield from run.find_copies(job, unnamed + rows)
            for row in rows:
                if row in found:
                    _arrived(run, job, row, found[row])
                else:
                    row.state = WAITING


def check_arrivals(run: Context, jobs: list[Job]) -> Steps[None]:
    """Hold what was confirmed against what lies there."""
    for job in jobs:
        done = job.done
        if not done:
            continue
        yield
        now = run.destination.status(job.name)
        before = Numbers(
            uidnext=job.floor, messages=job.destination.exists if job.destination is not None else 0
        )
        agrees = all_there(before, Numbers(uidnext=now.uidnext, messages=now.messages), len(done))
        if agrees:
            rows = [row for row in done if not row.copy]
        else:
            if any(0 < row.copy < job.floor for row in done):
                job.floor = 1
                give_up(run, job)
            yield from run.open_destination(job)
            replaced = run.is_replaced(job)
            present = set() if replaced else {uid for uid in run.destination.search() if uid >= job.floor}
            rows = [done[place] for place in unaccounted([row.copy for row in done], present)]
            for row in rows:
                row.copy = 0
        found = yield from run.find_copies(job, rows, doubted=not agrees)
        for row in rows:
            if row in found:
                row.copy = found[row]
                _record(run, job, row)
            elif not agrees:
                _failed(run, job, row)
                if run.journal is not None and job.record is not None:
                    run.journal.remove(job.name, [row.uid])
                    run.journal.commit()
            else:  # it is there, and nobody can say which it is
                job.hidden = True
        if agrees:
            job.after = now
        run.commit()


def _copy_row(run: Context, job: Job, row: Row) -> Steps[None]:
    yield from run.open_source(job)
    if job.source is not None and run.source.box.uidvalidity != job.source.uidvalidity:
        _failed(run, job, row)
        return
    yield
    got = run.source.fetch([row.uid])
    if row.uid not in got:
        _vanished(run, job, row)
        return
    original = got[row.uid]
    kept = without_our_marks(ordered(original.flags), row.uid, job.ours)
    row.flags = run.journal_flags.number(kept)
    flags = frozenset(run.reader.translator.translate(kept))
    mail = original.mail
    yield
    row.state = SENT
    validity, uid = run.append(job, Stored(mail, flags, original.date, run.world.run, ours=True))
    yield
    run.destination.status(job.name)  # where the answer is lost
    names = run.destination.server.uidplus and validity == (job.destination and job.destination.uidvalidity)
    row.state, row.copy = DONE, uid if names else 0
    run.copied += 1
    if row.copy:
        _record(run, job, row)
        run.commit()


def give_up(run: Context, job: Job) -> None:
    """Forget a folder whose server gives UIDs that it had given before: it was put back."""
    job.doomed = job.doomed[:0]
    if run.journal is not None and job.record is not None:
        run.note_restored(job.record)
        run.journal.give_up(job.name)
        run.journal.commit()
        job.record = None


def _vanished(run: Context, job: Job, row: Row) -> None:
    job.vanished += 1
    present, source = run.source.search(), job.source
    known = [other.uid for other in job.rows]
    gone = sum(uid not in present for uid in known)
    if source is not None and (
        absence(source.exists, source.uidnext, gone, present, known, now=len(present)) is Absence.RENUMBERED
    ):
        _failed(run, job, row)
        return
    if row.uid in present:
        _failed(run, job, row)
    else:
        row.state = SKIPPED


def _failed(run: Context, job: Job, row: Row) -> None:
    row.state = FAILED
    job.failed = True
    run.errors += 1


def _arrived(run: Context, job: Job, row: Row, copy: int) -> None:
    row.state, row.copy = DONE, copy
    stored = run.source.fetch([row.uid])
    if row.uid in stored:
        row.flags = run.journal_flags.number(ordered(stored[row.uid].flags))
    _record(run, job, row)
    run.commit()
    run.copied += 1


def _record(run: Context, job: Job, row: Row) -> None:
    if run.journal is not None and job.record is not None:
        run.journal.add(job.name, [Pair(row.uid, row.copy, row.flags, row.digest, row.size)])

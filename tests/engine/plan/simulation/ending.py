"""What follows the copying: flags, the record, judgement, originals, deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.plan.simulation.context import FolderReplaced
from tests.engine.plan.simulation.job import FAILED, SKIPPED
from tests.engine.plan.simulation.planning import unlike_copies
from tests.engine.plan.simulation.servers import DELETED

from imapsync.plan.brakes import MirrorPlan, brake_of
from imapsync.plan.changes import orphaned_twins, without_original
from imapsync.plan.decisions import of_others, still_extra, still_those, who_are
from imapsync.plan.leaving import Originals, proven, sights
from imapsync.plan.proof import Sight, judge, worth_looking
from imapsync.plan.settling import Done, confirmed, settled
from imapsync.terms import GONE, UNJUDGED, Copy, Held, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engine.plan.simulation.context import Context, Steps
    from tests.engine.plan.simulation.job import Job

    from imapsync.plan.index import MessageIndex

_LOOKED_FOR = (Copy.VANISHED, Copy.UNSEEN, Copy.DOUBTED, Copy.MISSED)


class Brake(Exception):  # noqa: N818 - the way out of a run
    """A brake ends the run."""


def finish(run: Context, job: Job) -> Steps[None]:
    touched, flagged = bool(job.flag_changes), True
    if job.flag_changes:
        try:
            yield from run.same_destination(job)
            for (add, remove), uids in job.flag_changes.items():
                yield
                for uid in uids:
                    run.flag_copy(job.name, uid, add, remove)
        except FolderReplaced:
            flagged = False
            job.failed = True
            run.errors += 1
    journal, record = run.journal, job.record
    if journal is not None and record is not None:
        if job.flag_rows and flagged:
            pairs = journal.change(job.name).pairs
            for uid, number in job.flag_rows.items():
                if uid in pairs:
                    pairs[uid] = pairs[uid]._replace(flags=number)
            job.flag_rows.clear()
        if flagged:
            journal.remove_loose(job.name, [pair.copy for pair in job.later])
            journal.add(job.name, job.later)
    _take_up_duplicates(run, job)
    if journal is not None and record is not None and job.hidden:
        journal.give_up(job.name)
        journal.commit()
        job.record = None
    elif journal is not None and record is not None:
        options = run.options
        later = bool(job.doomed) or options.deletion.empties_source or bool(options.setflag1)
        copies, removed = journal.count(job.name)
        done = Done(
            source=job.source_compared,
            destination=job.destination_numbers,
            copied=[row.copy for row in job.done],
            expunged=0,
            touched=touched,
            removed=removed,
            copies=copies,
            complete=job.is_complete and not later,
            rules=run.wishes.rules,
            now=run.world.started,
            seen=job.after,
        )
        job.record = settled(record, done)
        journal.update(job.name, job.record)
        journal.commit()
    job.finished = True


def _take_up_duplicates(run: Context, job: Job) -> None:
    """Write down which messages are duplicates; of one that was not copied the next run takes one."""
    journal = run.journal
    if journal is None or job.record is None:
        gone = {row.uid for row in job.rows if row.state == SKIPPED}
        if gone & set(job.twins.values()):
            job.failed = True
            run.errors += 1
        return
    journal.add(job.name, job.duplicates)
    left = journal.marked_as(job.name, [Copy.DUPLICATE])
    copied = [*journal.identified(job.name), *journal.marked_as(job.name, GONE)]
    missed = {row.uid for row in job.rows if row.state in (SKIPPED, FAILED)}
    orphaned = orphaned_twins(job.twins, missed)
    orphans = without_original(left, copied, journal.moved_from(job.name), orphaned)
    if orphans:
        job.failed = True
        run.errors += 1
        journal.remove(job.name, [pair.source_uid for pair in orphans])
    journal.remove(job.name, orphaned_twins(job.twins, {row.uid for row in job.done if not row.copy}))


def judge_vanished(run: Context, jobs: list[Job]) -> Steps[None]:
    journal = run.journal
    if journal is None:
        return
    empties = run.options.deletion.empties_source
    marks = _LOOKED_FOR if empties else tuple(UNJUDGED)
    gone: dict[str, list[Pair]] = {}
    for job in jobs:
        if job.record is not None and not job.unchanged:
            pairs = journal.marked_as(job.name, marks)
            if pairs:
                gone[job.name] = pairs
    restored, lost = (journal.restored, journal.lost) if empties else (0, 0)
    if not gone and not restored and not lost:
        return
    found: dict[str, set[int]] = {}
    if empties:
        found = yield from _found_elsewhere(run, jobs, worth_looking(gone, run.copies_before, run.world.bins))
    names = list(gone)
    judgement = judge(
        {at: {pair.source_uid: pair.copy for pair in gone[name]} for at, name in enumerate(names)},
        run.copies_before,
        {at: found.get(name, set()) for at, name in enumerate(names)},
        looked=empties,
        restored=restored,
        lost=lost,
        missing=(yield from _missing_now(run, jobs)) if gone else Held(),
        allowed=run.options.maxvanished2,
        bins={at for at, name in enumerate(names) if name in run.world.bins},
    )
    for at, name in enumerate(names):
        journal.mark(name, judgement.marks[at].items())
        copies, removed = journal.count(name)
        journal.update(name, journal.read(name).record._replace(copies=copies, removed=removed))
    for job in jobs:
        if job.name in gone:
            job.record = journal.read(job.name).record
    if (restored or lost) and not judgement.doubted:
        journal.restored = journal.lost = 0
    journal.commit()
    if judgement.doubted and empties:
        raise Brake


def _missing_now(run: Context, jobs: list[Job]) -> Steps[Held]:
    missing = {job.name: job.gone_both for job in jobs}
    for job in jobs:
        if job.record is not None and job.record.destination.messages > 0:
            yield
            run.world.law.counted |= run.world.there.contents()
            now = run.destination.status(job.name).messages
            missing[job.name] += max(0, job.record.destination.messages - now)
    return run.held(missing)


def _found_elsewhere(
    run: Context, jobs: list[Job], gone: Mapping[str, Sequence[Pair]]
) -> Steps[dict[str, set[int]]]:
    wanted = []
    for job in jobs:
        if gone.get(job.name):
            yield from run.same_source(job)
            rows = run.source.fetch(pair.source_uid for pair in gone[job.name])
            wanted += [(job.name, uid, stored.mail) for uid, stored in rows.items()]
    found: dict[str, set[int]] = {}
    claimed: dict[str, set[int]] = {}
    for job in jobs:
        if run.journal is not None and job.record is not None:
            pairs = run.journal.read(job.name).pairs.values()
            claimed[job.name] = {pair.copy for pair in pairs if pair.copy > 0}
            claimed[job.name] |= run.journal.moved(job.name)
    for name in list(run.world.there.boxes) if wanted else ():
        yield
        run.destination.select(name)
        others = claimed.get(name, set())
        yield
        there = run.destination.fetch(uid for uid in run.destination.search() if uid not in others)
        contents = {(stored.mail.digest, stored.mail.content) for stored in there.values()}
        for source, uid, mail in wanted:
            if (mail.digest, mail.content) in contents:
                run.world.law.found_elsewhere.add(mail.content)
                found.setdefault(source, set()).add(uid)
    return found


def change_source(run: Context, job: Job) -> Steps[None]:
    if job.unchanged and not run.options.older:
        return
    try:
        yield from _change_source(run, job)
    except FolderReplaced:
        job.failed = True
        run.errors += 1


def _change_source(run: Context, job: Job) -> Steps[None]:
    options = run.options
    fresh, known = _candidates(run, job)
    if not fresh and not known:
        return
    yield from run.same_source(job)
    who = yield from _still_who_they_were(run, job)
    fresh = {uid: copy for uid, copy in fresh.items() if uid in who}
    older: set[int] = set()
    if options.older:
        yield
        older = run.older_than()
        if not older and not options.delete1 and not options.setflag1:
            return
        if not options.setflag1 and not options.delete1:
            fresh = {uid: copy for uid, copy in fresh.items() if uid in older}
            known = {uid: copy for uid, copy in known.items() if uid in older}
    yield
    index = run.reader.empty()
    rows = run.source.fetch(known)
    run.reader.source(rows, index, selects=False)
    selected = {uid for uid, stored in rows.items() if run.reader.finds(stored) and run.reader.wants(stored)}
    known = {uid: known[uid] for uid in index.uids}
    who |= dict(zip(index.uids, index.digests, strict=True))
    go = yield from _proven(run, job, fresh=fresh, known=known, here=who)
    alike = {uid for uid, twin in job.twins.items() if twin in go and uid in who}
    alike |= _known_twins(run, job, known, index, go)
    fresh.update(dict.fromkeys(alike, int(Copy.DUPLICATE)))
    go |= alike
    doomed = {uid for uid in go if options.delete1 and (uid in fresh or uid in selected)} | (go & older)
    flagged = {uid for uid in go if uid in fresh or uid in selected} if options.setflag1 else set()
    yield from _carry_out(run, job, doomed, flagged, who)


def _still_who_they_were(run: Context, job: Job) -> Steps[dict[int, int]]:
    """Give who they are, of the messages of this run that have the UIDs that were compared."""
    before = job.found_as | {row.uid: row.digest for row in job.done}
    before |= {uid: before[twin] for uid, twin in job.twins.items() if twin in before}
    yield
    rows = run.source.fetch(before)
    same = {
        uid: stored.mail.digest
        for uid, stored in rows.items()
        if not before[uid] or before[uid] == stored.mail.digest
    }
    if any(uid in rows and uid not in same for uid in before):
        job.failed = True
        run.errors += 1
        _leave_unrecorded(run, job)
    return same


def _leave_unrecorded(run: Context, job: Job) -> None:
    if run.journal is not None and job.record is not None:
        run.journal.restart(job.name)
        table = run.journal.change(job.name)
        source = Numbers(table.record.source.uidvalidity)
        table.record = table.record._replace(source=source, settled=False)
        run.journal.commit()
    job.record = None


def _known_twins(
    run: Context, job: Job, known: dict[int, int], index: MessageIndex, go: set[int]
) -> set[int]:
    if run.journal is None or job.record is None:
        return set()
    pairs = run.journal.read(job.name).pairs
    proven = {(pair.digest, pair.size) for uid in go if (pair := pairs.get(uid)) is not None and pair.digest}
    return {
        uid
        for uid, digest, size in zip(index.uids, index.digests, index.sizes, strict=True)
        if known.get(uid) == Copy.DUPLICATE and (digest, size) in proven
    }


def _candidates(run: Context, job: Job) -> tuple[dict[int, int], dict[int, int]]:
    fresh = dict(job.found)
    fresh.update((row.uid, row.copy) for row in job.done if row.copy)
    known: dict[int, int] = {}
    if run.journal is not None and job.record is not None:
        pairs = run.journal.read(job.name).pairs
        known = {uid: pair.copy for uid, pair in pairs.items() if uid not in fresh}
    return fresh, known


def _proven(
    run: Context, job: Job, *, fresh: dict[int, int], known: dict[int, int], here: dict[int, int]
) -> Steps[set[int]]:
    originals = Originals(fresh, known)
    copies = originals.copies
    seen: dict[int, Sight] = {}
    if any(copy > 0 for copy in copies.values()):
        yield from run.same_destination(job)
        yield
        present = run.destination.search()
        run.world.law.looked_at = run.world.there.contents()
        yield
        rows = run.destination.fetch(copy for copy in copies.values() if copy > 0)
        there = {uid: stored.mail.digest for uid, stored in rows.items()}
        seen = sights(originals, present, here, there)
        alive = {uid: copies[uid] for uid, sight in seen.items() if sight is Sight.ALIVE}
        for uid in (yield from unlike_copies(run, job, alive)):
            seen[uid] = Sight.OTHER
    if Sight.OTHER in seen.values():
        job.failed = True
        run.errors += 1
        if run.journal is not None and job.record is not None:
            run.journal.give_up(job.name)
            run.journal.commit()
            job.record = None
    return proven(originals, seen)


def _carry_out(
    run: Context, job: Job, doomed: set[int], flagged: set[int], who: dict[int, int]
) -> Steps[None]:
    if not doomed and not flagged:
        return
    expunges = not run.options.noexpunge1
    mark = run.options.setflag1.encode()
    yield from run.same_source(job)
    yield
    for uid in flagged - doomed if expunges else flagged:
        run.source.store(uid, [mark])
    if not doomed:
        return
    journal = run.journal
    given_up = None
    if journal is not None:
        given_up = journal.records().get(job.name) if job.record is None else None
        if given_up is not None and given_up.source.uidvalidity != run.source.box.uidvalidity:
            given_up = None
        if job.record is not None or given_up is not None:
            journal.change(job.name).marked |= doomed
        if job.record is None and expunges:
            journal.uprooted |= {(who[uid], 0) for uid in doomed if uid in who}
        journal.commit()
    yield
    for uid in doomed:
        run.mark_original(job, uid)
    gone = False
    if expunges:
        yield
        gone = run.expunge_source(doomed, job)
    if gone and journal is not None and given_up is not None:
        journal.change(job.name).marked -= doomed
        journal.commit()
    if gone and journal is not None and job.record is not None:
        _forget_originals(run, job, doomed)
    elif not gone and expunges:
        for uid in flagged & doomed:
            run.source.store(uid, [mark])


def _forget_originals(run: Context, job: Job, uids: set[int]) -> None:
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return
    table = journal.change(job.name)
    known = [table.pairs[uid] for uid in uids if uid in table.pairs]
    pairs = [pair for pair in known if pair.copy > 0]
    journal.add_loose(job.name, [(pair.copy, pair.digest, pair.size) for pair in pairs], moved=True)
    journal.uprooted |= {
        (pair.digest, pair.size) for pair in known if pair.copy == Copy.REMOVED and pair.digest
    }
    journal.remove(job.name, uids)
    table.marked -= uids
    if record.source.messages >= 0:
        source = record.source._replace(messages=max(0, record.source.messages - len(uids)), size=-1)
        copies, removed = journal.count(job.name)
        job.record = record._replace(source=source, copies=copies, removed=removed)
        journal.update(job.name, job.record)
    journal.commit()


def delete_on_destination(run: Context, jobs: list[Job]) -> Steps[None]:
    doomed = sum(len(job.doomed) for job in jobs)
    if not doomed:
        return
    source_messages = sum(
        (job.source.exists if job.source else 0) or job.source_status.messages for job in jobs
    )
    emptied = sum(len(job.doomed) for job in jobs if job.known and job.name in run.world.bins)
    present = run.there_before.messages + run.copied
    plan = MirrorPlan(doomed, present, source_messages, run.options.maxdelete2, emptied)
    if brake_of(plan) is not None:
        raise Brake
    for job in jobs:
        if job.doomed:
            yield from _delete_messages(run, job)
            job.doomed = job.doomed[:0]


def _delete_messages(run: Context, job: Job) -> Steps[None]:
    try:
        yield from run.same_destination(job)
    except FolderReplaced:
        job.failed = True
        run.errors += 1
        return
    yield
    present = run.destination.search()
    others = _of_others(run, job)
    doomed = still_extra((uid for uid in job.doomed if uid not in others), job.beside, present)
    now = run.reader.empty()
    run.reader.destination(run.destination.fetch(doomed), now)
    ours = {row.copy for row in job.done if row.copy}
    doomed = still_those(doomed, job.doomed_as, who_are(now, doomed), ours)
    run.world.law.looked_at_there = {
        stored.mail.content for stored in run.destination.fetch(present.difference(job.doomed)).values()
    }
    job.failed = job.failed or len(doomed) < len(job.doomed)
    job.doomed = doomed
    yield
    for uid in job.doomed:
        run.destination.store(uid, [DELETED])
    yield
    if (
        run.expunge_destination(set(job.doomed), job.name)
        and run.journal is not None
        and job.record is not None
    ):
        run.journal.remove_loose(job.name, job.doomed)
        there = job.record.destination
        if there.messages >= 0:
            there = there._replace(messages=there.messages - len(job.doomed), modseq=0, size=-1)
            job.record = job.record._replace(destination=there)
            run.journal.update(job.name, job.record)
        run.journal.commit()


def _of_others(run: Context, job: Job) -> set[int]:
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return set()
    pairs = [
        pair
        for name, other in journal.records().items()
        if name != job.name and other.destination.uidvalidity == record.destination.uidvalidity
        for pair in journal.identified(name)
    ]
    who = {uid: row[:2] for uid, row in journal.read(job.name).loose.items()}
    last = {digest for digest, _ in journal.moved_identities()}
    return of_others(job.doomed, who, pairs) | {uid for uid in job.doomed if who.get(uid, (0, 0))[0] in last}


def settle(run: Context, jobs: list[Job]) -> None:
    journal = run.journal
    if journal is None:
        return
    for job in jobs:
        unnamed = any(not row.copy for row in job.done)
        if job.record is not None and not job.unchanged and job.is_complete and not unnamed:
            journal.settle(job.name)
    journal.commit()


def confirm_numbers(run: Context, jobs: list[Job]) -> Steps[None]:
    journal = run.journal
    if journal is None or not run.destination.server.condstore:
        return
    for job in jobs:
        if job.record is None or job.unchanged or job.record.destination.modseq:
            continue
        yield
        seen = confirmed(job.record, run.destination.status(job.name)).destination
        table = journal.change(job.name)
        there = table.record.destination._replace(modseq=seen.modseq, size=seen.size)
        table.record = table.record._replace(destination=there)
    journal.commit()

"""Change the source at the end of a run: --delete1, --delete1older, --setflag1.

Everything is copied by then. Each copy is looked at once more before its original is marked or goes; what
counts as proof is decided in `plan.proof`, what follows in `plan.leaving`. With a journal, our own marks are
noted before they are made, so that a run that is killed in between is completed by the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.changes import Absence, absence
from imapsync.plan.identity import UNIDENTIFIED
from imapsync.plan.leaving import (
    Leaving,
    Originals,
    Wanted,
    known_twins,
    leaving,
    proven,
    sights,
    to_be_read,
)
from imapsync.plan.proof import Sight
from imapsync.plan.selection import SECONDS_PER_DAY
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Copy, Reason, Side
from imapsync.transfer import recording, telling
from imapsync.transfer.changed import changed_names
from imapsync.transfer.contents import held_against, unlike_copies
from imapsync.transfer.copylist import DELIVERED, DONE
from imapsync.transfer.expunging import expunge
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.steady import leave_unrecorded, still_there
from imapsync.wire.dates import epoch_of, search_date
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imapsync.account import OpenFolder
    from imapsync.plan.index import MessageIndex
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

_DELETED = b"\\Deleted"


async def change_source(run: Run, job: FolderJob, reading: Reading) -> None:
    """Mark and delete the originals of one folder pair whose copies are proven."""
    rules = run.settings.deletion
    if job.unchanged and rules.source_older_days is None:
        return
    if job.unsteady:
        if count := len(job.plan.found[0]) + len(job.copying.done):
            _tell_renumbered(run, job, count)
        return
    try:
        await _change(run, job, reading)
    except CommandRefused as error:
        telling.not_done(run, job, error, f"messages of {job.name} cannot be changed", Reason.FLAGS)


async def _change(run: Run, job: FolderJob, reading: Reading) -> None:
    settings = run.settings
    days = settings.deletion.source_older_days
    originals = _originals(run, job)
    if not originals.copies:
        return
    folder = await run.source.opened(job.source)
    others, who = await _other_messages(run, folder, job, reading, originals.fresh)
    fresh = {uid: copy for uid, copy in originals.fresh.items() if uid not in others}
    originals = Originals(fresh, originals.known)
    older = await older_than(folder, days, run.started_at) if days is not None else None
    wanted = Wanted(settings.deletion.source, bool(settings.flags.set_on_source), older)
    if wanted.only_older:
        originals = originals.only(older or ())
    selected, index = await _selected(job.name, folder, reading, originals.known)
    originals = Originals(originals.fresh, {uid: originals.known[uid] for uid in index.uids})
    who |= index.digests_by_uid()
    go = await _proven(run, job, reading, originals, who)
    alike = {uid for uid, twin in job.plan.twins.items() if twin in go and uid not in others}
    if run.journal is not None and job.record is not None:
        rows = zip(index.uids, index.digests, index.sizes, strict=True)
        alike |= known_twins(originals.known, rows, run.journal.find(job.record.id, go).values())
    await _carry_out(run, job, leaving(wanted, originals, go, alike, selected), who)


async def _other_messages(
    run: Run, folder: OpenFolder, job: FolderJob, reading: Reading, fresh: Mapping[int, int]
) -> tuple[set[int], dict[int, int]]:
    """Give the source UIDs that are no longer those of the messages that were compared in this run.

    The folder was opened once more since then, and a server may have given its messages other UIDs. Gives
    also who the others are: UID -> digest.
    """
    who = dict(zip(job.plan.found[0], zip(*job.plan.found_as, strict=True), strict=True))
    rows = job.copying
    for row in (*rows.rows(DONE), *rows.rows(DELIVERED)):
        who[rows.uids[row]] = rows.digests[row] if rows.digests else 0, rows.sizes[row]
    who.update({uid: who[twin] for uid, twin in job.plan.twins.items() if twin in who})
    same = await still_there(folder, reading, who) if who else {}
    others = [uid for uid in fresh if uid in who and uid not in same]
    before = job.source.opened
    if others and before is not None:
        present = set(await folder.uids())
        gone = [uid for uid in who if uid not in present]
        why = absence(before.exists, before.uidnext, len(gone), present, who, now=folder.exists)
        if why is Absence.RENUMBERED or not present.isdisjoint(others):
            _tell_renumbered(run, job, len(others))
    poor = [uid for uid, digest in same.items() if digest == UNIDENTIFIED]
    index = await reading.identified(folder, poor, reading.source_plain())
    return who.keys() - same.keys(), same | index.digests_by_uid()


def _tell_renumbered(run: Run, job: FolderJob, count: int) -> None:
    job.trouble = True
    leave_unrecorded(run, job)
    text = f"{count} messages of {job.name} have other UIDs than a moment ago; none of them is deleted"
    run.sink(events.Problem(Reason.FOLDER_REPLACED, text, Side.SOURCE, job.name))
    run.count_error()


def _originals(run: Run, job: FolderJob) -> Originals:
    fresh = dict(zip(*job.plan.found, strict=True))
    fresh.update(job.copying.arrived())
    fresh.update(dict.fromkeys(job.copying.filed, int(Copy.REMOVED)))
    known: dict[int, int] = {}
    if run.journal is not None and job.record is not None:
        pairs = run.journal.pairs(job.record.id)
        known = {
            uid: copy
            for uid, copy in zip(pairs.source_uids, pairs.destination_uids, strict=True)
            if uid not in fresh
        }
    return Originals(fresh, known)


async def _selected(
    name: str, folder: OpenFolder, reading: Reading, known: Mapping[int, int]
) -> tuple[set[int], MessageIndex]:
    """Read who the messages are that only the journal vouches for; tell which of them are selected now."""
    index = await reading.identified(folder, known, reading.source_plain())
    if not known:
        return set(), index
    selected = set(index.uids)
    if reading.searches:
        selected &= set(await folder.search(reading.source_search(name)))
    if reading.selector.active:
        chosen = reading.new_index()
        reader = reading.source(identity=False, flags=False)
        for some in UidSet.of(selected).split(UIDS_PER_QUESTION):
            await reader.read(reader.ask(folder, some), reading.table, into=chosen)
        selected &= set(chosen.uids) - chosen.excluded
        reading.selector.oversized = reading.selector.oversized_bytes = 0
    return selected, index


async def _proven(
    run: Run, job: FolderJob, reading: Reading, originals: Originals, who: Mapping[int, int]
) -> set[int]:
    """Look at the copies, and give the source UIDs that they prove; who: UID -> digest of originals."""
    there = {copy for copy in originals.copies.values() if copy > 0}
    seen: dict[int, Sight] = {}
    if there:
        folder = await run.destination.opened(job.destination)
        present = await present_of(folder, there)
        looked = originals.fresh if run.settings.content.alters_headers else originals.copies
        copies = await reading.identified(folder, present.intersection(looked.values()), reading.plain())
        called = copies.digests_by_uid()
        seen = sights(originals, present, {uid: who[uid] for uid in looked if uid in who}, called)
        seen |= await _read_more(run, job, to_be_read(originals, seen), called)
        alive = [uid for uid, sight in seen.items() if sight is Sight.ALIVE]
        unlike = await unlike_copies(run, job, alive)
        seen.update(dict.fromkeys(unlike.others, Sight.OTHER))
        seen.update(dict.fromkeys(unlike.unread, Sight.UNKNOWN))
    others = [uid for uid, sight in seen.items() if sight is Sight.OTHER]
    if others:
        telling.others_there(run, job, len(others))
        recording.give_up(run, job)
    return proven(originals, seen) - _exchanged(run, job, originals, who)


async def _read_more(
    run: Run, job: FolderJob, strangers: dict[int, int], called: Mapping[int, int]
) -> dict[int, Sight]:
    """Look at copies that are called otherwise than their originals (source UID -> destination UID).

    They may be called, or say, what the options make of these. called: destination UID -> digest.
    """
    seen: dict[int, Sight] = {}
    if strangers and run.settings.content.alters_headers:
        names = await changed_names(run, await run.source.opened(job.source), strangers)
        alike = (uid for uid, name in names.items() if name and name == called.get(strangers[uid]))
        seen = dict.fromkeys(alike, Sight.ALIVE)
    unlike = {uid: copy for uid, copy in strangers.items() if uid not in seen}
    if unlike:
        read = await held_against(run, job, unlike)
        seen.update(dict.fromkeys(unlike.keys() - read.others, Sight.ALIVE))
        seen.update(dict.fromkeys(read.unread, Sight.UNKNOWN))
    return seen


def _exchanged(run: Run, job: FolderJob, originals: Originals, who: Mapping[int, int]) -> set[int]:
    """Give originals without a copy to look at that are not who they were: their UIDs were given twice."""
    journal, record = run.journal, job.record
    if journal is None or record is None:
        return set()
    removed = [uid for uid, copy in originals.known.items() if copy == Copy.REMOVED]
    return {
        uid
        for uid, pair in journal.find(record.id, removed).items()
        if pair.digest and who.get(uid) and who[uid] != pair.digest
    }


async def present_of(folder: OpenFolder, uids: Collection[int]) -> set[int]:
    """Give those of the UIDs that a folder has now.

    A server answers from what it told the session before (RFC 3501 §7.4.1): NOOP, awaited, makes it look
    again.
    """
    wanted = set(uids)
    await folder.noop()
    if len(wanted) * 2 > folder.exists:
        return wanted & set(await folder.uids())
    found: set[int] = set()
    for some in UidSet.of(wanted).split(UIDS_PER_QUESTION):
        found |= set(await folder.uids(some))
    return wanted & found


async def older_than(folder: OpenFolder, days: float, now: float) -> set[int]:
    """Give UIDs of a source folder that arrived more than so many days ago.

    SEARCH knows whole days in the server's zone only; the exact internal dates decide.
    """
    before = now - days * SECONDS_PER_DAY
    day_after = search_date(int(before + 2 * SECONDS_PER_DAY)).decode()
    candidates = await folder.search(f"BEFORE {day_after}")
    older: set[int] = set()
    for some in candidates.split(UIDS_PER_QUESTION):
        async for batch in folder.fetch(some, b"(UID INTERNALDATE)"):
            for record in batch:
                date = epoch_of(record.internaldate) if record.internaldate else None
                if record.uid is not None and date is not None and date < before:
                    older.add(record.uid)
    return older


async def _carry_out(run: Run, job: FolderJob, plan: Leaving, who: Mapping[int, int]) -> None:
    """Flag and delete originals; who: UID -> digest, for a folder of which nothing is recorded any more."""
    settings = run.settings
    doomed, flagged = plan
    if not doomed and not flagged:
        return
    if run.dry:
        _tell_dry(run, job, len(flagged), len(doomed))
        return
    expunges = settings.deletion.source_expunge is not False
    flags = [flag.encode() for flag in settings.flags.set_on_source]
    folder = await run.source.change(job.source)
    # What is about to be expunged gets no flag of its own: between the two a search might pass it by.
    alone = flagged - doomed if expunges else flagged
    for some in UidSet.of(alone).split(UIDS_PER_QUESTION):
        await folder.store(some, b"+FLAGS", flags)
    if doomed:
        run.sink(events.PhaseChanged(Phase.DELETING))
        recording.originals_go(run, job, doomed, who if expunges else {})
        for some in UidSet.of(doomed).split(UIDS_PER_QUESTION):
            await folder.store(some, b"+FLAGS", [_DELETED])
        gone = expunges and await expunge(run, run.source, folder, job.name, doomed)
        if gone:
            recording.originals_gone(run, job, doomed)
        elif flagged & doomed and expunges:
            for some in UidSet.of(flagged & doomed).split(UIDS_PER_QUESTION):
                await folder.store(some, b"+FLAGS", flags)
        run.sink(events.MessagesDeleted(Side.SOURCE, job.name, len(doomed), expunged=gone))
    if flagged:
        run.sink(events.FlagsChanged(Side.SOURCE, job.name, len(flagged)))


def _tell_dry(run: Run, job: FolderJob, flagged: int, doomed: int) -> None:
    if flagged:
        run.note(f"would flag {flagged} messages of {job.name} on host1")
    if doomed:
        run.note(f"would delete {doomed} messages of {job.name} on host1")

"""Change the source at the end of a run: --delete1, --delete1older, --setflag1.

Everything is copied by then. Each copy is looked at once more before its original is marked or goes; what
counts as proof is decided in `plan.proof`. With a journal, our own marks are noted before they are made, so
that a run that is killed in between is completed by the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.proof import Sight, may_go
from imapsync.plan.selection import SECONDS_PER_DAY
from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session.errors import CommandRefused
from imapsync.terms import Copy, Reason, Side
from imapsync.transfer import recording
from imapsync.transfer.expunging import expunge
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.dates import epoch_of, search_date
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Collection

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
    try:
        await _change(run, job, reading)
    except CommandRefused as error:
        job.failed = True
        run.problem(error, f"messages of {job.name} cannot be changed", folder=job.name, reason=Reason.FLAGS)


async def _change(run: Run, job: FolderJob, reading: Reading) -> None:
    settings = run.settings
    rules = settings.deletion
    fresh, known = _candidates(run, job)
    if not fresh and not known:
        return
    folder = await run.source.opened(job.source)
    older: set[int] | None = None
    if rules.source_older_days is not None:
        older = await _older(folder, run.started_at - rules.source_older_days * SECONDS_PER_DAY)
        if not older and not rules.source and not settings.flags.set_on_source:
            return
    if older is not None and not settings.flags.set_on_source and not rules.source:
        fresh = {uid: copy for uid, copy in fresh.items() if uid in older}
        known = {uid: copy for uid, copy in known.items() if uid in older}
    selected, index = await _selected(folder, reading, known)
    known = {uid: known[uid] for uid in index.uids}
    go = await _proven(run, job, reading, fresh=fresh, known=known, index=index)
    # A duplicate goes with the message that it is a duplicate of: one copy proves both.
    alike = {uid for uid, twin in job.plan.twins.items() if twin in go} | _known_twins(
        run, job, known, index, go
    )
    fresh.update(dict.fromkeys(alike, int(Copy.DUPLICATE)))
    go |= alike
    doomed = {uid for uid in go if rules.source and (uid in fresh or uid in selected)}
    if older is not None:
        doomed |= go & older
    flagged = (
        {uid for uid in go if uid in fresh or uid in selected} if settings.flags.set_on_source else set()
    )
    await _carry_out(run, job, doomed, flagged)


def _known_twins(
    run: Run, job: FolderJob, known: dict[int, int], index: MessageIndex, go: set[int]
) -> set[int]:
    """Give messages that an earlier run left out as duplicates of one that goes now."""
    if run.journal is None or job.record is None:
        return set()
    proven = {
        (pair.digest, pair.size) for pair in run.journal.find(job.record.id, go).values() if pair.copy > 0
    }
    return {
        uid
        for uid, digest, size in zip(index.uids, index.digests, index.sizes, strict=True)
        if known.get(uid) == Copy.DUPLICATE and (digest, size) in proven
    }


def _candidates(run: Run, job: FolderJob) -> tuple[dict[int, int], dict[int, int]]:
    """Give source UID -> copy: those that this run copied or found, and those that only the journal knows."""
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
    return fresh, known


async def _selected(
    folder: OpenFolder, reading: Reading, known: dict[int, int]
) -> tuple[set[int], MessageIndex]:
    """Read who the messages are that only the journal vouches for; tell which of them are selected now."""
    index = reading.new_index()
    if not known:
        return set(), index
    reader = reading.source_plain()
    for some in UidSet.of(known).split(UIDS_PER_QUESTION):
        await reader.read(reader.ask(folder, some), reading.table, into=index)
    await reader.complete(folder, index)
    selected = set(index.uids)
    if reading.source_search:
        selected &= set(await folder.search(reading.source_search))
    if reading.selector.active:
        chosen = reading.new_index()
        reader = reading.source(identity=False, flags=False)
        for some in UidSet.of(selected).split(UIDS_PER_QUESTION):
            await reader.read(reader.ask(folder, some), reading.table, into=chosen)
        selected &= set(chosen.uids) - chosen.excluded
        reading.selector.oversized = reading.selector.oversized_bytes = 0
    return selected, index


async def _proven(
    run: Run,
    job: FolderJob,
    reading: Reading,
    *,
    fresh: dict[int, int],
    known: dict[int, int],
    index: MessageIndex,
) -> set[int]:
    """Give the source UIDs whose copies were seen a moment ago, or that may go without (`may_go`)."""
    copies = {**fresh, **known}
    there = {copy for copy in copies.values() if copy > 0}
    sights: dict[int, Sight] = {}
    if there:
        folder = await run.destination.opened(job.destination)
        present = await _present(folder, there)
        who = await _who(folder, reading, {copy for copy in known.values() if copy > 0} & present)
        here = dict(zip(index.uids, index.digests, strict=True))
        altered = run.settings.content.alters_headers
        for uid, copy in copies.items():
            if copy not in present:
                sights[uid] = Sight.ABSENT
            elif uid in known and not altered and who.get(copy) != here.get(uid):
                sights[uid] = Sight.OTHER
            else:
                sights[uid] = Sight.ALIVE
    others = [uid for uid, sight in sights.items() if sight is Sight.OTHER]
    if others:
        _tell_others(run, job, others)
    return {
        uid
        for uid, copy in copies.items()
        if may_go(copy, sights.get(uid, Sight.UNKNOWN), found_elsewhere=False)
    }


def _tell_others(run: Run, job: FolderJob, uids: list[int]) -> None:
    """Report that copies are not what the journal says: the next run compares the folder from scratch."""
    job.failed = True
    text = f"{len(uids)} messages of {job.pair.destination} are other ones than the state file says"
    run.sink(
        events.Problem(
            Reason.FOLDER_REPLACED,
            f"{text} (restored from a backup?); their originals stay, the next run compares the folder anew",
            Side.DESTINATION,
            job.name,
        )
    )
    run.count_error()
    recording.give_up(run, job)


async def _present(folder: OpenFolder, uids: Collection[int]) -> set[int]:
    """Give those of the UIDs that a folder has now."""
    wanted = set(uids)
    if len(wanted) * 2 > folder.exists:
        return wanted & set(await folder.search("ALL"))
    found: set[int] = set()
    for some in UidSet.of(wanted).split(UIDS_PER_QUESTION):
        found |= set(await folder.search(f"UID {some.encode().decode('ascii')}"))
    return wanted & found


async def _who(folder: OpenFolder, reading: Reading, uids: set[int]) -> dict[int, int]:
    """Give destination UID -> digest."""
    if not uids:
        return {}
    index = reading.new_index()
    reader = reading.plain()
    for some in UidSet.of(uids).split(UIDS_PER_QUESTION):
        await reader.read(reader.ask(folder, some), reading.table, into=index)
    await reader.complete(folder, index)
    return dict(zip(index.uids, index.digests, strict=True))


async def _older(folder: OpenFolder, before: float) -> set[int]:
    """Give source UIDs that arrived before a moment.

    SEARCH knows whole days in the server's zone only; the exact internal dates decide.
    """
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


async def _carry_out(run: Run, job: FolderJob, doomed: set[int], flagged: set[int]) -> None:
    settings = run.settings
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
        if run.journal is not None and job.record is not None:
            run.journal.add_marked(job.record.id, doomed)
            run.journal.commit()
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

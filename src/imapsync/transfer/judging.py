"""Judge the copies that vanished from the destination, over the whole account, before any original goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.proof import judge, worth_looking
from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.terms import NONE_HELD, UNJUDGED, Copy, Held, Reason, Side
from imapsync.transfer.contents import read_contents
from imapsync.transfer.context import StopRun
from imapsync.transfer.outcome import Stop

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from imapsync.account import OpenFolder
    from imapsync.terms import Pair
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

    #: Job position -> pairs whose copy is gone.
    Gone = Mapping[int, Sequence[Pair]]
    #: Digest -> originals that are looked for, with the position of their job.
    Wanted = dict[int, list[tuple[int, Pair]]]

#: Marks whose copies are looked for in other folders before the run deletes originals.
_LOOKED_FOR = (Copy.VANISHED, Copy.UNSEEN, Copy.DOUBTED, Copy.MISSED)


async def judge_vanished(run: Run, jobs: list[FolderJob], reading: Reading) -> None:
    """Mark what vanished as removed by its owner, as kept, or as an accident; StopRun in the last case.

    The brake holds in every run until the copies are back or --maxvanished2 says that they may be gone.
    """
    journal = run.journal
    if journal is None or run.dry:
        return
    empties = run.settings.deletion.empties_source
    marks = _LOOKED_FOR if empties else tuple(UNJUDGED)
    gone: dict[int, Sequence[Pair]] = {}
    for job in jobs:
        if job.record is not None and not job.unchanged:
            pairs = journal.marked_as(job.record.id, marks)
            if pairs:
                gone[job.position] = pairs
    restored, lost = (journal.restored(), journal.lost()) if empties else (0, 0)
    if not gone and not restored and not lost:
        return
    names = run.destination.listing.bins
    bins = {job.position for job in jobs if job.pair.destination in names}
    looked_for = worth_looking(gone, run.copies_before, bins)
    found = await _found_elsewhere(run, jobs, reading, looked_for) if empties else {}
    judgement = judge(
        {at: {pair.source_uid: pair.copy for pair in pairs} for at, pairs in gone.items()},
        run.copies_before,
        found,
        looked=empties,
        restored=restored,
        lost=lost,
        missing=await _missing_now(run, jobs, bins) if gone else NONE_HELD,
        allowed=run.settings.deletion.max_vanished,
        bins=bins,
    )
    for job in jobs:
        if job.record is not None and job.position in judgement.marks:
            journal.mark(job.record.id, judgement.marks[job.position].items())
            copies, removed = journal.count(job.record.id)
            job.record = job.record._replace(copies=copies, removed=removed)
            journal.update(job.record)
    if (restored or lost) and not judgement.doubted:
        journal.note_restored(0)
        journal.note_lost(0)
    journal.commit()
    _tell_kept(run, judgement.marks)
    if judgement.doubted and empties:
        alive = sum(journal.count(job.record.id)[0] for job in jobs if job.record is not None)
        in_doubt = sum(mark is Copy.DOUBTED for marks in judgement.marks.values() for mark in marks.values())
        _stop(run, judgement.doubted, max(alive + in_doubt, judgement.doubted))


async def _missing_now(run: Run, jobs: list[FolderJob], bins: Container[int]) -> Held:
    """Count what destination folders have lost besides.

    That is since they were compared, unchanged ones too, and together with its originals before.
    """
    asked = [
        (
            job.position,
            job.record.destination.messages,
            run.destination.server.status(job.destination.mailbox, ("MESSAGES",)),
        )
        for job in jobs
        if job.record is not None and job.record.destination.messages > 0
    ]
    missing = {job.position: job.plan.lost for job in jobs}
    for at, before, answer in asked:
        try:
            missing[at] += max(0, before - ((await answer).messages or 0))
        except CommandRefused:
            missing[at] += before
    in_bins = sum(count for at, count in missing.items() if at in bins)
    return Held(sum(missing.values()), in_bins)


async def _found_elsewhere(
    run: Run, jobs: list[FolderJob], reading: Reading, gone: Gone
) -> dict[int, set[int]]:
    """Give job position -> source UIDs whose message lies in some folder of the destination."""
    wanted = await _wanted(run, jobs, reading, gone)
    found: dict[int, set[int]] = {}
    layout = run.destination.listing.layout
    claimed = _claimed(run, jobs)
    for view in run.destination.listing.folders:
        if not wanted:
            break
        if not view.folder.selectable or layout.is_foreign(view.folder.name):
            continue
        try:
            folder = run.destination.look(view.mailbox)
            if (await folder.selected()).exists:
                others = claimed.get(view.folder.name, set())
                await _look_into(run, folder, jobs, reading, wanted=wanted, found=found, claimed=others)
        except CommandRefused:
            continue
    return found


def _claimed(run: Run, jobs: list[FolderJob]) -> dict[str, set[int]]:
    """Give destination folder -> UIDs that are copies of other originals, be they on the source or moved."""
    claimed: dict[str, set[int]] = {}
    for job in jobs:
        if run.journal is not None and job.record is not None:
            copies = run.journal.pairs(job.record.id).destination_uids
            there = claimed.setdefault(job.pair.destination, set())
            there.update(copy for copy in copies if copy > 0)
            there |= run.journal.moved(job.record.id)
    return claimed


async def _wanted(run: Run, jobs: list[FolderJob], reading: Reading, gone: Gone) -> Wanted:
    """Give digest -> originals; who they are is read from the source where the journal does not say."""
    wanted: Wanted = {}
    for job in jobs:
        pairs = gone.get(job.position, [])
        if not pairs:
            continue
        folder = await run.source.opened(job.source)
        by_uid = {pair.source_uid: pair for pair in pairs}
        index = await reading.identified(folder, by_uid, reading.source_plain())
        for uid, digest, size in zip(index.uids, index.digests, index.sizes, strict=True):
            pair = by_uid[uid]._replace(digest=digest, size=size)
            wanted.setdefault(digest, []).append((job.position, pair))
    return wanted


async def _look_into(
    run: Run,
    folder: OpenFolder,
    jobs: list[FolderJob],
    reading: Reading,
    *,
    wanted: Wanted,
    found: dict[int, set[int]],
    claimed: set[int],
) -> None:
    """Look for wanted messages in a destination folder; take what is found out of `wanted`."""
    reader = reading.plain()
    index = await reader.read(reader.ask(folder, b"1:*"), reading.table)
    await reader.complete(folder, index)
    rows = [
        row for row, digest in enumerate(index.digests) if digest in wanted and index.uids[row] not in claimed
    ]
    contents = await read_contents(folder, [index.uids[row] for row in rows], reading.identity)
    for row in rows:
        for position, pair in wanted.get(index.digests[row], []):
            content = contents.get(index.uids[row], 0)
            if await _same_content(run, jobs, position, pair=pair, content=content):
                found.setdefault(position, set()).add(pair.source_uid)
        left = [
            (position, pair)
            for position, pair in wanted.pop(index.digests[row], [])
            if pair.source_uid not in found.get(position, set())
        ]
        if left:
            wanted[index.digests[row]] = left


async def _same_content(run: Run, jobs: list[FolderJob], position: int, *, pair: Pair, content: int) -> bool:
    if not content:
        return False
    job = next(job for job in jobs if job.position == position)
    folder = await run.source.opened(job.source)
    contents = await read_contents(folder, [pair.source_uid], run.identity)
    return contents.get(pair.source_uid) == content


def _tell_kept(run: Run, marks: dict[int, dict[int, Copy]]) -> None:
    kept = sum(mark is Copy.KEPT for of_folder in marks.values() for mark in of_folder.values())
    if kept:
        run.warn(
            f"{kept} copies vanished from host2 before any later run had seen them, and are in no other"
            " folder: their originals stay on host1",
            Side.DESTINATION,
        )


def _stop(run: Run, doubted: int, copies: int) -> None:
    """End the run; `copies` counts those in doubt, too."""
    text = (
        f"{doubted} of the {copies} copies on host2 have vanished, or lie in folders that were"
        f" put back to an older state: nothing is deleted on host1 (--maxvanished2 {doubted} says that this"
        " was on purpose)"
    )
    details = {"messages": str(doubted), "of": str(copies)}
    run.sink(events.Problem(Reason.BRAKE_VANISHED, text, Side.DESTINATION, details=details))
    raise StopRun(Stop.BRAKE_VANISHED)

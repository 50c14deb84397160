"""Find copies by looking for them.

After a lost connection, and on servers that do not tell UIDs of what they took.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from imapsync.account.seen import FolderReplaced, SeenFolder
from imapsync.plan.match import NONE, PairingRules, unclear_arrivals
from imapsync.report import events
from imapsync.session.errors import CommandRefused
from imapsync.transfer.contents import read_contents
from imapsync.transfer.copylist import DONE, WAITING
from imapsync.transfer.halving import all_from
from imapsync.transfer.pairing import pair
from imapsync.transfer.steady import note_replaced

if TYPE_CHECKING:
    from imapsync.account import Account
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: A folder that got no message for this long gets none any more from a connection that is gone, in seconds.
QUIET_S = 0.3
#: Somebody else may deliver there all the time.
QUIET_LIMIT_S = 6.0


class Found(NamedTuple):
    """A copy that was found: its UID on the destination, and the flags of its original."""

    copy: int
    flags: tuple[bytes, ...]


async def wait_until_quiet(run: Run, job: FolderJob) -> None:
    """Wait until nothing arrives in the destination folder any more.

    A server goes on with what it had received when a connection broke; looking too early would take a copy
    that is just being stored for a lost one.
    """
    folder = run.destination.look(job.destination.mailbox)
    await folder.selected()
    waited_s = 0.0
    while waited_s < QUIET_LIMIT_S:
        before = folder.exists
        await asyncio.sleep(QUIET_S)
        waited_s += QUIET_S
        await folder.noop()
        if folder.exists == before:
            return


async def find_copies(
    source: Account,
    destination: Account,
    job: FolderJob,
    rows: list[int],
    reading: Reading,
    *,
    doubted: bool = False,
) -> dict[int, Found]:
    """Give row -> where its copy is, for those of the rows that arrived after `job.copying.floor`.

    source, destination: over whose connections. doubted: what was confirmed is not there, so nothing is
    believed but by its content. Copies that are known as those of other rows are left out,
    so equal messages are counted, not only seen; where more than one may be meant, contents decide.
    """
    if not rows:
        return {}
    by_uid = {job.copying.uids[row]: row for row in rows}
    try:
        folder = await source.opened(job.source)
    except FolderReplaced:
        return {}  # nobody knows any more who they are
    originals = await reading.identified(folder, by_uid, reading.source_plain())
    place, floor = job.destination, job.copying.floor
    claimed = {copy for copy in job.copying.copies if copy}
    try:
        folder = await destination.opened(place)
    except FolderReplaced:  # all UIDs are new ones
        place, floor, claimed = SeenFolder(place.mailbox), 1, set()
        folder = await destination.opened(place)
    reader = reading.plain()
    everything = reading.new_index()
    stream = reader.ask(folder, all_from(floor, job.destination.breaking))
    await reader.read(stream, reading.table, at_least=floor, into=everything)
    await reader.complete(folder, everything)
    arrived = everything.without(claimed)
    if not reading.alters:
        digests = job.copying.digests
        sent = Counter(digests)
        unsure = {
            job.copying.uids[row]
            for row in rows
            if doubted or job.copying.states[row] != DONE or (digests and sent[digests[row]] > 1)
        }
        here, there = unclear_arrivals(originals, arrived, unsure)
        if here:
            arrived.contents.update(await read_contents(folder, there, reading.identity))
            folder = await source.opened(job.source)
            originals.contents.update(await read_contents(folder, here, reading.identity))
    matching = await pair(
        destination,
        place,
        (originals, arrived),
        identity=reading.identity,
        # What arrived here a moment ago is what was sent, however its size is counted.
        rules=PairingRules(sync_duplicates=True, sizes_differ=True),
    )
    found: dict[int, Found] = {}
    for row, partner in enumerate(matching.partner):
        if partner != NONE:
            flags = originals.flag_table.flags(originals.flags[row])
            found[by_uid[originals.uids[row]]] = Found(arrived.uids[partner], flags)
    return found


async def claim_arrivals(run: Run, jobs: list[FolderJob], reading: Reading) -> None:
    """Look once more before the first copy for what arrived in these folders since they were compared.

    A server may still be storing what a run that was killed a moment ago had sent. One STATUS a folder, all
    at once; only folders whose UIDNEXT moved are looked into.
    """
    asked = [
        (job, run.destination.server.status(job.destination.mailbox, ("UIDNEXT",)))
        for job in jobs
        if job.copying.left and job.destination.opened is not None and job.pair.exists
    ]
    moved = []
    for job, answer in asked:
        try:
            status = await answer
        except CommandRefused:
            continue
        if (status.uidnext or 0) > job.copying.floor:
            moved.append(job)
    for job in moved:
        await wait_until_quiet(run, job)
        rows = job.copying.rows(WAITING)
        try:
            copies = await find_copies(run.source, run.destination, job, rows, reading)
        except FolderReplaced as error:
            note_replaced(job, error)
            continue
        for row, found in copies.items():
            arrived_unseen(run, job, row, found)


def arrived_unseen(run: Run, job: FolderJob, row: int, found: Found) -> None:
    """Record a copy that was found, not confirmed."""
    uid, size, copy = job.copying.uids[row], job.copying.sizes[row], found.copy
    job.copying.arrive([row], [copy])
    if run.journal is not None and job.record is not None:
        number = run.journal.flags_number(found.flags)
        run.journal.add(job.record.id, job.copying.pairs([row], [copy], [number]))
        if run.settings.sieve_delivery:
            run.journal.add_unfiltered(job.record.id, [copy])
        run.journal.commit()
    run.copied_messages += 1
    run.copied_bytes += size
    run.sink(events.MessagesCopied(job.name, job.pair.destination, [uid], [size], [copy]))

"""Whether UIDs still stand for the messages that were compared, when their folder is opened once more.

UIDVALIDITY promises it (RFC 3501 §2.3.1.1), and most servers keep the promise. One that numbers its messages
anew at each opening, and says so (UIDNOTSTICKY) or not, is found out by what it lists and by what it gives;
its folders are read anew and copied within one opening (`anew`), and nothing of them is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.changes import Absence, absence
from imapsync.plan.header import split_message
from imapsync.plan.identity import UNIDENTIFIED
from imapsync.terms import Numbers, Side
from imapsync.transfer.planning import UIDS_PER_QUESTION, Kept
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.account import OpenFolder
    from imapsync.account.seen import FolderReplaced
    from imapsync.plan.identity import Identity
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Messages that came while a folder was copied, whose identity is asked for; more are not worth the time.
MOST_NEWCOMERS = 5_000


def looks_like_another(job: FolderJob, row: int, body: bytes, identity: Identity) -> bool:
    """Tell whether a body seems to be another message than the one that was compared under its UID."""
    known = job.copying.digests
    if not known or known[row] == UNIDENTIFIED:
        return False
    digest = identity.of_header(split_message(body)[0])
    return digest not in (UNIDENTIFIED, known[row])


async def is_another(folder: OpenFolder, job: FolderJob, row: int, reading: Reading) -> bool:
    """Ask the source once more who the message is that has a row's UID now."""
    rows = job.copying
    uid = rows.uids[row]
    reader = reading.source_plain()
    index = await reader.read(reader.ask(folder, UidSet.of([uid])), reading.table)
    await reader.complete(folder, index)
    if uid not in index.uids:
        return False  # that is another question
    at = index.uids.index(uid)
    return index.sizes[at] != rows.sizes[row] or bool(rows.digests and index.digests[at] != rows.digests[row])


async def what_is_unlisted(folder: OpenFolder, job: FolderJob, reading: Reading) -> tuple[Absence, list[int]]:
    """Tell what became of the rows whose UIDs the source no longer lists; gives those rows."""
    present = set(await folder.uids())
    gone = [row for row, uid in enumerate(job.copying.uids) if uid not in present]
    before = job.source.opened
    if before is None or not gone:
        return Absence.VANISHED, gone
    why = absence(before.exists, before.uidnext, len(gone), present, job.copying.uids, now=folder.exists)
    newcomers = [uid for uid in present if uid >= (before.uidnext or 0)]
    if why is Absence.REPLACED and await _are_the_same(folder, job, reading, gone, newcomers):
        why = Absence.RENUMBERED
    return why, gone


async def _are_the_same(
    folder: OpenFolder, job: FolderJob, reading: Reading, gone: list[int], newcomers: list[int]
) -> bool:
    """Tell whether messages that came are those that are gone, under other UIDs; so they are in doubt."""
    if not job.copying.digests or len(newcomers) > MOST_NEWCOMERS:
        return True
    reader = reading.source_plain()
    index = await reader.read(reader.ask(folder, UidSet.of(newcomers)), reading.table)
    await reader.complete(folder, index)
    return not {job.copying.digests[row] for row in gone}.isdisjoint(index.digests)


def note_replaced(job: FolderJob, error: FolderReplaced) -> None:
    """Have a source folder read anew that is another one by its UIDVALIDITY; raises for a destination."""
    if error.side is not Side.SOURCE:
        raise error
    job.unsteady = True


def leave_unrecorded(run: Run, job: FolderJob) -> Kept:
    """Believe nothing that is recorded under UIDs that do not last; the next run compares from scratch.

    Gives which copies may be the last ones; that stays known.
    """
    job.record = None
    record = run.journal.folders().get((job.name, job.pair.destination)) if run.journal is not None else None
    if record is None or run.journal is None:
        return Kept()
    last = run.journal.moved(record.id)
    last.update(copy for copy in run.journal.pairs(record.id).destination_uids if copy > 0)
    if not run.dry:
        run.journal.restart(record.id)
        run.journal.update(record._replace(source=Numbers(record.source.uidvalidity), settled=False))
        run.journal.commit()
    return Kept(last_copies=frozenset(last))


async def still_there(
    folder: OpenFolder, reading: Reading, known: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """Give those UIDs of a folder that are still the messages they were, with their digests by the headers.

    known: UID -> (digest, size). A digest 0 says nothing; then the size decides.
    """
    reader = reading.source_plain()
    index = reading.new_index()
    for some in UidSet.of(known).split(UIDS_PER_QUESTION):
        await reader.read(reader.ask(folder, some), reading.table, into=index)
    same = {}
    for uid, digest, size in zip(index.uids, index.digests, index.sizes, strict=True):
        before = known.get(uid)
        if before is None:
            continue
        known_digest, known_size = before
        if digest == known_digest if digest and known_digest else size == known_size:
            same[uid] = digest
    return same

"""Read the few messages that digest and size do not tell apart.

They are read whole: servers cut parts of messages in their own ways (hoodiecrow gives only the first message
of a set its part), and the end of what counts lies elsewhere where line ends are counted otherwise.
"""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imapsync.plan.belief import is_all
from imapsync.plan.match import SAMPLE, Doubts, doubts, drafts, is_gone, unlike_any
from imapsync.plan.specialuse import is_for_drafts
from imapsync.session.errors import CommandRefused, MessageGone
from imapsync.terms import Side
from imapsync.transfer.changed import changed_contents
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.transfer.work import LARGE_BYTES
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from imapsync.account import OpenFolder
    from imapsync.plan.identity import Identity
    from imapsync.plan.index import MessageIndex
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

    Sides = tuple[MessageIndex, MessageIndex]

_SIZES = b"(UID RFC822.SIZE)"
_WHOLE = b"(UID BODY.PEEK[])"


class Digest(Protocol):
    """A digest in the making."""

    def update(self, piece: bytes) -> None:
        """Take the next piece of the message."""

    def digest(self) -> int:
        """Give it; nothing may come after."""


async def read_contents(folder: OpenFolder, uids: Iterable[int], identity: Identity) -> dict[int, int]:
    """Give UID -> content digest for messages of a folder; what is refused is left out."""
    return await read_digests(folder, uids, identity.whole)


async def read_digests(
    folder: OpenFolder, uids: Iterable[int], begin: Callable[[], Digest]
) -> dict[int, int]:
    """Give UID -> digest of the whole for messages of a folder; large ones pass through piece by piece.

    begin: makes a fresh digest. What is refused or gone is left out.
    """
    digests: dict[int, int] = {}
    for some in UidSet.of(uids).split(UIDS_PER_QUESTION):
        large: set[int] = set()
        try:
            async for batch in folder.fetch(some, _SIZES):
                large |= {record.uid or 0 for record in batch if (record.size or 0) > LARGE_BYTES}
            small = UidSet.of(uid for uid in some if uid not in large)
            if small:
                large |= await _of_small(folder, small, begin, digests)
        except CommandRefused:
            large = set(some) - digests.keys()  # one of them is what is refused
        for uid in sorted(large & set(some)):
            with contextlib.suppress(CommandRefused, MessageGone):
                digests[uid] = await _of_large(folder, uid, begin)
    return digests


async def _of_small(
    folder: OpenFolder, uids: UidSet, begin: Callable[[], Digest], digests: dict[int, int]
) -> set[int]:
    """Read messages by one question; give those that turn out too large for it."""
    large = set()
    async for batch in folder.fetch(uids, _WHOLE):
        for record in batch:
            uid = record.uid or 0
            if uid in uids and record.body is not None:
                whole = begin()
                whole.update(record.body)
                digests[uid] = whole.digest()
            elif uid in uids and record.body_size:
                large.add(uid)
    return large


async def _of_large(folder: OpenFolder, uid: int, begin: Callable[[], Digest]) -> int:
    whole = begin()
    async for piece in folder.fetch_body(uid):
        whole.update(piece)
    return whole.digest()


async def tell_apart(
    run: Run,
    job: FolderJob,
    reading: Reading,
    sides: Sides,
    *,
    known: Mapping[int, int] = MappingProxyType({}),
    suspicious: bool = False,
    leaving: Collection[int] = (),
) -> bool:
    """Read the contents that matching needs into both indexes.

    Gives whether this destination was seen to count sizes in its own way: a sample of messages that differ in
    size only had the same content.
    """
    source, destination = sides
    # A draft gets another text under the same identity, and now and then one of the same size.
    for_drafts = is_for_drafts(job.pair.source, run.source.listing.layout)
    found = doubts(
        source,
        destination,
        sync_duplicates=reading.sync_duplicates,
        suspicious=suspicious or for_drafts,
        leaving=leaving,
        remembers=run.journal is not None,
        known=known,
    )
    if not any(found):
        return False
    sizes_differ = False
    digests = sorted({source.digests[row] for row in found.source_other_size})
    if len(digests) > SAMPLE:
        sample = set(digests[:: len(digests) // SAMPLE])
        await _read_other_sizes(run, job, sides, found=found, digests=sample)
        sizes_differ = _all_alike(sides, found, sample)
    if sizes_differ and not for_drafts:  # but a draft may have got another text all the same
        digests = [source.digests[row] for row in drafts(source, found.source_other_size)]
    await _read_other_sizes(run, job, sides, found=found, digests=set(digests))
    here = [source.uids[row] for row in found.source_same_size]
    there = [destination.uids[row] for row in found.destination_same_size]
    await _read_both(run, job, sides, (here, there))
    await _read_in_place(run, job, source, {uid: known[uid] for uid in here if uid in known})
    return sizes_differ


class Doubtful(NamedTuple):
    """Source UIDs of known pairs: others turned out to be two messages, unread could not be compared."""

    others: set[int]
    unread: set[int]


async def unlike_copies(run: Run, job: FolderJob, uids: Iterable[int]) -> Doubtful:
    """Compare the contents of originals with those of copies that only identity and size spoke for.

    uids: source UIDs of known pairs. Those that are the same are noted as proven.
    """
    journal, record = run.journal, job.record
    if journal is None or record is None or run.settings.content.changes:
        return Doubtful(set(), set())
    believed = journal.believed(record.id).intersection(uids)
    copies = {uid: pair.copy for uid, pair in journal.find(record.id, believed).items()}
    if not copies:
        return Doubtful(set(), set())
    found = await held_against(run, job, copies)
    if not run.dry:
        journal.remove_believed(record.id, copies.keys() - found.others - found.unread)
    return found


async def held_against(run: Run, job: FolderJob, copies: Mapping[int, int]) -> Doubtful:
    """Compare originals and copies (source UID -> destination UID) as a whole, changed by the options."""
    folder = await run.destination.opened(job.destination)
    there = await read_contents(folder, copies.values(), run.identity)
    folder = await run.source.opened(job.source)
    here = await read_contents(folder, copies, run.identity)
    read = {uid for uid, copy in copies.items() if uid in here and copy in there}
    others = {uid for uid in read if here[uid] != there[copies[uid]]}
    if others and run.settings.content.changes:
        changed = await changed_contents(run, folder, others)
        others = {uid for uid in others if changed.get(uid) != there[copies[uid]]}
    return Doubtful(others, copies.keys() - read)


async def _read_in_place(run: Run, job: FolderJob, source: MessageIndex, known: Mapping[int, int]) -> None:
    """Read the copies of known originals that left before they could be read."""
    left = {copy: uid for uid, copy in known.items() if is_gone(source, uid)}
    if left and not run.settings.content.changes:
        folder = await run.destination.opened(job.destination)
        copies = await read_contents(folder, left, run.identity)
        source.contents.update((left[copy], content) for copy, content in copies.items())


async def _read_other_sizes(
    run: Run, job: FolderJob, sides: Sides, *, found: Doubts, digests: set[int]
) -> None:
    """Read the messages of these digests that differ in size."""
    source, destination = sides
    here = [source.uids[row] for row in found.source_other_size if source.digests[row] in digests]
    there = [
        destination.uids[row] for row in found.destination_other_size if destination.digests[row] in digests
    ]
    await _read_both(run, job, sides, (here, there))


async def _read_both(run: Run, job: FolderJob, sides: Sides, uids: tuple[list[int], list[int]]) -> None:
    source, destination = sides
    here = [uid for uid in uids[0] if uid not in source.contents]
    there = [uid for uid in uids[1] if uid not in destination.contents]
    if here:
        await _read_if_there(await run.source.opened(job.source), here, run.identity, source)
    if there:
        await _read_if_there(await run.destination.opened(job.destination), there, run.identity, destination)
    if here and run.settings.content.changes:
        copies = set(destination.contents.values())
        unlike = [uid for uid in here if source.contents.get(uid) not in copies]
        if copies and unlike:
            changed = await changed_contents(run, await run.source.opened(job.source), unlike)
            source.contents.update((uid, content) for uid, content in changed.items() if content in copies)


async def _read_if_there(
    folder: OpenFolder, uids: list[int], identity: Identity, index: MessageIndex
) -> None:
    """Read contents into an index; a message that is no longer there is like no other."""
    index.contents.update(await read_contents(folder, uids, identity))
    unread = {uid for uid in uids if uid not in index.contents}
    if unread:
        source = folder.side is Side.SOURCE
        gone = await gone_of(folder, unread)
        index.contents.update((uid, unlike_any(uid, source=source)) for uid in gone)
        index.unread |= unread - gone


async def gone_of(folder: OpenFolder, uids: Collection[int]) -> set[int]:
    """Give those of some messages that a folder no longer lists.

    Of a folder that lists fewer messages than it holds nobody knows what is no longer there.
    """
    with contextlib.suppress(CommandRefused):
        there = set(await folder.uids())
        await folder.noop()
        if is_all(len(there), folder.exists):
            return set(uids) - there
    return set()


def _all_alike(sides: Sides, found: Doubts, sample: set[int]) -> bool:
    """Tell whether all messages of each digest of the sample have one content."""
    contents: dict[int, set[int]] = {}
    for index, rows in zip(sides, (found.source_other_size, found.destination_other_size), strict=True):
        for row in rows:
            digest = index.digests[row]
            if digest in sample:
                contents.setdefault(digest, set()).add(index.contents.get(index.uids[row], -row - 1))
    return all(len(different) == 1 for different in contents.values())

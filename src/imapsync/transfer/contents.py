"""Read the content of the few messages that digest and size do not tell apart."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from imapsync.plan.identity import CONTENT_BYTES, CONTENT_FIELDS
from imapsync.plan.match import SAMPLE, Doubts, doubts
from imapsync.session.errors import CommandRefused
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imapsync.plan.identity import Identity
    from imapsync.plan.index import MessageIndex
    from imapsync.session.session import Session
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

    Sides = tuple[MessageIndex, MessageIndex]

_FIELDS = b"(UID BODY.PEEK[HEADER.FIELDS (" + CONTENT_FIELDS + b")])"
_TEXT = b"(UID BODY.PEEK[TEXT]<0.%d>)" % CONTENT_BYTES


async def read_contents(session: Session, uids: Iterable[int], identity: Identity) -> dict[int, int]:
    """Give UID -> content digest for messages of the selected folder; what is refused is left out."""
    digests: dict[int, int] = {}
    for some in UidSet.of(uids).split(UIDS_PER_QUESTION):
        fields: dict[int, bytes] = {}
        try:
            async for batch in session.fetch(some, _FIELDS):
                fields.update((record.uid, record.body or b"") for record in batch if record.uid)
            async for batch in session.fetch(some, _TEXT):
                for record in batch:
                    if record.uid in fields and record.body is not None:
                        digests[record.uid] = identity.of_message(fields[record.uid], record.body)
        except CommandRefused:
            continue
    return digests


async def tell_apart(
    run: Run,
    focus: Focus,
    job: FolderJob,
    reading: Reading,
    sides: Sides,
    *,
    known: Mapping[int, int] = MappingProxyType({}),
    suspicious: bool = False,
) -> bool:
    """Read the contents that matching needs into both indexes.

    Gives whether this destination was seen to count sizes in its own way: a sample of messages that differ in
    size only had the same content.
    """
    source, destination = sides
    rules = run.settings.deletion
    found = doubts(
        source,
        destination,
        sync_duplicates=reading.sync_duplicates,
        mirrors=rules.destination or rules.destination_duplicates,
        suspicious=suspicious,
        known=known,
    )
    if not any(found):
        return False
    sizes_differ = False
    digests = sorted({source.digests[row] for row in found.source_other_size})
    if len(digests) > SAMPLE:
        sample = set(digests[:: len(digests) // SAMPLE])
        await _read_other_sizes(run, focus, job, sides, found=found, digests=sample)
        sizes_differ = _all_alike(sides, found, sample)
    if not sizes_differ:
        await _read_other_sizes(run, focus, job, sides, found=found, digests=set(digests))
    here = [source.uids[row] for row in found.source_same_size]
    there = [destination.uids[row] for row in found.destination_same_size]
    await _read_both(run, focus, job, sides, (here, there))
    return sizes_differ


async def _read_other_sizes(
    run: Run, focus: Focus, job: FolderJob, sides: Sides, *, found: Doubts, digests: set[int]
) -> None:
    """Read the messages of these digests that differ in size."""
    source, destination = sides
    here = [source.uids[row] for row in found.source_other_size if source.digests[row] in digests]
    there = [
        destination.uids[row] for row in found.destination_other_size if destination.digests[row] in digests
    ]
    await _read_both(run, focus, job, sides, (here, there))


async def _read_both(
    run: Run, focus: Focus, job: FolderJob, sides: Sides, uids: tuple[list[int], list[int]]
) -> None:
    source, destination = sides
    here = [uid for uid in uids[0] if uid not in source.contents]
    there = [uid for uid in uids[1] if uid not in destination.contents]
    if here:
        await focus.source(job)
        source.contents.update(await read_contents(run.source, here, run.identity))
    if there:
        await focus.destination(job)
        destination.contents.update(await read_contents(run.destination, there, run.identity))


def _all_alike(sides: Sides, found: Doubts, sample: set[int]) -> bool:
    """Tell whether all messages of each digest of the sample have one content."""
    contents: dict[int, set[int]] = {}
    for index, rows in zip(sides, (found.source_other_size, found.destination_other_size), strict=True):
        for row in rows:
            digest = index.digests[row]
            if digest in sample:
                contents.setdefault(digest, set()).add(index.contents.get(index.uids[row], -row - 1))
    return all(len(different) == 1 for different in contents.values())

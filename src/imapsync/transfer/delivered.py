"""Find other messages under the UIDs of delivered ones: a server that was put back gives them once more.

The copies of other originals are looked at, and the originals beside them. What a local delivery took has no
copy to look at, and its UID alone would say that it is done with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.belief import PAIRS_LOOKED_AT
from imapsync.terms import GONE
from imapsync.transfer.sender import is_delivered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imapsync.terms import FolderRecord, Pair
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading


async def reused(
    run: Run, job: FolderJob, reading: Reading, record: FolderRecord, selected: Iterable[int] | None
) -> set[int]:
    """Give the source UIDs of delivered messages that are other messages' now.

    selected: the UIDs that a search has chosen, None without one. What is selected although our own flag had
    taken it out of the search is looked at; else the last few, and all when one of these is another.
    """
    journal, settings = run.journal, run.settings
    if journal is None or settings.delivery is None or not is_delivered(job):
        return set()
    if record.rules != reading.rules:  # perhaps other headers identify messages now
        return set()
    if selected is not None and settings.flags.set_on_source:
        found = journal.find(record.id, selected)
        return await _others(
            run, job, reading, {uid: pair for uid, pair in found.items() if pair.copy in GONE}
        )
    delivered = {pair.source_uid: pair for pair in journal.marked_as(record.id, GONE)}
    last = sorted(delivered)[-PAIRS_LOOKED_AT:]
    others = await _others(run, job, reading, {uid: delivered.pop(uid) for uid in last})
    return others | await _others(run, job, reading, delivered) if others else others


async def _others(run: Run, job: FolderJob, reading: Reading, pairs: Mapping[int, Pair]) -> set[int]:
    """Give those of the UIDs that have messages of another identity or size than their pairs."""
    if not pairs:
        return set()
    folder = await run.source.opened(job.source)
    index = await reading.identified(folder, pairs, reading.source_plain())
    return {
        uid
        for uid, digest, size in zip(index.uids, index.digests, index.sizes, strict=True)
        if (digest, size) != (pairs[uid].digest, pairs[uid].size)
    }

"""What may be written down once the work on a folder pair is done. Pure.

Recorded is what was compared, never newer numbers from a later look. The destination's numbers after the work
are foreseen: UIDNEXT and count as they were, plus what was copied. If the UIDs of the copies have gaps,
somebody else put messages there too; then the old UIDNEXT stays, and the next run looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.terms import Numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.terms import FolderRecord


class Done(NamedTuple):
    """What happened to a folder pair in this run.

    source: the numbers under which the source was compared. destination: the same, before anything was
    copied; its UIDNEXT is the floor of all copies. copied: UIDs of the copies, 0 for one that nobody named.
    expunged: how many messages our own filter took away again. touched: flags were changed there. removed,
    copies: what the journal counts now. complete: everything selected is there, and nothing is left to be
    deleted. seen: what a look at the destination told when all copies were there, before anything else was
    changed. flags_left: copies did not get flags of their originals.
    """

    source: Numbers
    destination: Numbers
    copied: Sequence[int]
    expunged: int
    touched: bool
    removed: int
    copies: int
    complete: bool
    rules: str
    now: int
    seen: Numbers | None = None
    flags_left: bool = False


def settled(record: FolderRecord, done: Done) -> FolderRecord:
    """Give the record after the work."""
    before, copied = done.destination, done.copied
    floor = max(1, before.uidnext)
    known = 0 not in copied
    contiguous = known and (not copied or max(copied) - floor + 1 == len(copied))
    untouched = not copied and not done.expunged and not done.touched
    after = record._replace(
        # Without a count of changes the next run reads all flags.
        source=done.source._replace(modseq=0) if done.flags_left else done.source,
        destination=Numbers(
            before.uidvalidity or record.destination.uidvalidity,
            floor + len(copied) if contiguous else floor,
            before.messages + len(copied) - done.expunged if contiguous and before.messages >= 0 else -1,
            before.modseq if untouched else 0,
            before.size if untouched else -1,
        ),
        removed=done.removed,
        copies=done.copies,
        destination_seen=floor,
        settled=done.complete and known,
        rules=done.rules,
        looked_at=done.now,
    )
    quiet = not done.touched and not done.expunged
    return confirmed(after, done.seen) if done.seen is not None and quiet else after


def unconfirmed(destination: Numbers) -> bool:
    """Tell whether no look has told yet what our changes have made of these numbers."""
    return not destination.modseq or destination.size < 0


def confirmed(record: FolderRecord, now: Numbers) -> FolderRecord:
    """Take over what a later look at the destination tells, if it shows just what was foreseen."""
    there = record.destination
    same = (there.uidvalidity, there.uidnext, there.messages) == (now.uidvalidity, now.uidnext, now.messages)
    return record._replace(destination=now) if same else record

"""From a matching to what is done: what is copied, which flags change, what is deleted there. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.match import NONE, duplicate_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from imapsync.plan.flags import Flags, FlagTranslator
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.plan.rules import DeletionRules

#: (flags to add, flags to remove) -> destination UIDs.
FlagChanges = dict[tuple["Flags", "Flags"], "array[int]"]


class Compared(NamedTuple):
    """Two indexes and how their messages pair."""

    source: MessageIndex
    destination: MessageIndex
    matching: Matching

    def paired(self) -> list[int]:
        """Give the source rows that have a partner."""
        return [row for row, partner in enumerate(self.matching.partner) if partner != NONE]


def exact_flags(compared: Compared, paired: Iterable[int], translator: FlagTranslator) -> FlagChanges:
    """Give the changes that bring a copy to its source's flags, as far as its folder can keep them.

    So it is without a journal: then the source's flags count.
    """
    source, destination, matching = compared
    table = source.flag_table
    changes: FlagChanges = {}
    decided: dict[tuple[int, int], tuple[Flags, Flags]] = {}
    for row in paired:
        partner = matching.partner[row]
        key = (source.flags[row], destination.flags[partner])
        change = decided.get(key)
        if change is None:
            wanted = translator.translate(table.flags(key[0]))
            change = decided[key] = translator.change(wanted, table.flags(key[1]))
        if change[0] or change[1]:
            changes.setdefault(change, array("I")).append(destination.uids[partner])
    return changes


class FolderFacts(NamedTuple):
    """What bears on deletions in a destination folder.

    shared: several source folders have it as destination: what one of them lacks in any number is only a
    candidate (`lacked_by_all`), and duplicates stay. foreign: it is somebody else's. complete: the source folder was
    listed completely, whatever was selected of it, and no message of it failed.
    """

    shared: bool = False
    foreign: bool = False
    complete: bool = True


def doomed(
    rules: DeletionRules,
    facts: FolderFacts,
    compared: Compared,
    moved: Collection[int] = (),
    identities: Collection[tuple[int, int]] = (),
) -> array[int]:
    """Give the destination UIDs that have to go (--delete2, --delete2duplicates).

    moved: copies whose originals we have deleted on the source: they may be the last ones. identities:
    (digest, size) of all such copies, wherever their owner has filed them since.
    """
    destination, matching = compared.destination, compared.matching
    nothing = array("I")
    if facts.foreign or not facts.complete or (facts.shared and not rules.destination):
        return nothing
    if rules.destination and not rules.empties_source:
        # A message that two sources have may be there twice.
        here = set(compared.source.digests) if facts.shared else ()
        return array(
            "I",
            (
                uid
                for row in matching.extra
                if (uid := destination.uids[row]) not in moved
                and destination.digests[row] not in here
                and (destination.digests[row], destination.sizes[row]) not in identities
            ),
        )
    if rules.destination_duplicates:
        extra = set(matching.extra)
        return array("I", (destination.uids[row] for row in duplicate_rows(destination) if row in extra))
    return nothing


def lacked_by_all(candidates: Sequence[Iterable[int]]) -> array[int]:
    """Give what goes from a destination that several sources share: the UIDs that each of them lacks."""
    first, *others = (set(uids) for uids in candidates)
    return array("I", sorted(first.intersection(*others)))


def crossing_rows(source: MessageIndex, rows: Iterable[int], seen: set[int]) -> tuple[list[int], list[int]]:
    """Cut rows into those to copy and those that another folder has already brought (--skipcrossduplicates).

    seen: digests of the folders before; this folder's are added.
    """
    fresh: list[int] = []
    crossing: list[int] = []
    for row in rows:
        (crossing if source.digests[row] in seen else fresh).append(row)
    seen.update(source.digests)
    return fresh, crossing

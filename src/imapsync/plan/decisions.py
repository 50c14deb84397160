"""From a matching to what is done: what is copied, which flags change, what is deleted there. Pure."""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.identity import UNIDENTIFIED
from imapsync.plan.match import NONE, duplicate_rows, is_gone, twins

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

    from imapsync.plan.flags import Flags, FlagTranslator
    from imapsync.plan.index import MessageIndex
    from imapsync.plan.match import Matching
    from imapsync.plan.rules import DeletionRules
    from imapsync.terms import Pair

#: Flags to add, and to remove.
Change = tuple["Flags", "Flags"]
#: What is changed -> destination UIDs.
FlagChanges = dict[Change, "array[int]"]


class Rows(NamedTuple):
    """Messages of a source folder, in parallel; no digests where nobody asked who they are."""

    uids: array[int]
    sizes: array[int]
    digests: array[int]


class FolderPlan(NamedTuple):
    """What follows from the comparison of a folder pair: made once, then carried out.

    copy: the messages to be copied. left, unread: source UIDs of those of them that were gone, or that
    could not be compared because a server did not give them or what may be their copy, when contents were
    to tell whether they have one: they are left for the next run. floor: the UID from which on everything
    in the destination folder is newer than the comparison. found: source UIDs, and destination UIDs, of
    selected messages that are there. found_as: digests and sizes of those source messages. twins: source
    UIDs of duplicates, and of what they are duplicates of. duplicates: what is to be recorded of them once
    it is known that these have a copy. crossing: rows of messages that another folder has brought. ours:
    source UIDs that we have marked as deleted. flags: changes of flags on copies. flag_rows, pairs: source
    UIDs and numbers of flags, and pairs, to be recorded once the copies have their flags. doomed:
    destination UIDs to be deleted. doomed_as: their digests and sizes. beside: those of them that are extra
    beside copies of equal identity -> these copies. lost: how many copies vanished together with their
    originals, or with what was recorded of them. known: whether the journal knew the folder pair, and its
    UIDs are what they were.
    """

    copy: Rows = Rows(array("I"), array("Q"), array("Q"))
    left: Collection[int] = frozenset()
    unread: Collection[int] = frozenset()
    floor: int = 1
    found: tuple[array[int], array[int]] = (array("I"), array("I"))
    found_as: tuple[array[int], array[int]] = (array("Q"), array("Q"))
    twins: Mapping[int, int] = MappingProxyType({})
    duplicates: Sequence[Pair] = ()
    crossing: Sequence[int] = ()
    ours: Collection[int] = frozenset()
    flags: Mapping[Change, Sequence[int]] = MappingProxyType({})
    flag_rows: Sequence[tuple[int, int]] = ()
    pairs: Sequence[Pair] = ()
    doomed: Sequence[int] = ()
    doomed_as: Mapping[int, tuple[int, int]] = MappingProxyType({})
    beside: Mapping[int, Sequence[int]] = MappingProxyType({})
    lost: int = 0
    known: bool = False


#: The plan of a folder pair of which nothing is to be done.
NOTHING = FolderPlan()


def flags_left(plan: FolderPlan) -> dict[int, Flags]:
    """Give source UID -> the flags of its copy, of those that were to be changed and were not.

    Known for sure is what was to be removed. Of other changes the journal has not said that they are done.
    """
    before = {copy: remove for (_, remove), copies in plan.flags.items() for copy in copies}
    found: Iterable[tuple[int, int]] = zip(*plan.found, strict=True)
    if plan.known:
        found = ((pair.source_uid, pair.copy) for pair in plan.pairs)
    return {uid: before[copy] for uid, copy in found if copy in before}


class Compared(NamedTuple):
    """Two indexes and how their messages pair."""

    source: MessageIndex
    destination: MessageIndex
    matching: Matching

    def paired(self) -> list[int]:
        """Give the source rows that have a partner."""
        return [row for row, partner in enumerate(self.matching.partner) if partner != NONE]

    def believed(self, paired: Iterable[int], known: Container[int] = ()) -> list[int]:
        """Give the source UIDs of pairs that only identity and size speak for, contents not compared.

        known: source UIDs whose pairs were known before.
        """
        uids = self.source.uids
        return [uid for row in paired if (uid := uids[row]) not in known and not self._same(uid, row)]

    def _same(self, uid: int, row: int) -> bool:
        content = self.source.contents.get(uid, 0)
        partner = self.destination.uids[self.matching.partner[row]]
        return bool(content) and content == self.destination.contents.get(partner, 0)


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


def merged(one: Mapping[Change, Sequence[int]], other: Mapping[Change, Sequence[int]]) -> FlagChanges:
    """Give two plans of changes as one."""
    both: FlagChanges = {change: array("I", uids) for change, uids in one.items()}
    for change, uids in other.items():
        both.setdefault(change, array("I")).extend(uids)
    return both


class FolderFacts(NamedTuple):
    """What bears on deletions in a destination folder.

    shared: several source folders have it as destination: what one of them lacks in any number is only
    a candidate (`lacked_by_all`), and duplicates stay. foreign: it is somebody else's. complete: the source
    folder was listed completely, whatever was selected of it, and no message of it failed.
    """

    shared: bool = False
    foreign: bool = False
    complete: bool = True


def doomed(
    rules: DeletionRules,
    facts: FolderFacts,
    compared: Compared,
    moved: Collection[int] = (),
    identities: Collection[int] = (),
) -> array[int]:
    """Give the destination UIDs that have to go (--delete2, --delete2duplicates).

    moved: copies whose originals we have deleted on the source: they may be the last ones. identities:
    digests of all such copies, wherever their owner has filed them since. What was gone before it could be
    compared may come back, and be the copy that it was not taken for; so may be what could not be read.
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
                and uid not in destination.unread
                and not is_gone(destination, uid, source=False)
                and destination.digests[row] not in here
                and destination.digests[row] not in identities
            ),
        )
    if rules.destination_duplicates:
        extra = set(matching.extra)
        return array("I", (destination.uids[row] for row in duplicate_rows(destination) if row in extra))
    return nothing


def beside(compared: Compared, doomed: Sequence[int], known: Iterable[Pair] = ()) -> dict[int, list[int]]:
    """Give, for those of the doomed that are extra beside copies of equal identity, the UIDs of these copies.

    known: pairs that were not compared now.
    """
    if not doomed:
        return {}
    source, destination, matching = compared
    who = dict(zip(destination.uids, destination.digests, strict=True))
    wanted = {who[uid] for uid in doomed}
    copies: dict[int, list[int]] = {}
    for row in compared.paired():
        if (digest := source.digests[row]) in wanted:
            copies.setdefault(digest, []).append(destination.uids[matching.partner[row]])
    for pair in known:
        if pair.digest in wanted and pair.copy > 0:
            copies.setdefault(pair.digest, []).append(pair.copy)
    return {uid: copies[who[uid]] for uid in doomed if who[uid] in copies}


def alike(extra: Collection[int], believed: Iterable[Pair]) -> list[Pair]:
    """Give pairs that only identity and size speak for, and beside whose copies something alike lies.

    extra: digests of messages without a partner: one of them may be the true copy.
    """
    return [pair for pair in believed if pair.copy > 0 and pair.digest in extra]


def still_extra(
    doomed: Iterable[int], beside: Mapping[int, Collection[int]], present: Container[int]
) -> array[int]:
    """Give what of the doomed goes: not what is left in place of a copy that is no longer there.

    beside: from the function of that name. present: UIDs that were there a moment ago.
    """
    return array("I", (uid for uid in doomed if all(copy in present for copy in beside.get(uid, ()))))


def who_are(index: MessageIndex, uids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Give UID -> (digest, size) of some messages of an index."""
    wanted = set(uids)
    rows = zip(index.uids, index.digests, index.sizes, strict=True) if wanted else ()
    return {uid: (digest, size) for uid, digest, size in rows if uid in wanted}


def still_those(
    doomed: Iterable[int],
    before: Mapping[int, tuple[int, int]],
    now: Mapping[int, tuple[int, int]],
    ours: Container[int],
) -> array[int]:
    """Give what of the doomed is what it was: a server that was put back gives its UIDs to other messages.

    before, now: UID -> (digest, size), when it was compared and a moment ago; a digest 0 says nothing, then
    the size decides. ours: copies that were made since.
    """
    same = array("I")
    for uid in doomed:
        if uid in now and uid not in ours:
            (digest, size), (other, other_size) = before.get(uid, (UNIDENTIFIED, -1)), now[uid]
            if digest == other if digest and other else size == other_size:
                same.append(uid)
    return same


def of_others(doomed: Iterable[int], who: Mapping[int, tuple[int, int]], others: Iterable[Pair]) -> set[int]:
    """Give what of the doomed is another folder pair's copy: a moment ago the folder had that name.

    who: destination UID -> (digest, size) of the doomed. others: pairs of other records whose destination has
    this folder's UIDVALIDITY; folders may share one, so that the identity decides.
    """
    copies = {pair.copy: pair.digest for pair in others if pair.digest}
    return {uid for uid in doomed if uid in copies and who.get(uid, (0, 0))[0] == copies[uid]}


def of_failed(doomed: Iterable[int], who: Mapping[int, tuple[int, int]], failed: Container[int]) -> set[int]:
    """Give what of the doomed may be the copy of a message that did not arrive, or is of nobody known.

    who: destination UID -> (digest, size). failed: digests of those messages.
    """
    return {uid for uid in doomed if uid not in who or who[uid][0] in failed}


def lacked_by_all(candidates: Sequence[Iterable[int]]) -> array[int]:
    """Give what goes from a destination that several sources share: the UIDs that each of them lacks."""
    first, *others = (set(uids) for uids in candidates)
    return array("I", sorted(first.intersection(*others)))


class Case(NamedTuple):
    """What bears on a folder pair's plan besides the messages.

    rules, facts: for deletions. known: gives the pairs that are not compared now. moved, identities: copies
    that may be the last ones, see `doomed`. translator: brings the copies' flags to the originals', None:
    these are compared in another way. crossing: digests of the folders before (--skipcrossduplicates), each
    with the position of the pair that brought it first, None: that does not matter. position: this pair's.
    """

    rules: DeletionRules
    floor: int = 1
    facts: FolderFacts = FolderFacts()
    moved: Collection[int] = ()
    identities: Collection[int] = ()
    translator: FlagTranslator | None = None
    crossing: dict[int, int] | None = None
    position: int = 0
    ours: Collection[int] = frozenset()
    known: Callable[[], Iterable[Pair]] = tuple


def decide(compared: Compared, case: Case) -> FolderPlan:
    """Give what follows from a matching; that of all messages, or of those that have no partner yet."""
    source, destination, matching = compared
    paired = compared.paired()
    selected = [row for row in paired if source.uids[row] not in source.excluded]
    copies = [destination.uids[matching.partner[row]] for row in selected]
    rows, crossing = _without_crossing(source, matching.missing, case)
    copy = _rows(source, rows)
    gone = {uid for uid in source.contents if is_gone(source, uid)}
    exact = case.translator is not None and source.flags and destination.flags
    extra = doomed(case.rules, case.facts, compared, case.moved, case.identities)
    return FolderPlan(
        copy=copy,
        left=gone.intersection(copy.uids),
        unread=not_compared(compared, copy),
        floor=case.floor,
        found=(array("I", [source.uids[row] for row in selected]), array("I", copies)),
        found_as=(
            array("Q", [source.digests[row] if source.digests else UNIDENTIFIED for row in selected]),
            array("Q", [source.sizes[row] for row in selected]),
        ),
        twins=twins(source, matching),
        crossing=crossing,
        ours=case.ours,
        flags=exact_flags(compared, paired, case.translator) if exact and case.translator else {},
        doomed=extra,
        doomed_as=who_are(destination, extra),
        beside=beside(compared, extra, case.known()) if extra else {},
    )


def not_compared(compared: Compared, copy: Rows) -> set[int]:
    """Give what is not copied because nobody knows whether it has a copy: a content could not be read.

    It may be its own, or that of a message without a partner that has its identity and may be its copy.
    """
    source, destination, matching = compared
    unread = source.unread.intersection(copy.uids)
    if destination.unread:
        loose = [row for row in matching.extra if destination.uids[row] in destination.unread]
        maybe = {destination.digests[row] for row in loose}
        unread |= {uid for uid, digest in zip(copy.uids, copy.digests, strict=True) if digest in maybe}
    return unread


def decide_all(source: MessageIndex, case: Case) -> FolderPlan:
    """Give the plan for an empty destination when duplicates are wanted: everything that is selected."""
    rows: Sequence[int] = range(len(source))
    if source.excluded:
        rows = [row for row, uid in enumerate(source.uids) if uid not in source.excluded]
    rows, crossing = _without_crossing(source, rows, case)
    return FolderPlan(copy=_rows(source, rows), floor=case.floor, crossing=crossing, ours=case.ours)


def _without_crossing(
    source: MessageIndex, rows: Sequence[int], case: Case
) -> tuple[Sequence[int], Sequence[int]]:
    if case.crossing is None or not source.digests:
        return rows, ()
    return crossing_rows(source, rows, case.crossing, case.position)


def _rows(source: MessageIndex, rows: Sequence[int]) -> Rows:
    if isinstance(rows, range):
        return Rows(source.uids, source.sizes, source.digests)
    return Rows(
        array("I", [source.uids[row] for row in rows]),
        array("Q", [source.sizes[row] for row in rows]),
        array("Q", [source.digests[row] for row in rows] if source.digests else []),
    )


def crossing_rows(
    source: MessageIndex, rows: Iterable[int], seen: dict[int, int], position: int
) -> tuple[list[int], list[int]]:
    """Cut rows into those to copy and those that another folder has already brought (--skipcrossduplicates).

    seen: digests of the folders before, with the positions of their pairs; this pair's are added. A pair that
    is compared twice in a run, as after a lost connection, is no other folder to itself.
    """
    fresh: list[int] = []
    crossing: list[int] = []
    for row in rows:
        (fresh if seen.get(source.digests[row], position) == position else crossing).append(row)
    for digest in source.digests:
        seen.setdefault(digest, position)
    return fresh, crossing

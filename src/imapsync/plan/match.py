"""Pair the messages of two folders. The one place that decides "this is already there". Pure.

Rules. What the journal knows pairs first. Then messages of equal digest and size pair. Several of one digest
and size in a folder are told apart by their content (`doubts` says whose content is needed): equal content
is a duplicate (copied once, unless duplicates are wanted, then as often as it is there), other content is
another message. Equal digest and another size is another message too, for example a draft that was edited;
it pairs only when its content was read and is the same, because some servers count sizes in their own way.
Nothing pairs twice, so a second run finds for every copy exactly its original.
"""

from __future__ import annotations

from array import array
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from imapsync.plan.index import MessageIndex

#: "No partner" in the columns of a Matching.
NONE = -1
#: Of messages with equal digest and other sizes so many are read; when all are the same after all, the
#: destination counts sizes in its own way and the others are believed.
SAMPLE = 20
_MASK = (1 << 64) - 1
_SIZE_FACTOR = 0x9E3779B97F4A7C15  # odd: spreads sizes over 64 bits


class Matching(NamedTuple):
    """The result: rows of the source index and their partners.

    partner[i] is the destination row of source row i, or NONE. `missing` are source rows to copy,
    `duplicates` source rows left out because the same message stands earlier in the folder; `extra`
    destination rows without partner. Rows of messages that are not selected may have a partner, and are
    neither missing nor duplicates.
    """

    partner: array[int]
    missing: array[int]
    duplicates: array[int]
    extra: array[int]


class Doubts(NamedTuple):
    """Rows whose content has to be read before two folders can be matched.

    same_size: digest and size cannot tell them apart. other_size: only the size does.
    """

    source_same_size: list[int]
    destination_same_size: list[int]
    source_other_size: list[int]
    destination_other_size: list[int]


def doubts(
    source: MessageIndex,
    destination: MessageIndex,
    *,
    sync_duplicates: bool,
    suspicious: bool = False,
    leaving: Collection[int] = (),
    remembers: bool = False,
    known: Mapping[int, int] = MappingProxyType({}),
) -> Doubts:
    """Tell whose content is needed.

    suspicious: what lies on the destination may be the copy of an older version that its source no longer
    has; so may the copy of any draft. leaving: source UIDs that are deleted once a copy of theirs is found:
    then equal identity and size are not enough. remembers: which is whose copy will count in later runs.
    """
    here, there = _free_rows(source, destination, known)
    keys_here, keys_there = _keys(source), _keys(destination)
    count_here = _counted(keys_here, here)
    count_there = _counted(keys_there, there)
    unclear = {
        key
        for key, count in count_here.items()
        if (
            suspicious or count != count_there[key] or (remembers and count > 1)
            if key in count_there
            else count > 1 and not sync_duplicates
        )
    }
    if leaving:
        unclear |= {
            key for row in here if source.uids[row] in leaving and (key := keys_here[row]) in count_there
        }
    known_here: list[int] = []
    if known and not sync_duplicates:  # which may be duplicates of what has a copy
        free = set(here)
        known_here = [row for row in range(len(source)) if row not in free]
        alike = {keys_here[row] for row in known_here} & count_here.keys()
        known_here = [row for row in known_here if keys_here[row] in alike]
        unclear |= alike
    unclear |= {key for row in drafts(source, here) if (key := keys_here[row]) in count_there}
    here_left = [row for row in here if keys_here[row] not in count_there]
    there_left = [row for row in there if keys_there[row] not in count_here]
    loose: set[int] = set()
    if (here_left or unclear) and (there_left or unclear):
        # Whose content turns out to be another one is left, too.
        loose = {source.digests[row] for row in here_left}
        loose |= {source.digests[row] for row in here if keys_here[row] in unclear}
        loose &= {destination.digests[row] for row in there_left} | {
            destination.digests[row] for row in there if keys_there[row] in unclear
        }
    return Doubts(
        [*known_here, *(row for row in here if keys_here[row] in unclear)] if unclear else [],
        [row for row in there if keys_there[row] in unclear] if unclear else [],
        [row for row in here_left if source.digests[row] in loose] if loose else [],
        [row for row in there_left if destination.digests[row] in loose] if loose else [],
    )


def unlike_any(uid: int, *, source: bool) -> int:
    """Give a content that no other message has, for one that was gone before its own could be read."""
    return (1 << 63) | (uid << 1) | source


def is_gone(index: MessageIndex, uid: int, *, source: bool = True) -> bool:
    """Tell whether a message of a source, or destination, was gone before its content could be read."""
    return index.contents.get(uid) == unlike_any(uid, source=source)


def unclear_arrivals(
    source: MessageIndex, destination: MessageIndex, unsure: Collection[int]
) -> tuple[list[int], list[int]]:
    """Give the UIDs, here and there, whose contents tell which message that has arrived is whose copy.

    unsure: source UIDs of messages of which nobody knows whether they arrived. For others the digest is
    enough as long as it stands once on each side.
    """
    here, there = Counter(source.digests), Counter(destination.digests)
    unclear = {digest for digest, count in there.items() if count > 1 or here[digest] > 1} & here.keys()
    unclear |= {
        digest for digest, uid in zip(source.digests, source.uids, strict=True) if uid in unsure
    } & there.keys()
    return _uids_of(source, unclear), _uids_of(destination, unclear)


def _uids_of(index: MessageIndex, digests: Collection[int]) -> list[int]:
    return [uid for digest, uid in zip(index.digests, index.uids, strict=True) if digest in digests]


class PairingRules(NamedTuple):
    """How two folders are paired.

    sync_duplicates: duplicates are wanted, too. known: source UID -> destination UID that pair whatever they
    look like. sizes_differ: this destination is known to count sizes in its own way.
    keep_copies_of_duplicates: a duplicate whose copy is there all the same (made when duplicates were wanted)
    is a pair. partners_gone: destination UIDs whose original is known and gone; those pair with another size
    only when both contents were read and are the same.
    """

    sync_duplicates: bool
    known: Mapping[int, int] = MappingProxyType({})
    sizes_differ: bool = False
    keep_copies_of_duplicates: bool = True
    partners_gone: frozenset[int] | set[int] = frozenset()


def match(source: MessageIndex, destination: MessageIndex, rules: PairingRules) -> Matching:
    """Pair two indexes; both need digests and sizes, and the contents that `doubts` asks for.

    Time and memory grow with the sum of the lengths.
    """
    sync_duplicates = rules.sync_duplicates
    partner = array("i", [NONE]) * len(source)
    keys = _exact_keys(source)
    taken = bytearray(len(destination))
    _pair_known(source, destination, rules.known, partner, taken)
    wanted, duplicates = _without_duplicates(source, keys, partner, sync_duplicates=sync_duplicates)
    if not len(destination):
        return Matching(partner, _selected(source, wanted), _selected(source, duplicates), array("I"))
    free = [row for row, is_taken in enumerate(taken) if not is_taken]
    keys_there = _exact_keys(destination)
    exact = _Chains((keys_there[row] for row in free), free)
    left = array("I")
    for row in wanted:
        found = exact.pop(keys[row])
        if found == NONE:
            left.append(row)
        else:
            partner[row] = found
            taken[found] = 1
    for row in duplicates:
        if rules.keep_copies_of_duplicates or source.uids[row] in source.excluded:
            found = exact.pop(keys[row])
            if found != NONE:
                partner[row] = found
                taken[found] = 1
    duplicates = array(
        "I", (row for row in duplicates if partner[row] == NONE and source.uids[row] not in source.excluded)
    )
    del exact
    if left:
        free = [
            row
            for row, is_taken in enumerate(taken)
            if not is_taken
            and ((uid := destination.uids[row]) not in rules.partners_gone or uid in destination.contents)
        ]
        left = _pair_other_sizes(
            Matching(partner, left, duplicates, array("I", free)),
            source,
            destination,
            sizes_differ=rules.sizes_differ,
        )
        for row in partner:
            if row != NONE:
                taken[row] = 1
    extra = array("I", (row for row, is_taken in enumerate(taken) if not is_taken))
    return Matching(partner, _selected(source, left), duplicates, extra)


def unpaired(source: MessageIndex, matching: Matching) -> list[int]:
    """Give the source rows to look for once more: selected ones to copy first, then those left out.

    Who deletes what is extra must know the copies of what is not selected, too.
    """
    left_out = [
        row
        for row, partner in enumerate(matching.partner)
        if partner == NONE and source.uids[row] in source.excluded
    ]
    return [*matching.missing, *left_out]


def duplicate_rows(index: MessageIndex) -> array[int]:
    """Give the rows whose digest, size and content stand earlier in the same index."""
    nobody = array("i", [NONE]) * len(index)
    return _without_duplicates(index, _exact_keys(index), nobody, sync_duplicates=False)[1]


def is_draft(flags: Iterable[bytes]) -> bool:
    r"""Tell whether flags have \Draft among them."""
    return any(flag.lower() == b"\\draft" for flag in flags)


def drafts(source: MessageIndex, rows: list[int]) -> list[int]:
    """Give the rows of drafts: those get other texts under the same identity."""
    if not source.flags:
        return []
    table = source.flag_table
    drafts = {number for number in set(source.flags) if is_draft(table.flags(number))}
    return [row for row in rows if source.flags[row] in drafts] if drafts else []


def twins(source: MessageIndex, matching: Matching) -> dict[int, int]:
    """Give the UID of each duplicate -> the UID of the message that it is a duplicate of."""
    if not matching.duplicates:
        return {}
    keys = _exact_keys(source)
    left_out = set(matching.duplicates)
    first: dict[int, int] = {}
    for row, key in enumerate(keys):
        if row not in left_out:
            first.setdefault(key, source.uids[row])
    return {source.uids[row]: first[keys[row]] for row in matching.duplicates if keys[row] in first}


def _selected(source: MessageIndex, rows: Iterable[int]) -> array[int]:
    """Give rows to copy in the folder's order, without those of messages that are not selected."""
    if source.excluded:
        return array("I", sorted(row for row in rows if source.uids[row] not in source.excluded))
    return array("I", rows)


def _counted(keys: list[int], rows: list[int]) -> Counter[int]:
    return Counter(keys) if len(rows) == len(keys) else Counter(keys[row] for row in rows)


def _free_rows(
    source: MessageIndex, destination: MessageIndex, known: Mapping[int, int]
) -> tuple[list[int], list[int]]:
    if not known:
        return list(range(len(source))), list(range(len(destination)))
    there = set(destination.uids)
    claimed = {known[uid] for uid in source.uids if known.get(uid) in there}
    return (
        [row for row, uid in enumerate(source.uids) if known.get(uid) not in there],
        [row for row, uid in enumerate(destination.uids) if uid not in claimed],
    )


def _in_order(source: MessageIndex) -> Iterable[int]:
    """Give the rows, those of selected messages first: none is a duplicate of one that is not selected."""
    if not source.excluded:
        return range(len(source))
    return sorted(range(len(source)), key=lambda row: source.uids[row] in source.excluded)


def _pair_known(
    source: MessageIndex,
    destination: MessageIndex,
    known: Mapping[int, int],
    partner: array[int],
    taken: bytearray,
) -> None:
    if not known:
        return
    rows = {uid: row for row, uid in enumerate(destination.uids)}
    for row, uid in enumerate(source.uids):
        found = rows.get(known.get(uid, 0), NONE)
        if found != NONE and not taken[found]:
            partner[row] = found
            taken[found] = 1


def _pair_other_sizes(
    so_far: Matching, source: MessageIndex, destination: MessageIndex, *, sizes_differ: bool
) -> array[int]:
    """Pair equal digests of other sizes where the content was read and is the same, or sizes say nothing.

    Fills the partners of `so_far` from its missing and extra rows; gives the rows that are left.
    """
    free = so_far.extra
    by_content = _Chains(
        (mixed(destination.digests[row], destination.contents.get(destination.uids[row], 0)) for row in free),
        free,
    )
    missing = array("I")
    for row in so_far.missing:
        content = source.contents.get(source.uids[row], 0)
        found = NONE
        if content or sizes_differ:
            found = by_content.pop(mixed(source.digests[row], content))
        if found == NONE:
            missing.append(row)
        else:
            so_far.partner[row] = found
    return missing


def _keys(index: MessageIndex) -> list[int]:
    """Give digest and size of each row mixed into one number."""
    return list(map(_key, index.digests, index.sizes))


def _key(digest: int, size: int) -> int:
    return (digest + size * _SIZE_FACTOR) & _MASK


def _exact_keys(index: MessageIndex) -> list[int]:
    """Give digest, size and, where it was read, content of each row mixed into one number."""
    keys = _keys(index)
    if index.contents:
        contents = index.contents
        keys = [mixed(key, contents.get(uid, 0)) for key, uid in zip(keys, index.uids, strict=True)]
    return keys


def mixed(key: int, content: int) -> int:
    """Give one number for an identity and what a message says."""
    return (key ^ (content * _SIZE_FACTOR)) & _MASK


def _without_duplicates(
    index: MessageIndex, keys: list[int], partner: array[int], *, sync_duplicates: bool
) -> tuple[Iterable[int], array[int]]:
    """Cut the rows without partner into those to look for and duplicates; selected messages come first."""
    duplicates = array("I")
    if sync_duplicates:
        return (row for row, found in enumerate(partner) if found == NONE), duplicates
    seen = {keys[row] for row, found in enumerate(partner) if found != NONE}
    wanted = array("I")
    for row in _in_order(index):
        if partner[row] != NONE:
            continue
        key = keys[row]
        if key not in seen:
            seen.add(key)
            wanted.append(row)
        else:
            duplicates.append(row)
    return wanted, duplicates


class _Chains:
    """Key -> rows, given back first in, first out. Most keys have one row and cost one dictionary entry."""

    __slots__ = ("_first", "_more")

    def __init__(self, keys: Iterable[int], rows: Iterable[int]) -> None:
        self._first: dict[int, int] = {}
        self._more: dict[int, list[int]] = {}
        first = self._first
        for key, row in zip(keys, rows, strict=True):
            if key in first:
                self._more.setdefault(key, []).append(row)
            else:
                first[key] = row
        for more in self._more.values():
            more.reverse()

    def pop(self, key: int) -> int:
        row = self._first.pop(key, NONE)
        if row != NONE:
            more = self._more.get(key)
            if more:
                self._first[key] = more.pop()
        return row

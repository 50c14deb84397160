"""Pair the messages of two folders by identity. The one place that decides "this is already there".

Rules. Messages pair when their digests are equal. Among several of one digest, equal sizes pair first; what
is left pairs in order, because servers may count a size differently. A source folder may hold several
messages of one digest: with the same size they are duplicates (copied once, unless duplicates are wanted,
then as often as they are there), with another size they are other messages. Nothing pairs twice, so a second
run finds for every copy exactly its original.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.plan.index import MessageIndex

#: "No partner" in the columns of a Matching.
NONE = -1
_MASK = (1 << 64) - 1
_SIZE_FACTOR = 0x9E3779B97F4A7C15  # odd: spreads sizes over 64 bits


class Matching(NamedTuple):
    """The result: rows of the source index and their partners.

    partner[i] is the destination row of source row i, or NONE. `missing` are source rows to copy,
    `duplicates` source rows left out because the same message stands earlier in the folder; `extra`
    destination rows without partner.
    """

    partner: array[int]
    missing: array[int]
    duplicates: array[int]
    extra: array[int]


def match(source: MessageIndex, destination: MessageIndex, *, sync_duplicates: bool) -> Matching:
    """Pair two indexes; both need their digests and sizes.

    Time and memory grow with the sum of the lengths.
    """
    partner = array("i", [NONE]) * len(source)
    wanted, duplicates = _without_duplicates(source, sync_duplicates)
    if len(destination) == 0:
        return Matching(partner, array("I", wanted), duplicates, array("I"))
    taken = bytearray(len(destination))
    exact = _Chains(_exact_keys(destination), range(len(destination)))
    left = array("I")
    for row in wanted:
        found = exact.pop(_exact(source.digests[row], source.sizes[row]))
        if found == NONE:
            left.append(row)
        else:
            partner[row] = found
            taken[found] = 1
    del exact
    missing = left
    if left:
        free = [row for row in range(len(destination)) if not taken[row]]
        loose = _Chains((destination.digests[row] for row in free), free)
        missing = array("I")
        for row in left:
            found = loose.pop(source.digests[row])
            if found == NONE:
                missing.append(row)
            else:
                partner[row] = found
                taken[found] = 1
    extra = array("I", (row for row in range(len(destination)) if not taken[row]))
    return Matching(partner, missing, duplicates, extra)


def duplicate_rows(index: MessageIndex) -> array[int]:
    """Give the rows whose digest and size stand earlier in the same index."""
    return _without_duplicates(index, sync_duplicates=False)[1]


def _exact_keys(index: MessageIndex) -> Iterable[int]:
    """Give digest and size of each row mixed into one number."""
    return map(_exact, index.digests, index.sizes)


def _exact(digest: int, size: int) -> int:
    return (digest + size * _SIZE_FACTOR) & _MASK


def _without_duplicates(index: MessageIndex, sync_duplicates: bool) -> tuple[Iterable[int], array[int]]:
    duplicates = array("I")
    if sync_duplicates:
        return range(len(index)), duplicates
    seen: set[int] = set()
    wanted = array("I")
    for row, key in enumerate(_exact_keys(index)):
        if key in seen:
            duplicates.append(row)
        else:
            seen.add(key)
            wanted.append(row)
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

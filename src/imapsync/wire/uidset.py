"""Sets of UIDs or sequence numbers (RFC 3501 §9 sequence-set), kept as ranges: 1:4294967295 is small."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from imapsync.wire.errors import EncodingRefused, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: RFC 3501 §9: nz-number is a 32-bit value.
MAX_NUMBER = 0xFFFFFFFF
#: RFC 7162 §7: mod-sequences are 63-bit values; so are sizes (RFC 9051 §9 number64).
MAX_LONG_NUMBER = 2**63 - 1
#: RFC 7162 §4 advises clients to keep command lines under 8192 octets; the rest of the line needs room.
MAX_SET_BYTES = 7000
_RANGE = re.compile(rb"(\d{1,10})(?::(\d{1,10}))?\Z")


class UidSet:
    """Immutable ranges of numbers, in the order they were given (COPYUID pairs by order).

    Iterating gives each number; `ranges` the (first, last) pairs, first <= last.
    """

    __slots__ = ("ranges",)

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self.ranges: tuple[tuple[int, int], ...] = tuple(ranges)

    @classmethod
    def of(cls, numbers: Iterable[int]) -> UidSet:
        """Make the compact set of some numbers, sorted, each once."""
        return cls(_compact(sorted(set(numbers))))

    @classmethod
    def parse(cls, raw: bytes) -> UidSet:
        """Read the wire form, such as b"1:3,7"; ProtocolError for anything else, '*' included."""
        ranges = []
        for part in raw.split(b","):
            match = _RANGE.match(part)
            low = int(match[1]) if match else 0
            high = int(match[2] or low) if match else 0
            if not (0 < low <= MAX_NUMBER and 0 < high <= MAX_NUMBER):
                raise ProtocolError(f"not a sequence set: {raw[:60]!r}")
            ranges.append((low, high) if low <= high else (high, low))
        return cls(ranges)

    def encode(self) -> bytes:
        """Give the wire form; EncodingRefused when empty (IMAP has no empty set)."""
        if not self.ranges:
            raise EncodingRefused("an empty set cannot be sent")
        return b",".join(_encode_range(first, last) for first, last in self.ranges)

    def split(self, max_count: int, max_bytes: int = MAX_SET_BYTES) -> Iterator[UidSet]:
        """Cut into sets of at most max_count numbers and max_bytes encoded bytes each, in order."""
        piece: list[tuple[int, int]] = []
        count = length = 0
        for first, last in self.ranges:
            start = first
            while start <= last:
                if count == max_count or length + 22 > max_bytes:
                    yield UidSet(piece)
                    piece, count, length = [], 0, 0
                end = min(last, start + max_count - count - 1)
                piece.append((start, end))
                length += len(_encode_range(start, end)) + 1
                count += end - start + 1
                start = end + 1
        if piece:
            yield UidSet(piece)

    def within(self, first: int, last: int) -> UidSet:
        """Give the part of the set from `first` to `last`, without looking at each number."""
        return UidSet(
            (max(first, low), min(last, high)) for low, high in self.ranges if low <= last and high >= first
        )

    def without(self, numbers: Iterable[int]) -> UidSet:
        """Give the rest of the set, sorted; costs what numbers and ranges cost, not what they span."""
        taken = sorted(set(numbers))
        left: list[tuple[int, int]] = []
        for first, last in sorted(self.ranges):
            start = first
            for number in taken[bisect_left(taken, first) : bisect_right(taken, last)]:
                if number > start:
                    left.append((start, number - 1))
                start = number + 1
            if start <= last:
                left.append((start, last))
        return UidSet(left)

    def among(self, numbers: Iterable[int]) -> list[int]:
        """Give those of the numbers that are in the set, in their order: so a server's set is used."""
        ranges = sorted(self.ranges)
        firsts = [first for first, _ in ranges]
        # A range that begins earlier may reach further: the highest end so far decides.
        lasts = list(accumulate((last for _, last in ranges), max))
        return [
            number
            for number in numbers
            if (at := bisect_right(firsts, number)) > 0 and number <= lasts[at - 1]
        ]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and any(first <= number <= last for first, last in self.ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self.ranges == other.ranges

    def __hash__(self) -> int:
        return hash(self.ranges)

    def __repr__(self) -> str:
        return f"UidSet({self.ranges!r})"


def _encode_range(first: int, last: int) -> bytes:
    return b"%d" % first if first == last else b"%d:%d" % (first, last)


def _compact(numbers: list[int]) -> Iterator[tuple[int, int]]:
    if not numbers:
        return
    first = previous = numbers[0]
    if first <= 0 or numbers[-1] > MAX_NUMBER:
        raise EncodingRefused(f"not a message number: {first if first <= 0 else numbers[-1]}")
    for number in numbers[1:]:
        if number != previous + 1:
            yield first, previous
            first = number
        previous = number
    yield first, previous

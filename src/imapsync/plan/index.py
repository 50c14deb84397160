"""A folder's messages in columns: a few bytes a message, so that half a million fit anywhere."""

from __future__ import annotations

from array import array


class FlagTable:
    r"""Gives small numbers to sets of flags, because a folder has few different ones.

    Flags are kept as sent, compared without regard to case (RFC 3501 §2.3.2), \Recent is left out.
    """

    __slots__ = ("_numbers", "_sets")

    def __init__(self) -> None:
        self._numbers: dict[tuple[bytes, ...], int] = {}
        self._sets: list[tuple[bytes, ...]] = []

    def number(self, flags: tuple[bytes, ...]) -> int:
        """Give the number of a set of flags, the same for every order and case."""
        number = self._numbers.get(flags)
        if number is not None:
            return number
        canonical = canonical_flags(flags)
        key = tuple(flag.lower() for flag in canonical)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._sets)
            self._sets.append(canonical)
            self._numbers[key] = number
        self._numbers[flags] = number
        return number

    def flags(self, number: int) -> tuple[bytes, ...]:
        """Give the set with this number, sorted."""
        return self._sets[number]


def canonical_flags(flags: tuple[bytes, ...]) -> tuple[bytes, ...]:
    r"""Give flags sorted, each once, without \Recent (only the server sets it)."""
    unique = {flag.lower(): flag for flag in flags}
    unique.pop(b"\\recent", None)
    return tuple(unique[key] for key in sorted(unique))


class MessageIndex:
    """What is known of a folder's messages, a column a fact, rows in the order they were read.

    uids, digests (`identity`), sizes (bytes, as the server says), flags (numbers of `flag_table`) and dates
    (internal dates, epoch seconds) run in parallel; columns that were not asked for stay empty. excluded:
    UIDs that are known but not selected for copying. contents: UID -> digest of the whole message, for the
    few that nothing else tells apart. unread: UIDs whose contents the server did not give though it lists
    them. poor: UIDs of messages that none of the identifying headers tells. dropped: UIDs that stand in no
    column, because they are not selected and nobody needs to know more of them.
    """

    __slots__ = (
        "_highest",
        "_known",
        "contents",
        "dates",
        "digests",
        "dropped",
        "excluded",
        "flag_table",
        "flags",
        "poor",
        "sizes",
        "uids",
        "unread",
    )

    def __init__(self, flag_table: FlagTable | None = None) -> None:
        self.uids = array("I")
        self.dates = array("q")
        self.digests = array("Q")
        self.sizes = array("Q")
        self.flags = array("I")
        self.excluded: set[int] = set()
        self.contents: dict[int, int] = {}
        self.unread: set[int] = set()
        self.poor: set[int] = set()
        self.dropped = array("I")
        self._highest = 0
        self._known: set[int] | None = None
        self.flag_table = flag_table if flag_table is not None else FlagTable()

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def seen(self) -> int:
        """How many messages the server told of, those that were dropped included."""
        return len(self.uids) + len(self.dropped)

    def seen_below(self, uidnext: int | None) -> int:
        """How many of them have a UID under `uidnext`: those that were there when the folder was opened."""
        if not uidnext or (self._known is None and self._highest < uidnext):
            return self.seen
        late = sum(uid >= uidnext for uids in (self.uids, self.dropped) for uid in uids)
        return self.seen - late

    def is_new(self, uid: int) -> bool:
        """Tell whether a UID comes for the first time; cheap while a server answers in ascending order."""
        if self._known is None:
            if uid > self._highest:
                self._highest = uid
                return True
            self._known = {*self.uids, *self.dropped}
        if uid in self._known:
            return False
        self._known.add(uid)
        return True

    def digests_by_uid(self) -> dict[int, int]:
        """Give UID -> digest."""
        return dict(zip(self.uids, self.digests, strict=True))

    def without(self, uids: set[int]) -> MessageIndex:
        """Give the index of the other messages."""
        kept = MessageIndex(self.flag_table)
        kept.excluded = self.excluded
        kept.contents = self.contents
        kept.unread = self.unread
        kept.poor = self.poor
        kept.dropped = self.dropped
        kept._highest = self._highest
        for row, uid in enumerate(self.uids):
            if uid not in uids:
                kept.uids.append(uid)
                kept.sizes.append(self.sizes[row])
                if self.flags:
                    kept.flags.append(self.flags[row])
                if self.digests:
                    kept.digests.append(self.digests[row])
        return kept

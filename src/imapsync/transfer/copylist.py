"""The messages of a folder pair that are to be copied, row by row, and how far each of them is."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from imapsync.plan.decisions import NOTHING
from imapsync.terms import Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from imapsync.plan.decisions import Rows
    from imapsync.report.events import MessageFailed

#: States of a row; the last four are final. DELIVERED: the user's local delivery has taken it, and has put it
#: wherever it belongs.
WAITING, SENT, DONE, FAILED, SKIPPED, DELIVERED = range(6)
_FINAL = frozenset({DONE, FAILED, SKIPPED, DELIVERED})


class CopyList:
    """Rows in parallel: uids, sizes, digests (none where nobody asked who they are), states, copies.

    copies: destination UIDs, 0 while unknown. floor: the destination's UIDNEXT before anything was copied in
    this run: whatever this run puts there has a UID of at least this. left: how many rows have no end yet.
    failed: whether any has not arrived. vanished: how many were missed on the source. filed: source UIDs
    whose copies the user's script has filed elsewhere. flags: source UID -> number of the flags that a copy
    without a name got. refused: messages that failed while none has arrived; together they count as one
    error; refusal: the last of them. flags_open: the copies' flags are to be looked at once more, because
    they may not have stayed. seen_flags: flags that were looked at whether they stay. after: the
    destination's numbers when all copies were seen to be there. odd: rows whose copies nobody named and
    some servers cannot read: they are looked for although the numbers say that they are there. breaking: how
    many broke the connection each time, one after the other.
    """

    __slots__ = (
        "after",
        "breaking",
        "copies",
        "digests",
        "failed",
        "filed",
        "flags",
        "flags_open",
        "floor",
        "left",
        "odd",
        "refusal",
        "refused",
        "seen_flags",
        "sizes",
        "states",
        "uids",
        "vanished",
    )

    def __init__(self, rows: Rows = NOTHING.copy, floor: int = 1) -> None:
        self.uids, self.sizes, self.digests = rows
        self.floor = floor
        self.states = bytearray(len(self.uids))
        self.copies = array("Q", bytes(8 * len(self.uids)))
        self.left = len(self.uids)
        self.failed = False
        self.vanished = 0
        self.filed: set[int] = set()
        self.flags: dict[int, int] = {}
        self.refused = 0
        self.refusal: MessageFailed | None = None
        self.flags_open = False
        self.seen_flags: set[bytes] = set()
        self.after: Numbers | None = None
        self.odd: set[int] = set()
        self.breaking = 0

    def __len__(self) -> int:
        return len(self.uids)

    def rows(self, state: int) -> list[int]:
        """Give the rows in a state."""
        return [row for row, each in enumerate(self.states) if each == state]

    def is_open(self, row: int) -> bool:
        """Tell whether a row has no end yet."""
        return self.states[row] in (WAITING, SENT)

    def unnamed(self) -> list[int]:
        """Give the rows that arrived without anybody telling their UID."""
        return [row for row, each in enumerate(self.states) if each == DONE and not self.copies[row]]

    def arrived(self) -> dict[int, int]:
        """Give source UID -> copy, for what arrived in this run and has a known UID."""
        return {
            self.uids[row]: self.copies[row]
            for row, each in enumerate(self.states)
            if each == DONE and self.copies[row]
        }

    @property
    def done(self) -> list[int]:
        """Destination UIDs of what was copied in this run, 0 for copies that nobody named."""
        return [copy for copy, each in zip(self.copies, self.states, strict=True) if each == DONE]

    def close(self, row: int, state: int) -> None:
        """Move a row to a final state."""
        if self.states[row] not in _FINAL:
            self.left -= 1
        self.failed = self.failed or state == FAILED
        self.states[row] = state

    def send(self, rows: Iterable[int]) -> None:
        """Note that rows are on their way."""
        for row in rows:
            self.states[row] = SENT

    def wait(self, row: int) -> None:
        """Note that a row is to be sent again."""
        self.states[row] = WAITING

    def name(self, row: int, copy: int) -> None:
        """Note the UID of a copy; 0: nobody knows it after all."""
        self.copies[row] = copy

    def note_filed(self, copies: Container[int]) -> None:
        """Note that the user's script has filed these copies elsewhere."""
        self.filed.update(self.uids[row] for row, copy in enumerate(self.copies) if copy in copies)

    def arrive(self, rows: Sequence[int], copies: Sequence[int]) -> None:
        """Note that rows are on the destination; copies: their UIDs there, none when nobody told."""
        self.breaking = 0
        for at, row in enumerate(rows):
            self.close(row, DONE)
            if copies:
                self.name(row, copies[at])

    def deliver(self, row: int) -> None:
        """Note that the user's local delivery has taken a row: as filed as by the user's script."""
        self.breaking = 0
        self.close(row, DELIVERED)
        self.filed.add(self.uids[row])

    def refuse(self, failure: MessageFailed) -> bool:
        """Note a failure; tell whether it counts as an error of its own: of many before any arrives, one."""
        if DONE in self.states or DELIVERED in self.states:
            return True
        self.refused += 1
        self.refusal = failure
        return self.refused == 1

    def pairs(self, rows: Iterable[int], copies: Iterable[int], flags: Iterable[int]) -> Iterable[Pair]:
        """Give what is to be recorded of copied rows: destination UIDs and numbers of flags in parallel."""
        digests, sizes = self.digests, self.sizes
        for row, copy, number in zip(rows, copies, flags, strict=True):
            yield Pair(self.uids[row], copy, number, digests[row] if digests else 0, sizes[row])

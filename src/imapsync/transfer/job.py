"""One folder pair under way: what was seen of it, what is to be copied, and how far each message is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapsync.terms import Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.account import SeenFolder
    from imapsync.plan.mapping import FolderPair
    from imapsync.report.events import MessageFailed
    from imapsync.terms import FolderRecord

#: States of a row of the copy list.
WAITING, SENT, DONE, FAILED, SKIPPED = range(5)


@dataclass(slots=True)
class FolderJob:
    """A folder pair. Rows of the copy list: `uids`, `sizes`, `digests`, `states`, `copies` run in parallel.

    source, destination: what was seen of both folders. copies: destination UIDs, 0 while unknown. floor: the
    destination's UIDNEXT before anything was copied in this run: whatever this run puts there has a UID of
    at least this. found: source and destination UIDs that the comparison has paired. twins: source UIDs of
    duplicates, and of what they are duplicates of. ours: source UIDs that we have marked as deleted. filed:
    source UIDs whose copies the user's script has filed elsewhere. doomed: destination UIDs to be deleted.
    last_copies: what --delete2 leaves alone, because the journal that was given up knew that it may be the
    last copy. incomplete: the source keeps messages from us, so nothing may be concluded from what it does
    not show. refused: messages that failed while none has arrived; together they count as one error; refusal:
    the last of them. breaking: source UIDs at which the server hangs up. flags_open: the copies' flags are to
    be looked at once more, because they may not have stayed. seen_flags: flags that were looked at whether
    they stay. spared: something of the destination has no original here and was not selected for deletion.
    """

    pair: FolderPair
    source: SeenFolder
    destination: SeenFolder
    position: int = 0
    floor: int = 1
    record: FolderRecord | None = None
    uids: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    digests: array[int] = field(default_factory=lambda: array("Q"))
    states: bytearray = field(default_factory=bytearray)
    copies: array[int] = field(default_factory=lambda: array("Q"))
    open_rows: int = 0
    vanished: int = 0
    found_uids: array[int] = field(default_factory=lambda: array("I"))
    found_copies: array[int] = field(default_factory=lambda: array("I"))
    twins: dict[int, int] = field(default_factory=dict)
    ours: set[int] = field(default_factory=set)
    filed: set[int] = field(default_factory=set)
    doomed: array[int] = field(default_factory=lambda: array("I"))
    last_copies: set[int] = field(default_factory=set)
    flag_changes: dict[tuple[tuple[bytes, ...], tuple[bytes, ...]], array[int]] = field(default_factory=dict)
    copied_flags: dict[int, int] = field(default_factory=dict)
    flag_rows: list[tuple[int, int]] = field(default_factory=list)
    refused: int = 0
    refusal: MessageFailed | None = None
    breaking: set[int] = field(default_factory=set)
    flags_open: bool = False
    seen_flags: set[bytes] = field(default_factory=set)
    source_list_complete: bool = True
    incomplete: bool = False
    failed: bool = False
    spared: bool = False
    finished: bool = False
    unchanged: bool = False

    @property
    def name(self) -> str:
        """The source folder's name, by which people know the pair."""
        return self.pair.source.name

    @property
    def copies_done(self) -> list[int]:
        """Destination UIDs of what was copied in this run, 0 for copies that nobody named."""
        return [copy for copy, state in zip(self.copies, self.states, strict=True) if state == DONE]

    def plan_copies(self, uids: array[int], sizes: array[int], digests: array[int]) -> None:
        """Set the copy list; `digests` is empty where nobody asked who the messages are."""
        self.uids, self.sizes, self.digests = uids, sizes, digests
        self.states = bytearray(len(uids))
        self.copies = array("Q", bytes(8 * len(uids)))
        self.open_rows = len(uids)

    def close_row(self, row: int, state: int) -> None:
        """Move a row to a final state."""
        if self.states[row] not in (DONE, FAILED, SKIPPED):
            self.open_rows -= 1
        self.states[row] = state

    def pairs(self, rows: Iterable[int], copies: Iterable[int], flags: Iterable[int]) -> Iterable[Pair]:
        """Give what is to be recorded of copied rows: destination UIDs and numbers of flags in parallel."""
        digests, sizes = self.digests, self.sizes
        for row, copy, number in zip(rows, copies, flags, strict=True):
            yield Pair(self.uids[row], copy, number, digests[row] if digests else 0, sizes[row])

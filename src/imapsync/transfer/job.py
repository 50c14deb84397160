"""One folder pair under way: which messages are to be copied, and how far each of them is."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imapsync.journal import FolderState
    from imapsync.plan.mapping import FolderPair
    from imapsync.report.events import MessageFailed
    from imapsync.session.session import Selected
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import StatusItems

#: States of a row of the copy list.
WAITING, SENT, DONE, FAILED, SKIPPED = range(5)


@dataclass(slots=True)
class FolderJob:
    """A folder pair. Rows of the copy list: `uids`, `sizes`, `states`, `copies` run in parallel.

    copies: destination UIDs, 0 while unknown. floor: the destination's UIDNEXT before anything was copied in
    this run: whatever this run puts there has a UID of at least this. flag_rows: journal rows to write once
    the flag changes are made. proven: source UIDs whose copy is known to exist, to be deleted or flagged on
    the source. doomed: destination UIDs to be deleted. refused: messages that failed while none has arrived;
    together they count as one error; refusal: the last of them. breaking: source UIDs at which the
    server hangs up. flags_open: the copies' flags are to be looked at once
    more, because they may not have stayed. seen_flags: flags of which it was looked at whether they stay.
    """

    pair: FolderPair
    source_mailbox: MailboxName
    destination_mailbox: MailboxName
    position: int = 0
    source_status: StatusItems | None = None
    destination_status: StatusItems | None = None
    source_selected: Selected | None = None
    destination_selected: Selected | None = None
    source_uidvalidity: int = 0
    floor: int = 1
    state: FolderState | None = None
    uids: array[int] = field(default_factory=lambda: array("I"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))
    states: bytearray = field(default_factory=bytearray)
    copies: array[int] = field(default_factory=lambda: array("Q"))
    open_rows: int = 0
    vanished: int = 0
    proven: array[int] = field(default_factory=lambda: array("I"))
    doomed: array[int] = field(default_factory=lambda: array("I"))
    flag_changes: dict[tuple[tuple[bytes, ...], tuple[bytes, ...]], array[int]] = field(default_factory=dict)
    copied_flags: dict[int, int] = field(default_factory=dict)
    flag_rows: list[tuple[int, int, int]] = field(default_factory=list)
    refused: int = 0
    refusal: MessageFailed | None = None
    breaking: set[int] = field(default_factory=set)
    flags_open: bool = False
    seen_flags: set[bytes] = field(default_factory=set)
    source_list_complete: bool = True
    failed: bool = False
    finished: bool = False
    destination_count: int = 0

    @property
    def name(self) -> str:
        """The source folder's name, by which people know the pair."""
        return self.pair.source.name

    def plan_copies(self, uids: array[int], sizes: array[int]) -> None:
        """Set the copy list."""
        self.uids, self.sizes = uids, sizes
        self.states = bytearray(len(uids))
        self.copies = array("Q", bytes(8 * len(uids)))
        self.open_rows = len(uids)

    def close_row(self, row: int, state: int) -> None:
        """Move a row to a final state."""
        if self.states[row] not in (DONE, FAILED, SKIPPED):
            self.open_rows -= 1
        self.states[row] = state

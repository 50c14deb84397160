"""What was seen of a folder in this run, as the numbers that decisions are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapsync.session.errors import CommandRefused
from imapsync.terms import Numbers

if TYPE_CHECKING:
    from imapsync.session.session import Selected
    from imapsync.terms import Side
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import StatusItems


class FolderReplaced(CommandRefused):
    """A folder is not the one that was compared: its UIDs are those of other messages (RFC 3501 §2.3.1.1).

    Whoever can do without a folder that is refused can do without this one.
    """

    def __init__(self, name: str, side: Side | None) -> None:
        super().__init__(
            f"folder {name} was replaced by another of that name while the run went on",
            status="NO",
            verb="SELECT",
            side=side,
            code="folder_replaced",
        )


@dataclass(slots=True)
class SeenFolder:
    """A folder and what it showed.

    listed: what the listing told. opened: what its first opening since `begin` told, which everything is
    compared under. still_shown: how many of the messages that it held then a later list still showed, None
    without one. uidvalidity: what each opening has to meet, 0 while nobody knows. breaking: UIDs at which its
    server hangs up, with their sizes. unread: sizes of the messages that its server lists and does not show.
    A size is 0 where nobody knows it.
    """

    mailbox: MailboxName
    listed: StatusItems | None = None
    opened: Selected | None = None
    still_shown: int | None = None
    uidvalidity: int = 0
    breaking: dict[int, int] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)

    def begin(self, uidvalidity: int = 0) -> None:
        """Forget what opening told: the folder is compared anew, under this UIDVALIDITY or any."""
        self.opened = self.still_shown = None
        self.uidvalidity = uidvalidity
        self.unread.clear()

    def meet(self, selected: Selected, side: Side | None) -> None:
        """Take what an opening told; FolderReplaced when it is another folder."""
        told = selected.uidvalidity or 0
        if self.uidvalidity and told != self.uidvalidity:
            raise FolderReplaced(self.mailbox.text, side)
        if self.opened is None:
            self.opened = selected
            self.uidvalidity = told

    @property
    def numbers(self) -> Numbers:
        """What the latest look told: the opening, else the listing."""
        if self.opened is not None:
            return opened_numbers(self.opened, self.listed)
        return numbers_of(self.listed) or Numbers()

    @property
    def compared(self) -> Numbers:
        """The numbers under which it was compared; the listing alone is none.

        What left the folder before it could be read does not count: it may come back.
        """
        if self.opened is None:
            return Numbers(self.uidvalidity)
        now = self.numbers
        return now if self.still_shown is None else now._replace(messages=self.still_shown, size=-1)

    @property
    def hidden(self) -> list[int]:
        """The sizes of messages of which nobody can say who they are."""
        return [*self.unread, *self.breaking.values()]

    @property
    def messages(self) -> int:
        """How many messages it held by the listing; 0 when that did not tell."""
        return (self.listed.messages if self.listed else None) or 0


def numbers_of(status: StatusItems | None) -> Numbers | None:
    """Give what a STATUS told, None when there was none."""
    if status is None:
        return None
    return Numbers(
        status.uidvalidity or 0,
        status.uidnext or 0,
        -1 if status.messages is None else status.messages,
        status.highestmodseq or 0,
        -1 if status.size is None else status.size,
    )


def opened_numbers(selected: Selected, status: StatusItems | None) -> Numbers:
    """Give what opening a folder told; what SELECT does not tell comes from a STATUS that says the same."""
    listed = numbers_of(status) or Numbers()
    now = Numbers(
        selected.uidvalidity or 0,
        selected.uidnext or (listed.uidnext if listed.messages == selected.exists else 0),
        selected.exists,
        selected.highestmodseq or 0,
    )
    same = (now.uidnext, now.messages) == (listed.uidnext, listed.messages)
    if same and (not now.modseq or now.modseq == listed.modseq):
        now = now._replace(modseq=listed.modseq, size=listed.size)
    return now

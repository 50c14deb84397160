"""One side of a run: the connection to its server, the folders that it lists, and which of them is open.

Nobody else opens a folder: commands about messages exist only on what `open`, `opened`, `look` and `change`
give (`account.opened`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from imapsync.account.folders import Told, discover
from imapsync.account.opened import Manners, MetFolder, OpenFolder
from imapsync.account.seen import SeenFolder
from imapsync.session.errors import ConnectionFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.account.folders import Listing
    from imapsync.session.breaking import Breaking
    from imapsync.session.folders import FolderCommands
    from imapsync.session.pending import Pending
    from imapsync.session.session import Appended, Message, Selected, Session
    from imapsync.terms import Side
    from imapsync.wire.mailbox import MailboxName


#: Connections that may end while folders are listed, before that is taken for an optional command's doing.
LISTINGS_LOST = 2


class Account:
    """An account of a run, over one connection that may be replaced.

    side: which. listing: its folders, once they were listed. writes: whether its folders are opened to be
    changed. condstore: whether opening asks for mod-sequences (RFC 7162).
    """

    listing: Listing

    def __init__(self, side: Side, *, writes: bool, condstore: bool = False) -> None:
        self.side = side
        self.writes = writes
        self.condstore = condstore
        self._session: Session | None = None
        self._last: tuple[bytes, bool, Pending[Selected]] | None = None
        self._manners = Manners()

    # -- the connection

    def take(self, session: Session) -> None:
        """Go on over this connection; no folder is open there."""
        self._session = session
        self._last = None
        session.share(self._manners.breaking)

    def over(self, session: Session) -> Account:
        """Give the same account over a further connection."""
        other = Account(self.side, writes=self.writes, condstore=self.condstore)
        other._manners = self._manners
        other.take(session)
        return other

    @property
    def connected(self) -> bool:
        """Whether there was ever a connection."""
        return self._session is not None

    @property
    def server(self) -> FolderCommands:
        """Commands that are about no open folder; opening and leaving folders is for the account alone."""
        return self._connection

    @property
    def _connection(self) -> Session:
        if self._session is None:
            raise RuntimeError(f"the {self.side} is not connected")
        return self._session

    @property
    def opens_with_changes(self) -> bool:
        """Whether opening a folder asks for mod-sequences."""
        return self.condstore and self.has("CONDSTORE")

    def has(self, capability: str) -> bool:
        """Tell whether the server announced a capability (in capitals)."""
        return self._connection.has(capability)

    @property
    def append_limit(self) -> int | None:
        """The largest message that the server takes, in bytes, None when it does not say."""
        return self._connection.append_limit

    @property
    def breaking(self) -> Breaking:
        """Which commands about folders its connections ended over."""
        return self._manners.breaking

    @property
    def tells_vanished(self) -> bool:
        """Whether the server names messages that are gone (QRESYNC was switched on)."""
        return "QRESYNC" in self._connection.enabled

    # -- folders

    async def list(self, *, sizes: bool = False, numbers: bool = True) -> Listing:
        """Ask for all folders, see `discover`; plainly where the server hung up over more than that.

        Where it hangs up over a plain LIST, too, what it had told by then has to do.
        """
        manners = self._manners
        plainly = manners.listings_lost >= LISTINGS_LOST
        told = Told(manners.namespaces)
        try:
            return await discover(
                self._connection, sizes=sizes, numbers=numbers, plainly=plainly, told=told, cut=manners.cut
            )
        except ConnectionFailed:
            manners.listings_lost += not told.whole
            if manners.listings_lost == 2 * LISTINGS_LOST and not told.whole:
                manners.cut = told
            raise
        finally:
            manners.namespaces = told.namespaces

    def open(self, folder: SeenFolder) -> OpenFolder:
        """Open a folder without waiting: `selected` of what is given tells how it went."""
        opener = partial(self._select, folder.mailbox, read_only=not self.writes)
        return OpenFolder(folder, opener, self._manners)

    async def opened(self, folder: SeenFolder) -> OpenFolder:
        """Open a folder; CommandRefused, FolderReplaced."""
        opened = self.open(folder)
        await opened.selected()
        return opened

    async def change(self, folder: SeenFolder) -> MetFolder:
        """Open a folder to change messages by UID; CommandRefused, FolderReplaced."""
        opener = partial(self._select, folder.mailbox, read_only=not self.writes)
        opened = MetFolder(folder, opener, self._manners)
        await opened.selected()
        return opened

    def look(self, mailbox: MailboxName) -> OpenFolder:
        """Open any folder only to read, without waiting."""
        opener = partial(self._select, mailbox, read_only=True)
        return OpenFolder(SeenFolder(mailbox), opener, self._manners)

    def anew(self) -> None:
        """Ask for the next folder in any case, though it be the one that is open: as it is then."""
        self._last = None

    def forgive(self) -> None:
        """Let what its connections ended over be tried once more."""
        self.breaking.forgive()
        self.anew()

    async def close(self) -> None:
        """Have no folder open."""
        self._last = None
        await self._connection.unselect()

    def append(self, mailbox: MailboxName, messages: Sequence[Message]) -> Pending[Appended]:
        """APPEND to a folder that nobody opens."""
        return self._connection.append(mailbox, messages)

    def _select(self, mailbox: MailboxName, *, read_only: bool) -> tuple[Session, Pending[Selected]]:
        """Open a folder, where it is not the one that was opened last."""
        session, last = self._connection, self._last
        if last is not None and last[0] == mailbox.raw and last[1] == read_only:
            return session, last[2]
        answer = session.select(mailbox, read_only=read_only, condstore=self.opens_with_changes)
        self._last = (mailbox.raw, read_only, answer)
        return session, answer

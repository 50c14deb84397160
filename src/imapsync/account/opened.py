"""A folder that was opened: commands about messages live here, and nowhere else.

Commands go out ahead of their answers, so "open" means: the folder of the SELECT or EXAMINE that was sent
last. Each command opens its folder again first where another one was opened meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.breaking import Breaking
from imapsync.session.errors import ConnectionFailed
from imapsync.session.fetch import FetchStream
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Generator, Iterable, Sequence

    from imapsync.account.folders import Told
    from imapsync.account.seen import SeenFolder
    from imapsync.session.fetch import BodyStream
    from imapsync.session.pending import Pending
    from imapsync.session.session import Appended, Message, Selected, Session
    from imapsync.terms import Side
    from imapsync.wire.responses import Filtered, Namespaces

    #: Opens the folder where it is not the one open; gives the session, and the answer of what opened it.
    Opener = Callable[[], tuple[Session, Pending[Selected]]]


ALL = b"1:*"


class Manners:
    """What was learned of a server and holds for all connections to it.

    lists_by_fetch: whether UIDs are listed by FETCH, because the server hung up on a SEARCH. listings_lost:
    how often the connection ended while folders were listed. cut: what a plain LIST had told when it did so
    again; it is not asked for any more. namespaces: what it had told of them before. breaking: commands about
    folders at which it hung up.
    """

    def __init__(self) -> None:
        self.lists_by_fetch = False
        self.listings_lost = 0
        self.cut: Told | None = None
        self.namespaces: Namespaces | None = None
        self.breaking = Breaking()


class UidListing:
    """The UIDs of a folder, under way. Made by `OpenFolder.ask_uids`."""

    def __init__(self, answer: Pending[UidSet] | FetchStream, manners: Manners) -> None:
        self._answer = answer
        self._manners = manners

    def __await__(self) -> Generator[object, None, UidSet]:
        return self._taken().__await__()

    async def _taken(self) -> UidSet:
        answer = self._answer
        by_fetch = isinstance(answer, FetchStream)
        try:
            if not isinstance(answer, FetchStream):
                return await answer
            return UidSet.of(record.uid for record in await answer.collect() if record.uid is not None)
        except ConnectionFailed:
            self._manners.lists_by_fetch = not by_fetch
            raise


class OpenFolder:
    """Reads messages of a folder, and puts some into it. Made by `Account`."""

    def __init__(self, folder: SeenFolder, opener: Opener, manners: Manners) -> None:
        self._folder = folder
        self._opener = opener
        self._manners = manners
        session, self._answer = opener()
        self.side: Side | None = session.side

    async def selected(self) -> Selected:
        """Wait for the answer that opened it.

        CommandRefused when the server does not open it; FolderReplaced when it is not the folder that was met
        before under this name.
        """
        selected = await self._answer
        self._folder.meet(selected, self.side)
        return selected

    @property
    def exists(self) -> int:
        """How many messages it holds, kept up to date while it is open."""
        return self._session.exists

    @property
    def _session(self) -> Session:
        session, self._answer = self._opener()
        return session

    def fetch(
        self,
        uids: UidSet | bytes,
        items: bytes,
        *,
        changedsince: int | None = None,
        on_vanished: Callable[[UidSet], None] | None = None,
    ) -> FetchStream:
        """UID FETCH; on_vanished: gets the UIDs that are gone since `changedsince` (QRESYNC)."""
        return self._session.fetch(
            uids,
            items,
            changedsince=changedsince,
            vanished=on_vanished is not None,
            on_vanished=on_vanished,
        )

    def fetch_body(self, uid: int) -> BodyStream:
        """UID FETCH of one message, piece by piece."""
        return self._session.fetch_body(uid)

    def search(self, criteria: str) -> Pending[UidSet]:
        """UID SEARCH."""
        return self._session.search(criteria)

    def ask_uids(self, among: UidSet | bytes = ALL) -> UidListing:
        """Ask which UIDs it has, of all or of some; await what this gives.

        By SEARCH, which looks into messages on some servers (go-imap) and ends with the connection at one
        that they cannot read; then the next listing is by FETCH of the UIDs alone, and the other way round.
        """
        if self._manners.lists_by_fetch:
            return UidListing(self.fetch(among, b"(UID)"), self._manners)
        wanted = among if isinstance(among, bytes) else among.encode()
        criteria = "ALL" if wanted == ALL else f"UID {wanted.decode('ascii')}"
        return UidListing(self.search(criteria), self._manners)

    def ask_uids_beside(self, among: bytes) -> UidListing:
        """Ask which UIDs it has beside a SEARCH that is under way: only ESEARCH tells two answers apart."""
        if self._session.has("ESEARCH"):
            return self.ask_uids(among)
        return UidListing(self.fetch(among, b"(UID)"), self._manners)

    async def uids(self, among: UidSet | bytes = ALL) -> UidSet:
        """List which UIDs it has, of all or of some."""
        return await self.ask_uids(among)

    def noop(self) -> Pending[None]:
        """Learn what happened to it."""
        return self._session.noop()

    def expunge_marked(self) -> Pending[None]:
        r"""EXPUNGE: whatever carries \Deleted goes."""
        return self._session.expunge()

    def append(self, messages: Sequence[Message]) -> Pending[Appended]:
        """APPEND; several messages go in one command, which needs MULTIAPPEND."""
        return self._session.append(self._folder.mailbox, messages)

    async def append_stream(
        self, size_bytes: int, chunks: AsyncIterable[bytes], form: Message
    ) -> Pending[Appended]:
        """APPEND one message whose bytes come from elsewhere; form: its flags and date."""
        return await self._session.append_stream(
            self._folder.mailbox, size_bytes, chunks, form.flags, form.internaldate
        )


class MetFolder(OpenFolder):
    """A folder whose UIDVALIDITY was just met: only here are messages changed by UID. Made by `Account`."""

    _met: Pending[Selected] | None = None

    async def selected(self) -> Selected:
        """Wait for the answer that opened it, and meet the folder."""
        answer = self._answer
        selected = await super().selected()
        self._met = answer
        return selected

    @property
    def _changing(self) -> Session:
        session, answer = self._opener()
        if answer is not self._met:
            raise RuntimeError(f"{self._folder.mailbox.text} was opened again and not met")
        return session

    def store(self, uids: UidSet, action: bytes, flags: Iterable[bytes]) -> Pending[UidSet]:
        """UID STORE; action b"+FLAGS" or b"-FLAGS"."""
        return self._changing.store(uids, action, flags)

    def store_labels(self, uids: UidSet, action: bytes, labels: Iterable[bytes]) -> Pending[None]:
        """UID STORE of Gmail's labels; action b"+X-GM-LABELS" or b"-X-GM-LABELS"."""
        return self._changing.store_labels(uids, action, labels)

    def expunge(self, uids: UidSet) -> Pending[None]:
        """UID EXPUNGE; needs UIDPLUS."""
        return self._changing.expunge(uids)

    def filter_sieve(self, uids: UidSet) -> Pending[list[Filtered]]:
        """Run the user's Sieve script on these messages."""
        return self._changing.filter_sieve(uids)

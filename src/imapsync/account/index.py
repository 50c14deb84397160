"""Read a folder's messages into columns, asking for nothing that is not needed.

The identifying headers come by one UID FETCH of a set. Messages that have none of them cost a second
question: the whole header, and where that says too little, the beginning of the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.plan.identity import BODY_PREFIX_BYTES, UNIDENTIFIED, Identity, says_too_little
from imapsync.plan.index import FlagTable, MessageIndex
from imapsync.wire.dates import epoch_of
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.plan.selection import Selector
    from imapsync.session.fetch import FetchStream
    from imapsync.session.session import Session
    from imapsync.wire.responses import Fetch

#: UIDs in one FETCH of a list (a range counts each of its numbers): bounds the command line and one answer.
UIDS_PER_FETCH = 20_000


class IndexReader:
    """What to read of each message, decided once a run.

    identity: None when messages need not be recognised. flags: whether flags are wanted. selector: leaves out
    messages by size and age, entirely or, with keep_unselected, into the `excluded` UIDs of the index. dates:
    whether internal dates are kept.
    """

    def __init__(
        self,
        identity: Identity | None,
        *,
        flags: bool,
        selector: Selector | None = None,
        keep_unselected: bool = False,
        dates: bool = False,
        added_field: Callable[[int], bytes] | None = None,
    ) -> None:
        self._identity = identity
        self._selector = selector
        self._keep_unselected = keep_unselected
        items = [b"UID", b"RFC822.SIZE"]
        if flags:
            items.append(b"FLAGS")
        self._dates = dates
        self._added_field = added_field
        if dates or (selector is not None and selector.needs_dates):
            items.append(b"INTERNALDATE")
        if identity is not None:
            names = b" ".join(name.upper().encode("ascii", "replace") for name in identity.headers)
            items.append(b"BODY.PEEK[HEADER.FIELDS (" + names + b")]")
        self._items = b"(" + b" ".join(items) + b")"
        self._flags = flags

    def ask(self, session: Session, uids: UidSet | bytes) -> FetchStream:
        """Send the question for the selected folder; give the stream to `read` later."""
        return session.fetch(uids, self._items)

    async def read(
        self, stream: FetchStream, table: FlagTable, *, at_least: int = 0, into: MessageIndex | None = None
    ) -> MessageIndex:
        """Take the answer into an index.

        Rows under UID `at_least` are dropped ("n:*" always answers one message).
        """
        index = into if into is not None else MessageIndex(table)
        async for batch in stream:
            for fetch in batch:
                self._take(fetch, index, at_least)
        return index

    async def complete(self, session: Session, index: MessageIndex) -> int:
        """Identify the rows without identifying headers; the folder must be selected.

        Gives how many there are.
        """
        if self._identity is None:
            return 0
        if self._added_field is not None:
            self._identify_by_added(index, self._identity, self._added_field)
        rows = {index.uids[row]: row for row, digest in enumerate(index.digests) if digest == UNIDENTIFIED}
        if rows:
            await identify_poor(session, self._identity, index, rows)
        return len(rows)

    @staticmethod
    def _identify_by_added(
        index: MessageIndex, identity: Identity, added_field: Callable[[int], bytes]
    ) -> None:
        for row, digest in enumerate(index.digests):
            if digest == UNIDENTIFIED:
                index.digests[row] = identity.of_header(added_field(index.uids[row]))

    def _take(self, fetch: Fetch, index: MessageIndex, at_least: int) -> None:
        uid, size = fetch.uid, fetch.size or 0
        if uid is None or uid < at_least or not index.is_new(uid):
            return
        if self._selector is not None:
            date = epoch_of(fetch.internaldate) if fetch.internaldate else None
            if not self._selector.wants(size, date):
                if not self._keep_unselected:
                    index.dropped.append(uid)
                    return
                index.excluded.add(uid)
        index.uids.append(uid)
        index.sizes.append(size)
        if self._dates:
            index.dates.append((epoch_of(fetch.internaldate) if fetch.internaldate else None) or 0)
        if self._flags:
            index.flags.append(index.flag_table.number(fetch.flags or ()))
        if self._identity is not None:
            index.digests.append(self._identity.of_header(fetch.body or b""))


async def identify_poor(
    session: Session, identity: Identity, index: MessageIndex, rows: dict[int, int]
) -> None:
    """Give digests to rows (UID -> row) whose messages lack the identifying headers."""
    poor: dict[int, bytes] = {}
    for some in UidSet.of(rows).split(UIDS_PER_FETCH):
        async for batch in session.fetch(some, b"(UID BODY.PEEK[HEADER])"):
            for fetch in batch:
                if fetch.uid not in rows:
                    continue
                header = fetch.body or b""
                if says_too_little(header):
                    poor[fetch.uid] = header
                else:
                    index.digests[rows[fetch.uid]] = identity.of_unidentified(header, b"")
    if not poor:
        return
    items = b"(UID BODY.PEEK[TEXT]<0.%d>)" % BODY_PREFIX_BYTES
    for some in UidSet.of(poor).split(UIDS_PER_FETCH):
        async for batch in session.fetch(some, items):
            for fetch in batch:
                if fetch.uid in poor:
                    row = rows[fetch.uid]
                    index.digests[row] = identity.of_unidentified(poor[fetch.uid], fetch.body or b"")

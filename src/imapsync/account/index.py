"""Read a folder's messages into columns, asking for nothing that is not needed.

The identifying headers come by one UID FETCH of a set. Messages that have none of them cost a second
question: the beginning of all that they are, in one piece, because servers cut odd messages into header and
text in different places.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain
from typing import TYPE_CHECKING

from imapsync.plan.header import fields_of, is_own_id
from imapsync.plan.identity import CONTENT_PREFIX_BYTES, UNIDENTIFIED, Identity, proves_sameness
from imapsync.plan.index import FlagTable, MessageIndex
from imapsync.plan.match import unpaired
from imapsync.session.errors import CommandRefused
from imapsync.wire.dates import epoch_of
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping

    from imapsync.account.opened import OpenFolder
    from imapsync.plan.match import Matching
    from imapsync.plan.selection import Selector
    from imapsync.session.fetch import FetchStream
    from imapsync.wire.responses import Fetch

#: UIDs in one FETCH of a list (a range counts each of its numbers): bounds the command line and one answer.
UIDS_PER_FETCH = 20_000
#: Beginnings of messages that are read to recognise copies; more strangers than this of a fitting size in one
#: folder are somebody else's mail.
MAX_CLOSER_LOOKS = 2_000
_CONTENT_ITEMS = b"(UID BODY.PEEK[]<0.%d>)" % CONTENT_PREFIX_BYTES


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
        self._by_sent_day = selector is not None and selector.by_sent_day
        if identity is not None or self._by_sent_day:
            items.append(_header_fields(identity, b"DATE" if self._by_sent_day else b""))
        self._items = b"(" + b" ".join(items) + b")"
        self._flags = flags

    def ask(self, folder: OpenFolder, uids: UidSet | bytes) -> FetchStream:
        """Send the question; give the stream to `read` later."""
        return folder.fetch(uids, self._items)

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

    async def complete(self, folder: OpenFolder, index: MessageIndex) -> int:
        """Identify the rows without identifying headers.

        Gives how many there are.
        """
        if self._identity is None:
            return 0
        if self._added_field is not None:
            self._identify_by_added(index, self._identity, self._added_field)
        rows = {index.uids[row]: row for row, digest in enumerate(index.digests) if digest == UNIDENTIFIED}
        if rows:
            await identify_poor(folder, self._identity, index, rows)
        return len(rows)

    @staticmethod
    def _identify_by_added(
        index: MessageIndex, identity: Identity, added_field: Callable[[int], bytes]
    ) -> None:
        for row, digest in enumerate(index.digests):
            if digest == UNIDENTIFIED:
                index.poor.add(index.uids[row])
                index.digests[row] = identity.of_header(added_field(index.uids[row]))

    def _take(self, fetch: Fetch, index: MessageIndex, at_least: int) -> None:
        uid, size = fetch.uid, fetch.size or 0
        if uid is None or uid < at_least:
            return
        if not index.is_new(uid):
            self._doubt(uid, fetch.body, index)
            return
        if self._selector is not None:
            date = epoch_of(fetch.internaldate) if fetch.internaldate else None
            sent_day = _sent_day(fetch.body or b"") if self._by_sent_day else None
            if not self._selector.wants(size, date, sent_day):
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

    def _doubt(self, uid: int, header: bytes | None, index: MessageIndex) -> None:
        """Take the identity from a row whose UID came a second time with another header: `complete` asks."""
        if self._identity is None or header is None:
            return
        row = bisect_left(index.uids, uid)
        if (
            row < len(index.uids)
            and index.uids[row] == uid
            and index.digests[row] != self._identity.of_header(header)
        ):
            index.digests[row] = UNIDENTIFIED


async def identify_poor(
    folder: OpenFolder, identity: Identity, index: MessageIndex, rows: dict[int, int]
) -> None:
    """Give digests to rows (UID -> row) whose messages lack the identifying headers.

    The identifying headers are looked for once more in the message itself: a server that finds the header's
    end elsewhere does not show them. Messages that may differ in what was not looked at are counted, not
    taken for duplicates: the second of them has another digest than the first, on both sides.
    """
    index.poor.update(rows)
    unproven: dict[tuple[int, int], int] = {}
    async for uid, content in _contents(folder, index, rows):
        row = rows[uid]
        shown = identity.wherever_cut(content)
        digest = shown[0] or shown[1]
        if not shown[0] and not proves_sameness(content):
            alike = digest, index.sizes[row]
            number = unproven.get(alike, 0)
            unproven[alike] = number + 1
            digest = identity.another(digest, number)
        index.digests[row] = digest
    for uid, row in rows.items():
        if index.digests[row] == UNIDENTIFIED:
            index.digests[row] = identity.of_nothing(f"{folder.side} {uid}".encode())


async def _contents(
    folder: OpenFolder, index: MessageIndex, rows: dict[int, int], refused: set[int] | None = None
) -> AsyncIterator[tuple[int, bytes]]:
    """Give (UID, beginning of the message) of rows (UID -> row), as far as the server gives it.

    What is far from the announced size is asked for a second time, alone: hoodiecrow gives only the first
    message of a set its part. refused: takes what the server refuses alone, too; without it that is an error.
    """
    left = set(rows)
    for some in chain(UidSet.of(rows).split(UIDS_PER_FETCH), map(UidSet.of, _each(left))):
        try:
            async for batch in folder.fetch(some, _CONTENT_ITEMS):
                for fetch in batch:
                    uid = fetch.uid or 0
                    if uid not in left or fetch.body is None:
                        continue
                    expected = min(index.sizes[rows[uid]], CONTENT_PREFIX_BYTES)
                    if len(fetch.body) * 2 >= expected:
                        left.discard(uid)
                        yield uid, fetch.body
        except CommandRefused:
            if refused is None:
                raise
            if len(some) == 1:
                refused.update(some)


def _header_fields(identity: Identity | None, further: bytes = b"") -> bytes:
    """Give what to ask for to identify a message, and one more field; without identity only that one."""
    headers = () if identity is None else identity.headers
    if identity is not None and not headers:
        return b"BODY.PEEK[HEADER]"
    names = dict.fromkeys(name.upper().encode("ascii", "replace") for name in headers)
    if further:
        names[further] = None
    return b"BODY.PEEK[HEADER.FIELDS (" + b" ".join(names) + b")]"


def _sent_day(header: bytes) -> int | None:
    from imapsync.account.sent import sent_day

    return sent_day(header)


def _each(uids: set[int]) -> Iterator[list[int]]:
    """Give what is in a set when it is asked for, one by one."""
    for uid in sorted(uids):
        yield [uid]


async def recognise(
    folder: OpenFolder,
    identity: Identity,
    source: MessageIndex,
    destination: MessageIndex,
    matching: Matching,
) -> bool:
    """Look closer at destination messages without a partner when source messages lack one, too.

    A server that adds a Received line to what it stores makes another message of it; without that line it is
    the one that was sent. A server that finds the header's end elsewhere does not show the fields that
    identify; what the message is as a whole tells. Such rows get digest and size of their original; tells
    whether there are any, and the indexes have to be matched again. What is refused is noted as unread.
    """
    missing = unpaired(source, matching)
    wanted = {source.digests[row]: source.sizes[row] for row in reversed(missing)}
    sizes = sorted(source.sizes[row] for row in missing)
    rows = {destination.uids[row]: row for row in matching.extra if _is_near(destination.sizes[row], sizes)}
    strangers = len(rows)
    untold: set[int] = set()
    async for uid, digests in _look_closer(folder, identity, destination, rows, untold):
        digest = next((each for each in digests if each in wanted), UNIDENTIFIED)
        if digest in wanted:
            row = rows.pop(uid)
            destination.digests[row], destination.sizes[row] = digest, wanted[digest]
    if untold:
        here = {source.uids[row]: row for row in missing}
        note_untold((source, destination), (here, rows), (set(), untold))
    return len(rows) < strangers


async def still_taken_for(
    folder: OpenFolder, identity: Identity, index: MessageIndex, taken_for: Mapping[int, int]
) -> set[int]:
    """Give those messages of an index that are, by a closer look, what `recognise` took them for.

    taken_for: UID -> digest of the original; 0 says nothing.
    """
    rows = {uid: row for row, uid in enumerate(index.uids) if taken_for.get(uid)}
    strangers = set(rows)
    async for uid, digests in _look_closer(folder, identity, index, rows, set()):
        if taken_for[uid] in digests:
            del rows[uid]
    return strangers - rows.keys()


async def _look_closer(
    folder: OpenFolder, identity: Identity, index: MessageIndex, rows: dict[int, int], untold: set[int]
) -> AsyncIterator[tuple[int, Iterable[int]]]:
    """Give (UID, digests that the message may have had before its server changed it) of rows (UID -> row).

    Whom the caller knows by them leaves `rows` meanwhile. untold: takes what the server does not tell about.
    """
    async for fetch in _each_told(folder, rows, b"(UID %s)" % _header_fields(identity), untold):
        if fetch.uid in rows:
            yield fetch.uid, identity.before_received(fetch.body or b"")
    if len(rows) <= MAX_CLOSER_LOOKS:
        unread: set[int] = set()
        async for uid, content in _contents(folder, index, dict(rows), unread):
            yield uid, identity.wherever_cut(content)
        untold |= unread & index.poor  # of the others it is known who they are


async def read_without_domain(
    folder: OpenFolder, identity: Identity, uids: Iterable[int]
) -> tuple[dict[int, int], set[int]]:
    """Give UID -> `Identity.without_domain` of messages of a folder, for those that have one.

    Gives besides the UIDs of those that the server does not tell about.
    """
    digests: dict[int, int] = {}
    untold: set[int] = set()
    async for fetch in _each_told(folder, uids, b"(UID %s)" % _header_fields(identity), untold):
        if digest := identity.without_domain(fetch.body or b""):
            digests[fetch.uid or 0] = digest
    return digests, untold


async def with_own_id(folder: OpenFolder, uids: Iterable[int]) -> set[int]:
    """Give those messages of a folder whose Message-Id was given by --addheader, as far as it is told.

    What the server does not tell about may be one of them.
    """
    found: set[int] = set()
    async for fetch in _each_told(folder, uids, b"(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])", found):
        if any(map(is_own_id, fields_of(fetch.body or b""))):
            found.add(fetch.uid or 0)
    return found


async def _each_told(
    folder: OpenFolder, uids: Iterable[int], items: bytes, untold: set[int]
) -> AsyncIterator[Fetch]:
    """Give what is told of messages; halves what is refused, until it is known which: they are `untold`."""
    pieces = list(UidSet.of(uids).split(UIDS_PER_FETCH))
    while pieces:
        some = pieces.pop()
        try:
            async for batch in folder.fetch(some, items):
                for fetch in batch:
                    if fetch.uid in some:
                        yield fetch
        except CommandRefused:
            if len(some) > 1:
                pieces.extend(some.split((len(some) + 1) // 2))
            else:
                untold.update(some)


def note_untold(
    sides: tuple[MessageIndex, MessageIndex],
    rows: tuple[dict[int, int], dict[int, int]],
    untold: tuple[set[int], set[int]],
) -> None:
    """Note what a server did not tell about as unread, and what is of a size to be the same message.

    rows: UID -> row of what has no partner, on both sides.
    """
    for one, other in ((0, 1), (1, 0)):
        index, opposite = sides[one], sides[other]
        sizes = sorted(opposite.sizes[rows[other][uid]] for uid in untold[other] & rows[other].keys())
        index.unread |= untold[one] & rows[one].keys()
        index.unread.update(uid for uid, row in rows[one].items() if _is_near(index.sizes[row], sizes))


def _is_near(size: int, sizes: list[int]) -> bool:
    """Tell whether one of some sorted sizes differs from a size by no more than line ends and a few lines."""
    slack = 1_000 + size // 20
    at = bisect_left(sizes, size - slack)
    return at < len(sizes) and sizes[at] <= size + slack

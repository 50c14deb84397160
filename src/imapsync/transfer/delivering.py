"""Deliver into INBOX by the destination's LMTP (--lmtp2), as mail from outside is, instead of appending.

The user's Sieve script then runs as a whole and puts a message wherever it belongs, so nothing is known of
its place. What proves the delivery is the server's answer, and the journal holds it: before a message is
handed over its content is noted, and after the answer that it was taken. A run that ended in between leaves
a delivery without an answer; such a message is looked for in all folders, and handed over again only when it
is nowhere: never lost, and twice only if the script sent the first one away. Messages that are equal in all
are delivered as often as they lie in the source folder at one time, where duplicates are wanted.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import IO, TYPE_CHECKING

from imapsync.plan.header import split_message
from imapsync.plan.match import mixed
from imapsync.plan.specialuse import special_use
from imapsync.session.errors import CommandRefused
from imapsync.session.lmtp import Lmtp, NotDelivered
from imapsync.terms import Copy, Pair, Reason
from imapsync.transfer import telling
from imapsync.transfer.contents import read_contents
from imapsync.transfer.failures import message_failed
from imapsync.wire.dates import epoch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence

    from imapsync.account import Account
    from imapsync.journal.journal import Journal
    from imapsync.session.session import Message
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.settings import Delivery

    #: Counts rows that have arrived: (job, rows, sizes, no UIDs, first and last date).
    Count = Callable[
        [FolderJob, Sequence[int], Sequence[int], tuple[()], tuple[int, int] | None], Awaitable[None]
    ]

#: A larger message waits for its delivery in a file.
IN_MEMORY_BYTES = 1024 * 1024
_HEAD_BYTES = 64 * 1024
#: Whom an answer to the message would go to, the surest first, and how long a field may be.
_SENDERS = ("return-path", "sender", "from")
_MOST_ADDRESS = 1000
#: When a run ends, an answer that comes within this time is still taken.
LAST_ANSWER_S = 1.5
#: A delivery that a killed run had begun may still be under way for this long.
SETTLE_S = 2.0
#: So many messages in a row without an answer: the others are not tried.
MOST_LOST = 3
#: What a message is searched by, the surest first.
_TELLING = ("Message-ID", "Date", "Subject")
_MOST_SEARCHED = 500
_TOO_BIG_CODE = 552
_SENT = "\\Sent"
_QUOTA = re.compile(r"quota|mailbox (is )?full", re.IGNORECASE)


def deliverer(run: Run, account: Account, delivery: Delivery, count: Count) -> Deliverer:
    """Give what delivers for one lane; account: its destination. count is told of what arrived."""
    return Deliverer(run, account, Lmtp(delivery.endpoint), delivery.recipient, count)


@dataclass(slots=True)
class _Letter:
    """A message that is to be delivered. content: the digest of what it says. flags: number of its flags.

    name: by what the journal knows it: its identity and its content, so that neither new UIDs nor another
    folder make it another message; and how many equal ones, that lie beside it, were delivered before it.
    """

    job: FolderJob
    row: int
    file: IO[bytes]
    size: int
    head: bytes
    content: int
    identity: int
    name: int
    before: int
    flags: int
    date: bytes | None

    @property
    def own_name(self) -> int:
        """What tells it from its equals."""
        return mixed(self.name, self.before)


class Deliverer:
    """Delivers one message after the other; rows end as DELIVERED or FAILED."""

    def __init__(self, run: Run, account: Account, client: Lmtp, recipient: str, count: Count) -> None:
        self._run = run
        self._account = account
        self._client = client
        self._lost = 0
        self._recipient = recipient
        self._count = count

    async def send(self, job: FolderJob, rows: list[int], messages: list[Message], flags: list[int]) -> None:
        """Deliver a batch."""
        for row, message, number in zip(rows, messages, flags, strict=True):
            await self.stream(job, row, _once(message.content), message, number)

    async def stream(
        self, job: FolderJob, row: int, body: AsyncIterable[bytes], form: Message, number: int
    ) -> None:
        """Deliver one message that comes in pieces.

        form: its date, whatever its content. number: the journal's of the original's flags.
        """
        job.copying.send([row])
        whole = self._run.identity.whole()
        head, size, full = b"", 0, ""
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            async for piece in body:
                whole.update(piece)
                size += len(piece)
                head += bytes(piece[: max(0, _HEAD_BYTES - len(head))])
                if not full:
                    try:
                        file.write(piece)
                    except OSError as error:
                        full = f"it cannot be held in {tempfile.gettempdir()}: {error.strerror}"
            if full:
                message_failed(
                    self._run, job, row, None, reason=Reason.DELIVERY, server_text=full, content=head
                )
                return
            file.seek(0)
            content = whole.digest()
            identity = self._run.identity.of_header(split_message(head)[0])
            name = mixed(identity, content)
            before = self._equals_before(job, row, name)
            await self._deliver(
                _Letter(
                    job, row, file, size, head, content, identity, name, before, number, form.internaldate
                )
            )

    async def close(self) -> None:
        """End the connection."""
        await asyncio.to_thread(self._client.close)

    async def _deliver(self, letter: _Letter) -> None:
        journal = self._run.journal
        assert journal is not None  # noqa: S101 - --lmtp2 without --state is refused
        before = answered = journal.delivery(letter.own_name)
        if answered is False or (answered and self._doubts_answers(journal)):
            # A delivery that this run has begun may still be under way.
            there = None if letter.own_name in self._run.deliveries else await self._lies_somewhere(letter)
            if there is None:
                text = "it may have been delivered, and cannot be looked for now; the next run does"
                self._failed(letter, NotDelivered(text))
                return
            answered = there
        if answered:
            uid = letter.job.copying.uids[letter.row]
            self._run.note(f"{letter.job.name}: message {uid} was delivered before")
            await self._delivered(letter)
        elif self._lost >= MOST_LOST:
            self._failed(letter, NotDelivered("not tried: the LMTP service does not answer"))
        else:
            await self._hand_over(letter, journal, known=before is not None)

    def _equals_before(self, job: FolderJob, row: int, name: int) -> int:
        """Count the equal messages beside one that were delivered before it."""
        journal = self._run.journal
        if journal is None or job.record is None or not self._run.settings.identity.sync_duplicates:
            return 0
        return journal.handed(job.record.id, name, job.copying.uids[row])

    def _doubts_answers(self, journal: Journal) -> bool:
        """Tell whether what was delivered may be gone: host2 was put back or lost, or it is wanted again."""
        return bool(journal.restored() or journal.lost() or self._run.settings.deletion.recopy_deleted)

    async def _hand_over(self, letter: _Letter, journal: Journal, *, known: bool) -> None:
        """Deliver; known: whether an earlier run had begun to, so that a refusal says nothing about that."""
        sender = sender_of(letter.head)
        self._run.deliveries.add(letter.own_name)
        journal.note_delivery(letter.own_name, answered=False)
        journal.commit()
        delivery = asyncio.ensure_future(
            asyncio.to_thread(self._client.deliver, sender, self._recipient, letter.file, letter.size)
        )
        try:
            await asyncio.shield(delivery)
        except asyncio.CancelledError:
            await self._take_last(letter, delivery)
            raise
        except NotDelivered as error:
            self._lost = 0 if error.code else self._lost + 1
            if not error.unknown and not known:
                journal.forget_delivery(letter.own_name)
                journal.commit()
            self._failed(letter, error)
            return
        self._lost = 0
        await self._delivered(letter)

    async def _take_last(self, letter: _Letter, delivery: asyncio.Future[None]) -> None:
        """Write down an answer that still comes while the run ends; then let the thread end."""
        await asyncio.wait({delivery}, timeout=LAST_ANSWER_S)
        if delivery.done() and delivery.exception() is None:
            self._note_delivered(letter)
            self._client.abort()
            self._client.close()  # at once: nothing can be said any more
        else:
            self._client.abort()
            delivery.add_done_callback(lambda done: done.exception())

    async def _delivered(self, letter: _Letter) -> None:
        self._note_delivered(letter)
        letter.job.copying.deliver(letter.row)
        dates = telling.span([epoch_of(letter.date)] if letter.date else [])
        await self._count(letter.job, [letter.row], [letter.size], (), dates)

    def _note_delivered(self, letter: _Letter) -> None:
        job, row, journal = letter.job, letter.row, self._run.journal
        assert journal is not None  # noqa: S101 - as above
        journal.note_delivery(letter.own_name, answered=True)
        if job.record is not None:
            rows = job.copying
            journal.note_handed(job.record.id, rows.uids[row], letter.name)
            pair = Pair(
                rows.uids[row],
                Copy.REMOVED,
                letter.flags,
                rows.digests[row] if rows.digests else letter.identity,
                rows.sizes[row],
            )
            journal.add(job.record.id, [pair])
        journal.commit()

    def _failed(self, letter: _Letter, error: NotDelivered) -> None:
        text = str(error)
        if error.unknown:
            text = f"the connection was lost before the answer, the next run looks for it: {text}"
        reason = Reason.DELIVERY
        if error.code == _TOO_BIG_CODE and not _QUOTA.search(text):
            reason = Reason.TOO_BIG
        elif _QUOTA.search(text):
            reason = Reason.OVERQUOTA
        message_failed(
            self._run, letter.job, letter.row, None, reason=reason, server_text=text, content=letter.head
        )

    async def _lies_somewhere(self, letter: _Letter) -> bool | None:
        """Tell whether a message whose delivery was begun lies in some folder of the destination.

        Its equals that were delivered before it lie there, too. None: some folder did not say, or a message
        was not given.
        """
        question = _search_for(letter.head)
        if question is None:
            return False
        found = await self._look(letter, question)
        if found is False:
            await asyncio.sleep(SETTLE_S)
            found = await self._look(letter, question)
        return found

    async def _look(self, letter: _Letter, question: str) -> bool | None:
        listing = self._run.destination.listing
        found = 0
        for view in listing.folders:
            if not view.folder.selectable or listing.layout.is_foreign(view.folder.name):
                continue
            if special_use(view.folder) == _SENT:  # the user's own message is there without any delivery
                continue
            self._account.anew()
            folder = self._account.look(view.mailbox)
            try:
                uids = set(await folder.search(question))
            except CommandRefused:
                return None
            contents = await read_contents(folder, uids, self._run.identity)
            found += list(contents.values()).count(letter.content)
            if found > letter.before:
                return True
            if contents.keys() != uids:
                return None
        return False


def sender_of(head: bytes) -> str:
    """Give the address an answer would go to (RFC 5321 §4.4 Return-Path, else who wrote it), "" for nobody.

    head: the beginning of the message. An address that is not US-ASCII is nobody's.
    """
    value = next((text for _, text in _fields(head, _SENDERS)), "")
    try:
        address = parseaddr(value[:_MOST_ADDRESS])[1]
    except Exception:  # noqa: BLE001  # anybody can write a field that the library does not bear
        return ""
    usable = address.isascii() and address.isprintable() and not any(char in address for char in " <>")
    return address if usable and "@" in address else ""


def _search_for(head: bytes) -> str | None:
    """Give what finds a message: its Message-Id, else another field that servers do not change."""
    for name, value in _fields(head, _TELLING):
        if value and value.isascii() and value.isprintable() and len(value) <= _MOST_SEARCHED:
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'HEADER {name} "{quoted}"'
    return None


def _fields(head: bytes, names: Iterable[str]) -> list[tuple[str, str]]:
    """Give those of the fields that a message has, as name and text; head: the beginning of the message."""
    try:
        header = message_from_bytes(split_message(head)[0], policy=policy.compat32)
        found = [(name, str(header[name]).strip()) for name in names if header[name] is not None]
    except Exception:  # noqa: BLE001  # as above
        return []
    return found


async def _once(content: bytes) -> AsyncIterable[bytes]:
    yield content

"""Deliver into INBOX by the destination's LMTP (--lmtp2), as mail from outside is, instead of appending.

The user's Sieve script then runs as a whole and puts a message wherever it belongs, so nothing is known of
its place. What proves the delivery is the server's answer, and the journal holds it: before a message is
handed over its content is noted, and after the answer that it was taken. A run that ended in between leaves
a delivery without an answer; such a message is looked for in all folders, and handed over again only when it
is nowhere: never lost, and twice only if the script sent the first one away.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from imapsync.plan.header import split_message
from imapsync.plan.match import mixed
from imapsync.session.errors import CommandRefused
from imapsync.session.lmtp import Lmtp, NotDelivered, envelope_sender
from imapsync.terms import Copy, Pair, Reason
from imapsync.transfer import telling
from imapsync.transfer.contents import read_contents
from imapsync.transfer.failures import describe, message_failed
from imapsync.wire.dates import epoch_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Sequence

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
_TOO_BIG_CODE = 552
_QUOTA = re.compile(r"quota|mailbox (is )?full", re.IGNORECASE)


def deliverer(run: Run, delivery: Delivery, count: Count) -> Deliverer:
    """Give what delivers for one lane; count is told of each message that arrived."""
    return Deliverer(run, Lmtp(delivery.endpoint), delivery.recipient, count)


@dataclass(slots=True)
class _Letter:
    """A message that is to be delivered. content: the digest of what it says. flags: number of its flags.

    name: by what the journal knows it: its identity and its content, so that neither new UIDs nor another
    folder make it another message.
    """

    job: FolderJob
    row: int
    file: IO[bytes]
    size: int
    head: bytes
    content: int
    name: int
    flags: int
    date: bytes | None


class Deliverer:
    """Delivers one message after the other; rows end as DELIVERED or FAILED."""

    def __init__(self, run: Run, client: Lmtp, recipient: str, count: Count) -> None:
        self._run = run
        self._client = client
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
        head, size = b"", 0
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            async for piece in body:
                file.write(piece)
                whole.update(piece)
                size += len(piece)
                head += bytes(piece[: max(0, _HEAD_BYTES - len(head))])
            file.seek(0)
            content = whole.digest()
            name = mixed(self._run.identity.of_header(split_message(head)[0]), content)
            await self._deliver(_Letter(job, row, file, size, head, content, name, number, form.internaldate))

    async def close(self) -> None:
        """End the connection."""
        await asyncio.to_thread(self._client.close)

    async def _deliver(self, letter: _Letter) -> None:
        journal = self._run.journal
        assert journal is not None  # noqa: S101 - --lmtp2 without --state is refused
        begun = journal.delivery(letter.name)
        if begun or (begun is False and await self._lies_somewhere(letter)):
            uid = letter.job.copying.uids[letter.row]
            self._run.note(f"{letter.job.name}: message {uid} was delivered before")
            await self._delivered(letter)
            return
        journal.note_delivery(letter.name, answered=False)
        journal.commit()
        sender = envelope_sender(letter.head)
        try:
            await asyncio.to_thread(self._client.deliver, sender, self._recipient, letter.file, letter.size)
        except asyncio.CancelledError:
            self._client.abort()  # the thread would go on
            raise
        except NotDelivered as error:
            if not error.unknown:
                journal.forget_delivery(letter.name)
                journal.commit()
            self._failed(letter, error)
            return
        await self._delivered(letter)

    async def _delivered(self, letter: _Letter) -> None:
        job, row, journal = letter.job, letter.row, self._run.journal
        assert journal is not None  # noqa: S101 - as above
        journal.note_delivery(letter.name, answered=True)
        if job.record is not None:
            rows = job.copying
            pair = Pair(
                rows.uids[row],
                Copy.REMOVED,
                letter.flags,
                rows.digests[row] if rows.digests else 0,
                rows.sizes[row],
            )
            journal.add(job.record.id, [pair])
        journal.commit()
        job.copying.deliver(row)
        dates = telling.span([epoch_of(letter.date)] if letter.date else [])
        await self._count(job, [row], [letter.size], (), dates)

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

    async def _lies_somewhere(self, letter: _Letter) -> bool:
        """Tell whether a message whose delivery was begun lies in some folder of the destination."""
        name = describe(letter.head).get("message-id", "")
        if not name or not name.isascii():
            return False
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        layout = self._run.destination.listing.layout
        for view in self._run.destination.listing.folders:
            if not view.folder.selectable or layout.is_foreign(view.folder.name):
                continue
            with contextlib.suppress(CommandRefused):
                self._run.destination.anew()
                folder = self._run.destination.look(view.mailbox)
                uids = await folder.search(f'HEADER Message-ID "{quoted}"')
                contents = await read_contents(folder, uids, self._run.identity)
                if letter.content in contents.values():
                    return True
        return False


async def _once(content: bytes) -> AsyncIterable[bytes]:
    yield content

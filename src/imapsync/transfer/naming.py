"""Ask what the messages are called that a report is going to name: Message-Id, subject and date."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync.session.errors import CommandRefused
from imapsync.transfer.failures import describe
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: A report lists no more messages (`report.counters.MAX_KEPT`).
MAX_NAMED: Final = 1_000
_ITEMS: Final = b"(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID SUBJECT DATE)])"


class Name(NamedTuple):
    """What a message is called; None for what its header, or its server, does not tell. date: ISO 8601."""

    message_id: str | None = None
    subject: str | None = None
    date: str | None = None


class Names:
    """Names the first messages of a run that want it; the others stay numbers."""

    def __init__(self) -> None:
        self._left = MAX_NAMED

    async def of(self, run: Run, job: FolderJob, uids: Iterable[int]) -> dict[int, Name]:
        """Give names of source messages by UID. ConnectionFailed.

        A server that refuses leaves them without, as does one that does not open the folder again.
        """
        wanted = list(dict.fromkeys(islice(uids, self._left)))
        if not wanted:
            return {}
        found: dict[int, Name] = {}
        try:
            folder = await run.source.opened(job.source)
        except CommandRefused:
            run.source.anew()  # who opens it next asks by itself
            return {}
        for some in UidSet.of(wanted).split(UIDS_PER_QUESTION):
            try:
                async for batch in folder.fetch(some, _ITEMS):
                    for fetch in batch:
                        uid = fetch.uid or 0
                        if uid in some and fetch.body:
                            found[uid] = _name(fetch.body)
            except CommandRefused:
                continue
        self._left -= len(wanted)
        return found


def _name(header: bytes) -> Name:
    told = describe(header)
    return Name(told.get("message-id"), told.get("subject"), told.get("date"))

"""Turn what went wrong with one message into the row that people read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.terms import Reason, Side
from imapsync.transfer.context import reason_of
from imapsync.transfer.copylist import FAILED, SKIPPED

if TYPE_CHECKING:
    from imapsync.report.events import Skip
    from imapsync.session.errors import SyncError
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: Longest header value that goes into a failure row.
MAX_FIELD_CHARS = 300
#: A folder in which so many messages failed and none arrived is given up; --errorsmax comes first.
MOST_REFUSED = 50
#: Response codes and words by which servers refuse a message for its size.
_TOO_BIG_CODES = frozenset({"TOOBIG"})
_TOO_BIG_WORDS = ("too big", "too large", "exceeds", "maximum size", "size limit")


def message_failed(
    run: Run,
    job: FolderJob,
    row: int,
    error: SyncError | None,
    *,
    side: Side = Side.DESTINATION,
    reason: Reason | None = None,
    server_text: str = "",
    content: bytes | None = None,
) -> None:
    """Record that a message did not arrive, once, and count the error.

    A folder of which nothing arrives counts as one error, whatever it holds.
    """
    job.copying.close(row, FAILED)
    described = describe(content) if content else {}
    failure = events.MessageFailed(
        folder=job.name,
        uid=job.copying.uids[row],
        reason=reason or (append_reason(error) if error is not None else Reason.INTERNAL),
        server_text=server_text or (error.server_text or str(error) if error is not None else ""),
        message_id=described.get("message-id"),
        subject=described.get("subject"),
        date=described.get("date"),
        size_bytes=job.copying.sizes[row],
        side=side,
        uidvalidity=job.source.uidvalidity,
    )
    run.sink(failure)
    if job.copying.refuse(failure):
        run.count_error()


def refuses_everything(run: Run, job: FolderJob) -> bool:
    """Tell whether so many messages of a folder failed, and none arrived, that it is given up."""
    return job.copying.refused >= (run.settings.limits.errors_max or MOST_REFUSED)


def give_up_refused(run: Run, job: FolderJob, rows: list[int]) -> None:
    """Report messages of a folder of which everything failed so far; they are not tried."""
    last = job.copying.refusal
    text = f"not tried: {job.copying.refused} messages of the folder failed before and none arrived"
    reason, side = (last.reason, last.side) if last is not None else (Reason.APPEND, Side.DESTINATION)
    give_up_rest(run, job, rows, reason=reason, text=text, side=side)


def give_up_rest(
    run: Run,
    job: FolderJob,
    rows: list[int],
    *,
    reason: Reason,
    text: str,
    side: Side = Side.DESTINATION,
) -> None:
    """Report messages that are not tried, because of what happened to others of their folder."""
    for row in rows:
        job.copying.close(row, FAILED)
        run.sink(
            events.MessageFailed(
                job.name,
                job.copying.uids[row],
                reason,
                text,
                size_bytes=job.copying.sizes[row],
                side=side,
                uidvalidity=job.source.uidvalidity,
            )
        )


def message_lost(run: Run, job: FolderJob, row: int) -> None:
    """Take back what was recorded of a copy that the server confirmed and that is not there."""
    run.copied_messages -= 1
    run.copied_bytes -= job.copying.sizes[row]
    uid = job.copying.uids[row]
    if run.journal is not None and job.record is not None:
        run.journal.remove(job.record.id, [uid])
        run.journal.commit()
    run.sink(events.CopyLost(job.name, uid, job.copying.sizes[row]))
    text = "the server confirmed the message, but it is not there"
    message_failed(run, job, row, None, reason=Reason.NOT_STORED, server_text=text)


def message_skipped(run: Run, job: FolderJob, rows: list[int], why: Skip) -> None:
    """Record that planned messages get no copy although nothing failed."""
    for row in rows:
        job.copying.close(row, SKIPPED)
    run.sink(
        events.MessagesSkipped(
            job.name,
            len(rows),
            why,
            size_bytes=sum(job.copying.sizes[row] for row in rows),
            uids=[job.copying.uids[row] for row in rows],
            planned=True,
        )
    )


def append_reason(error: SyncError) -> Reason:
    """Give the reason code of a refused message; a size limit has its own, because it has its own remedy."""
    code = getattr(error, "response_code", "")
    text = error.server_text.lower()
    if code in _TOO_BIG_CODES or any(word in text for word in _TOO_BIG_WORDS):
        return Reason.TOO_BIG if error.code == "append" else reason_of(error)
    return reason_of(error)


def describe(content: bytes) -> dict[str, str]:
    """Give Message-Id, subject and ISO date of a message (or of its header), decoded for people."""
    from email import message_from_bytes, policy
    from email.utils import parsedate_to_datetime

    from imapsync.plan.header import split_message

    header, _ = split_message(content)
    described: dict[str, str] = {}
    parsed = message_from_bytes(header[:65536] + b"\r\n", policy=policy.compat32)
    for name in ("message-id", "subject"):
        value = parsed.get(name)
        if value is not None:
            described[name] = _readable(str(value))
    with contextlib.suppress(ValueError, TypeError, IndexError):
        described["date"] = parsedate_to_datetime(str(parsed.get("date"))).isoformat()
    return described


def _readable(value: str) -> str:
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        text = str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        text = value.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())[:MAX_FIELD_CHARS]

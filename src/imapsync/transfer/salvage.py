"""Read on after a server refused one FETCH of many messages: find the messages it stumbles over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Reason, Side
from imapsync.session.errors import CommandRefused
from imapsync.session.errors import Side as SessionSide
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.account.index import IndexReader
    from imapsync.plan.index import MessageIndex
    from imapsync.session.session import Session
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: A first cut of what is left, so that one bad message does not cost a question for each good one.
PIECE = 500


async def read_rest(
    run: Run,
    job: FolderJob,
    session: Session,
    reader: IndexReader,
    index: MessageIndex,
    error: CommandRefused,
) -> None:
    """Complete an index whose reading was refused; the folder must be selected.

    Messages that cannot even be indexed are reported (on the source as failed messages, on the destination as
    a warning, since they can only be missed as copies), and the folder counts as not completely known.
    """
    try:
        everything = await session.search("ALL")
    except CommandRefused:
        run.problem(error, f"folder {job.name} cannot be read", folder=job.name, reason=Reason.FETCH)
        job.failed = True
        return
    known = set(index.uids)
    pieces = list(UidSet.of(uid for uid in everything if uid not in known).split(PIECE))
    while pieces:
        piece = pieces.pop()
        try:
            await reader.read(reader.ask(session, piece), index.flag_table, into=index)
        except CommandRefused as refusal:
            got = set(index.uids)
            left = UidSet.of(uid for uid in piece if uid not in got)
            if len(left) > 1:
                pieces.extend(left.split((len(left) + 1) // 2))
            elif left:
                _unreadable(run, job, session, next(iter(left)), refusal)


def _unreadable(run: Run, job: FolderJob, session: Session, uid: int, error: CommandRefused) -> None:
    job.failed = True
    if session.side is SessionSide.DESTINATION:
        run.warn(f"message {uid} of {job.pair.destination} cannot be read: {error}", Side.DESTINATION)
        return
    run.sink(
        events.MessageFailed(job.name, uid, Reason.FETCH, error.server_text or str(error), side=Side.SOURCE)
    )
    run.count_error()

"""Compare folders in spite of a server that hangs up: the folder, then the message, is singled out.

A server that breaks the connection whenever it is asked about one message would end each run at the same
place. So a group that was cut short again and again is compared folder by folder, and a folder that does it
alone is read in halves until the message stands alone; it is a failure, and everything else is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.errors import AskedToWait, CommandRefused, ConnectionFailed, TimedOut
from imapsync.terms import Reason
from imapsync.transfer.compare import compare
from imapsync.transfer.connect import reconnect
from imapsync.transfer.halving import size_of
from imapsync.transfer.telling import abandon, postpone, unread, unseen

if TYPE_CHECKING:
    from imapsync.account import Account, IndexReader, SeenFolder
    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: Lost connections after which it is no longer taken for the network's fault.
TRIES = 2
#: Messages of one folder that may break the connection; beyond, the folder is given up.
MOST_BREAKING = 20


async def compare_in_spite(run: Run, group: list[FolderJob], reading: Reading) -> list[FolderJob]:
    """Compare a group as `compare` does.

    Raises ConnectionFailed only when a server cannot be reached, and TimedOut for one that is silent.
    """
    losses = 0
    while losses < TRIES:
        try:
            working = await compare(run, group, reading)
        except ConnectionFailed as error:
            # Who is silent is silent about all, and each try costs the whole timeout.
            if isinstance(error, TimedOut):
                raise
            losses += not isinstance(error, AskedToWait)
            await _again(run, error)
        else:
            run.patience.progressed()
            return working
    working = []
    for job in group:
        working += await _compare_alone(run, job, reading)
    return working


async def _compare_alone(run: Run, job: FolderJob, reading: Reading) -> list[FolderJob]:
    losses = 0
    while True:
        try:
            if losses == TRIES:
                await _single_out(run, job, reading)
            working = await compare(run, [job], reading)
        except ConnectionFailed as error:
            losses += not isinstance(error, AskedToWait)
            await _again(run, error)
            if losses > TRIES:
                if not postpone(run, job, error):
                    abandon(run, job)
                    run.problem(error, f"folder {job.name} breaks the connection", folder=job.name)
                return []
        else:
            run.patience.progressed()
            return working


async def _single_out(run: Run, job: FolderJob, reading: Reading) -> None:
    """Find the messages that break the connection, on either side, and report them."""
    reader = reading.source(identity=True, flags=True)
    await _find_breaking(run, run.source, job.source, reader, reading)
    text = "the connection broke each time this message was asked for"
    for uid in sorted(job.source.breaking):
        unread(run, job, uid, text, Reason.CONNECTION)
    if not job.pair.exists:
        return
    await _find_breaking(run, run.destination, job.destination, reading.destination(), reading)
    for uid in sorted(job.destination.breaking):
        unseen(run, job, f"message {uid} of {job.pair.destination} cannot be read: {text}")
        try:
            job.destination.breaking[uid] = await size_of(await run.destination.opened(job.destination), uid)
        except ConnectionFailed as error:
            await _again(run, error)


async def _find_breaking(
    run: Run, account: Account, seen: SeenFolder, reader: IndexReader, reading: Reading
) -> None:
    """Read a folder in halves, until each message at which its server hangs up stands alone."""
    pieces = [(await (await account.opened(seen)).uids()).without(seen.breaking)]
    suspects: set[int] = set()
    while pieces:
        piece = pieces.pop()
        if not piece:
            continue
        folder = await account.opened(seen)
        try:
            await reader.read(reader.ask(folder, piece), reading.table)
        except CommandRefused:
            continue  # that is for the comparison to find out
        except ConnectionFailed as error:
            if isinstance(error, TimedOut):
                raise
            await _again(run, error)
            run.patience.progressed()
            first = next(iter(piece))
            if isinstance(error, AskedToWait):
                pieces.append(piece)
            elif len(piece) > 1:
                pieces += piece.split((len(piece) + 1) // 2)
            elif first not in suspects:
                suspects.add(first)
                pieces.append(piece)
            else:
                seen.breaking[first] = 0
                if len(seen.breaking) > MOST_BREAKING:
                    raise


async def _again(run: Run, error: ConnectionFailed) -> None:
    if not error.retryable:
        raise error
    await reconnect(run, error)

"""Find copies by looking for them.

After a lost connection, and on servers that do not tell UIDs of what they took.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from imapsync.plan.match import NONE, match
from imapsync.transfer.planning import UIDS_PER_QUESTION
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.transfer.context import Run
    from imapsync.transfer.focus import Focus
    from imapsync.transfer.job import FolderJob
    from imapsync.transfer.reading import Reading

#: A folder that got no message for this long gets none any more from a connection that is gone, in seconds.
QUIET_S = 0.3
#: Somebody else may deliver there all the time.
QUIET_LIMIT_S = 6.0


async def wait_until_quiet(run: Run, focus: Focus, job: FolderJob) -> None:
    """Wait until nothing arrives in the destination folder any more.

    A server goes on with what it had received when a connection broke; looking too early would take a copy
    that is just being stored for a lost one.
    """
    await focus.destination(job)
    waited_s = 0.0
    while waited_s < QUIET_LIMIT_S:
        before = run.destination.exists
        await asyncio.sleep(QUIET_S)
        waited_s += QUIET_S
        await run.destination.noop()
        if run.destination.exists == before:
            return


async def find_copies(
    run: Run, focus: Focus, job: FolderJob, rows: list[int], reading: Reading
) -> dict[int, int]:
    """Give row -> destination UID for those of the rows whose message is among what came after `job.floor`.

    Copies that are known as those of other rows are left out, so equal messages are counted, not only seen.
    """
    if not rows:
        return {}
    by_uid = {job.uids[row]: row for row in rows}
    reader = reading.plain(identity=True)
    await focus.source(job)
    source = reading.new_index()
    for some in UidSet.of(by_uid).split(UIDS_PER_QUESTION):
        await reader.read(reader.ask(run.source, some), reading.table, into=source)
    await reader.complete(run.source, source)
    await focus.destination(job)
    everything = reading.new_index()
    stream = reader.ask(run.destination, b"%d:*" % job.floor)
    await reader.read(stream, reading.table, at_least=job.floor, into=everything)
    await reader.complete(run.destination, everything)
    claimed = {copy for copy in job.copies if copy}
    destination = everything.without(claimed)
    matching = match(source, destination, sync_duplicates=True)
    found: dict[int, int] = {}
    for row, partner in enumerate(matching.partner):
        if partner != NONE:
            found[by_uid[source.uids[row]]] = destination.uids[partner]
    return found

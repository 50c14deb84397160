"""Hold the contents of paired messages against each other (--verify=content), block by block.

Each block is read on the source, then on the destination; of a message only its digest is kept, and of a
pair that is equal nothing. What was found stays when the connection is lost: the next attempt goes on behind
the last whole block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.fulltext import FullText
from imapsync.report import events
from imapsync.transfer.changed import changed_contents
from imapsync.transfer.contents import read_digests
from imapsync.transfer.context import StopRun
from imapsync.transfer.outcome import Stop
from imapsync.transfer.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imapsync.transfer.context import Run
    from imapsync.transfer.job import FolderJob

#: How many messages are asked for at once, and how large they may be together, the last one excepted.
BLOCK_MESSAGES = 500
BLOCK_BYTES = 16 * 1024 * 1024
#: So many pairs of a folder are read once more, alone, before they count as different or not to be proven.
SECOND_LOOKS = 100


class Pair(NamedTuple):
    """A source message and its copy, by UID; size_bytes: of the original."""

    original: int
    copy: int
    size_bytes: int


class Unlike(NamedTuple):
    """The digests of a pair that was not found equal; None: it could not be read on that side."""

    source: int | None
    destination: int | None

    @property
    def proven(self) -> bool:
        """Whether both sides were read: then they are different."""
        return self.source is not None and self.destination is not None

    def as_texts(self) -> tuple[str, str]:
        """Give both as the report has them; "" for what could not be read."""
        source, destination = ("" if one is None else f"sha256 {one:064x}" for one in self)
        return source, destination


class Meter:
    """Counts what the comparisons of a run read of the source: its pace, and where --exitwhenover ends it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._throttle = Throttle(run.settings.limits, run.clock)
        self._read_bytes = 0

    @property
    def left_bytes(self) -> int:
        """How much may be asked for at once."""
        limit = self._run.settings.limits.exit_when_over_bytes
        return BLOCK_BYTES if limit is None else min(BLOCK_BYTES, limit - self._read_bytes)

    async def passed(self, job: FolderJob, block: list[Pair]) -> None:
        """Count a block and wait if it was too fast; StopRun when --exitwhenover is reached."""
        size_bytes = sum(pair.size_bytes for pair in block)
        self._read_bytes += size_bytes
        self._run.sink(events.ContentsRead(job.name, len(block), size_bytes))
        limit = self._run.settings.limits.exit_when_over_bytes
        if limit is not None and self._read_bytes >= limit:
            raise StopRun(Stop.TRANSFER_EXCEEDED)
        await self._throttle.passed(len(block), size_bytes)


class Bodies:
    """What was found of one folder pair so far. `unlike`: by source UID."""

    def __init__(self) -> None:
        self.unlike: dict[int, Unlike] = {}
        self._done_to = 0
        self._looks = 0

    async def compare(self, run: Run, job: FolderJob, pairs: Iterable[Pair], meter: Meter) -> None:
        """Read what is left of the pairs, which come in the order of their originals' UIDs."""
        for block in _blocks((pair for pair in pairs if pair.original > self._done_to), meter):
            await self._compare(run, job, block)
            self._done_to = block[-1].original
            await meter.passed(job, block)

    async def _compare(self, run: Run, job: FolderJob, block: list[Pair]) -> None:
        found = await _unlike(run, job, block)
        for pair in block:
            if pair.original in found and self._looks < SECOND_LOOKS:
                self._looks += 1
                again = await _unlike(run, job, [pair])
                if pair.original not in again:
                    del found[pair.original]
        self.unlike.update(found)


async def _unlike(run: Run, job: FolderJob, block: list[Pair]) -> dict[int, Unlike]:
    """Give those pairs of a block that are not equal, or not known to be."""
    here = await read_digests(
        await run.source.opened(job.source), [pair.original for pair in block], FullText
    )
    there = await read_digests(
        await run.destination.opened(job.destination), [pair.copy for pair in block], FullText
    )
    found = {
        pair.original: Unlike(here.get(pair.original), there.get(pair.copy))
        for pair in block
        if here.get(pair.original) is None or here.get(pair.original) != there.get(pair.copy)
    }
    if run.settings.content.changes:
        asked = [uid for uid, unlike in found.items() if unlike.proven]
        folder = await run.source.opened(job.source)
        for uid, changed in (await changed_contents(run, folder, asked, _digest)).items():
            if changed == found[uid].destination:
                del found[uid]
            else:
                found[uid] = found[uid]._replace(source=changed)
    return found


def _digest(message: bytes) -> int:
    text = FullText()
    text.update(message)
    return text.digest()


def _blocks(pairs: Iterable[Pair], meter: Meter) -> Iterator[list[Pair]]:
    block: list[Pair] = []
    size_bytes = 0
    for pair in pairs:
        block.append(pair)
        size_bytes += pair.size_bytes
        if len(block) >= BLOCK_MESSAGES or size_bytes >= meter.left_bytes:
            yield block
            block, size_bytes = [], 0
    if block:
        yield block

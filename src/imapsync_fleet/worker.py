"""One worker process: runs the jobs that standard input names, side by side, until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from imapsync.cli.exitcodes import Exit
from imapsync.cli.runner import GC_THRESHOLDS
from imapsync.transfer import Company
from imapsync_fleet.directory import Job
from imapsync_fleet.job import work
from imapsync_fleet.local import MAX_LINE

if TYPE_CHECKING:
    from imapsync.report.counters import Counters
    from imapsync_fleet.directory import Result

TICK_S: Final = 1.0
#: After so many runs their cycles are looked for: each holds half a MiB, and looking costs 0.2 ms a run.
COLLECT_EVERY: Final = 16


class Worker:
    """Runs jobs until standard input ends; SIGTERM ends the runs in good order, and they are told.

    A job that comes after it is ended before it begins.
    """

    def __init__(self, given: asyncio.StreamReader, answers: int) -> None:
        self._given = given
        self._answers = answers
        self._runs: dict[str, asyncio.Task[Result]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._counters: dict[str, Counters] = {}
        self._stopping = False
        self._ended = 0
        self._company = Company()

    async def serve(self) -> None:
        """Work until nothing more is asked and all is done."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        ticker = asyncio.create_task(self._tick())
        while line := await self._given.readline():
            asked = json.loads(line)
            self._begin(Job(*asked["job"]), asked["folder"])
        # Nobody is there any more to whom it matters: what runs comes to a good end.
        self._cancel_all()
        await asyncio.gather(*self._telling)
        ticker.cancel()

    def _begin(self, job: Job, folder: str) -> None:
        watch = partial(self._counters.__setitem__, job.name)
        run = asyncio.create_task(work(job, folder, watch, self._company))
        self._runs[job.name] = run
        if self._stopping:
            run.cancel()
        telling = asyncio.create_task(self._tell(job.name, run))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell(self, name: str, run: asyncio.Task[Result]) -> None:
        try:
            told: dict[str, object] = {"ended": (await run)._asdict()}
        except asyncio.CancelledError:  # before it had begun
            told = {"not_begun": name}
        del self._runs[name]
        self._counters.pop(name, None)
        self._say(told)
        self._ended += 1
        if not self._ended % COLLECT_EVERY:
            gc.collect()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._counters:
                self._say({"progress": {name: numbers(one) for name, one in self._counters.items()}})

    def _stop(self) -> None:
        """End the runs in good order; asked once more, at once."""
        if self._stopping:
            os._exit(Exit.EXIT_BY_SIGNAL.number)
        self._stopping = True
        self._cancel_all()

    def _cancel_all(self) -> None:
        for run in list(self._runs.values()):
            run.cancel()

    def _say(self, value: object) -> None:
        content = memoryview(json.dumps(value).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):
            while content:
                content = content[os.write(self._answers, content) :]


def numbers(counters: Counters) -> dict[str, int]:
    """Give how far a run is: messages and bytes done and planned, folders done and known."""
    return {
        "messages": counters.messages_done,
        "messages_planned": counters.planned_messages,
        "bytes": counters.transferred_bytes,
        "bytes_planned": counters.planned_bytes,
        "folders": counters.folders_done,
        "folders_planned": counters.folders_total,
        "failed": counters.failed,
    }


async def _serve(given: int, answers: int) -> None:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(given, "rb", buffering=0)
    )
    await Worker(reader, answers).serve()


def main() -> None:
    """Take standard input and output for the protocol; what else is printed goes to standard error."""
    given, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    # What is loaded stays; indexes of many messages are no reason to look for garbage often.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.run(_serve(given, answers))


if __name__ == "__main__":
    main()
    sys.exit(0)

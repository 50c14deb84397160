"""Worker processes of this machine: each has the engine loaded and runs many accounts side by side.

They are told what to do through a pipe, one JSON object a line: ``{"job": …}`` in; ``{"ended": …}`` out, or
``{"not_begun": NAME}`` when the end came first, and every second ``{"progress": …}``. What a worker had begun
when it died is done again by another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING, Final

from imapsync_fleet.directory import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync_fleet.directory import Directory, Job

    #: Gets numbers of the accounts under way, by name.
    Watch = Callable[[Mapping[str, Mapping[str, int]]], None]

#: Longest line of a worker; jobs and results are some hundred bytes, of many options some thousand.
MAX_LINE: Final = 4 << 20
#: How long runs that were asked to end may tidy up.
GRACE_S: Final = 8.0


class WorkerLostError(Exception):
    """The process or machine that did a job is gone; the job has to be done again."""


class LocalWorkers:
    """Processes of this machine, at most `count`, each begun when there is work for it."""

    def __init__(self, count: int, directory: Directory, watch: Watch) -> None:
        self._directory = directory
        self._watch = watch
        self._workers: list[_Worker | None] = [None] * count

    async def run(self, job: Job) -> Result:
        """Do a job on the process with the fewest. WorkerLostError."""
        place = min(range(len(self._workers)), key=self._load)
        worker = self._workers[place]
        if worker is None or worker.is_gone:
            worker = self._workers[place] = _Worker(self._directory, self._watch)
        return await worker.run(job)

    async def close(self) -> None:
        """End the processes; what runs is ended in good order before."""
        await asyncio.gather(*(worker.close() for worker in self._workers if worker is not None))

    def stop(self) -> None:
        """Ask all runs to end in good order; their results still come."""
        for worker in self._workers:
            if worker is not None:
                worker.stop()

    def _load(self, place: int) -> int:
        worker = self._workers[place]
        return 0 if worker is None or worker.is_gone else worker.jobs


class _Worker:
    """One process and the jobs that it has."""

    def __init__(self, directory: Directory, watch: Watch) -> None:
        self._directory = directory
        self._watch = watch
        self._waiting: dict[str, asyncio.Future[Result]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[asyncio.subprocess.Process] = asyncio.create_task(self._start())
        self._reading: asyncio.Task[None] | None = None
        self.is_gone = False

    @property
    def jobs(self) -> int:
        """How many it has."""
        return len(self._waiting)

    async def run(self, job: Job) -> Result:
        """Do a job. WorkerLostError."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[job.name] = answer
        try:
            process = await asyncio.shield(self._starting)
            assert process.stdin is not None  # noqa: S101 - it was asked for
            folder = self._directory.folder(job.name)
            try:
                process.stdin.write(json.dumps({"job": job, "folder": folder}).encode() + b"\n")
                await process.stdin.drain()
            except OSError:
                self._lose()
            return await answer
        finally:
            self._waiting.pop(job.name, None)

    def stop(self) -> None:
        """Ask its runs to end."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    async def close(self) -> None:
        """End it."""
        process = await self._starting
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.close()
        try:
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._reading is not None:
            await self._reading

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "imapsync_fleet.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE,
            start_new_session=True,  # Ctrl-C reaches the fleet, which tells its workers
        )
        self._process = process
        self._reading = asyncio.create_task(self._read(process))
        return process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            while line := await process.stdout.readline():
                said = json.loads(line)
                if "progress" in said:
                    self._watch(said["progress"])
                    continue
                if "not_begun" in said:
                    self._waiting[said["not_begun"]].set_exception(WorkerLostError("it was asked to end"))
                    continue
                result = Result(**said["ended"])
                self._waiting[result.name].set_result(result)
        finally:
            self._lose()

    def _lose(self) -> None:
        self.is_gone = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(WorkerLostError("a worker process has died"))

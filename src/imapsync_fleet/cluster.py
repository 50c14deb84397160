"""Accounts on many machines: a cluster of Dask (distributed) does the jobs.

State files travel with the job and come back with its result, so no file system is shared. Secrets travel
with it, too: a scheduler that is not on this machine has to be reached by TLS. What is begun where, and how
many at a time, is decided here, so the caps of providers hold over all machines. A job whose machine is lost
is done again elsewhere: an older state costs comparisons, never mail.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

from distributed import Client, Event, KilledWorker, Security, get_client, get_worker

from imapsync.cli.errors import InputError
from imapsync.report.files import replace_file
from imapsync.transfer import Company
from imapsync_fleet.job import work
from imapsync_fleet.local import WorkerLostError
from imapsync_fleet.worker import TICK_S, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.report.counters import Counters
    from imapsync_fleet.directory import Directory, Job, Result
    from imapsync_fleet.local import Watch
    from imapsync_fleet.scheduler import Scheduler

#: Where workers tell how far their runs are.
TOPIC: Final = "imapsync-fleet"
CONNECT_TIMEOUT_S: Final = 20
#: Of the runs that a worker process does side by side.
_COMPANY: Final = Company()


class Parcel:
    """A job with its files on the way to a worker. Its repr is silent: Dask writes arguments into logs."""

    def __init__(self, job: Job, files: Mapping[str, bytes], stop: str) -> None:
        self.job = job
        self.files = files
        self.stop = stop

    def __repr__(self) -> str:
        return "Parcel(***)"


class Done(NamedTuple):
    """What comes back: the result, and the files to be kept."""

    result: Result
    files: dict[str, bytes]


class Cluster:
    """The workers of a Dask scheduler."""

    def __init__(self, client: Client, directory: Directory, watch: Watch) -> None:
        self._client = client
        self._directory = directory
        self._watch = watch
        self._stop = f"imapsync-fleet-stop-{uuid4()}"

    @classmethod
    async def connect(cls, scheduler: Scheduler, directory: Directory, watch: Watch) -> Cluster:
        """Reach the scheduler. InputError when nobody is there."""
        try:
            client = await Client(
                scheduler.address,
                security=_security(scheduler),
                asynchronous=True,
                timeout=CONNECT_TIMEOUT_S,
                set_as_default=False,
            )
        except (OSError, ValueError) as error:
            raise InputError(f"The scheduler '{scheduler.address}' cannot be reached: {error}.") from None
        made = cls(client, directory, watch)
        client.subscribe_topic(TOPIC, made._hear)
        return made

    async def run(self, job: Job) -> Result:
        """Do a job on whatever worker is free. WorkerLostError."""
        folder = self._directory.folder(job.name)
        parcel = Parcel(job, _states(folder), self._stop)
        future = self._client.submit(do, parcel, key=f"imapsync-fleet-{uuid4()}", pure=False)
        try:
            done: Done = await future
        except KilledWorker:
            raise WorkerLostError("several workers have died") from None
        finally:
            future.release()
        for name, content in done.files.items():
            replace_file(os.path.join(folder, name), content)
        for name in _states(folder).keys() - done.files.keys():
            os.unlink(os.path.join(folder, name))
        return done.result

    def stop(self) -> None:
        """Ask all runs to end in good order; their results still come."""
        self._stopping = asyncio.ensure_future(Event(self._stop, client=self._client).set())

    async def close(self) -> None:
        """Leave the scheduler."""
        await self._client.close()

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        self._watch(event[1])


async def do(parcel: Parcel) -> Done:
    """Do a job on a worker, in a folder that goes with it."""
    folder = tempfile.mkdtemp(prefix="imapsync-fleet-")
    stop = asyncio.ensure_future(Event(parcel.stop, client=get_client()).wait())
    try:
        for name, content in parcel.files.items():
            replace_file(os.path.join(folder, name), content)
        run = asyncio.ensure_future(_told(parcel.job, folder))
        await asyncio.wait({run, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not run.done():
            run.cancel()
        result = await run
        return Done(result, {name: _content(folder, name) for name in os.listdir(folder)})
    finally:
        stop.cancel()
        shutil.rmtree(folder, ignore_errors=True)


async def _told(job: Job, folder: str) -> Result:
    """Do a job and tell how far it is."""
    seen: list[Counters] = []
    worker = get_worker()

    async def tell() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for counters in seen:
                worker.log_event(TOPIC, {job.name: numbers(counters)})

    telling = asyncio.ensure_future(tell())
    try:
        return await work(job, folder, seen.append, _COMPANY)
    finally:
        telling.cancel()


def _states(folder: str) -> dict[str, bytes]:
    return {name: _content(folder, name) for name in os.listdir(folder) if name.startswith("state")}


def _content(folder: str, name: str) -> bytes:
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def _security(scheduler: Scheduler) -> Security:
    if not scheduler.key:
        return Security()
    return Security(
        tls_ca_file=scheduler.authority,
        tls_client_cert=scheduler.certificate,
        tls_client_key=scheduler.key,
        require_encryption=True,
    )

"""What the holder of a task's lock writes into it, so that `stop` finds the engine.

The content means something only while the lock is held. It is read and written under the instance lock.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, NamedTuple

from imapsync_tasks import files, queue
from imapsync_tasks.queue import UNRELEASED, Release
from syncctl.process import Process

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths


class Holder(NamedTuple):
    """Who runs a task: the worker, its engine once started, and whether somebody asked for the end.

    began: when the run began (unix seconds), as its result will say (`runtime.was_interrupted`).
    release: what was wanted of the run: the one that goes on for it is the same.
    """

    worker: Process | None = None
    engine: Process | None = None
    stop: bool = False
    began: float = 0.0
    release: Release = UNRELEASED


def read(paths: Paths, task: str) -> Holder:
    """Give the content of a held lock."""
    found = files.read_json(paths.lock(task)) or {}
    began = found.get("began")
    return Holder(
        Process.from_json(found.get("worker")),
        Process.from_json(found.get("engine")),
        found.get("stop") is True,
        began if isinstance(began, float) else 0.0,
        queue.release_of(found.get("release")),
    )


def write(lock: int, holder: Holder | None) -> None:
    """Replace the content through an open descriptor; None empties it."""
    content = json.dumps(holder._asdict()).encode() if holder else b""
    os.ftruncate(lock, 0)
    os.pwrite(lock, content, 0)


def note_stop(paths: Paths, task: str) -> None:
    """Note in a lock that nobody holds that an administrator wants no further run for now."""
    lock = files.try_lock(paths.lock(task))
    if lock is None:
        return  # a probe: nobody waits for more than the queue, which has been told
    try:
        write(lock, Holder(stop=True))
    finally:
        os.close(lock)


def ask_to_stop(paths: Paths, task: str) -> Holder:
    """Note in the held lock that the run shall end; give the content."""
    holder = read(paths, task)._replace(stop=True)
    descriptor = os.open(paths.lock(task), os.O_RDWR | os.O_CLOEXEC)
    try:
        write(descriptor, holder)
    finally:
        os.close(descriptor)
    return holder

"""What list-changes and get-task-counts tell: only what is no longer as a reader has seen it.

A page that stays open asks every few seconds, and cluster-admin keeps each answer in each open tab: an answer
must be as small as what happened, and a question that finds nothing new must cost next to nothing, whatever
the number of tasks. Whatever the module does to a task makes, replaces or removes a file in its directory:
while that directory's time stays the same only the tasks that run are looked at.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import listing, runtime, steps
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError
from imapsync_tasks.history import DamagedHistoryError, History

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.runtime import State
    from imapsync_tasks.store import Store

#: Places of the queue that are told; who waits further behind has no number.
MAX_QUEUE: Final = 200

FAILED: Final = "failed"
NEVER: Final = "never"
DONE: Final = "done"

#: A file that was edited in place leaves no trace in its directory: all are looked at once in a while.
_WHOLE_LOOK_S: Final = 300.0
#: Two changes may fall into one tick of the file system's clock: a directory that changed within this time
#: may change again without a trace.
_TICK_S: Final = 0.1


class Look(NamedTuple):
    """One look at the instance: its history up to now, who runs and who waits, in order, and what is told.

    `since` is the version that the reader knows, if any; `told` has the tasks that changed since.
    """

    history: History
    since: int | None
    told: dict[str, State]
    running: frozenset[str]
    waiting: list[str]
    paused: bool


def list_changes(request: Json) -> Json:
    """Give the answer of list-changes: what changed after version `since`, or everything."""
    store = steps.store()
    look = _look(store, request.get("since"))
    history, since = look.history, look.since
    return {
        "version": history.token,
        "full": since is None,
        "schedules_paused": look.paused,
        "tasks": [
            listing.row(store.paths, name, state, paused=look.paused) for name, state in look.told.items()
        ],
        "removed": [
            name for name, version in history.removed.items() if since is not None and version > since
        ],
        "queue": look.waiting[:MAX_QUEUE] if since is None or history.queue_version > since else None,
    }


def task_counts(_request: Json) -> Json:
    """Give the answer of get-task-counts."""
    look = _look(steps.store(), tell=False)
    counts = look.history.counts
    return {
        "total": sum(counts.values()),
        "running": len(look.running),
        "queued": len(look.waiting),
        "failed": counts.get(FAILED, 0),
        "never": counts.get(NEVER, 0),
        "schedules_paused": look.paused,
    }


def _look(store: Store, token: object = None, *, tell: bool = True) -> Look:
    """Look at what may have changed, and remember it; `tell` the tasks that did since the version `token`."""
    paused = steps.settings().schedules_paused
    with store.locked():
        history = History.read(store.paths.changes)
        try:
            return _looked(store, history, token, paused=paused, tell=tell)
        except DamagedHistoryError:
            return _looked(store, History(), token, paused=paused, tell=tell)


def _looked(store: Store, history: History, token: object, *, paused: bool, tell: bool) -> Look:
    """Take in what is new, and choose what is told; that needs the entries. DamagedHistoryError."""
    paths = store.paths
    surface = _surface(paths, paused=paused)
    fresh = 0 <= time.time() - history.looked_at < _WHOLE_LOOK_S
    whole = not fresh or surface != history.surface
    names = store.names() if whole else sorted({*paths.begun(), *history.live})
    states = runtime.states(paths, [name for name in names if whole or store.exists(name)])
    running = frozenset(name for name, state in states.items() if state.state == runtime.RUNNING)
    waiting = [name for name in runtime.waiting(paths) if name not in running and store.exists(name)]
    queue = _digest(waiting)
    signs = {name: _sign(paths, name, state, paused=paused) for name, state in states.items()}
    live = {name: signs[name] for name in running}
    if whole or live != history.live or queue != history.queue:
        known = {} if whole else {name: entry.sign for name, entry in history.entries.items()}
        history.observe(known | signs, queue, lambda name: _outcome(store, name))
        history.surface, history.live = surface, live
        history.looked_at = time.time() if whole else history.looked_at
        # Without room for it the reader gets everything again the next time, which is true as well.
        with suppress(OSError):
            history.write(paths.changes)
    since = history.since(token)
    told: list[str] = []
    if tell and since != history.version:
        told = [name for name, entry in history.entries.items() if since is None or entry.version > since]
    states |= runtime.states(paths, [name for name in told if name not in states])
    return Look(history, since, {name: states[name] for name in told}, running, waiting, paused)


def _surface(paths: Paths, *, paused: bool) -> str:
    """Give what differs when a file of any task was made, replaced or removed; if unsure, it always does."""
    try:
        found = os.stat(paths.imapsync)
    except OSError:
        return ""
    sure = time.time() - found.st_mtime > _TICK_S
    return f"{found.st_ino} {found.st_mtime_ns} {paused} {'' if sure else secrets.token_hex(4)}"


def _sign(paths: Paths, name: str, state: State, *, paused: bool) -> str:
    """Give a short text that differs when the task's row would; its place in the queue is told apart."""
    live = [paths.progress(name)] if state.state == runtime.RUNNING else []
    looked = [_stamp(path) for path in (paths.env(name), paths.result(name), *live)]
    shown = [
        state.state,
        state.mark,
        state.standing,
        paused,
        paths.log(name).exists(),
        paths.upstream_status(name).exists(),
    ]
    return _digest(map(str, [*looked, *shown]))


def _stamp(path: Path) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def _digest(parts: Iterable[str]) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=9).hexdigest()


def _outcome(store: Store, name: str) -> str:
    result = runtime.result(store.paths, name)
    try:
        store.load(name)
    except (TaskFileError, NoSuchTaskError):
        return FAILED
    if result is None:
        return NEVER
    return FAILED if result["exit_code"] or result["messages_failed"] else DONE

"""What list-changes and get-task-counts tell: only what is no longer as a reader has seen it.

A page that stays open asks every few seconds, and cluster-admin keeps each answer in each open tab: an answer
must be as small as what happened. `.changes` remembers how each task looked and at which version it changed
last. It is rebuilt when it is lost: then the reader gets everything once more.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import files, listing, runtime, steps
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.store import Store

#: Removed tasks that are remembered; a reader that has missed more gets the whole list.
MAX_REMOVED: Final = 1000
#: Places of the queue that are told; who waits further behind has no number.
MAX_QUEUE: Final = 200

FAILED: Final = "failed"
NEVER: Final = "never"
DONE: Final = "done"


class Entry(NamedTuple):
    """How a task looked, at which version it began to look so, and how its last run ended."""

    sign: str
    version: int
    outcome: str


class Look(NamedTuple):
    """One look at the instance: its history up to now, and the states that were seen."""

    history: History
    states: dict[str, runtime.State]
    paused: bool


def list_changes(request: Json) -> Json:
    """Give the answer of list-changes: what changed after version `since`, or everything."""
    paths, look = _look()
    since = look.history.since(request.get("since"))
    queue = [name for name, state in look.states.items() if state.position is not None]
    queue.sort(key=lambda name: look.states[name].position or 0)
    return {
        "version": look.history.token,
        "full": since is None,
        "schedules_paused": look.paused,
        "tasks": [
            listing.row(paths, name, look.states[name], paused=look.paused)
            for name, entry in look.history.entries.items()
            if since is None or entry.version > since
        ],
        "removed": [
            name for name, version in look.history.removed.items() if since is not None and version > since
        ],
        "queue": queue[:MAX_QUEUE] if since is None or look.history.queue_version > since else None,
    }


def task_counts(_request: Json) -> Json:
    """Give the answer of get-task-counts."""
    _, look = _look()
    states = [state.state for state in look.states.values()]
    outcomes = [entry.outcome for entry in look.history.entries.values()]
    return {
        "total": len(states),
        "running": states.count(runtime.RUNNING),
        "queued": states.count(runtime.QUEUED),
        "failed": outcomes.count(FAILED),
        "never": outcomes.count(NEVER),
        "schedules_paused": look.paused,
    }


class History:
    """What `.changes` holds."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.version = 0
        #: Readers below this version have missed removals that are forgotten.
        self.floor = 0
        self.entries: dict[str, Entry] = {}
        self.removed: dict[str, int] = {}
        self.queue = ""
        self.queue_version = 0

    @property
    def token(self) -> str:
        """Give the version as readers hand it back."""
        return f"{self.epoch}.{self.version}"

    def since(self, token: object) -> int | None:
        """Give the version that a reader knows; None when it knows nothing that counts."""
        epoch, _, number = str(token).partition(".")
        if epoch != self.epoch or not number.isdecimal() or len(number) > 15:
            return None
        return int(number) if self.floor <= int(number) <= self.version else None

    def observe(self, signs: dict[str, str], queue: str, outcome: Callable[[str], str]) -> bool:
        """Take in how everything looks now; give whether anything is new.

        `outcome` gives DONE, FAILED or NEVER for a task that changed.
        """
        version = self.version + 1
        fresh = {
            name: known
            if (known := self.entries.get(name)) and known.sign == sign
            else Entry(sign, version, outcome(name))
            for name, sign in signs.items()
        }
        gone = [name for name in self.entries if name not in signs]
        changed = bool(gone) or any(entry.version == version for entry in fresh.values())
        if queue != self.queue:
            self.queue, self.queue_version, changed = queue, version, True
        self.entries = fresh
        self.removed = {name: at for name, at in self.removed.items() if name not in signs}
        self.removed |= dict.fromkeys(gone, version)
        while len(self.removed) > MAX_REMOVED:
            self.floor = self.removed.pop(next(iter(self.removed)))
        self.version = version if changed else self.version
        return changed

    def write(self, path: Path) -> None:
        """Keep it."""
        content = {name: value for name, value in vars(self).items() if name != "entries"}
        files.replace(path, json.dumps({**content, "entries": self.entries}), durable=False)

    @classmethod
    def read(cls, path: Path) -> History:
        """Give what was kept, or a new history when there is none that can be used."""
        found = files.read_json(path) or {}
        history = cls()
        match found:
            case {
                "epoch": str(epoch),
                "version": int(version),
                "floor": int(floor),
                "entries": dict(entries),
                "removed": dict(removed),
                "queue": str(queue),
                "queue_version": int(queue_version),
            } if all(isinstance(at, int) for at in removed.values()) and _sound(entries.values()):
                history.epoch, history.version, history.floor = epoch, version, floor
                history.entries = {str(name): Entry(*entry) for name, entry in entries.items()}
                history.removed = removed
                history.queue, history.queue_version = queue, queue_version
        return history


def _sound(entries: Iterable[object]) -> bool:
    for entry in entries:
        match entry:
            case [str(), int(), str()]:
                continue
        return False
    return True


def _look() -> tuple[Paths, Look]:
    store, settings = steps.store(), steps.settings()
    paths = store.paths
    with store.locked():
        states = runtime.states(paths, store.names())
        history = History.read(paths.changes)
        signs = {name: _sign(paths, name, state, settings.schedules_paused) for name, state in states.items()}
        waiting = sorted((state.position, name) for name, state in states.items() if state.position)
        if history.observe(signs, _digest(name for _, name in waiting), lambda name: _outcome(store, name)):
            # Without room for it the reader gets everything again the next time, which is true as well.
            with suppress(OSError):
                history.write(paths.changes)
    return paths, Look(history, states, settings.schedules_paused)


def _sign(paths: Paths, name: str, state: runtime.State, paused: bool) -> str:
    """Give a short text that differs when the task's row would; its place in the queue is told apart."""
    live = [paths.progress(name)] if state.state == runtime.RUNNING else []
    looked = [_stamp(path) for path in (paths.env(name), paths.result(name), *live)]
    shown = [
        *state._replace(position=None),
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
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=9).hexdigest()


def _outcome(store: Store, name: str) -> str:
    result = runtime.result(store.paths, name)
    try:
        store.load(name)
    except (TaskFileError, NoSuchTaskError):
        return FAILED
    if result is None:
        return NEVER
    return FAILED if result["exit_code"] or result["messages_failed"] else DONE

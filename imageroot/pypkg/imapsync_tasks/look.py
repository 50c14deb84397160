"""What the module remembers of all tasks, kept up to date by looking only at what may have changed.

A page that stays open asks every few seconds, and cluster-admin keeps each answer in each open tab: an answer
must be as small as what happened, and a question that finds nothing new must cost next to nothing, whatever
the number of tasks. Whatever the module does to a task makes, replaces or removes a file in its directory:
while that directory's time stays the same only the tasks that run are looked at.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import runtime, steps, taskrow
from imapsync_tasks.condition import condition
from imapsync_tasks.history import DamagedHistoryError, History, Looks, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from imapsync_tasks.brief import Brief
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.runtime import State
    from imapsync_tasks.store import Store

#: A file that was edited in place leaves no trace in its directory: all are looked at once in a while.
_WHOLE_LOOK_S: Final = 300.0
#: Two changes may fall into one tick of the file system's clock: a directory that changed within this time
#: may change again without a trace.
_TICK_S: Final = 0.1


class Look(NamedTuple):
    """One look at the instance: its history up to now, who runs and who waits, in order."""

    history: History
    running: frozenset[str]
    waiting: list[str]
    paused: bool

    @property
    def briefs(self) -> dict[str, Brief]:
        """Give all tasks in brief; only of a look for entries."""
        return {name: entry.brief for name, entry in self.history.entries.items()}


def every(_history: History) -> bool:
    """Want the entries whatever the history."""
    return True


def _none(_history: History) -> bool:
    return False


def look(store: Store, entries: Callable[[History], bool] = _none, *, whole: bool = False) -> Look:
    """Look at what may have changed, and remember it.

    entries: tells whether the history's entries are wanted, which costs something. whole: look at every
    task, also where nothing seems to have changed.
    """
    paused = steps.settings().schedules_paused
    with store.locked():
        history = History.read(store.paths.changes, store.paths.changed_tasks)
        try:
            return _looked(store, history, entries, paused=paused, whole=whole)
        except DamagedHistoryError:
            return _looked(store, History(), entries, paused=paused, whole=True)


def _looked(
    store: Store, history: History, entries: Callable[[History], bool], *, paused: bool, whole: bool
) -> Look:
    """Take in what is new. DamagedHistoryError."""
    paths = store.paths
    surface = _surface(paths, paused=paused)
    fresh = 0 <= time.time() - history.looked_at < _WHOLE_LOOK_S
    whole = whole or not fresh or surface != history.surface
    names = store.names() if whole else sorted({*paths.begun(), *history.live})
    states = runtime.states(paths, [name for name in names if whole or store.exists(name)])
    running = frozenset(name for name, state in states.items() if state.state == runtime.RUNNING)
    waiting = [name for name in runtime.waiting(paths) if name not in running and store.exists(name)]
    queue = _digest(waiting)
    signs = {name: _sign(paths, name, state, paused=paused) for name, state in states.items()}
    runs = {name: Run(signs[name], _stamp(paths.progress(name))) for name in sorted(running)}
    known = {name: run.sign for name, run in history.live.items()}
    listed = whole or known != {name: signs[name] for name in running}
    if listed:
        closer = Looks(lambda name: taskrow.brief(paths, name, states[name]), _around(paths))
        history.observe(signs, closer, whole=whole)
        history.surface = surface
        history.looked_at = time.time() if whole else history.looked_at
    before = history.version
    history.follow(runs, queue)
    if listed or history.version != before:
        # Without room for it the reader gets everything again the next time, which is true as well.
        with suppress(OSError):
            history.write(paths.changes, paths.changed_tasks)
    if entries(history):
        _ = history.entries
    return Look(history, running, waiting, paused)


def _surface(paths: Paths, *, paused: bool) -> str:
    """Give what differs when a file of any task, source or project was made, replaced or removed.

    If unsure, it always does.
    """
    found = []
    for directory in (paths.imapsync, paths.sources, paths.projects):
        with suppress(OSError):
            found.append(os.stat(directory))
    sure = all(time.time() - one.st_mtime > _TICK_S for one in found)
    seen = " ".join(f"{one.st_ino} {one.st_mtime_ns}" for one in found)
    return f"{seen} {paused} {'' if sure else secrets.token_hex(4)}"


def _around(paths: Paths) -> Callable[[Brief], str]:
    """Give a function that gives what differs when a task's source or project does, "" when it has none."""
    stamp = functools.cache(_stamp)

    def around(brief: Brief) -> str:
        named = [paths.source(brief.source)] if brief.source else []
        named += [paths.project(brief.project)] if brief.project else []
        return "".join(f" {stamp(path)}" for path in named)

    return around


def _sign(paths: Paths, name: str, state: State, *, paused: bool) -> str:
    """Give a short text that differs when the task's row would, but for its progress and its place."""
    looked = [_stamp(path) for path in (paths.env(name), paths.result(name), paths.proof(name))]
    runs = state.state == runtime.RUNNING
    shown = [
        state.state,
        condition(state, runtime.progress(paths, name), None).word if runs else "",
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

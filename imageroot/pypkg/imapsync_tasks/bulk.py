"""One action for many tasks: start, stop, delete or change them, each all or nothing, and tell how it went.

The page that asked may be closed at once: what has been done so far stands in `.bulk` until somebody has seen
it and dismisses it. One runs after the other.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import container, control, files, listing, mailserver, moves, runtime, sourcestore, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError
from imapsync_tasks.queue import Release
from imapsync_tasks.selection import Selection
from imapsync_tasks.task import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imapsync_tasks.moves import Outcomes
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.store import Store

#: Tasks that are asked for at once: a stop may take five seconds, and whoever looks wants to see it go on.
BATCH: Final = 25
#: Failures that are remembered with their reasons; the others are counted.
MAX_FAILURES: Final = 1000
#: Members of a task that can be changed for many at once: of what a login depends on, the source alone.
CHANGEABLE: Final = (
    *("source", "cron", "foldersynchronization", "exclude", "sieve_enabled", "delivery"),
    *("delete_remote", "delete_remote_older"),
)


class Asked(NamedTuple):
    """One task of the request, and the name of its files; None: there is none."""

    who: Json
    name: str | None


def run_tasks(request: Json) -> Json:
    """Give the answer of run-tasks: how it went."""
    import agent

    work = _work(request)
    wanted = _wanted(request)
    paths = steps.store().paths
    with files.locked(paths.bulk_lock):
        note = _Note(paths, str(request["verb"]), len(wanted))
        for asked in _batches(wanted):
            found = [one.name for one in asked if one.name]
            outcomes = work(found)
            for one in asked:
                note.add(one.who, outcomes.get(one.name) if one.name else "task_not_found")
            note.write()
            agent.set_progress(min(99, 100 * note.done // max(1, len(wanted))))
        note.end()
    return note.as_json()


def _wanted(request: Json) -> list[Json]:
    """Give who is meant: the tasks of the list, or those that a filter fits now."""
    given, chosen = request.get("tasks"), request.get("filter")
    if (given is None) == (chosen is None):
        raise RefusedError(Refusal("invalid_value", "tasks"))
    if isinstance(chosen, dict):
        return _chosen(request, Selection.of(chosen) or Selection())
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _chosen(request: Json, selection: Selection) -> list[Json]:
    """Give who fits a filter and is no exception. RefusedError: whoever asked has seen another number."""
    spared = request.get("except")
    others = spared if isinstance(spared, list) else []
    found = [one for one in listing.selected(selection) if one not in others]
    if request.get("expected", len(found)) != len(found):
        raise RefusedError(Refusal("selection_changed", "expected"))
    return found


def tasks_run(request: Json) -> Json:
    """Give the answer of get-tasks-run: the last action on many tasks, until `dismiss` names it."""
    paths = steps.store().paths
    found = files.read_json(paths.bulk)
    running = files.is_locked(paths.bulk_lock)
    if found is None or found.keys() != _MEMBERS:
        return {"run": None, "running": running}
    if not running and found["id"] == request.get("dismiss"):
        files.remove(paths.bulk)
        return {"run": None, "running": False}
    return {"run": found, "running": running}


class _Note:
    """What `.bulk` holds, in the making."""

    def __init__(self, paths: Paths, verb: str, total: int) -> None:
        self._paths = paths
        self._said: Json = {"id": secrets.token_hex(4), "verb": verb, "total": total, "began_at": time.time()}
        self.done = 0
        self._failed = 0
        self._failures: list[Json] = []
        self._ended_at: float | None = None
        self.write()

    def add(self, who: Json, error: str | None) -> None:
        """Note what became of a task."""
        self.done += 1
        if error is not None:
            self._failed += 1
            if len(self._failures) < MAX_FAILURES:
                self._failures.append({**who, "error": error})

    def end(self) -> None:
        """Note that nothing is left."""
        self._ended_at = time.time()
        self.write()

    def write(self) -> None:
        """Keep it: what cannot be kept is told by the answer alone."""
        try:
            files.replace(self._paths.bulk, json.dumps(self.as_json()), durable=False)
        except OSError as error:
            if error.errno not in files.UNWRITABLE:
                raise

    def as_json(self) -> Json:
        """Give it as the actions tell it."""
        return {
            **self._said,
            "ended_at": self._ended_at,
            "done": self.done,
            "failed": self._failed,
            "failures": self._failures,
        }


_MEMBERS: Final = {"id", "verb", "total", "began_at", "ended_at", "done", "failed", "failures"}


def _batches(wanted: list[Json]) -> Iterator[list[Asked]]:
    store = steps.store()
    for begin in range(0, len(wanted), BATCH):
        yield [
            Asked({key: one.get(key) for key in ("localuser", "task_id")}, _name(store, one))
            for one in wanted[begin : begin + BATCH]
        ]


def _name(store: Store, one: Json) -> str | None:
    try:
        name = store.named(one)
    except (NoSuchTaskError, RefusedError):
        return None
    return name if store.exists(name) else None


def _work(request: Json) -> Callable[[list[str]], Outcomes]:
    """Give what is done to a batch of names. RefusedError when the request makes no sense for any task."""
    verb = request["verb"]
    if verb == "change":
        changes = _changes(request)
        return lambda names: _change(names, changes)
    method = control.verification(request, wanted=verb == "verify")
    if verb in ("start", "verify"):
        control.require_configuration()
        return lambda names: _start(names, Release(verify=method))
    found = {"stop": _stop, "delete": _delete}.get(str(verb))
    if found is None:
        raise RefusedError(Refusal("invalid_value", "verb", verb))
    return found


def _start(names: list[str], release: Release) -> Outcomes:
    try:
        container.start(names, release)
    except NoSuchTaskError:  # one was deleted meanwhile; the others were started
        store = steps.store()
        return {name: None if store.exists(name) else "task_not_found" for name in names}
    except RefusedError as refused:
        return dict.fromkeys(names, refused.refusals[0].error)
    return dict.fromkeys(names)


def _stop(names: list[str]) -> Outcomes:
    if container.stop(names):
        return dict.fromkeys(names)
    store = steps.store()
    with store.locked():
        states = runtime.states(store.paths, names)
    return {
        name: "task_still_running" if state.state == runtime.RUNNING else None
        for name, state in states.items()
    }


def _delete(names: list[str]) -> Outcomes:
    return _failing(names, control.remove(names), "task_still_running")


def _change(names: list[str], changes: Json) -> Outcomes:
    if changes.get("delivery") == "lmtp" and not mailserver.delivers(steps.settings()):
        return dict.fromkeys(names, "lmtp_not_reachable")
    store = steps.store()
    if "source" in changes:
        return moves.move(store, names, changes)
    outcomes: Outcomes = {}
    for name in names:
        try:
            with store.locked():
                store.save(store.load(name)._replace(**changes), None)  # type: ignore[arg-type]
        except NoSuchTaskError:
            outcomes[name] = "task_not_found"
        except (TaskFileError, RefusedError):
            outcomes[name] = "task_unreadable"
        else:
            outcomes[name] = None
    return outcomes


def _changes(request: Json) -> Json:
    """Give the members to change, by their rules."""
    given = request.get("changes")
    changes = given if isinstance(given, dict) else {}
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown or not changes:
        raise RefusedError(Refusal("invalid_value", unknown[0] if unknown else "changes"))
    if "source" in changes:
        sourcestore.needed(steps.store().paths, str(changes["source"]))
    return {name: FIELDS[name].rule.of(changes, name) for name in changes}


def _failing(names: Iterable[str], failed: list[str], error: str) -> Outcomes:
    return {name: error if name in failed else None for name in names}

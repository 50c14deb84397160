"""How many tasks may run at a time: of a project, of a source, and of one account of a large provider.

A source and a provider bound connections. The watcher's are among them: where they are few it listens to a
part of the accounts only, and runs keep the rest.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, live, projectstore, sourcestore
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError
from syncctl import budget, facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync_tasks.paths import Paths
    from imapsync_tasks.task import Task
    from syncctl.context import Context

#: What the engine of each task opens to its source.
_CONNECTIONS: Final = 2


class Limits:
    """What runs, counted once; the caller holds the instance lock as long as this is used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_source = functools.cache(functools.partial(bound_of_source, context.paths))
        self._bounds = functools.cache(self._bounds_of)

    def hold(self, task: str) -> bool:
        """Tell whether a task has to wait for the end of another."""
        return any(self._running[group] >= most for group, most in self._bounds(task).items())

    def began(self, task: str) -> None:
        """Count a task that begins now."""
        self._running.update(self._bounds(task).keys())

    @functools.cached_property
    def _running(self) -> Counter[str]:
        paths = self._context.paths
        found: Counter[str] = Counter()
        for task in paths.begun():
            if files.is_locked(paths.lock(task)):
                found.update(self._bounds(task).keys())
        return found

    def _bounds_of(self, name: str) -> dict[str, int]:
        """Give the groups that a task belongs to, and how many tasks of each may run; unbounded ones not.

        A task that cannot be read belongs to none: its run says so.
        """
        try:
            task = self._context.store.load(name)
        except (NoSuchTaskError, TaskFileError):
            return {}
        project = projectstore.load(self._context.paths, task.project) if task.project else None
        found = {f"project {task.project}": project.jobs} if project and project.jobs else {}
        for group, connections in shares(task, self._of_source).items():
            found[group] = max(1, (connections - self._held.get(group, 0)) // _CONNECTIONS)
        return found

    @functools.cached_property
    def _held(self) -> dict[str, int]:
        return live.read_held(self._context.paths)


def shares(task: Task, of_source: Callable[[str], int]) -> dict[str, int]:
    """Give with whom a task shares a bounded number of connections to its remote server, and the numbers.

    of_source: gives how many the tasks of a source may have together, 0 for any number.
    """
    connections = (facts.of_host(task.remotehostname) or {}).get("connections")
    found = {
        f"source {task.source}": of_source(task.source) if task.source else 0,
        f"account {budget.account(task)}": connections if isinstance(connections, int) else 0,
    }
    return {group: most for group, most in found.items() if most}


def bound_of_source(paths: Paths, name: str) -> int:
    """Give how many connections a source's tasks may have together; 0: any number."""
    try:
        return sourcestore.load(paths, name).source.max_connections
    except TaskFileError:
        return 0


def listened(accounts: Mapping[str, Mapping[str, int]]) -> tuple[set[str], Counter[str]]:
    """Choose the accounts that are listened to, and count the connections of each group that this takes.

    accounts: name -> shares. Half of what is shared is for listening, and a run finds its connections.
    """
    chosen: set[str] = set()
    held: Counter[str] = Counter()
    for name, groups in sorted(accounts.items()):
        if all(held[group] < min(most // 2, most - _CONNECTIONS) for group, most in groups.items()):
            chosen.add(name)
            held.update(groups.keys())
    return chosen, held

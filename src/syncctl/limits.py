"""How many tasks may run at a time: of a project, of a source, and of one account of a large provider."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, projectstore, sourcestore
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError
from syncctl import budget, facts

if TYPE_CHECKING:
    from syncctl.context import Context

#: What the engine of each task opens to its source.
_CONNECTIONS: Final = 2


class Limits:
    """What runs, counted once; the caller holds the instance lock as long as this is used."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_source = functools.cache(self._source_bound)
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
        provider = facts.of_host(task.remotehostname) or {}
        found = {
            f"project {task.project}": project.jobs if project else 0,
            f"source {task.source}": self._of_source(task.source) if task.source else 0,
            f"account {budget.account(task)}": _tasks(provider.get("connections")),
        }
        return {group: most for group, most in found.items() if most}

    def _source_bound(self, name: str) -> int:
        try:
            return _tasks(sourcestore.load(self._context.paths, name).source.max_connections)
        except TaskFileError:
            return 0


def _tasks(connections: object) -> int:
    """Give how many tasks may have these connections together, at least one; 0: any number."""
    return max(1, connections // _CONNECTIONS) if isinstance(connections, int) and connections else 0

"""On which side of the cluster's border a task's server is: a name must not lead a task inside later.

A form judges a server when it is asked; a name can become another server's afterwards. What was found at a
task's first run is kept beside it, and binds all later ones.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from imapsync_tasks import files

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths
    from imapsync_tasks.task import Task


class Place(NamedTuple):
    """What is known of a task's server. inside: whether it may be reached inside; None: not judged yet."""

    host: str
    port: int
    inside: bool | None = None

    def __str__(self) -> str:
        """Give the content of its file."""
        return json.dumps(self._asdict())

    @classmethod
    def of(cls, task: Task) -> Place:
        """Give the server of a task, not judged."""
        return cls(task.remotehostname.casefold(), task.remoteport)

    def is_of(self, task: Task) -> bool:
        """Tell whether it is the server that the task has now."""
        return (self.host, self.port) == Place.of(task)[:2]


def known(paths: Paths, task: Task) -> Place | None:
    """Give what is known of a task's server; None: the task is older than this memory.

    What is kept of another server than the task has now (its source was changed) tells nothing of this one,
    and a damaged file nothing at all.
    """
    place = recorded(paths, task.name)
    if place is not None:
        return place if place.is_of(task) else Place.of(task)
    # No task of a source is that old.
    return None if not paths.place(task.name).exists() and not task.source else Place.of(task)


def recorded(paths: Paths, name: str) -> Place | None:
    """Give what is kept of the server that a task had when it was saved or ran last; None: nothing."""
    match files.read_json(paths.place(name)):
        case {"host": str() as host, "port": int() as port, "inside": bool() | None as inside}:
            return Place(host, port, inside)
    return None


def keeps(paths: Paths, old: Task, new: Task) -> bool:
    """Tell whether what is known of a task's server still counts when the task is saved.

    One that may be inside keeps that at the same server; any other is judged anew at the next run.
    """
    place = known(paths, old)
    return Place.of(old) == Place.of(new) and (place is None or place.inside is True)

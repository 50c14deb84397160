"""Move tasks to another source: an edit of each, whose logins are tried before anything of it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imapsync_tasks import create
from imapsync_tasks.errors import Json, NoSuchTaskError, RefusedError, TaskFileError
from imapsync_tasks.task import FIELDS, OF_SOURCE

if TYPE_CHECKING:
    from imapsync_tasks.store import Store
    from imapsync_tasks.task import Task

#: What became of each task: None, or why it stays as it was.
Outcomes = dict[str, str | None]
#: Members of a task that say whose login is tried, and where its password may go.
_LOGIN: Final = ("remoteusername", "source", *OF_SOURCE)


def move(store: Store, names: list[str], changes: Json) -> Outcomes:
    """Give tasks the source that `changes` names, and its other members; what fails costs that task only.

    A stored password stays with its server, as whenever a task is edited (`credentials`).
    """
    outcomes: Outcomes = {}
    found: dict[str, Task] = {}
    for name in names:
        try:
            found[name] = store.stored(name)
        except NoSuchTaskError:
            outcomes[name] = "task_not_found"
        except TaskFileError:
            outcomes[name] = "task_unreadable"
    wanted = list(found)
    try:
        for index, refusals in create.check_many(_request(task, changes) for task in found.values()):
            name = wanted[index]
            outcomes[name] = refusals[0].error if refusals else _saved(store, found[name], changes)
    except RefusedError as refused:  # nobody can try a login now
        outcomes |= {name: refused.refusals[0].error for name in wanted if name not in outcomes}
    return outcomes


def _request(task: Task, changes: Json) -> Json:
    """Give create-task's input of a task with its changes."""
    return {name: getattr(task, name) for name in FIELDS} | changes


def _saved(store: Store, tried: Task, changes: Json) -> str | None:
    """Write the changes of a task whose login was tried.

    Other edits made meanwhile stay, and one that was deleted stays away.
    """
    with store.locked():
        try:
            task = store.stored(tried.name)
            if _login(task) != _login(tried):
                return "task_changed"
            create.put(store, _request(task, changes))
        except NoSuchTaskError:
            return "task_not_found"
        except TaskFileError:
            return "task_unreadable"
        except RefusedError as refused:
            return refused.refusals[0].error
    return None


def _login(task: Task) -> list[object]:
    return [getattr(task, name) for name in _LOGIN]

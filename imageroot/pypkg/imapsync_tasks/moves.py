"""Move tasks to another source: an edit of each, whose logins are tried before anything of it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync_tasks import create
from imapsync_tasks.errors import Json, NoSuchTaskError, RefusedError, TaskFileError
from imapsync_tasks.task import FIELDS

if TYPE_CHECKING:
    from imapsync_tasks.store import Store

#: What became of each task: None, or why it stays as it was.
Outcomes = dict[str, str | None]


def move(store: Store, names: list[str], changes: Json) -> Outcomes:
    """Give tasks the source that `changes` names, and its other members; what fails costs that task only.

    A stored password stays with its server, as whenever a task is edited (`credentials`).
    """
    outcomes: Outcomes = {}
    requests = {}
    for name in names:
        try:
            task = store.stored(name)
        except NoSuchTaskError:
            outcomes[name] = "task_not_found"
        except TaskFileError:
            outcomes[name] = "task_unreadable"
        else:
            requests[name] = {field: getattr(task, field) for field in FIELDS} | changes
    wanted = list(requests)
    try:
        for index, refusals in create.check_many(requests.values()):
            name = wanted[index]
            outcomes[name] = refusals[0].error if refusals else _saved(store, name, requests[name])
    except RefusedError as refused:  # nobody can try a login now
        outcomes |= {name: refused.refusals[0].error for name in wanted if name not in outcomes}
    return outcomes


def _saved(store: Store, name: str, request: Json) -> str | None:
    """Write a task whose logins work; one that was deleted meanwhile stays away."""
    with store.locked():
        if not store.exists(name):
            return "task_not_found"
        try:
            create.put(store, request)
        except RefusedError as refused:
            return refused.refusals[0].error
    return None

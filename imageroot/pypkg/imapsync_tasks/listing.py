"""What list-tasks and get-facts tell."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from imapsync_tasks import mailserver, runtime, steps, taskrow
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError
from imapsync_tasks.look import every, look
from imapsync_tasks.selection import Selection

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json


def list_tasks(request: Json) -> Json:
    """Give the answer of list-tasks: every task, also those whose files are broken, or some."""
    store = steps.store()
    settings = steps.settings()
    users, reason = mailserver.mailboxes(store.paths, settings, refresh=request.get("refresh") is True)
    selection = Selection.of(request)
    asked: Json = {}
    if selection is None:
        names = store.names()
    else:
        seen = look(store, every)
        found = selection.among(seen.briefs)
        names = found.tasks
        asked = {"total": found.total, "counts": found.counts, "version": seen.history.token}
    with store.locked():
        states = runtime.states(store.paths, [name for name in names if store.exists(name)])
        told = [
            taskrow.row(store.paths, name, state, paused=settings.schedules_paused)
            for name, state in states.items()
        ]
    return {
        **_mailboxes(users, reason),
        "schedules_paused": settings.schedules_paused,
        "user_properties": told,
        **asked,
    }


def selected(selection: Selection) -> list[Json]:
    """Give `localuser` and `task_id` of the tasks that fit now."""
    briefs = look(steps.store(), every, whole=True).briefs
    return [
        {"localuser": briefs[name].localuser, "task_id": briefs[name].task_id}
        for name in selection.among(briefs).tasks
    ]


def list_mailboxes(request: Json) -> Json:
    """Give the answer of list-mailboxes: who has a mailbox, without the tasks."""
    paths, settings = steps.store().paths, steps.settings()
    refresh = request.get("refresh") is True
    users, reason = mailserver.mailboxes(paths, settings, refresh=refresh)
    delivers = mailserver.delivers_lately(paths, settings, refresh=refresh)
    return _mailboxes(users, reason) | {"delivers": delivers}


def facts(_request: Json) -> Json:
    """Give the answer of get-facts, counted as the existing module does: "older than" is a deletion, too."""
    store = steps.store()
    tasks = []
    for name in store.names():
        with suppress(TaskFileError, NoSuchTaskError):
            tasks.append(store.load(name))
    inbox = [task for task in tasks if task.foldersynchronization == "inbox"]
    deleting = [task for task in tasks if task.delete_remote]
    return {
        "tasks_total_count": len(tasks),
        "tasks_delete_count": len(deleting),
        "tasks_delete_older_count": sum(task.delete_remote_older > 0 for task in deleting),
        "tasks_inbox_count": len(inbox),
        "tasks_inbox_and_delete_count": sum(task.delete_remote for task in inbox),
        "tasks_cron_enabled_count": sum(bool(task.cron) for task in tasks),
        "tasks_sieve_enabled_count": sum(task.sieve_enabled for task in tasks),
    }


def _mailboxes(users: list[str], reason: str | None) -> Json:
    return {
        "enabled_mailboxes": [{"name": user, "label": user, "value": user} for user in users],
        "mailboxes_error": reason,
    }

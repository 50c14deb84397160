"""What list-tasks and get-facts tell."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import mailserver, runtime, schedule, steps
from imapsync_tasks.condition import condition
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.fields import NEEDED
from imapsync_tasks.live import Standing
from imapsync_tasks.selection import Selection
from imapsync_tasks.store import Store
from imapsync_tasks.task import FIELDS, Task, to_env

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths


def list_tasks(request: Json) -> Json:
    """Give the answer of list-tasks: every task, also those whose files are broken, or some."""
    store = steps.store()
    settings = steps.settings()
    users, reason = mailserver.mailboxes(store.paths, settings, refresh=request.get("refresh") is True)
    with store.locked():
        states = runtime.states(store.paths, store.names())
        rows = [
            row(store.paths, name, state, paused=settings.schedules_paused) for name, state in states.items()
        ]
    answer: Json = {**_mailboxes(users, reason), "schedules_paused": settings.schedules_paused}
    selection = Selection.of(request)
    if selection is None:
        return answer | {"user_properties": rows}
    shown, total = selection.of_rows(rows)
    return answer | {"user_properties": shown, "total": total}


def selected(selection: Selection) -> list[Json]:
    """Give `localuser` and `task_id` of the tasks that fit."""
    store = steps.store()
    with store.locked():
        states = runtime.states(store.paths, store.names())
        rows = [row(store.paths, name, state, paused=False) for name, state in states.items()]
    return [{key: one[key] for key in ("localuser", "task_id")} for one in selection.of_rows(rows)[0]]


def list_mailboxes(request: Json) -> Json:
    """Give the answer of list-mailboxes: who has a mailbox, without the tasks."""
    store = steps.store()
    users, reason = mailserver.mailboxes(
        store.paths, steps.settings(), refresh=request.get("refresh") is True
    )
    return _mailboxes(users, reason)


def row(paths: Paths, name: str, state: runtime.State, *, paused: bool) -> Json:
    """Give one task as list-tasks gives it; `paused`: schedules wait for an admin."""
    store = Store(paths)
    try:
        fields = _fields(store.load(name)) | {"error": None}
    except (TaskFileError, NoSuchTaskError) as error:
        fields = _unreadable(*store.identity(name)) | {"error": str(error)}
    scheduled: Json = {"schedule_paused": paused and bool(fields["cron"]), "live": None}
    if fields["cron"] == schedule.LIVE:
        scheduled["live"] = (state.standing or Standing()).as_json()
    return fields | _life(paths, name, state) | scheduled


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


#: Members that are a key of the file as it stands there.
_RAW: Final = ("DELETEFOLDER", "EXCLUDE", "EXPUNGE_REMOTE", "FOLDER_INBOX")


def _mailboxes(users: list[str], reason: str | None) -> Json:
    return {
        "enabled_mailboxes": [{"name": user, "label": user, "value": user} for user in users],
        "mailboxes_error": reason,
    }


def _fields(task: Task) -> Json:
    raw = to_env(task)
    return (
        {name: getattr(task, name) for name in FIELDS}
        | {key.lower(): raw[key] for key in _RAW}
        | {"remoteport": str(task.remoteport), "remotepassword": ""}
    )


def _unreadable(localuser: str, task_id: str) -> Json:
    """Give the row of a task whose file cannot be read: who it is, and neutral values."""
    neutral = {name: "" if field.column is NEEDED else field.column for name, field in FIELDS.items()}
    who = {"localuser": _shown(localuser), "task_id": _shown(task_id)}
    return neutral | {key.lower(): "" for key in _RAW} | {"remotepassword": ""} | who


def _shown(name: str) -> str:
    """Give a part of a file's name as text, whatever its bytes are."""
    return name.encode("utf-8", "replace").decode()


def _life(paths: Paths, name: str, state: runtime.State) -> Json:
    result = runtime.result(paths, name)
    begun = state.state == runtime.RUNNING or state.mark
    progress = runtime.progress(paths, name) if begun else None
    word, percent = condition(state, progress, result)
    return {
        "condition": word,
        "interrupted_percent": percent,
        "service_running": state.state == runtime.RUNNING,
        "state": state.state,
        "queue_position": state.position,
        "progress": progress if state.state == runtime.RUNNING else None,
        "result": result,
        "last_sync_timestamp": int(float(str(result["started_at"]))) if result else None,
        "last_sync_exit_code": int(str(result["exit_code"])) if result else None,
        "verified": runtime.verified(paths, name),
        "has_log": paths.log(name).exists(),
    }

"""What list-tasks and get-facts tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync_tasks import mailserver, rules, runtime, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.task import Task, to_env

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths


def list_tasks(request: Json) -> Json:
    """Give the answer of list-tasks: every task, also those whose files are broken."""
    store = steps.store()
    settings = steps.settings()
    users, reason = mailserver.mailboxes(store.paths, settings, refresh=request.get("refresh") is True)
    with store.locked():
        tasks = [_load(name) for name in store.names()]
        states = runtime.states(store.paths, [name for name, _, _ in tasks])
    return {
        **_mailboxes(users, reason),
        "schedules_paused": settings.schedules_paused,
        "user_properties": [
            _row(store.paths, loaded, states[loaded[0]], paused=settings.schedules_paused) for loaded in tasks
        ],
    }


def list_mailboxes(request: Json) -> Json:
    """Give the answer of list-mailboxes: who has a mailbox, without the tasks."""
    store = steps.store()
    users, reason = mailserver.mailboxes(
        store.paths, steps.settings(), refresh=request.get("refresh") is True
    )
    return _mailboxes(users, reason)


def row(paths: Paths, name: str, state: runtime.State, *, paused: bool) -> Json:
    """Give one task as list-tasks gives it; `paused`: schedules wait for an admin."""
    return _row(paths, _load(name), state, paused=paused)


def facts(_request: Json) -> Json:
    """Give the answer of get-facts."""
    tasks = [task for _, task, _ in (_load(name) for name in steps.store().names()) if task]
    inbox = [task for task in tasks if task.foldersynchronization == "inbox"]
    return {
        "tasks_total_count": len(tasks),
        "tasks_delete_count": sum(task.delete_remote and not task.delete_remote_older for task in tasks),
        "tasks_delete_older_count": sum(
            task.delete_remote and task.delete_remote_older > 0 for task in tasks
        ),
        "tasks_inbox_count": len(inbox),
        "tasks_inbox_and_delete_count": sum(task.delete_remote for task in inbox),
        "tasks_cron_enabled_count": sum(bool(task.cron) for task in tasks),
        "tasks_sieve_enabled_count": sum(task.sieve_enabled for task in tasks),
    }


def _load(name: str) -> tuple[str, Task | None, str | None]:
    try:
        return name, steps.store().load(name), None
    except (TaskFileError, NoSuchTaskError) as error:
        return name, None, str(error)


def _row(
    paths: Paths, loaded: tuple[str, Task | None, str | None], state: runtime.State, *, paused: bool
) -> Json:
    name, task, error = loaded
    fields = (_fields(task) if task else _unreadable(name)) | _life(paths, name, state)
    return fields | {"schedule_paused": paused and bool(fields["cron"]), "error": error}


def _mailboxes(users: list[str], reason: str | None) -> Json:
    return {
        "enabled_mailboxes": [{"name": user, "label": user, "value": user} for user in users],
        "mailboxes_error": reason,
    }


def _fields(task: Task) -> Json:
    raw = to_env(task)
    return {
        "task_id": task.task_id,
        "localuser": task.localuser,
        "remoteusername": task.remoteusername,
        "remotehostname": task.remotehostname,
        "remoteport": str(task.remoteport),
        "security": task.security,
        "delete_local": task.delete_local,
        "deletefolder": raw["DELETEFOLDER"],
        "exclude": task.exclude,
        "delete_remote": task.delete_remote,
        "delete_remote_older": task.delete_remote_older,
        "sieve_enabled": task.sieve_enabled,
        "expunge_remote": raw["EXPUNGE_REMOTE"],
        "cron": task.cron,
        "folder_inbox": raw["FOLDER_INBOX"],
        "foldersynchronization": task.foldersynchronization,
        "remotepassword": "",
        "tls_trust": task.tls_trust,
    }


def _unreadable(name: str) -> Json:
    """Give the row of a task whose file cannot be read: what its name tells, and neutral values."""
    shown = name.encode("utf-8", "replace").decode()
    localuser, task_id = rules.split_task_name(name) or (shown, "")
    empty = Task(localuser, task_id, "", "", 0, "", False, False, 0, "", "", "all", False)
    return _fields(empty) | {"remoteport": ""}


def _life(paths: Paths, name: str, state: runtime.State) -> Json:
    result = runtime.result(paths, name)
    return {
        "service_running": state.state == runtime.RUNNING,
        "state": state.state,
        "queue_position": state.position,
        "progress": runtime.progress(paths, name) if state.state == runtime.RUNNING else None,
        "result": result,
        "last_sync_timestamp": int(float(str(result["started_at"]))) if result else None,
        "last_sync_exit_code": int(str(result["exit_code"])) if result else None,
        "has_log": paths.log(name).exists(),
    }

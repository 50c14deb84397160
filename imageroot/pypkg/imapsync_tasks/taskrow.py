"""One task as list-tasks gives it, and in brief."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imapsync_tasks import runtime, schedule
from imapsync_tasks.brief import Brief
from imapsync_tasks.condition import FAILED, condition
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.fields import NEEDED
from imapsync_tasks.live import Standing
from imapsync_tasks.store import Store
from imapsync_tasks.task import FIELDS, Task, to_env

if TYPE_CHECKING:
    from imapsync_tasks.condition import Condition
    from imapsync_tasks.paths import Paths

#: Members that are a key of the file as it stands there.
_RAW: Final = ("DELETEFOLDER", "EXCLUDE", "EXPUNGE_REMOTE", "FOLDER_INBOX")


def row(paths: Paths, name: str, state: runtime.State, *, paused: bool) -> Json:
    """Give one task as list-tasks gives it; `paused`: schedules wait for an admin."""
    fields = _fields(paths, name)
    scheduled: Json = {"schedule_paused": paused and bool(fields["cron"]), "live": None}
    if fields["cron"] == schedule.LIVE:
        scheduled["live"] = (state.standing or Standing()).as_json()
    return fields | _life(paths, name, state, fields) | scheduled


def brief(paths: Paths, name: str, state: runtime.State) -> Brief:
    """Give one task in brief."""
    fields, result = _fields(paths, name), runtime.result(paths, name)
    return Brief.of(fields, _condition(state, _progress(paths, name, state), result, fields).word, result)


def _fields(paths: Paths, name: str) -> Json:
    store = Store(paths)
    try:
        return _readable(store.load(name)) | {"error": None}
    except (TaskFileError, NoSuchTaskError) as error:
        return _unreadable(*store.identity(name)) | {"error": str(error)}


def _readable(task: Task) -> Json:
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


def _progress(paths: Paths, name: str, state: runtime.State) -> Json | None:
    """Give the progress of a run that goes on, or was cut off."""
    return runtime.progress(paths, name) if state.state == runtime.RUNNING or state.mark else None


def _condition(state: runtime.State, progress: Json | None, result: Json | None, fields: Json) -> Condition:
    """Give how it stands with a task; one that cannot be read fails at its next start at the latest."""
    found = condition(state, progress, result)
    broken = fields["error"] is not None and state.state == runtime.STOPPED
    return found._replace(word=FAILED) if broken else found


def _life(paths: Paths, name: str, state: runtime.State, fields: Json) -> Json:
    result = runtime.result(paths, name)
    progress = _progress(paths, name, state)
    word, percent = _condition(state, progress, result, fields)
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

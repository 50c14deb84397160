"""A task: its fields, from a request and from its file, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import rules, schedule
from imapsync_tasks.errors import Json, Refusal, RefusedError, TaskFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECURITY_WORDS: Final = {"": "", "tls": "--tls1", "ssl": "--ssl1"}
_OLDER: Final = "--delete1older="


class Task(NamedTuple):
    """The settings of one sync. Field names and meanings are those of the create-task action."""

    localuser: str
    task_id: str
    remoteusername: str
    remotehostname: str
    remoteport: int
    security: str
    delete_local: bool
    delete_remote: bool
    delete_remote_older: int
    exclude: str
    cron: str
    foldersynchronization: str
    sieve_enabled: bool
    tls_trust: str = "tofu"
    #: Keys of the file that are not ours: kept as they are.
    unknown: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """Give `<localuser>_<task_id>`, the beginning of the names of all its files."""
        return f"{self.localuser}_{self.task_id}"

    @property
    def exclude_patterns(self) -> list[str]:
        """Give the folder patterns in force: none outside mode exclusion, and a blank entry is none."""
        if self.foldersynchronization != "exclusion":
            return []
        return [pattern for pattern in self.exclude.split(",") if pattern.strip()]

    @property
    def account_key(self) -> tuple[str, str, str]:
        """Give what makes two tasks sync the same account, whatever the case (import-csv-tasks)."""
        return self.localuser.casefold(), self.remoteusername.casefold(), self.remotehostname.casefold()


def task_name(request: Json) -> str:
    """Give the name of the task that `localuser` and `task_id` of a request mean."""
    return f"{rules.text(request, 'localuser')}_{rules.text(request, 'task_id')}"


def from_request(request: Json) -> Task:
    """Make a task of create-task's input. Refused with every field that is wrong."""
    refusals: list[Refusal] = []
    values: dict[str, object] = {}
    readers: dict[str, Callable[[], object]] = {
        "localuser": lambda: rules.text(request, "localuser"),
        "task_id": lambda: rules.text(request, "task_id"),
        "remoteusername": lambda: rules.text(request, "remoteusername"),
        "remotehostname": lambda: rules.hostname(request, "remotehostname"),
        "remoteport": lambda: rules.integer(request, "remoteport", rules.PORT_RANGE),
        "security": lambda: rules.choice(request, "security", rules.SECURITIES),
        "delete_local": lambda: rules.boolean(request, "delete_local"),
        "delete_remote": lambda: rules.boolean(request, "delete_remote"),
        "delete_remote_older": lambda: rules.integer(request, "delete_remote_older", rules.OLDER_RANGE, 0),
        "exclude": lambda: rules.text(request, "exclude"),
        "cron": lambda: rules.cron(request),
        "foldersynchronization": lambda: rules.choice(request, "foldersynchronization", rules.FOLDER_MODES),
        "sieve_enabled": lambda: rules.boolean(request, "sieve_enabled", default=False),
        "tls_trust": lambda: rules.text(request, "tls_trust", "tofu"),
    }
    for name, read in readers.items():
        try:
            values[name] = read()
        except RefusedError as refused:
            refusals.extend(refused.refusals)
    if refusals:
        raise RefusedError(*refusals)
    return Task(**values)  # type: ignore[arg-type]  # each reader gives its field's type


def to_env(task: Task) -> dict[str, str]:
    """Give the keys of the task's file in the upstream module's form and order, then ours."""
    remote = ""
    if task.delete_remote:
        remote = f"{_OLDER}{task.delete_remote_older}" if task.delete_remote_older else "--delete1"
    inbox = task.foldersynchronization == "inbox"
    values = {
        "TASK_ID": task.task_id,
        "LOCALUSER": task.localuser,
        "REMOTEUSERNAME": task.remoteusername,
        "REMOTEHOSTNAME": task.remotehostname,
        "REMOTEPORT": str(task.remoteport),
        "SECURITY": _SECURITY_WORDS[task.security],
        "DELETE_LOCAL": "--delete2" if task.delete_local else "",
        "DELETEFOLDER": "--delete2folders" if task.delete_local else "",
        "EXCLUDE": f",{task.exclude}" if task.exclude else "",
        "DELETE_REMOTE": remote,
        "SIEVE_ENABLED": "1" if task.sieve_enabled else "",
        "EXPUNGE_REMOTE": "--noexpungeaftereach" if task.delete_remote else "",
        "CRON": task.cron,
        "FOLDER_INBOX": "--folder\\ 'INBOX'" if inbox else "",
        "FOLDERSYNCHRONIZATION": task.foldersynchronization,
        "TLS_TRUST": task.tls_trust,
    }
    if task.delete_remote_older and not task.delete_remote:
        values["DELETE_REMOTE_OLDER"] = str(task.delete_remote_older)
    return values | dict(task.unknown)


#: Keys that `to_env` writes; any other is kept untouched.
KNOWN_KEYS: Final = frozenset(
    [
        *(
            "TASK_ID",
            "LOCALUSER",
            "REMOTEUSERNAME",
            "REMOTEHOSTNAME",
            "REMOTEPORT",
            "SECURITY",
            "DELETE_LOCAL",
        ),
        *(
            "DELETEFOLDER",
            "EXCLUDE",
            "DELETE_REMOTE",
            "SIEVE_ENABLED",
            "EXPUNGE_REMOTE",
            "CRON",
            "FOLDER_INBOX",
        ),
        *("FOLDERSYNCHRONIZATION", "TLS_TRUST", "DELETE_REMOTE_OLDER"),
    ]
)


def from_env(name: str, values: Mapping[str, str]) -> Task:
    """Read the file of the task `name`, ours or the upstream module's.

    TaskFileError says what is wrong with it.
    """
    parts = rules.split_task_name(name)
    if parts is None:
        raise TaskFileError("the file name is not <localuser>_<task_id>.env")
    if (values.get("LOCALUSER", parts[0]), values.get("TASK_ID", parts[1])) != parts:
        raise TaskFileError("LOCALUSER and TASK_ID do not match the file name")
    request: Json = {
        "localuser": parts[0],
        "task_id": parts[1],
        "remoteusername": values.get("REMOTEUSERNAME"),
        "remotehostname": values.get("REMOTEHOSTNAME"),
        "remoteport": _number(values.get("REMOTEPORT", "")),
        "security": {word: key for key, word in _SECURITY_WORDS.items()}.get(values.get("SECURITY", "")),
        "delete_local": bool(values.get("DELETE_LOCAL")),
        "delete_remote": bool(values.get("DELETE_REMOTE")),
        "delete_remote_older": _older(values),
        "exclude": values.get("EXCLUDE", "").removeprefix(","),
        "cron": _cron(values.get("CRON", "")),
        "foldersynchronization": values.get("FOLDERSYNCHRONIZATION") or _old_mode(values),
        "sieve_enabled": bool(values.get("SIEVE_ENABLED")),
        "tls_trust": values.get("TLS_TRUST") or "tofu",
    }
    try:
        task = from_request(request)
    except RefusedError as refused:
        fields = ", ".join(sorted({one.field or one.error for one in refused.refusals}))
        raise TaskFileError(f"missing or wrong: {fields}") from None
    return task._replace(unknown=tuple((k, v) for k, v in values.items() if k not in KNOWN_KEYS))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _older(values: Mapping[str, str]) -> int | None:
    remote = values.get("DELETE_REMOTE", "")
    if remote.startswith(_OLDER):
        return _number(remote.removeprefix(_OLDER))
    return _number(values.get("DELETE_REMOTE_OLDER") or "0")


def _cron(text: str) -> str | None:
    try:
        return schedule.tolerant(text)
    except ValueError:
        return None


def _old_mode(values: Mapping[str, str]) -> str:
    """Give the mode of a file from before FOLDERSYNCHRONIZATION existed."""
    if values.get("FOLDER_INBOX"):
        return "inbox"
    return "exclusion" if values.get("EXCLUDE") else "all"

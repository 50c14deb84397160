"""What a row of the table of task fields says: rule, meaning, words in the file, column of a CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync_tasks.rules import Rule
    from imapsync_tasks.task import Task

#: For `Field.column`: a CSV file must have it.
NEEDED: Final = object()


class Stored(NamedTuple):
    """How a field stands in the task's file.

    `write` gives the text of each key; `read` gives the value as create-task would be given it, or something
    that the field's rule refuses.
    """

    write: Mapping[str, Callable[[Task], str]]
    read: Callable[[Mapping[str, str]], object]


class Field(NamedTuple):
    """One field of a task. Its name, type and default are those of the attribute that carries it."""

    rule: Rule
    stored: Stored
    meaning: str
    #: The value where a CSV file has no column or an empty cell for it, or NEEDED.
    column: object


def text(key: str, default: str | None = None) -> Stored:
    """Give the form of a text that stands as it is; an empty one is the default."""
    return Stored(
        {key: lambda task: str(getattr(task, _attribute(key)))}, lambda values: values.get(key) or default
    )


def number(key: str) -> Stored:
    """Give the form of a whole number."""
    return Stored(
        {key: lambda task: str(getattr(task, _attribute(key)))}, lambda values: digits(values.get(key, ""))
    )


def flag(word: str, key: str, *companions: tuple[str, str]) -> Stored:
    """Give the form of a flag: a word or nothing; companions are further keys, with their words."""
    words = ((key, word), *companions)
    return Stored(
        {name: _word(_attribute(key), one) for name, one in words}, lambda values: bool(values.get(key))
    )


def _word(attribute: str, word: str) -> Callable[[Task], str]:
    return lambda task: word if getattr(task, attribute) else ""


def digits(given: str) -> int | None:
    """Read a number of up to seven ASCII digits; None when it is none."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 8 else None


def _attribute(key: str) -> str:
    return key.lower()


# --- fields whose form in the file is the existing module's -------------------------------------------------

_SECURITY: Final = {"": "", "tls": "--tls1", "ssl": "--ssl1"}
_OLDER: Final = "--delete1older="

SECURITY: Final = Stored(
    {"SECURITY": lambda task: _SECURITY[task.security]},
    lambda values: {word: key for key, word in _SECURITY.items()}.get(values.get("SECURITY", "")),
)
EXCLUDE: Final = Stored(
    {"EXCLUDE": lambda task: f",{task.exclude}" if task.exclude else ""},
    lambda values: values.get("EXCLUDE", "").removeprefix(","),
)

#: Versions that know no such tasks append.
DELIVERY: Final = Stored(
    {"DELIVERY": lambda task: task.delivery if task.delivery != "append" else ""},
    lambda values: values.get("DELIVERY") or "append",
)


def _delete_remote(task: Task) -> str:
    if not task.delete_remote:
        return ""
    return f"{_OLDER}{task.delete_remote_older}" if task.delete_remote_older else "--delete1"


DELETE_REMOTE: Final = Stored(
    {
        "DELETE_REMOTE": _delete_remote,
        "EXPUNGE_REMOTE": lambda task: "--noexpungeaftereach" if task.delete_remote else "",
    },
    lambda values: bool(values.get("DELETE_REMOTE")),
)


def _older(values: Mapping[str, str]) -> int | None:
    remote = values.get("DELETE_REMOTE", "")
    if remote.startswith(_OLDER):
        return digits(remote.removeprefix(_OLDER))
    return digits(values.get("DELETE_REMOTE_OLDER") or "0")


#: The existing module has no place for the days while nothing is deleted; ours has.
DELETE_REMOTE_OLDER: Final = Stored(
    {
        "DELETE_REMOTE_OLDER": lambda task: (
            str(task.delete_remote_older) if task.delete_remote_older and not task.delete_remote else ""
        )
    },
    _older,
)


def _cron(values: Mapping[str, str]) -> str | None:
    given = values.get("CRON", "")
    if not given and values.get("LIVE"):
        return schedule.LIVE
    try:
        return schedule.tolerant(given)
    except ValueError:
        return None


#: A live task is one without a schedule to versions that know no such tasks.
CRON: Final = Stored(
    {
        "CRON": lambda task: "" if task.cron == schedule.LIVE else task.cron,
        "LIVE": lambda task: "1" if task.cron == schedule.LIVE else "",
    },
    _cron,
)


def _mode(values: Mapping[str, str]) -> str:
    """Give the mode, also of a file from before FOLDERSYNCHRONIZATION existed."""
    if values.get("FOLDERSYNCHRONIZATION"):
        return values["FOLDERSYNCHRONIZATION"]
    if values.get("FOLDER_INBOX"):
        return "inbox"
    return "exclusion" if values.get("EXCLUDE") else "all"


FOLDERS: Final = Stored(
    {
        "FOLDER_INBOX": lambda task: "--folder\\ 'INBOX'" if task.foldersynchronization == "inbox" else "",
        "FOLDERSYNCHRONIZATION": lambda task: task.foldersynchronization,
    },
    _mode,
)

#: The order of the existing module's keys; ours come after them.
ORDER: Final = (
    *("TASK_ID", "LOCALUSER", "REMOTEUSERNAME", "REMOTEHOSTNAME", "REMOTEPORT", "SECURITY"),
    *("DELETE_LOCAL", "DELETEFOLDER", "EXCLUDE", "DELETE_REMOTE", "SIEVE_ENABLED", "EXPUNGE_REMOTE"),
    *("CRON", "FOLDER_INBOX", "FOLDERSYNCHRONIZATION"),
)

"""What tasks are searched, filtered, ordered and counted by: small enough to remember ten thousand. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition

if TYPE_CHECKING:
    from imapsync_tasks.errors import Json


class Brief(NamedTuple):
    """A task in brief. Members are those of list-tasks' rows, but for the last two."""

    localuser: str
    task_id: str
    remoteusername: str
    remotehostname: str
    foldersynchronization: str
    cron: str
    source: str
    project: str
    condition: str
    last_sync_timestamp: int
    #: How the last run ended, whatever the task does now: a word of `condition`.
    result: str
    #: When it ended, unix seconds; 0: there was none.
    ended_at: int

    @classmethod
    def of(cls, fields: Json, word: str, ended: Json | None) -> Brief:
        """Make one of a task's fields as list-tasks gives them, its condition, and its last result."""
        last = condition.FAILED if fields["error"] is not None else condition.of_result(ended)
        began, end = (int(float(str(ended[name]))) if ended else 0 for name in ("started_at", "ended_at"))
        texts = [str(fields[name]) for name in cls._fields[: cls._fields.index("condition")]]
        return cls._make([*texts, word, began, last, end])


#: What JSON has to give back for each member.
_KINDS: Final = [int if name in ("last_sync_timestamp", "ended_at") else str for name in Brief._fields]


def from_json(value: list[object]) -> Brief | None:
    """Read one that was kept; None when it is none."""
    return Brief._make(value) if [type(member) for member in value] == _KINDS else None

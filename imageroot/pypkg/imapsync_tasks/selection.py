"""Some of the tasks: those that a search and a condition fit, in an order, a page of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.errors import Json

#: Members that a search looks through.
_SEARCHED: Final = ("localuser", "remoteusername", "remotehostname", "task_id")
#: What goes on, then what wants to be looked at, then what is well.
CONDITIONS: Final = (
    *(condition.RUNNING, condition.SERVER, condition.WAITING, condition.INTERRUPTED),
    *(condition.FAILED, condition.PROBLEMS, condition.STOPPED, condition.DONE, condition.NEVER),
)
#: Members by which tasks can be ordered.
SORTABLE: Final = (*_SEARCHED, "foldersynchronization", "condition", "last_sync_timestamp")
#: Tasks of a page when none says so.
_LENGTH: Final = 100


class Selection(NamedTuple):
    """What is asked for. Empty texts and page 0 ask for everything."""

    search: str = ""
    condition: str = ""
    project: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 0
    length: int = _LENGTH

    @classmethod
    def of(cls, request: Json) -> Selection | None:
        """Read it from a request that fits its schema; None when the request asks for no selection."""
        given = {name: request[name] for name in cls._fields if name in request}
        if not given:
            return None
        if "length" in given:
            given.setdefault("page", 1)
        return cls(**given)  # type: ignore[arg-type]  # the schema has judged them

    def fits(self, row: Json) -> bool:
        """Tell whether a task of list-tasks is meant: each word of the search is somewhere in it."""
        if self.condition and row["condition"] != self.condition:
            return False
        if self.project and row["project"] != self.project:
            return False
        text = "\n".join(str(row[name]) for name in _SEARCHED).casefold()
        return all(word in text for word in self.search.casefold().split())

    def of_rows(self, rows: Iterable[Json]) -> tuple[list[Json], int]:
        """Give the tasks of the page, and how many fit in all."""
        found = [row for row in rows if self.fits(row)]
        if self.sort:
            found.sort(key=self._value, reverse=self.descending)
        total = len(found)
        begin = (self.page - 1) * self.length
        return (found[begin : begin + self.length] if self.page else found), total

    def _value(self, row: Json) -> tuple[str | int, str, str]:
        value = row[self.sort]
        if self.sort == "condition":
            value = CONDITIONS.index(str(value))
        elif self.sort == "last_sync_timestamp":
            value = value if isinstance(value, int) else 0
        else:
            value = str(value).casefold()
        return value, str(row["localuser"]), str(row["task_id"])

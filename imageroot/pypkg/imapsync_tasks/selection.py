"""Some of the tasks: those that a search and filters fit, in an order, a page of them. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import condition, schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync_tasks.brief import Brief
    from imapsync_tasks.errors import Json

#: Members that a search looks through.
_SEARCHED: Final = ("localuser", "remoteusername", "remotehostname", "task_id")
#: What goes on, then what wants to be looked at, then what is well.
CONDITIONS: Final = (
    *(condition.RUNNING, condition.SERVER, condition.WAITING, condition.INTERRUPTED),
    *(condition.FAILED, condition.PROBLEMS, condition.STOPPED, condition.DONE, condition.NEVER),
)
#: Ends of a run: what wants to be looked at first.
_RESULTS: Final = (condition.FAILED, condition.SERVER, condition.PROBLEMS, condition.NEVER, condition.DONE)
#: Tasks of a page when none says so.
_LENGTH: Final = 100


def _text(name: str) -> Callable[[Brief], str]:
    return lambda brief: str(getattr(brief, name)).casefold()


#: Members by which tasks can be ordered -> what is compared.
SORTABLE: Final[dict[str, Callable[[Brief], object]]] = {
    **{name: _text(name) for name in (*_SEARCHED, "foldersynchronization")},
    "cron": lambda brief: schedule.period_min(brief.cron),
    "condition": lambda brief: CONDITIONS.index(brief.condition),
    "result": lambda brief: (_RESULTS.index(brief.result), -brief.ended_at),
    "last_sync_timestamp": lambda brief: brief.last_sync_timestamp,
}


class Found(NamedTuple):
    """Names of the page's tasks in their order, how many fit in all, and how many would of each condition."""

    tasks: list[str]
    total: int
    counts: dict[str, int]


class Selection(NamedTuple):
    """What is asked for. Empty texts and page 0 ask for everything."""

    search: str = ""
    condition: str | list[str] = ""
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

    def among(self, briefs: Mapping[str, Brief]) -> Found:
        """Give those of these tasks that are asked for: each word of the search is somewhere in a task."""
        words = self.search.casefold().split()
        near = {
            name: brief
            for name, brief in briefs.items()
            if (not self.project or brief.project == self.project) and _has(brief, words)
        }
        wanted = [self.condition] if isinstance(self.condition, str) else self.condition
        fits = [name for name, brief in near.items() if not self.condition or brief.condition in wanted]
        if self.sort:
            value = SORTABLE[self.sort]
            order = {name: (value(near[name]), near[name].localuser, near[name].task_id) for name in fits}
            fits.sort(key=order.__getitem__, reverse=self.descending)
        begin = (self.page - 1) * self.length
        shown = fits[begin : begin + self.length] if self.page else fits
        counts = Counter(brief.condition for brief in near.values())
        return Found(shown, len(fits), {word: counts[word] for word in CONDITIONS})


def _has(brief: Brief, words: list[str]) -> bool:
    if not words:
        return True
    text = "\n".join(getattr(brief, name) for name in _SEARCHED).casefold()
    return all(word in text for word in words)

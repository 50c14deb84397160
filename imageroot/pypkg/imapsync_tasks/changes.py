"""What list-changes and get-task-counts tell: only what is no longer as a reader has seen it (`look`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from imapsync_tasks import condition, runtime, steps, taskrow
from imapsync_tasks.look import look
from imapsync_tasks.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.errors import Json
    from imapsync_tasks.history import History
    from imapsync_tasks.look import Look
    from imapsync_tasks.selection import Found
    from imapsync_tasks.store import Store

#: Places of the queue that are told; who waits further behind has no number.
MAX_QUEUE: Final = 200


def list_changes(request: Json) -> Json:
    """Give the answer of list-changes: what changed after version `since`, or everything.

    With `view` and `shown`: of the tasks that a reader sees, and those that come into sight.
    """
    store = steps.store()
    view, names = request.get("view"), _seen(request)
    seen = look(store, lambda history: not history.knows_list(history.since(request.get("since"))))
    since = seen.history.since(request.get("since"))
    page = _page(seen, view, since)
    told = _news(seen.history, since, names)
    coming = [name for name in page.tasks if name not in set(names or ())] if page else []
    return {
        "version": seen.history.token,
        "full": since is None,
        "schedules_paused": seen.paused,
        "tasks": _rows(store, told + coming, paused=seen.paused),
        "removed": _removed(seen.history, since, names),
        "queue": seen.waiting[:MAX_QUEUE] if since is None or seen.history.queue_version > since else None,
        **({"page": page._asdict() if page else None} if view is not None else {}),
    }


def task_counts(_request: Json) -> Json:
    """Give the answer of get-task-counts."""
    seen = look(steps.store())
    counts = seen.history.counts
    return {
        "total": sum(counts.values()),
        "running": len(seen.running),
        "queued": len(seen.waiting),
        "failed": counts.get(condition.FAILED, 0) + counts.get(condition.PROBLEMS, 0),
        "never": counts.get(condition.NEVER, 0),
        "schedules_paused": seen.paused,
    }


def _seen(request: Json) -> list[str] | None:
    """Give the tasks that the reader sees already; None: whoever asks wants to know of all."""
    shown = request.get("shown")
    if isinstance(shown, list):
        return [str(name) for name in shown]
    return None if request.get("view") is None else []


def _page(seen: Look, view: object, since: int | None) -> Found | None:
    """Give what the reader would see now; None when it is what it was, or nobody asked."""
    if not isinstance(view, dict) or seen.history.knows_list(since):
        return None
    return (Selection.of(view) or Selection()).among(seen.briefs)


def _news(history: History, since: int | None, names: list[str] | None) -> list[str]:
    """Give which of these tasks, or of all, changed."""
    among: Iterable[str] = history.live if history.knows_list(since) else history.entries
    wanted = among if names is None else [name for name in names if name in among]
    return [name for name in wanted if history.is_news(name, since)]


def _removed(history: History, since: int | None, names: list[str] | None) -> list[str]:
    """Give which of these tasks, or of all, have gone."""
    if history.knows_list(since):
        return []
    if names is not None:
        return [name for name in names if name not in history.entries]
    return [name for name, version in history.removed.items() if since is not None and version > since]


def _rows(store: Store, names: list[str], *, paused: bool) -> list[Json]:
    with store.locked():
        states = runtime.states(store.paths, names)
    return [taskrow.row(store.paths, name, state, paused=paused) for name, state in states.items()]

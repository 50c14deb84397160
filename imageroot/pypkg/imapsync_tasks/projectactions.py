"""The actions of projects: list-projects, set-project, delete-project, get-project, audit-project."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import (
    container,
    instance,
    overview,
    projects,
    projectstore,
    rules,
    runtime,
    steps,
    taskrow,
)
from imapsync_tasks.errors import Json, Refusal, RefusedError
from imapsync_tasks.projects import Project

if TYPE_CHECKING:
    from imapsync_tasks.overview import Part
    from imapsync_tasks.store import Store

#: Mailboxes of an answer when the request does not say.
_LENGTH: Final = 100
#: Members of list-tasks that a mailbox is shown with.
_SHOWN: Final = (
    *("localuser", "task_id", "remoteusername", "remotehostname", "condition", "progress", "verified"),
)
#: Mailboxes that are counted by one call: the largest take minutes.
_BATCH: Final = 12


def list_projects(_request: Json) -> Json:
    """Give every project with the number of its tasks."""
    store = steps.store()
    with store.locked():
        tasks = Counter(store.project_of(name) for name in store.names())
        found = [(name, projectstore.load(store.paths, name)) for name in store.paths.project_names()]
    return {
        "projects": [
            {
                **(project or Project(name))._asdict(),
                "tasks": tasks[name],
                "error": None if project else "the file is damaged",
            }
            for name, project in found
        ]
    }


def set_project(request: Json) -> Json:
    """Create or change a project, and make the schedules of its tasks anew."""
    name = rules.SOURCE.of(request, "project")
    store = steps.store()
    with store.locked():
        before = projectstore.load(store.paths, name)
        project = projects.from_request(request, before)
        projectstore.save(store.paths, project)
        if before is None or before.schedule != project.schedule:
            store.expand(instance.published(store.paths))
        for task in projectstore.members(store, name):  # who looks at them looks again
            with suppress(OSError):
                os.utime(store.paths.env(task))
        os.utime(store.paths.imapsync)
    return {"project": name, "created": before is None}


def delete_project(request: Json) -> Json:
    """Remove a project that no task belongs to; one that is not there is no error."""
    name = rules.SOURCE.of(request, "project")
    store = steps.store()
    with store.locked():
        if projectstore.members(store, name):
            raise RefusedError(Refusal("project_in_use", "project", name))
        projectstore.remove(store.paths, name)
    return {"project": name}


def audit_project(request: Json) -> Json:
    """Count folders, messages and bytes of the project's mailboxes that nobody has counted yet, or of all."""
    import agent

    name = rules.SOURCE.of(request, "project")
    store = steps.store()
    with store.locked():
        projectstore.needed(store.paths, name)
        tasks = projectstore.members(store, name)
    if request.get("again") is not True:
        tasks = [task for task in tasks if runtime.audit(store.paths, task) is None]
    failed: list[str] = []
    for begin in range(0, len(tasks), _BATCH):
        failed += container.audit(tasks[begin : begin + _BATCH])
        agent.set_progress(min(99, 100 * (begin + _BATCH) // len(tasks)))
    return {"audited": len(tasks) - len(failed), "failed": [_who(store, task) for task in failed]}


def get_project(request: Json) -> Json:
    """Give a project: its settings, how far it is, and a page of its mailboxes."""
    page, length = _page(request)
    state = rules.Choice(("", *overview.STATES)).of(request, "state", "")
    facts = whole(rules.SOURCE.of(request, "project"))
    found = facts["mailboxes"]
    mailboxes = [one for one in found if state in ("", one["state"])] if isinstance(found, list) else []
    return facts | {
        "mailboxes_found": len(mailboxes),
        "mailboxes": mailboxes[(page - 1) * length : page * length],
    }


def whole(name: str) -> Json:
    """Give a project as get-project does, with all of its mailboxes."""
    store, now = steps.store(), time.time()
    with store.locked():
        project = projectstore.needed(store.paths, name)
        states = runtime.states(store.paths, projectstore.members(store, name))
        rows = [taskrow.row(store.paths, task, state, paused=False) for task, state in states.items()]
        audits = [runtime.audit(store.paths, task) for task in states]
        histories = [runtime.history(store.paths, task) for task in states]
    parts = [
        overview.part(project.stage, row, int(str(audit["bytes"])) if audit else None)
        for row, audit in zip(rows, audits, strict=True)
    ]
    counts = Counter(overview.mailbox_state(project.stage, row) for row in rows)
    return {
        "project": project._asdict() | {"schedule": project.schedule},
        "mailboxes_total": len(rows),
        "mailboxes_complete": sum(part.complete for part in parts),
        "running": sum(state.state == runtime.RUNNING for state in states.values()),
        "waiting": sum(state.state == runtime.QUEUED for state in states.values()),
        "bytes_done": sum(part.done for part in parts),
        "bytes_total": sum(part.total or 0 for part in parts),
        "not_counted": sum(part.total is None for part in parts),
        "bytes_per_second": overview.rate(rows),
        "ends_between": _ends_between(project, rows, parts, now),
        "states": {state: counts[state] for state in overview.STATES},
        "attention": overview.attention(rows),
        "mailboxes": [
            {
                **{key: row[key] for key in _SHOWN},
                "state": overview.mailbox_state(project.stage, row),
                "audit": audit,
                "result": row["result"],
                "runs": runs,
            }
            for row, audit, runs in zip(rows, audits, histories, strict=True)
        ],
    }


def _ends_between(project: Project, rows: list[Json], parts: list[Part], now: float) -> list[int] | None:
    begun = [moment for row in rows if (moment := _began(project, row)) is not None]
    forecast = overview.forecast(parts, now - min(begun)) if begun else None
    if forecast is None or all(part.complete for part in parts):
        return None
    return [round(now + forecast.earliest_s), round(now + forecast.latest_s)]


def _began(project: Project, row: Json) -> float | None:
    """Give when a mailbox's part of the stage began, None: not yet."""
    result, progress = row["result"], row["progress"]
    if isinstance(result, dict) and result["stage"] == project.stage:
        return float(str(result["started_at"]))
    started = progress.get("started_at") if isinstance(progress, dict) else None
    return float(started) if isinstance(started, int | float) else None


def _page(request: Json) -> tuple[int, int]:
    page, length = request.get("page", 1), request.get("length", _LENGTH)
    if not isinstance(page, int) or not isinstance(length, int) or page < 1 or length < 1:
        raise RefusedError(Refusal("invalid_value", "page"))
    return page, length


def _who(store: Store, task: str) -> Json:
    return dict(zip(("localuser", "task_id"), store.identity(task), strict=True))

"""Starting, stopping and deleting tasks: one, those of a user, or all."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from imapsync_tasks import container, rules, runtime, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError
from imapsync_tasks.queue import METHODS, UNRELEASED, Release

_ATTEMPTS: Final = 3


def start(request: Json) -> Json:
    """Start the named task, or all of its user; one that a brake stopped may be given a release.

    With `retry_failed` only what did not arrive is tried, of those tasks of which anything did not.
    """
    release = _release(request)
    require_configuration()
    names = _selected(request)
    if "task_id" in request and not (names and steps.store().exists(names[0])):
        raise RefusedError(Refusal("task_not_found", "task_id", request["task_id"]))
    if release.retry:
        paths = steps.store().paths
        names = [name for name in names if runtime.failures(paths, name)["failures"]]
    return _start(names, release)


def start_all(_request: Json) -> Json:
    """Start all tasks."""
    require_configuration()
    return _start(_valid(steps.store().names()))


def stop(request: Json) -> Json:
    """Stop the named task, or all of its user."""
    return _stop(_selected(request))


def stop_all(_request: Json) -> Json:
    """Stop all tasks."""
    return _stop(_valid(steps.store().names()))


def delete(request: Json) -> Json:
    """Delete the named task, or all of its user; a task that is not there is deleted already."""
    names = _selected(request)
    left = remove(names)
    if left:
        raise RefusedError(Refusal("task_still_running", "task_id", left[0]))
    return {"tasks": names}


def remove(names: list[str]) -> list[str]:
    """Remove tasks and end their runs; give those whose run does not end: some of their files stay."""
    store = steps.store()
    with store.locked():
        for name in names:
            store.forget(name)
    left = names
    for _ in range(_ATTEMPTS):
        container.stop(left)
        with store.locked():
            left = [name for name in left if not store.clear(name)]
        if not left:
            break
    return left


def require_configuration() -> None:
    """Refuse when no mail server is set."""
    if not steps.settings().mail_host:
        raise RefusedError(Refusal("not_configured"))


def _selected(request: Json) -> list[str]:
    """Give the names of the tasks that a request means; none when the one it names does not exist."""
    if "task_id" not in request:
        return steps.store().of_user(rules.LOCALUSER.of(request, "localuser"))
    try:
        return [steps.store().named(request)]
    except NoSuchTaskError:
        return []


def _release(request: Json) -> Release:
    """Read what an administrator wants of a run; of a brake only for one task, whose numbers he has seen."""
    given = [name for name in ("allow_deleted", "allow_vanished") if name in request]
    if given and "task_id" not in request:
        raise RefusedError(Refusal("invalid_value", given[0], request[given[0]]))
    deleted, vanished = (
        rules.MESSAGES.of(request, name) if name in given else 0
        for name in ("allow_deleted", "allow_vanished")
    )
    retry = rules.FLAG.of(request, "retry_failed", default=False)
    method = verification(request, wanted=rules.FLAG.of(request, "verify", default=False))
    if method and (given or retry):
        raise RefusedError(Refusal("invalid_value", "verify", value=True))
    return Release(deleted, vanished, retry, method)


def verification(request: Json, *, wanted: bool) -> str:
    """Read by which method accounts are to be compared, "" when that is not wanted."""
    if not wanted and "method" in request:
        raise RefusedError(Refusal("invalid_value", "method", request["method"]))
    return rules.Choice(METHODS).of(request, "method", METHODS[0]) if wanted else ""


def _start(names: list[str], release: Release = UNRELEASED) -> Json:
    with suppress(NoSuchTaskError):  # deleted meanwhile; the others were started
        container.start(names, release)
    return {"tasks": names}


def _stop(names: list[str]) -> Json:
    if not container.stop(names):
        raise RefusedError(Refusal("task_still_running", "task_id"))
    return {"tasks": names}


def _valid(names: list[str]) -> list[str]:
    return [name for name in names if rules.is_task_name(name)]

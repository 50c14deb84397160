"""create-task in its three steps: check the logins, save, start. import-csv-tasks takes the same ways."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import container, credentials, files, mailserver, projectstore, rules, sourcestore, steps
from imapsync_tasks.engine import Remote
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskBusyError, TaskFileError
from imapsync_tasks.task import Task, from_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imapsync_tasks.instance import Settings
    from imapsync_tasks.store import Store

#: How often a run of a removed task of the same name is asked to end.
_ATTEMPTS: Final = 3


def check(request: Json) -> None:
    """Refuse what cannot work: fields out of their rules, then logins that fail on either side."""
    for _, refusals in check_many([request]):
        if refusals:
            raise RefusedError(*refusals).in_both_spellings()


def check_many(
    requests: Iterable[Json], timeout_s: float | None = None
) -> Iterator[tuple[int, list[Refusal]]]:
    """Check several requests at once; (index, refusals) of each as soon as it is known."""
    store = steps.store()
    settings = steps.settings()
    if not settings.mail_host:
        raise RefusedError(Refusal("not_configured"))
    wanted = []
    for index, request in enumerate(requests):
        try:
            task = _task(store, request)
            store.claim(task)
            _deliverable(task, settings)
            full = {**request, "remotepassword": _password(store, request, task)}
        except RefusedError as refused:
            yield index, list(refused.refusals)
            continue
        wanted.append({"id": index, "task": full} | ({"timeout_s": timeout_s} if timeout_s else {}))
    if not wanted:
        return
    if not store.paths.master_password.exists():
        mailserver.fetch_master_password(store, settings)
    users = {int(str(one["id"])): str(_object(one["task"])["localuser"]) for one in wanted}
    for identifier, refusals in container.check(wanted):
        index = int(str(identifier))
        yield index, [_recognize(store, users[index], one) for one in refusals]


def save(request: Json) -> bool:
    """Write the task; True when it is new."""
    store = steps.store()
    for _ in range(_ATTEMPTS):
        try:
            with store.locked():
                return put(store, request)
        except TaskBusyError:
            container.stop([from_request(request).name])
    raise RefusedError(Refusal("task_still_running"))


def put(store: Store, request: Json) -> bool:
    """Write the task as `save` does; the caller holds the lock. TaskBusyError."""
    task = _task(store, request)
    store.claim(task)
    _password(store, request, task)
    _forget_certificates(store, task)
    given = rules.PASSWORD.of(request, "remotepassword", "" if task.source else None)
    return store.save(task, given or None)


def save_step(request: Json) -> None:
    """Write the task, as an action step."""
    save(request)


def start(request: Json) -> Json:
    """Start the task, also when it runs already with older settings; give the action's answer.

    A task of a project starts with its project.
    """
    task = from_request(request)
    start_many([request])
    return {"localuser": task.localuser, "task_id": task.task_id}


def start_many(requests: Iterable[Json]) -> None:
    """Start several tasks as `start` does."""
    tasks = [from_request(request) for request in requests]
    names = [task.name for task in tasks if not task.project]
    if names:
        with suppress(NoSuchTaskError):  # deleted meanwhile: there is nothing to start
            container.restart(names)


def _task(store: Store, request: Json) -> Task:
    """Make a task of the request, with the server of its source; refused without that or its project."""
    task = from_request(request)
    if task.project:
        projectstore.needed(store.paths, task.project)
    if task.source:
        sourcestore.needed(store.paths, task.source)
    return store.resolved(task)


def _deliverable(task: Task, settings: Settings) -> None:
    """Refuse deliveries that nobody takes."""
    if task.delivery == "lmtp" and not mailserver.delivers(settings):
        raise RefusedError(Refusal("lmtp_not_reachable", "delivery"))


def _password(store: Store, request: Json, task: Task) -> str:
    """Give the password of the login; nothing where a source signs in without one of the task's."""
    if store.signs_in_by_source(task):
        return ""
    return credentials.password(store, request, Remote.of(task), task.name)


def _forget_certificates(store: Store, task: Task) -> None:
    """Begin anew with remembered certificates when the rule about them changes."""
    try:
        if store.load(task.name).tls_trust != task.tls_trust:
            files.remove(store.paths.trust(task.name))
    except (NoSuchTaskError, TaskFileError):
        return


def _recognize(store: Store, localuser: str, refusal: Refusal) -> Refusal:
    """Tell a missing mailbox from a wrong master password, when Mail has told us its mailboxes before."""
    if refusal.error == "master_password_refused" and mailserver.is_unknown(store.paths, localuser):
        return Refusal("mailbox_not_found", details=refusal.details)
    return refusal


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}

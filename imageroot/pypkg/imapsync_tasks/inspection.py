"""Actions that look at accounts and at the last run, and change nothing."""

from __future__ import annotations

import time

from imapsync_tasks import container, credentials, rules, runtime, steps
from imapsync_tasks.engine import Remote
from imapsync_tasks.errors import Json, NoSuchTaskError, RefusedError


def informations(request: Json) -> Json:
    """Give the counts of both accounts; whatever prevents it is {"status": false}."""
    try:
        return container.ask("list-informations", None, steps.store().named(request))
    except (NoSuchTaskError, RefusedError, RuntimeError):
        return {"status": False}


def test_remote(request: Json) -> Json:
    """Try a remote login."""
    return container.ask("test-remote", _remote(request))


def remote_folders(request: Json) -> Json:
    """List the folders of a remote account."""
    return container.ask("list-remote-folders", _remote(request))


def log(request: Json) -> Json:
    """Give the end of a task's log. Where there is no such task only a user's name and an id are taken."""
    store = steps.store()
    try:
        name = store.named(request, rules.USER_NAME)
    except NoSuchTaskError:
        return runtime.NO_LOG
    return runtime.log(store.paths, name)


def failures(request: Json) -> Json:
    """Give the messages that did not arrive in the last run."""
    store = steps.store()
    try:
        name = store.named(request)
    except NoSuchTaskError:
        return runtime.NO_FAILURES
    return runtime.failures(store.paths, name)


def statistics(_request: Json) -> Json:
    """Give what was moved in the last week."""
    return runtime.statistics(steps.store().paths, time.time())


def _remote(request: Json) -> Json:
    """Give what a remote login needs; an empty password stands for the stored one of the named task."""
    remote = Remote.asked(request)
    store = steps.store()
    name = ""
    if "task_id" in request and "localuser" in request:
        try:
            name = store.named(request)
        except NoSuchTaskError:
            name = ""
    password = credentials.password(store, request, remote, name)
    return {**remote._asdict(), "remotepassword": password, "task": name}

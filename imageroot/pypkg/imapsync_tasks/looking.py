"""Actions that look at accounts and at the last run."""

from __future__ import annotations

import time

from imapsync_tasks import container, create, rules, runtime, steps
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError
from imapsync_tasks.task import task_name


def informations(request: Json) -> Json:
    """Give the counts of both accounts; whatever prevents it is {"status": false}."""
    try:
        return container.ask("list-informations", None, task_name(request))
    except (RefusedError, RuntimeError):
        return {"status": False}


def test_remote(request: Json) -> Json:
    """Try a remote login."""
    return container.ask("test-remote", _remote(request))


def remote_folders(request: Json) -> Json:
    """List the folders of a remote account."""
    return container.ask("list-remote-folders", _remote(request))


def log(request: Json) -> Json:
    """Give the end of a task's log."""
    return runtime.log(steps.store().paths, task_name(request))


def failures(request: Json) -> Json:
    """Give the messages that did not arrive in the last run."""
    return runtime.failures(steps.store().paths, task_name(request))


def statistics(_request: Json) -> Json:
    """Give what was moved in the last week."""
    return runtime.statistics(steps.store().paths, time.time())


def _remote(request: Json) -> Json:
    """Give what a remote login needs; an empty password stands for the stored one of the named task.

    A stored password goes nowhere else than the task itself sends it: same server and user, not less
    encrypted.
    """
    wanted: Json = {
        "remotehostname": rules.hostname(request, "remotehostname"),
        "remoteport": rules.integer(request, "remoteport", rules.PORT_RANGE),
        "remoteusername": rules.text(request, "remoteusername"),
        "security": rules.choice(request, "security", rules.SECURITIES),
        "tls_trust": rules.text(request, "tls_trust", "tofu"),
    }
    name = task_name(request) if "task_id" in request and "localuser" in request else ""
    password = rules.password(request)
    if not password and not _is_stored_account(name, wanted):
        raise RefusedError(Refusal("password_required"))
    wanted["task"] = name
    wanted["remotepassword"] = create.password_of(steps.store(), request, name)
    return wanted


def _is_stored_account(name: str, wanted: Json) -> bool:
    try:
        task = steps.store().load(name)
    except (NoSuchTaskError, TaskFileError):
        return False
    if (wanted["remotehostname"], wanted["remoteusername"]) != (task.remotehostname, task.remoteusername):
        return False
    return bool(wanted["security"]) or not task.security

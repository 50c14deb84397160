"""Looking at accounts without syncing: login checks, folder lists, counts."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Final

from imapsync_tasks import diagnosis, engine, rules
from imapsync_tasks import task as tasks
from imapsync_tasks.errors import Json, NoSuchTaskError, RefusedError, TaskFileError
from syncctl.oneshot import OneShot

if TYPE_CHECKING:
    from pathlib import Path

    from imapsync_tasks.task import Task
    from syncctl.context import Context

#: create-task promises an answer within 15 s: the engine, its end, podman and the agent share them.
CHECK_S: Final = 10.0
#: Counting a large account takes long; the page waits for it.
COUNT_S: Final = 240.0
#: Logins checked at the same time (import-csv-tasks).
_PARALLEL: Final = 6


def check_all(context: Context, requests: IO[bytes], answers: IO[str]) -> None:
    """Check each request line, several at once; an answer line {"id", "refusals"} as soon as one is known.

    A request is {"id", "task": create-task's input, "timeout_s"?}.
    """
    lock = threading.Lock()

    def handle(line: bytes) -> None:
        request = json.loads(line)
        refusals = check(context, request["task"], float(request.get("timeout_s", CHECK_S)))
        with lock:
            answers.write(json.dumps({"id": request.get("id"), "refusals": refusals}) + "\n")
            answers.flush()

    with ThreadPoolExecutor(_PARALLEL) as pool:
        for outcome in [pool.submit(handle, line) for line in requests if line.strip()]:
            outcome.result()


def check(context: Context, request: Json, seconds: float) -> list[Json]:
    """Log in to both sides as the task would; give the refusals, none when both logins work."""
    try:
        task = tasks.from_request(request)
        password = rules.password(request)
    except RefusedError as refused:
        return refused.as_json()
    with OneShot(context) as look:
        words = [
            *engine.source(
                engine.Remote.of(task), look.passfile(password), look.truststore(_known(context, task))
            ),
            *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
            *engine.selection(task),
            "--justlogin",
            *_timeouts(seconds),
        ]
        report = look.run(words, seconds)
    return [one.as_json() for one in diagnosis.refusals(report, both=True)]


def test_remote(context: Context, request: Json) -> Json:
    """Log in to the remote account; give what the action test-remote answers."""
    with OneShot(context) as look:
        report = look.run([*_source(context, look, request), "--justlogin", *_timeouts(CHECK_S)], CHECK_S)
    return diagnosis.remote_login(report)


def list_remote_folders(context: Context, request: Json) -> Json:
    """Give {"folders": …} of the remote account, or {"refusals": …}."""
    with OneShot(context) as look:
        report = look.run([*_source(context, look, request), "--justfoldersizes"], COUNT_S)
    return diagnosis.folders(report)


def list_informations(context: Context, name: str) -> Json:
    """Give the counts of both sides of a task, or {"status": false}."""
    try:
        task = context.store.load(name)
    except (NoSuchTaskError, TaskFileError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return {"status": False}
    paths = context.paths
    with OneShot(context) as look:
        words = [
            *engine.source(
                engine.Remote.of(task), str(paths.pwd(name)), look.truststore(context.paths.trust(name))
            ),
            *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
            *engine.selection(task),
            "--justfoldersizes",
        ]
        report = look.run(words, COUNT_S)
    return diagnosis.informations(report)


def _source(context: Context, look: OneShot, request: Json) -> list[str]:
    remote = engine.Remote(
        rules.hostname(request, "remotehostname"),
        rules.integer(request, "remoteport", rules.PORT_RANGE),
        rules.text(request, "remoteusername"),
        rules.choice(request, "security", rules.SECURITIES),
        rules.text(request, "tls_trust", "tofu"),
    )
    name = request.get("task")
    known = context.paths.trust(name) if isinstance(name, str) and rules.split_task_name(name) else None
    return engine.source(remote, look.passfile(rules.password(request)), look.truststore(known))


def _known(context: Context, task: Task) -> Path | None:
    """Give the certificates that count for a check: the stored task's, while its rule stays the same."""
    try:
        stored = context.store.load(task.name)
    except (NoSuchTaskError, TaskFileError):
        return None
    return context.paths.trust(task.name) if stored.tls_trust == task.tls_trust else None


def _timeouts(seconds: float) -> list[str]:
    """Give the engine a little less time than it has, so that it can still say which side was silent."""
    limit = max(1, int(seconds) - 1)
    return [f"--timeout1={limit}", f"--timeout2={limit}"]

"""Looking at accounts without syncing: login checks, folder lists, counts."""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Final

from imapsync_tasks import diagnosis, engine, files, rules, runtime, sourcestore
from imapsync_tasks import task as tasks
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError, TaskFileError
from imapsync_tasks.reach import Reach
from syncctl import budget, tokens, worker
from syncctl.oneshot import Engine, OneShot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imapsync_tasks.task import Task
    from syncctl.context import Context

#: create-task promises an answer within 15 s: the engine, its end, podman and the agent share them.
CHECK_S: Final = 10.0
#: A login by a source may have to ask for a token first.
LOGIN_S: Final = 30.0
#: Counting a large account takes long; the page waits for it.
COUNT_S: Final = 240.0
#: Logins checked at the same time (import-csv-tasks).
_PARALLEL: Final = 6
#: What an audit keeps of list-informations' answer: `runtime.AUDIT` without its moment.
_AUDITED: Final = ("host1Folders", "host1Messages", "host1Sizes", "host2Messages", "host2Sizes")


def check_all(context: Context, requests: IO[bytes], answers: IO[str]) -> None:
    """Check each request line, several at once; an answer line {"id", "refusals"} as soon as one is known.

    A request is {"id", "task": create-task's input, "timeout_s"?}.
    """
    lock = threading.Lock()
    reach = Reach(context.store, context.settings())

    def handle(line: bytes) -> None:
        request = json.loads(line)
        refusals = check(context, looker, reach, request["task"], float(request.get("timeout_s", CHECK_S)))
        with lock:
            answers.write(json.dumps({"id": request.get("id"), "refusals": refusals}) + "\n")
            answers.flush()

    with Engine(context, _PARALLEL) as looker, ThreadPoolExecutor(_PARALLEL) as pool:
        for outcome in [pool.submit(handle, line) for line in requests if line.strip()]:
            outcome.result()


def check(context: Context, looker: Engine, reach: Reach, request: Json, seconds: float) -> list[Json]:
    """Log in to both sides as the task would; give the refusals, none when both logins work."""
    try:
        task = context.store.resolved(tasks.from_request(request))
        password = rules.PASSWORD.of(request, "remotepassword")
    except RefusedError as refused:
        return refused.as_json()
    except TaskFileError:
        return [Refusal("source_not_found", "source").as_json()]
    remote = engine.Remote.of(task)
    reason = reach.refusal(remote)
    if reason:
        return [reason.as_json()]
    with OneShot(looker) as look:
        words = [
            *engine.source(
                remote,
                worker.login_words(context.paths, task, look.passfile(password)),
                look.truststore(_known(context, task)),
            ),
            *reach.way(remote),
            *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
            *engine.selection(task),
            "--justlogin",
            *_timeouts(seconds),
        ]
        report = look.run(words, seconds)
    report = _explained(context, task.source, remote, report)
    return [one.as_json() for one in diagnosis.refusals(report, both=True)]


def test_remote(context: Context, request: Json) -> Json:
    """Log in to the remote account; give what the action test-remote answers."""
    return diagnosis.remote_login(
        _look(context, request, "--justlogin", *_timeouts(CHECK_S), seconds=CHECK_S)
    )


def test_source(context: Context, request: Json) -> Json:
    """Log in to accounts of a source, several at once; give {"results"}, one for each, in their order."""
    name, password = str(request["source"]), str(request.get("remotepassword", ""))
    source = sourcestore.load(context.paths, name).source
    reach = Reach(context.store, context.settings())
    given = request["remoteusernames"]
    users = [str(one) for one in given] if isinstance(given, list) else []

    nothing_there = threading.Event()

    def look_at(user: str) -> Json:
        remote = engine.Remote.of_source(source, user)
        if source.by_token:
            tokens.forget(context.paths, name, user)
        if reach.refusal(remote):
            return {"remoteusername": user, **diagnosis.remote_login(diagnosis.NOT_ALLOWED)}
        if nothing_there.is_set():
            return {"remoteusername": user, **diagnosis.remote_login(diagnosis.NOTHING_THERE)}
        with OneShot(looker) as look:
            login = engine.source_login(source, user, look.passfile(password), context.paths)
            words = [*engine.source(remote, login, look.truststore(None)), *reach.way(remote)]
            report = look.run([*words, "--justlogin", *_timeouts(LOGIN_S)], LOGIN_S)
        if diagnosis.is_silent(report) and reach.is_guarded(remote.remotehostname):
            nothing_there.set()
        told = _explained(context, name, remote, report)
        return {"remoteusername": user, **diagnosis.remote_login(told)}

    with Engine(context, _PARALLEL) as looker, ThreadPoolExecutor(_PARALLEL) as pool:
        return {"results": list(pool.map(look_at, users))}


def list_remote_folders(context: Context, request: Json) -> Json:
    """Give {"folders": …} of the remote account, or {"refusals": …}."""
    reach = Reach(context.store, context.settings())
    if reach.is_guarded(engine.Remote.asked(request).remotehostname):  # a login fails in as long as a form's
        report = _look(context, request, "--justlogin", *_timeouts(CHECK_S), seconds=CHECK_S)
        if report.get("exit_code") != 0:
            return diagnosis.folders(report)
    return diagnosis.folders(_look(context, request, "--justfoldersizes", seconds=COUNT_S))


def list_informations(context: Context, name: str) -> Json:
    """Give the counts of both sides of a task, or {"status": false}."""
    with Engine(context) as looker:
        return diagnosis.informations(_sizes(context, looker, name))


def audit(context: Context, names: Sequence[str]) -> list[str]:
    """Count both sides of many tasks and keep the numbers; give the tasks of which it could not be done."""
    failed = []
    with Engine(context, _PARALLEL) as looker, ThreadPoolExecutor(_PARALLEL) as pool:
        for name, report in zip(
            names, pool.map(lambda name: _sizes(context, looker, name), names), strict=True
        ):
            found = diagnosis.informations(report)
            if found["status"] is not True:
                failed.append(name)
                continue
            numbers = [int(time.time()), *(found[key] for key in _AUDITED)]
            with context.store.locked():
                if context.store.exists(name):
                    content = dict(zip(runtime.AUDIT, numbers, strict=True)) | diagnosis.foreseen(report)
                    content["days"] = _days(context, name, int(str(content["bytes"])))
                    files.replace(context.paths.audit(name), json.dumps(content), durable=False)
    return failed


def _days(context: Context, name: str, size_bytes: int) -> int | None:
    """Give how many days the provider of the remote account lets its bytes take; None: it has no limit."""
    try:
        allowed = budget.daily_bytes(context.store.load(name).remotehostname)
    except (NoSuchTaskError, TaskFileError):
        return None
    return max(1, -(-size_bytes // allowed)) if allowed else None


def _sizes(context: Context, looker: Engine, name: str) -> Json:
    """Give the report of a run that measures both sides of a task; an empty one where there is none."""
    try:
        task = context.store.load(name)
    except (NoSuchTaskError, TaskFileError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return {}
    paths = context.paths
    reach = Reach(context.store, context.settings())
    reach.settle(task)
    with OneShot(looker) as look:
        words = [
            *engine.source(
                engine.Remote.of(task),
                worker.login_words(paths, task, str(paths.pwd(name))),
                look.truststore(context.paths.trust(name)),
            ),
            *reach.bounds(task),
            *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
            *engine.selection(task),
            "--justfoldersizes",
        ]
        return look.run(words, COUNT_S)


def _look(context: Context, request: Json, *words: str, seconds: float) -> Json:
    """Give the report of a run that only looks at a remote account, or one that says why it may not."""
    remote = engine.Remote.asked(request)
    password = rules.PASSWORD.of(request, "remotepassword")
    name = request.get("task")
    known = context.paths.trust(name) if isinstance(name, str) and rules.is_task_name(name) else None
    reach = Reach(context.store, context.settings())
    if reach.refusal(remote):
        return diagnosis.NOT_ALLOWED
    with Engine(context) as looker, OneShot(looker) as look:
        login = engine.password_login(remote.remoteusername, look.passfile(password))
        source = engine.source(remote, login, look.truststore(known))
        return look.run([*source, *reach.way(remote), *words], seconds)


def _explained(context: Context, source: str, remote: engine.Remote, report: Json) -> Json:
    """Give the report with the reason why a source gave no token, in place of that there was none."""
    errors = report.get("errors")
    if not source or not isinstance(errors, list):
        return report
    reason = tokens.last_refusal(context.paths, source, remote.remoteusername)
    told = [
        {**one, "code": reason.code, "server_text": reason.text}
        if isinstance(one, dict) and one.get("code") == "token_unavailable" and reason
        else one
        for one in errors
    ]
    return {**report, "errors": told}


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

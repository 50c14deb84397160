"""One run after the other: the engine as a child, its end made the last result."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from imapsync_tasks import engine, files, runtime, sourcestore
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.queue import METHODS, UNRELEASED, Release
from imapsync_tasks.reach import Reach
from syncctl import budget, holder, summaries, systemlog, tokens
from syncctl.context import engine_environment
from syncctl.process import Process
from syncctl.resident import Forked

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync_tasks.paths import Paths
    from imapsync_tasks.projects import Project
    from imapsync_tasks.task import Task
    from syncctl.context import Context
    from syncctl.resident import Run

    Finished = Callable[["Context", "Job"], tuple["Job | None", Callable[[], None]]]


class Job(NamedTuple):
    """A task that was given a slot; `slot` and `lock` are the descriptors of the two held locks."""

    task: str
    number: int
    slot: int
    lock: int
    release: Release = UNRELEASED
    #: Since when the run has had a place in the queue.
    place: float = 0.0
    #: The project as it was when the run was given its slot.
    project: Project | None = None


class Ended(NamedTuple):
    """How the engine ended: its exit code as a shell would give it, None when it was not to begin.

    options: those of the run, for people.
    """

    exit_code: int | None
    options: str = ""


def work(context: Context, job: Job, finished: Finished) -> None:
    """Run the job's task, then what `finished` (called under the instance lock) gives, until that is None.

    What `finished` gives besides is called once the instance lock is free.
    """
    current: Job | None = job
    while current is not None:
        began = time.time()
        ended = _run(context, current, began)
        with context.store.locked():
            summary = _settle(context, current, began, ended)
            current, launch = finished(context, current)
        launch()
        if summary:
            systemlog.write(summary)


def _run(context: Context, job: Job, began: float) -> Ended:
    """Run the engine to its end."""
    reach = Reach(context.store, context.settings())
    with suppress(NoSuchTaskError, TaskFileError, OSError):  # below they count
        reach.settle(context.store.load(job.task))
    with context.store.locked():
        files.remove(context.paths.report(job.task))
        me = Process.of(os.getpid())
        if holder.read(context.paths, job.task).stop:
            return Ended(None)
        try:
            task = context.store.load(job.task)
            left = None if job.release.verify == METHODS[0] else budget.left(context.paths, task, began)
            if left is not None and left <= 0:
                return Ended(budget.PARKED)
            words = _words(context, task, job)
            child = _spawn(context, task, job, [*reach.bounds(task), *words], left)
        except NoSuchTaskError:
            return Ended(None)
        except TaskFileError as error:
            systemlog.write(f"task {job.task}: settings: {error}")
            return Ended(summaries.EX_CONFIG)
        except OSError as error:
            systemlog.write(f"task {job.task}: {context.engine}: {error.strerror}")
            return Ended(summaries.EX_UNAVAILABLE)
        with suppress(ProcessLookupError):  # it has ended already
            holder.write(job.lock, holder.Holder(me, Process.of(child.pid), began=began, release=job.release))
    code = child.wait()
    return Ended(code if code >= 0 else 128 - code, shlex.join(engine.for_people(words)))


def _words(context: Context, task: Task, job: Job) -> list[str]:
    """Give the words that say what the run does."""
    further = job.project.words if job.project else ()
    return engine.run(task, context.settings(), context.paths, job.release, further)


def _spawn(context: Context, task: Task, job: Job, wanted: list[str], most_bytes: int | None) -> Run:
    """Start the engine; `wanted`: what it does; `most_bytes` may be read today, None: no limit.

    It inherits the task's lock: while it lives, the task runs, whatever happens to us.
    """
    paths = context.paths
    words = [
        context.engine,
        *engine.source(
            engine.Remote.of(task),
            login_words(paths, task, str(paths.pwd(task.name))),
            str(paths.trust(task.name)),
        ),
        *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
        *wanted,
        *([] if most_bytes is None else [f"--exitwhenover={most_bytes}"]),
    ]
    loaded = context.resident
    log = os.open(
        paths.log(task.name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, files.MODE
    )
    try:
        if loaded is not None:
            with suppress(OSError):  # nobody to ask: as if there were none
                return Forked(loaded, words[1:], log, job.lock)
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd="/",
            env=engine_environment(),
            pass_fds=(job.lock,),
            start_new_session=True,
        )
    finally:
        os.close(log)


def _settle(context: Context, job: Job, began: float, ended: Ended) -> str:
    """Make the run the last result, unless somebody stopped it; give the line for the system log."""
    paths, exit_code = context.paths, ended.exit_code
    stopped = holder.read(paths, job.task).stop
    report = files.read_json(paths.report(job.task)) or {}
    _spend(context, job.task, report, began)
    if exit_code is not None and not stopped and context.store.exists(job.task):
        with suppress(OSError):  # a full disk costs the report for people
            _keep(paths, job, report, ended)
    for path in (paths.progress(job.task), paths.report(job.task), paths.pidfile(job.task)):
        files.remove(path)
    if stopped or exit_code is None or not context.store.exists(job.task):
        # Who asked for the end sees it until the next run.
        holder.write(job.lock, holder.Holder(stop=True) if stopped else None)
        ran = stopped and exit_code is not None
        return f"task {job.task}: stopped by request after {time.time() - began:.1f} s" if ran else ""
    line = (
        f"task {job.task}: verified, exit code {exit_code}"
        if job.release.verify
        else _publish(context, job, report, began, exit_code)
    )
    # The last step: who is killed before it has published leaves the note of an interrupted run.
    holder.write(job.lock, None)
    return line


def _keep(paths: Paths, job: Job, report: Json, ended: Ended) -> None:
    """Keep the report of a whole run or of a comparison, with the options of the run. OSError."""
    if report:
        report |= {"options": ended.options}
    if job.release.verify:
        runtime.keep_verification(paths, job.task, report, job.release.verify, ended.exit_code or 0)
    elif report and not job.release.retry:
        files.replace(paths.told(job.task), json.dumps(report, indent=1), durable=False)


def _spend(context: Context, name: str, report: Json, began: float) -> None:
    """Count what a run has read, also one that was stopped, for the day on which it began."""
    verify = report.get("verify")
    sizes = (
        report.get("bytes_transferred"),
        verify.get("bytes_read") if isinstance(verify, dict) else 0,
    )
    read = sum(size for size in sizes if isinstance(size, int))
    with suppress(NoSuchTaskError, TaskFileError, OSError):
        budget.spend(context.paths, context.store.load(name), read, began)


def _publish(context: Context, job: Job, report: Json, began: float, exit_code: int) -> str:
    """Make the run the last result; give the line for the system log."""
    paths = context.paths
    retried = job.release.retry
    summary = summaries.summary(report, began, time.time(), exit_code, whole=not retried)
    summary["stage"] = job.project.stage if job.project else None
    _explain(context, job.task, summary)
    begun = bool(report) or exit_code != budget.PARKED
    if exit_code == budget.EXCEEDED or not begun:
        summary |= budget.parked(time.time())
    failures = report.get("failures")
    rows = [row for row in failures if isinstance(row, dict)] if isinstance(failures, list) else []
    total = int(str(report.get("failures_total", len(rows))))
    cut_short = not begun or (retried and report.get("complete") is not True)
    try:
        runtime.publish(paths, job.task, summary, None if cut_short else rows, total)
    except OSError as error:  # the line below still tells of the run
        systemlog.write(f"task {job.task}: the result cannot be written: {error.strerror}")
    return (
        f"task {job.task}: {summary['messages_transferred']} messages transferred, "
        f"{summary['messages_skipped']} skipped, {summary['messages_failed']} failed, "
        f"{summary['bytes_transferred']} bytes, {summary['seconds']:.1f} s, "
        f"exit code {summary['exit_code']} ({summary['exit_name']})"
    )


def _explain(context: Context, name: str, summary: Json) -> None:
    """Say why there was no token for the remote account; one that was refused is not used again."""
    error = summary["error"]
    if summary["error_side"] != "host1" or not isinstance(error, str) or not error.startswith("token_"):
        return
    try:
        task = context.store.load(name)
    except (NoSuchTaskError, TaskFileError):
        return
    if not task.source:
        return
    if error == "token_unavailable":
        reason = tokens.last_refusal(context.paths, task.source, task.remoteusername)
        summary["error"] = reason.code if reason else error
    else:
        tokens.forget(context.paths, task.source, task.remoteusername)


def login_words(paths: Paths, task: Task, passfile: str) -> list[str]:
    """Give the engine's words to log in to a task's remote account: as its source wants it, or by password.

    TaskFileError: its source is missing.
    """
    if not task.source:
        return engine.password_login(task.remoteusername, passfile)
    source = sourcestore.load(paths, task.source).source
    return engine.source_login(source, task.remoteusername, passfile, paths)

"""One run after the other: the engine as a child, its end made the last result."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from imapsync_tasks import engine, files, runtime, sourcestore
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.queue import UNRELEASED, Release
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


def work(context: Context, job: Job, finished: Finished) -> None:
    """Run the job's task, then what `finished` (called under the instance lock) gives, until that is None.

    What `finished` gives besides is called once the instance lock is free.
    """
    current: Job | None = job
    while current is not None:
        began = time.time()
        exit_code = _run(context, current, began)
        with context.store.locked():
            summary = _settle(context, current, began, exit_code)
            current, launch = finished(context, current)
        launch()
        if summary:
            systemlog.write(summary)


def _run(context: Context, job: Job, began: float) -> int | None:
    """Run the engine to its end and give its exit code as a shell would; None when it was not to begin."""
    reach = Reach(context.store, context.settings())
    with suppress(NoSuchTaskError, TaskFileError, OSError):  # below they count
        reach.settle(context.store.load(job.task))
    with context.store.locked():
        files.remove(context.paths.report(job.task))
        me = Process.of(os.getpid())
        if holder.read(context.paths, job.task).stop:
            return None
        try:
            task = context.store.load(job.task)
            left = None if job.release.verify else budget.left(context.paths, task, began)
            if left is not None and left <= 0:
                return budget.PARKED
            child = _spawn(context, task, job, reach.bounds(task), left)
        except NoSuchTaskError:
            return None
        except TaskFileError as error:
            systemlog.write(f"task {job.task}: settings: {error}")
            return summaries.EX_CONFIG
        except OSError as error:
            systemlog.write(f"task {job.task}: {context.engine}: {error.strerror}")
            return summaries.EX_UNAVAILABLE
        with suppress(ProcessLookupError):  # it has ended already
            holder.write(job.lock, holder.Holder(me, Process.of(child.pid), began=began, release=job.release))
    code = child.wait()
    return code if code >= 0 else 128 - code


def _spawn(context: Context, task: Task, job: Job, bounds: list[str], most_bytes: int | None) -> Run:
    """Start the engine; `bounds`: where it may not go; `most_bytes` may be read today, None: no limit.

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
        *bounds,
        *engine.destination(task.localuser, context.settings(), context.paths, context.mail_port),
        *engine.run(task, context.settings(), paths, job.release, job.project.words if job.project else ()),
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


def _settle(context: Context, job: Job, began: float, exit_code: int | None) -> str:
    """Make the run the last result, unless somebody stopped it; give the line for the system log."""
    paths = context.paths
    stopped = holder.read(paths, job.task).stop
    report = files.read_json(paths.report(job.task)) or {}
    _spend(context, job.task, report, began)
    if report and not job.release.retry and not stopped:
        kept = paths.verified(job.task) if job.release.verify else paths.told(job.task)
        with suppress(OSError):  # a full disk costs the report for people
            os.replace(paths.report(job.task), kept)
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


def _spend(context: Context, name: str, report: Json, began: float) -> None:
    """Count what a run has read, also one that was stopped, for the day on which it began."""
    size = report.get("bytes_transferred")
    with suppress(NoSuchTaskError, TaskFileError, OSError):
        task = context.store.load(name)
        budget.spend(context.paths, task, size if isinstance(size, int) else 0, began)


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

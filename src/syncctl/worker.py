"""One run after the other: the engine as a child, its end made the last result."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import engine, files, runtime, sourcestore
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.queue import UNRELEASED, Release
from syncctl import holder, systemlog, tokens
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

#: sysexits.h: the engine could not be started, or the task's settings cannot be read.
_EX_UNAVAILABLE: Final = 69
_EX_CONFIG: Final = 78

#: The reasons that have an exit code of their own (docs/exit-codes.md).
_DECIDING: Final = {
    121: "verify",
    122: "brake_source_empty",
    123: "brake_delete",
    124: "parked",
    125: "brake_vanished",
    126: "source_incomplete",
}
_BRAKES: Final = ("brake_source_empty", "brake_delete", "brake_vanished")


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
    with context.store.locked():
        files.remove(context.paths.report(job.task))
        me = Process.of(os.getpid())
        if holder.read(context.paths, job.task).stop:
            return None
        try:
            child = _spawn(context, context.store.load(job.task), job)
        except NoSuchTaskError:
            return None
        except TaskFileError as error:
            systemlog.write(f"task {job.task}: settings: {error}")
            return _EX_CONFIG
        except OSError as error:
            systemlog.write(f"task {job.task}: {context.engine}: {error.strerror}")
            return _EX_UNAVAILABLE
        with suppress(ProcessLookupError):  # it has ended already
            holder.write(job.lock, holder.Holder(me, Process.of(child.pid), began=began, release=job.release))
    code = child.wait()
    return code if code >= 0 else 128 - code


def _spawn(context: Context, task: Task, job: Job) -> Run:
    """Start the engine.

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
        *engine.run(task, context.settings(), paths, job.release, job.project.words if job.project else ()),
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


def _publish(context: Context, job: Job, report: Json, began: float, exit_code: int) -> str:
    """Make the run the last result; give the line for the system log."""
    paths = context.paths
    retried = job.release.retry
    summary = _summary(report, began, time.time(), exit_code, whole=not retried)
    summary["stage"] = job.project.stage if job.project else None
    _explain(context, job.task, summary)
    failures = report.get("failures")
    rows = [row for row in failures if isinstance(row, dict)] if isinstance(failures, list) else []
    total = int(str(report.get("failures_total", len(rows))))
    cut_short = retried and report.get("complete") is not True
    try:
        runtime.publish(paths, job.task, summary, None if cut_short else rows, total)
    except OSError as error:  # the line below still tells of the run
        systemlog.write(f"task {job.task}: the result cannot be written: {error.strerror}")
    return (
        f"task {job.task}: {summary['messages_transferred']} messages transferred, "
        f"{summary['messages_skipped']} skipped, {summary['messages_failed']} failed, "
        f"{summary['bytes_transferred']} bytes, {summary['seconds']:.1f} s, "
        f"exit code {exit_code} ({summary['exit_name']})"
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


def _summary(report: Json, began: float, ended: float, exit_code: int, *, whole: bool) -> Json:
    """Give the result of a run; what the engine could not report any more is made up from its end.

    whole: the run was about all messages.
    """
    decided = _deciding(report.get("errors"), exit_code)
    complete = report.get("exit_code") == exit_code
    code = decided.get("code")
    if exit_code and not complete:
        code = "killed" if exit_code > 128 else "internal"
    return {
        "exit_code": exit_code,
        "exit_name": str(report["exit_name"]) if complete else _exit_name(exit_code),
        "exit_text": str(report.get("exit_text", "")) if complete else "",
        "started_at": began,
        "ended_at": ended,
        "seconds": round(ended - began, 3),
        **{
            key: int(str(report.get(key, 0)))
            for key in ("messages_transferred", "messages_skipped", "messages_failed", "bytes_transferred")
        },
        **_here(report if whole else {}),
        "error": code if isinstance(code, str) else None,
        "error_side": _text(decided.get("side")),
        "run_again_at": _text(report.get("run_again_at")),
        "brake_messages": _count(decided, "messages") if code in _BRAKES else None,
        "brake_of": _count(decided, "of") if code in _BRAKES else None,
        "host1": report.get("host1"),
        "host2": report.get("host2"),
    }


#: Skips of messages that are on the destination.
_PRESENT: Final = ("present", "duplicate", "cross_duplicate")


def _here(report: Json) -> Json:
    """Give how many of the source's messages are on the destination, and their size when all of them are."""
    skipped, source = report.get("skipped"), report.get("host1")
    if not isinstance(skipped, dict):
        return {"messages_here": None, "bytes_here": None}
    here = int(str(report.get("messages_transferred", 0)))
    here += sum(int(str(skipped.get(why, 0))) for why in _PRESENT)
    whole = isinstance(source, dict) and source.get("messages") == here
    size = source.get("bytes") if whole and isinstance(source, dict) else None
    return {"messages_here": here, "bytes_here": size if isinstance(size, int) else None}


def _deciding(errors: object, exit_code: int) -> Json:
    """Give the error that the exit code tells of: of those that have a code of their own, else the first."""
    if not exit_code or not isinstance(errors, list):
        return {}
    found = [error for error in errors if isinstance(error, dict)]
    own = (error for error in found if error.get("code") == _DECIDING.get(exit_code))
    return next(own, found[0] if found else {})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(error: Json, name: str) -> int | None:
    """Give a number of an error's details, which the report has as text."""
    text = error.get(name)
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else None


def _exit_name(exit_code: int) -> str:
    try:
        return signal.Signals(exit_code - 128).name
    except ValueError:
        return {0: "EX_OK", _EX_UNAVAILABLE: "EX_UNAVAILABLE", _EX_CONFIG: "EX_CONFIG"}.get(
            exit_code, "UNKNOWN"
        )

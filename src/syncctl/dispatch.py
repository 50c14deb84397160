"""From waiting to running: slots, workers and the timer of scheduled starts.

A slot is a file held by flock; there are `max_parallel` of them. A worker is a process that holds a slot and
runs one task after the other until none is due. The timer is the one process that waits for starts that are
not due yet. Each is held before anybody can see that it is missing: due entries imply a busy slot, later
ones imply the timer.

A run that a server made wait (exit code 124) starts again at the time that its report gives, before those
that came to the queue after it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, projectstore, queue, runtime, schedule
from imapsync_tasks.errors import NoSuchTaskError
from imapsync_tasks.queue import UNRELEASED, Entry, Release
from syncctl import daemon, holder, parking, worker
from syncctl.limits import Limits
from syncctl.worker import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from imapsync_tasks.projects import Project
    from syncctl.context import Context

#: A lock is probed for microseconds at a time: this is patience enough to tell a probe from a run.
_PROBE_PATIENCE_S: Final = 0.5
#: A start that was meant once and missed is made up for within this time.
_MISSED_S: Final = 24 * 3600.0
#: How often the timer looks whether an earlier start was added.
_TIMER_STEP_S: Final = 1.0


def start(
    context: Context,
    tasks: Iterable[str],
    *,
    scheduled: bool = False,
    by_itself: bool = False,
    release: Release = UNRELEASED,
) -> None:
    """Make tasks run or wait; those that do already are left alone.

    NoSuchTaskError when one does not exist: the others are started all the same.
    A scheduled start waits for its own second within the minute, unless somebody starts the task before; it
    is left out while schedules are paused (cron learns of that late) or a server has asked to wait.
    `release` is for the run that this start begins, or finds waiting. A start that nobody asked for
    (`by_itself`) leaves what a waiting run is for.
    """
    wanted = list(tasks)
    now = time.time()
    with context.store.locked():
        if scheduled and context.settings().schedules_paused:
            return
        missing = [task for task in wanted if not context.store.exists(task)]
        waiting = _entries(context, left=scheduled)  # cron may come before `resume` does
        for task in wanted:
            if task in missing:
                continue
            if files.is_locked(context.paths.lock(task)):
                continue
            if scheduled and runtime.parked_until(context.paths, task) > now:
                continue
            known = waiting.get(task)
            if by_itself and known is not None:
                waiting[task] = known._replace(due=min(known.due, now))
            elif known is None or (known.due > now and not scheduled):
                waiting[task] = Entry(task, now + (schedule.delay_s(task) if scheduled else 0), release)
            elif any(release) or (known.release.is_no_sync and not scheduled):
                waiting[task] = known._replace(release=release)
        jobs, timer = _serve(context, list(waiting.values()))
    _launch(context, jobs, timer)
    if missing:
        raise NoSuchTaskError(missing[0])


def resume(context: Context) -> None:
    """Go on where a container ended: first what ran, then what waited, in its order.

    What a server made wait still waits. Nothing begins while another process serves the queue, nor in a copy
    that waits for its administrator: it forgets what its original had begun. A pause by an administrator
    holds up schedules alone.
    """
    with context.store.locked():
        if queue.is_served(context.paths):
            return
        settings = context.settings()
        if settings.schedules_paused and not settings.paused_by_admin:
            queue.write(context.paths, [])
            return
        running = {
            task: holder.read(context.paths, task).release
            for task in context.store.names()
            if _was_interrupted(context, task)
        }
        left = [entry for entry in _entries(context, left=True).values() if entry.task not in running]
        known = {*running, *(entry.task for entry in left)}
        free = [task for task in context.store.names() if task not in known]
        left += [
            entry
            for task in free
            if not files.is_locked(context.paths.lock(task))
            and (entry := parking.entry_of(context.paths, task))
        ]
        known.update(entry.task for entry in left)
        missed = [task for task in context.store.names() if task not in known and _was_missed(context, task)]
        jobs, timer = _serve(
            context,
            [
                *(Entry(task, 0, release) for task, release in running.items()),
                *left,
                *(Entry(task, time.time()) for task in missed),
            ],
        )
    _launch(context, jobs, timer)


def _was_missed(context: Context, task: str) -> bool:
    """Tell whether a start that was meant once, within the last day, fell into a time without the service."""
    try:
        moment = schedule.moment_of(files.read(context.paths.cron_file(task)).decode(errors="replace"))
    except OSError:
        return False
    if moment is None or not 0 <= time.time() - moment.timestamp() < _MISSED_S:
        return False
    if files.read_json(context.paths.lock(task)) is not None:
        return False  # it ran, and an administrator stopped it
    result = runtime.result(context.paths, task)
    return result is None or float(str(result["started_at"])) < moment.timestamp()


def _was_interrupted(context: Context, task: str) -> bool:
    """Tell whether a run came to no end, and nobody is at it."""
    return not files.is_locked(context.paths.lock(task)) and runtime.was_interrupted(context.paths, task)


def finished(context: Context, job: Job) -> tuple[Job | None, Callable[[], None]]:
    """Free a job's task and give its worker the next one, or None: then its slot is free too.

    The caller holds the instance lock, and calls what comes second when it no longer does: it starts further
    workers, for max_parallel may have grown.
    """
    os.close(job.lock)
    waiting = _entries(context)
    if job.task not in waiting and context.store.exists(job.task):
        parked = parking.entry_of(context.paths, job.task, job.release, job.place)
        waiting |= {job.task: parked} if parked else {}
    entries = queue.in_order(waiting.values(), time.time())
    limits = Limits(context)
    following = None
    if job.number < context.settings().max_parallel:
        following, entries = _take(context, limits, entries, job.number, job.slot)
    if following is None:
        os.close(job.slot)
    jobs, timer = _serve(context, entries, limits)
    return following, lambda: _launch(context, jobs, timer)


def forget(context: Context, tasks: Iterable[str]) -> None:
    """Take tasks out of the queue; the caller holds the instance lock."""
    gone = set(tasks)
    queue.write(
        context.paths, [entry for entry in _entries(context, left=True).values() if entry.task not in gone]
    )


def _entries(context: Context, *, left: bool = False) -> dict[str, Entry]:
    """Give what waits by task; `left`: also what a killed container left, which nobody serves.

    No start waits longer than scheduled ones are spread, or than a server asked for, whatever became of the
    clock.
    """
    if not left and not queue.is_served(context.paths):
        return {}
    now = time.time()
    found = {}
    for entry in queue.read(context.paths):
        due = min(entry.due, now + parking.LONGEST_S)
        if due > now + schedule.SPREAD_S:
            due = min(due, max(now + schedule.SPREAD_S, runtime.parked_until(context.paths, entry.task)))
        found[entry.task] = entry._replace(due=due)
    return found


def _serve(
    context: Context, entries: list[Entry], limits: Limits | None = None
) -> tuple[list[Job], int | None]:
    """Give due entries to free slots and take the timer's lock when it is needed and free."""
    files.make_directory(context.paths.slots)
    left = queue.in_order(entries, time.time())
    jobs = []
    limits = limits or Limits(context)
    for number in range(context.settings().max_parallel):
        if not left or left[0].due > time.time():
            break
        slot = files.try_lock(context.paths.slot(number))
        if slot is None:
            continue
        job, left = _take(context, limits, left, number, slot)
        if job is None:
            os.close(slot)
            break
        jobs.append(job)
    queue.write(context.paths, left)
    later = any(entry.due > time.time() for entry in left)
    return jobs, files.try_lock(context.paths.timer) if later else None


def _take(
    context: Context, limits: Limits, entries: list[Entry], number: int, slot: int
) -> tuple[Job | None, list[Entry]]:
    """Give the first due task whose lock can be had, and the entries that remain."""
    left = list(entries)
    held: list[Entry] = []
    while left and left[0].due <= time.time():
        task, _, release, _ = entry = left.pop(0)
        if not context.store.exists(task):
            continue
        if limits.hold(task):
            held.append(entry)
            continue
        project = _project(context, task)
        lock = files.try_lock(context.paths.lock(task), _PROBE_PATIENCE_S)
        if lock is not None:
            holder.write(lock, holder.Holder(release=release))
            with suppress(OSError):  # without it the run is seen as soon as the engine writes its own
                files.replace(context.paths.progress(task), "", durable=False)
            limits.began(task)
            return Job(task, number, slot, lock, release, entry.since, project), held + left
    return None, held + left


def _project(context: Context, task: str) -> Project | None:
    name = context.store.project_of(task)
    return projectstore.load(context.paths, name) if name else None


def _launch(context: Context, jobs: list[Job], timer: int | None) -> None:
    """Make a worker of each job, and the timer; the descriptors are theirs then."""
    resident = () if context.resident is None else (context.resident,)
    for job in jobs:
        daemon.begin({job.slot, job.lock, *resident}, lambda job=job: worker.work(context, job, finished))  # type: ignore[misc]
        os.close(job.slot)
        os.close(job.lock)
    if timer is not None:
        daemon.begin({timer, *resident}, lambda: _wait(context, timer))
        os.close(timer)


def _wait(context: Context, timer: int) -> None:
    """Be the timer: start what becomes due, until nothing is left to wait for.

    Between two starts it only reads: a server may make it wait for a day. A clock that was set back costs no
    more than a scheduled start is spread.
    """
    served = 0.0
    while True:
        due = min((entry.due for entry in queue.read(context.paths) if entry.due > served), default=0.0)
        time.sleep(max(0.0, min(_TIMER_STEP_S, due - time.time())))
        now = time.time()
        if due > now and 0 <= now - served < schedule.SPREAD_S:
            continue
        served = now
        with context.store.locked():
            jobs, _ = _serve(context, list(_entries(context).values()))
            left = any(entry.due > time.time() for entry in queue.read(context.paths))
            if not left:
                os.close(timer)
        _launch(context, jobs, None)
        if not left:
            return

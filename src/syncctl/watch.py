"""The one watcher of an instance: it starts a task when mail comes for it, or when cron handed it over.

It listens to the accounts of live tasks, and looks for the names that cron's `syncctl start` leaves. It holds
a loaded engine that the runs are forked from.

Starting is the ordinary start: lock, queue, slot, record. What comes while a task runs makes one more run
behind it; a run that failed is made again after a while.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import engine, files, live, runtime, schedule
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskFileError
from imapsync_tasks.live import Standing
from imapsync_tasks.reach import Reach
from syncctl import dispatch, holder, limits, systemlog, worker
from syncctl.listening import Listening
from syncctl.resident import Resident

if TYPE_CHECKING:
    from imapsync_tasks.task import Task
    from syncctl.context import Context

#: How often the tasks are looked at, and how often while one waits for its own run to end.
_LOOK_S: Final = 1.0
_SOON_S: Final = 0.1
#: A failed run is made again after so long, then after twice as long, up to the second number; a refused
#: login or certificate is left alone longer.
_FAILED_S: Final = (60.0, 900.0)
_REFUSED_S: Final = (900.0, 3600.0)
_REFUSED_CODES: Final = (12, 16, 161, 162)
#: An account that is not listened to, for want of connections, is looked at so long after its last run.
_POLL_S: Final = 60.0
_STATES: Final = {
    "idle": live.WATCHING,
    "poll": live.POLLING,
    "waiting": live.WAITING,
    "refused": live.REFUSED,
}


def watch(context: Context) -> bool:
    """Be the watcher until a signal comes; False when there is one already."""
    lock = files.try_lock(context.paths.watcher_lock, 0.5)
    if lock is None:
        return False
    try:
        _Watcher(context).work()
    finally:
        os.close(lock)
    return True


class _Watcher:
    """Who is live, who has mail, and what became of the runs."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._listening = Listening(context.engine)
        self._resident: Resident | None = None
        self._ended = False
        #: Of the directories, and of each task's files, when they were looked at last.
        self._looked = (0, 0)
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._words: dict[str, list[str]] = {}
        #: Sources of live tasks, with whom they share connections, and those that only runs look at.
        self._sources: dict[str, str] = {}
        self._shares: dict[str, dict[str, int]] = {}
        self._polled: set[str] = set()
        self._standings: dict[str, Standing] = {}
        #: When a task is to be started (unix seconds), and when that was done last.
        self._due: dict[str, float] = {}
        self._begun: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def work(self) -> None:
        """Listen and start until a signal comes."""
        wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(woken)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        try:
            files.make_directory(self._context.paths.starts)
            while not self._ended:
                self._look()
                self._start_scheduled()
                self._listening.keep()
                self._start_due()
                self._see_ended()
                heard = self._listening.fileno
                soon = any(at <= time.time() for at in self._due.values())
                patience = _SOON_S if soon else _LOOK_S
                ready, _, _ = select.select([wake] if heard is None else [wake, heard], [], [], patience)
                if heard in ready:
                    for event in self._listening.events():
                        self._take(event)
        finally:
            self._listening.end()
            self._start_scheduled()
            with suppress(OSError):  # what comes in this moment waits for the next watcher
                self._context.paths.starts.rmdir()
            if self._resident is not None:
                self._resident.end()

    def _end(self, *_: object) -> None:
        self._ended = True

    def _look(self) -> None:
        """Find out who is live; a look costs something only after a file of any task was replaced."""
        paths = self._context.paths
        changed = (_stamp(paths.imapsync), _stamp(paths.sources))
        if changed == self._looked:
            return
        self._looked = changed
        with self._context.store.locked():  # a task that is being changed has files of two servers
            stamps, words = self._read_tasks()
        again = {name for name in words if stamps[name] != self._stamps.get(name)}
        self._stamps = stamps
        if words == self._words and not again:
            return
        self._words = words
        for name in again:
            self._failures.pop(name, None)
        for held in (self._due, self._begun, self._failures):
            for name in held.keys() - words.keys():
                held.pop(name)
        self._listen(words, again)

    def _read_tasks(self) -> tuple[dict[str, tuple[int, ...]], dict[str, list[str]]]:
        """Give the stamps of all tasks, and the words of the live ones."""
        settings = self._context.settings()
        stamps: dict[str, tuple[int, ...]] = {}
        words: dict[str, list[str]] = {}
        for name in (
            self._context.store.names() if settings.mail_host and not settings.schedules_paused else ()
        ):
            if self._stamps_of(name) == self._stamps.get(name):
                stamps[name] = self._stamps[name]
                if name in self._words:
                    words[name] = self._words[name]
                continue
            self._sources[name] = self._context.store.source_of(name)  # also of a task that cannot be loaded
            stamps[name] = self._stamps_of(name)
            with suppress(TaskFileError, NoSuchTaskError):
                task = self._context.store.load(name)
                if task.cron == schedule.LIVE:
                    words[name] = self._account(task)
                    self._shares[name] = limits.shares(task, self._bound_of_source)
        return stamps, words

    def _stamps_of(self, name: str) -> tuple[int, ...]:
        paths = self._context.paths
        source = self._sources.get(name)
        of_source = _stamp(paths.source(source)) if source else 0
        return (*(_stamp(path(name)) for path in (paths.env, paths.pwd, paths.place)), of_source)

    def _bound_of_source(self, source: str) -> int:
        return limits.bound_of_source(self._context.paths, source)

    def _listen(self, words: dict[str, list[str]], again: set[str]) -> None:
        """Listen to as many accounts as have connections; runs look at the others, from now on."""
        now = time.time()
        before = self._polled
        chosen, held = limits.listened({name: self._shares[name] for name in words})
        self._polled = words.keys() - chosen
        with suppress(OSError):  # a full disk costs what else may run beside
            live.write_held(self._context.paths, held)
        self._listening.want({name: words[name] for name in chosen}, again & chosen)
        standings = {}
        for name in words:
            known = self._standings.get(name)
            if known is None or (name in self._polled) != (name in before):
                known = Standing(live.POLLING if name in self._polled else live.WAITING, now)
            standings[name] = known
        for name in self._polled & (again | self._polled - before):
            self._due[name] = now
        self._tell(standings)

    def _account(self, task: Task) -> list[str]:
        """Give the words that a listening engine needs."""
        paths = self._context.paths
        remote = engine.Remote.of(task)
        login = worker.login_words(paths, task, str(paths.pwd(task.name)))
        words = engine.source(remote, login, str(paths.trust(task.name)))
        words += Reach(self._context.store, self._context.settings()).bounds(task)
        return [*words, "--justlogin", *(["--folder=INBOX"] if task.foldersynchronization == "inbox" else [])]

    def _take(self, event: Json) -> None:
        """Take what the engine heard."""
        name = str(event["name"])
        if event.get("news"):
            self._due[name] = time.time()
            return
        state = _STATES.get(str(event.get("state")))
        if state is not None:
            error = event.get("error")
            code = error if isinstance(error, str) else None
            standing = Standing(state, time.time(), code, str(event.get("text")))
            if state == live.REFUSED:
                systemlog.write(f"task {name}: not watched: {standing.text}")
            self._tell(self._standings | {name: standing})

    def _tell(self, standings: dict[str, Standing]) -> None:
        self._standings = standings
        with suppress(OSError):  # a full disk costs what is shown
            live.write(self._context.paths, standings)

    def _start_due(self) -> None:
        """Start what is due and does not run; a server that asked to wait is left alone for as long."""
        now = time.time()
        paths = self._context.paths
        ready = []
        for name in [name for name, at in self._due.items() if at <= now]:
            parked = runtime.parked_until(paths, name)
            if parked > now:
                self._due[name] = parked
            elif not files.is_locked(paths.lock(name)):
                ready.append(name)
        if not ready:
            return
        with suppress(NoSuchTaskError):
            dispatch.start(self._with_engine(), ready, by_itself=True)
        for name in ready:
            del self._due[name]
            if name in self._polled:  # however this run ends, or does not begin
                self._due[name] = now + _POLL_S
            self._begun[name] = now

    def _start_scheduled(self) -> None:
        """Start what cron handed over, all at once."""
        starts = self._context.paths.starts
        try:
            names = os.listdir(starts)
        except FileNotFoundError:
            return
        if not names:
            return
        with suppress(NoSuchTaskError):
            dispatch.start(self._with_engine(), names, scheduled=True)
        for name in names:
            files.remove(starts / name)

    def _with_engine(self) -> Context:
        """Give the context with a loaded engine."""
        if self._resident is not None and self._resident.ended:
            self._resident.end()
            self._resident = None
        if self._resident is None:
            with suppress(OSError):  # runs start it as a program then, and tell what is wrong with it
                self._resident = Resident(self._context.engine)
        return self._context._replace(resident=None if self._resident is None else self._resident.fileno)

    def _see_ended(self) -> None:
        """See how the runs ended that were started here; those that failed are made again."""
        paths = self._context.paths
        for name, began in list(self._begun.items()):
            locked, written = files.peek(paths.lock(name))
            if locked:
                continue
            if written and holder.read(paths, name).stop:
                del self._begun[name]  # an administrator ended it
                continue
            result = runtime.result(paths, name)
            if result is None or float(str(result["ended_at"])) < began:
                continue  # it waits for its turn
            del self._begun[name]
            code = result["exit_code"]
            if code == 0:
                self._failures.pop(name, None)
                continue
            first, most = _REFUSED_S if code in _REFUSED_CODES else _FAILED_S
            times = self._failures[name] = self._failures.get(name, 0) + 1
            again_at = time.time() + min(most, first * 2 ** min(times - 1, 10))
            if name in self._polled:
                self._due[name] = again_at
            else:
                self._due.setdefault(name, again_at)


def _stamp(path: os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0

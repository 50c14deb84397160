"""The tasks on disk. Every change is made under one lock and is all or nothing.

A change is first written to `.pending`, then applied, then `.pending` is removed. Whoever takes the lock
next finishes what a killed process left there, so a task's settings, password and schedule always belong
together. A task exists when its .env does.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imapsync_tasks import envfile, files, instance, places, projectstore, rules, schedule, sourcestore
from imapsync_tasks.errors import (
    Json,
    NameTakenError,
    NoSuchTaskError,
    Refusal,
    RefusedError,
    TaskBusyError,
    TaskFileError,
)
from imapsync_tasks.places import Place
from imapsync_tasks.task import FIELDS, OF_SOURCE, Task, from_env, identity, to_env

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imapsync_tasks.paths import Paths
    from imapsync_tasks.rules import Text

#: No .env of ours or upstream's comes near this size.
_MAX_ENV_BYTES = 1 << 16


class Store:
    """The tasks below two directories."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths

    def prepare(self) -> None:
        """Make the directories."""
        for directory in (self.paths.imapsync, self.paths.cron, self.paths.runs):
            with _writing():
                files.make_directory(directory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the instance lock; an interrupted change is finished first.

        Where nothing can be written (full disk, read-only state) it stays interrupted, and reading goes on.
        """
        self.prepare()
        with files.locked(self.paths.instance_lock):
            with _writing():
                self._apply_pending()
            yield

    def names(self) -> list[str]:
        """Give the names of all tasks, sorted."""
        return self.paths.task_names()

    def exists(self, name: str) -> bool:
        """Tell whether there is such a task, be its file a link to nowhere.

        Of a name that no file can have there is none.
        """
        return os.path.lexists(self.paths.env(name))

    def load(self, name: str) -> Task:
        """Read one task, with the server of its source. NoSuchTaskError.

        TaskFileError with the reason when its file is no task, or its source is missing.
        """
        return self.resolved(self.stored(name))

    def stored(self, name: str) -> Task:
        """Read one task as its file has it. NoSuchTaskError; TaskFileError: its file is no task."""
        return from_env(name, self._values(name))

    def resolved(self, task: Task) -> Task:
        """Give a task with the server of its source and the schedule of its project, if it names them.

        TaskFileError: there is no such source. A project that is not there, or damaged, schedules nothing.
        """
        if task.project:
            project = projectstore.load(self.paths, task.project)
            task = task._replace(cron=project.schedule if project else "")
        if not task.source:
            return task
        found = sourcestore.load(self.paths, task.source).source
        return task._replace(**{name: getattr(found, name) for name in OF_SOURCE})

    def signs_in_by_source(self, task: Task) -> bool:
        """Tell whether the task's source signs in without a password of the task's. TaskFileError."""
        return bool(task.source) and sourcestore.load(self.paths, task.source).source.auth != "password"

    def source_of(self, name: str) -> str:
        """Give the name of the source of a task, whatever else its file says; nothing when it has none."""
        try:
            return str(FIELDS["source"].stored.read(self._values(name)))
        except (TaskFileError, NoSuchTaskError):
            return ""

    def project_of(self, name: str) -> str:
        """Give the name of the project of a task; nothing when it has none or cannot be read."""
        try:
            return self.stored(name).project
        except (TaskFileError, NoSuchTaskError):
            return ""

    def identity(self, name: str) -> tuple[str, str]:
        """Give (localuser, task_id) of a task, also of one whose file is damaged or gone."""
        try:
            values = self._values(name)
        except (TaskFileError, NoSuchTaskError):
            values = {}
        return identity(name, values)

    def name_of(self, localuser: str, task_id: str) -> str:
        """Give the name that this task's files have or would have. NameTakenError: another task has it."""
        name = f"{localuser}_{task_id}"
        if self.exists(name) and self.identity(name) != (localuser, task_id):
            raise NameTakenError(name)
        return name

    def named(
        self, request: Json, user: Text = rules.NEW_LOCALUSER, task_id: Text = rules.NEW_TASK_ID
    ) -> str:
        """Give the name of the task that `localuser` and `task_id` of a request mean; it need not exist.

        NoSuchTaskError: the name is another task's. RefusedError: there is no such task, and by the rules
        `user` and `task_id` there never was.
        """
        who = rules.LOCALUSER.of(request, "localuser"), rules.TASK_ID.of(request, "task_id")
        try:
            name = self.name_of(*who)
        except NameTakenError as error:
            raise NoSuchTaskError(*error.args) from None
        if not self.exists(name):
            user.of(request, "localuser")
            task_id.of(request, "task_id")
        return name

    def claim(self, task: Task) -> None:
        """Refuse a task whose name is another's, and a new one whose name is not safe everywhere."""
        try:
            self.named({"localuser": task.localuser, "task_id": task.task_id})
        except NoSuchTaskError:
            raise RefusedError(Refusal("task_id_taken", "task_id", task.task_id)) from None

    def _values(self, name: str) -> dict[str, str]:
        try:
            return envfile.parse(files.read(self.paths.env(name), _MAX_ENV_BYTES))
        except FileNotFoundError:
            raise NoSuchTaskError(name) from None
        except OSError as error:
            raise TaskFileError(f"cannot be read: {error.strerror}") from None

    def password(self, name: str) -> str | None:
        """Give the stored remote password; None when there is none."""
        try:
            return files.read(self.paths.pwd(name), _MAX_ENV_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None

    def of_user(self, localuser: str) -> list[str]:
        """Give the names of all tasks of a local user."""
        start = f"{localuser}_"
        return [
            name for name in self.names() if name.startswith(start) and self.identity(name)[0] == localuser
        ]

    def save(self, task: Task, password: str | None) -> bool:
        """Create or update a task; True when it is new. Password None keeps the stored one.

        The caller holds the lock. RefusedError as `claim` says. TaskBusyError: a sync of a removed task of
        this name is still ending.
        """
        self.claim(task)
        new = not self.exists(task.name)
        if new:
            self._sweep(task.name)
        old = None if new else self._old(task.name)
        if old is not None:
            task = task._replace(unknown=old.unknown)
        settings = instance.published(self.paths)
        change: Json = {
            "task": task.name,
            "env": envfile.render(to_env(task)),
            "cron": _cron_text(self.resolved(task), settings),
        }
        if old is None or not places.keeps(self.paths, old, self.resolved(task)):
            change["place"] = str(Place.of(self.resolved(task)))
        if self.signs_in_by_source(task):
            change["pwd"] = None
        elif password is not None:
            change["pwd"] = password
        self._change(change)
        return new

    def forget(self, name: str) -> None:
        """Remove settings, password and schedule: the task is gone. The caller holds the lock."""
        try:
            self._change({"task": name, "env": None, "pwd": None, "cron": None})
        except OSError as error:
            if error.errno not in files.UNWRITABLE:
                raise
            self._forget_in_place(name)

    def clear(self, name: str) -> bool:
        """Remove what is left of a forgotten task, its lock last; False while a sync of it runs.

        The caller holds the lock. A task that was created again meanwhile is left alone.
        """
        if self.exists(name):
            return True
        try:
            self._sweep(name)
        except TaskBusyError:
            return False
        return True

    def expand(self, settings: instance.Settings) -> None:
        """Publish the settings, make every schedule anew and remove what belongs to no task.

        The caller holds the lock.
        """
        instance.publish(self.paths, settings)
        wanted = {}
        for name in self.names():
            try:
                text = _cron_text(self.load(name), settings)
            except (TaskFileError, NoSuchTaskError):
                continue
            if text is not None:
                wanted[self.paths.cron_file(name)] = text
        for path in self.paths.cron_files():
            if path not in wanted:
                with _one_task():
                    files.remove(path)
        for path, text in wanted.items():
            if not _holds(path, text):
                with _one_task():
                    files.replace(path, text, durable=False)
        for name in self.paths.orphans():
            with _one_task():
                self.clear(name)

    def _sweep(self, name: str) -> None:
        """Remove all files of a task that has no settings; TaskBusyError while its lock is held."""
        found = self.paths.files_of(name)
        if not found:
            return
        if self.paths.lock(name).is_symlink():  # no run of ours made it
            files.remove(self.paths.lock(name))
        lock = files.try_lock(self.paths.lock(name), patience_s=0.5)
        if lock is None:
            raise TaskBusyError(name)
        try:
            for path in [*found, self.paths.lock(name)]:
                files.remove(path)
        finally:
            os.close(lock)

    def _old(self, name: str) -> Task | None:
        """Give a task as it is stored; None when its file cannot be read."""
        try:
            return self.load(name)
        except TaskFileError:
            return None

    def _forget_in_place(self, name: str) -> None:
        """Remove a task where a full disk has no room for the note of what is being done.

        Killed half-way, the task is still there without schedule or password, and can be removed again.
        """
        if (files.read_json(self.paths.pending) or {}).get("task") == name:
            files.remove(self.paths.pending)
        for path in (self.paths.cron_file(name), self.paths.pwd(name), self.paths.env(name)):
            files.remove(path)

    def _change(self, change: Json) -> None:
        self._apply_pending()  # what could not be finished before must not be forgotten
        files.replace(self.paths.pending, json.dumps(change))
        files.sync_directory(self.paths.imapsync)
        self._apply_pending()

    def _apply_pending(self) -> None:
        change = files.read_json(self.paths.pending)
        if change is None:
            return
        if not _is_change(change):
            sys.stderr.write("a damaged note of an interrupted change was removed\n")
            files.remove(self.paths.pending)
            return
        name = str(change["task"])
        for key, path in (
            ("place", self.paths.place(name)),
            ("cron", self.paths.cron_file(name)),
            ("pwd", self.paths.pwd(name)),
            ("env", self.paths.env(name)),
        ):
            content = change.get(key, "")
            if content is None:
                files.remove(path)
            elif key in change:
                files.replace(path, str(content), durable=key != "place")  # lost, it is found out anew
        files.sync_directory(self.paths.cron)
        files.sync_directory(self.paths.imapsync)
        files.remove(self.paths.pending)


def _is_change(change: Json) -> bool:
    """Tell whether a note of a change is one of ours: nothing else may name a file to write."""
    name = change.get("task")
    texts = [value for key, value in change.items() if key != "task"]
    return (
        isinstance(name, str)
        and rules.is_task_name(name)
        and change.keys() <= {"task", "env", "pwd", "cron", "place"}
        and all(value is None or isinstance(value, str) for value in texts)
    )


@contextmanager
def _one_task() -> Iterator[None]:
    """Let a file that cannot be changed (a directory in its place, an impossible name) cost its task only."""
    try:
        yield
    except OSError as error:
        sys.stderr.write(f"{error}\n")


@contextmanager
def _writing() -> Iterator[None]:
    """Go on when nothing can be written here now."""
    try:
        yield
    except OSError as error:
        if error.errno not in files.UNWRITABLE:
            raise
        sys.stderr.write(f"the state directory cannot be written to: {error.strerror}\n")


def _cron_text(task: Task, settings: instance.Settings) -> str | None:
    """Give the task's schedule file; None: no file."""
    if not task.cron or not settings.mail_host or settings.schedules_paused:
        return None
    return schedule.render(task.name, task.cron, settings.mail_host)


def _holds(path: Path, text: str) -> bool:
    try:
        return files.read(path) == text.encode()
    except OSError:
        return False

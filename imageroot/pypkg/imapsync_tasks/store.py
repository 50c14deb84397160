"""The tasks on disk. Every change is made under one lock and is all or nothing.

A change is first written to `.pending`, then applied, then `.pending` is removed. Whoever takes the lock
next finishes what a killed process left there, so a task's settings, password and schedule always belong
together. A task exists when its .env does.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imapsync_tasks import envfile, files, instance, rules, schedule
from imapsync_tasks.errors import Json, NoSuchTaskError, TaskBusyError, TaskFileError
from imapsync_tasks.task import Task, from_env, to_env

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imapsync_tasks.paths import Paths

#: No .env of ours or upstream's comes near this size.
_MAX_ENV_BYTES = 1 << 16


class Store:
    """The tasks below two directories."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths

    def prepare(self) -> None:
        """Make the directories."""
        for directory in (self.paths.imapsync, self.paths.cron):
            directory.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the instance lock; an interrupted change is finished first."""
        self.prepare()
        with files.locked(self.paths.instance_lock):
            self._apply_pending()
            yield

    def names(self) -> list[str]:
        """Give the names of all tasks, sorted."""
        return self.paths.task_names()

    def exists(self, name: str) -> bool:
        """Tell whether there is such a task."""
        return self.paths.env(name).exists()

    def load(self, name: str) -> Task:
        """Read one task. NoSuchTaskError; TaskFileError with the reason when its file is no task."""
        try:
            descriptor = os.open(
                self.paths.env(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
            with os.fdopen(descriptor, "rb") as file:
                content = file.read(_MAX_ENV_BYTES + 1)
        except FileNotFoundError:
            raise NoSuchTaskError(name) from None
        except OSError as error:
            raise TaskFileError(f"cannot be read: {error.strerror}") from None
        if len(content) > _MAX_ENV_BYTES:
            raise TaskFileError("too large")
        return from_env(name, envfile.parse(content))

    def password(self, name: str) -> str | None:
        """Give the stored remote password; None when there is none."""
        try:
            return self.paths.pwd(name).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None

    def of_user(self, localuser: str) -> list[str]:
        """Give the names of all tasks of a local user."""
        return [name for name in self.names() if (rules.split_task_name(name) or ("",))[0] == localuser]

    def save(self, task: Task, password: str | None) -> bool:
        """Create or update a task; True when it is new. Password None keeps the stored one.

        The caller holds the lock. TaskBusyError: a sync of a removed task of this name is still ending.
        """
        new = not self.exists(task.name)
        if new:
            self._sweep(task.name)
        else:
            task = self._with_unknown_keys(task)
        settings = instance.published(self.paths)
        change: Json = {
            "task": task.name,
            "env": envfile.render(to_env(task)),
            "cron": _cron_text(task, settings),
        }
        if password is not None:
            change["pwd"] = password
        self._change(change)
        return new

    def forget(self, name: str) -> None:
        """Remove settings, password and schedule: the task is gone. The caller holds the lock."""
        self._change({"task": name, "env": None, "pwd": None, "cron": None})

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
                files.remove(path)
        for path, text in wanted.items():
            if not _holds(path, text):
                files.replace(path, text, durable=False)
        for name in self.paths.orphans():
            self.clear(name)

    def _sweep(self, name: str) -> None:
        """Remove all files of a task that has no settings; TaskBusyError while its lock is held."""
        found = self.paths.files_of(name)
        if not found:
            return
        lock = files.try_lock(self.paths.lock(name), patience_s=0.5)
        if lock is None:
            raise TaskBusyError(name)
        try:
            for path in [*found, self.paths.lock(name)]:
                files.remove(path)
        finally:
            os.close(lock)

    def _with_unknown_keys(self, task: Task) -> Task:
        try:
            return task._replace(unknown=self.load(task.name).unknown)
        except TaskFileError:
            return task

    def _change(self, change: Json) -> None:
        files.replace(self.paths.pending, json.dumps(change))
        files.sync_directory(self.paths.imapsync)
        self._apply_pending()

    def _apply_pending(self) -> None:
        change = files.read_json(self.paths.pending)
        if change is None:
            return
        name = str(change["task"])
        for key, path in (
            ("cron", self.paths.cron_file(name)),
            ("pwd", self.paths.pwd(name)),
            ("env", self.paths.env(name)),
        ):
            if key not in change:
                continue
            content = change[key]
            if isinstance(content, str):
                files.replace(path, content)
            else:
                files.remove(path)
        files.sync_directory(self.paths.cron)
        files.sync_directory(self.paths.imapsync)
        files.remove(self.paths.pending)


def _cron_text(task: Task, settings: instance.Settings) -> str | None:
    """Give the task's schedule file; None: no file."""
    if not task.cron or not settings.mail_host or settings.schedules_paused:
        return None
    return schedule.render(task.name, task.cron, settings.mail_host)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False

"""Where everything of an instance is. The only place that builds a path.

On the node the module's state directory holds `imapsync/` and `cron/`; the container sees them as
/etc/imapsync and /etc/cron.d. Names that begin with a dot are the instance's own: no task name begins with
one.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from imapsync_tasks import rules

#: Files of one task in imapsync/. The first two are the task; the others follow from running it.
#: status, timestamp, pid: written by the existing module, read or removed only.
_SUFFIXES: Final = (
    *("env", "pwd", "log", "json", "failures", "state", "trust", "progress", "report", "lock"),
    *("status", "timestamp", "pid", "audit", "history", "told", "verified", "place", "proof"),
)
#: Also what the engine keeps beside them: SQLite's files, journals that it moved aside. Each can be told from
#: the file of a task whose id ends like one: that has one more ".env".
_OWN: Final = re.compile(
    f"\\.(?:{'|'.join(_SUFFIXES)}|state(?:\\.aside-[0-9]+)?(?:-wal|-shm|-journal)?|trust\\.[0-9]+\\.new)"
)
#: A file that is being written, hidden until it takes its name.
_ASIDE: Final = re.compile("(?:\\.[0-9]+)?(?:\\.new)?")


class Paths(NamedTuple):
    """The two directories of an instance."""

    imapsync: Path
    cron: Path

    @classmethod
    def on_node(cls) -> Paths:
        """Give the paths seen by an action step or a helper: below the state directory."""
        state = Path(os.environ.get("AGENT_STATE_DIR", "."))
        return cls(state / "imapsync", state / "cron")

    @classmethod
    def in_container(cls) -> Paths:
        """Give the paths seen by syncctl: the volumes, or SYNCCTL_DIRECTORY and SYNCCTL_CRON_DIRECTORY."""
        return cls(
            Path(os.environ.get("SYNCCTL_DIRECTORY", "/etc/imapsync")),
            Path(os.environ.get("SYNCCTL_CRON_DIRECTORY", "/etc/cron.d")),
        )

    def env(self, task: str) -> Path:
        """Give the task's settings; the task exists when this file does."""
        return self.imapsync / f"{task}.env"

    def pwd(self, task: str) -> Path:
        """Give the remote password."""
        return self.imapsync / f"{task}.pwd"

    def cron_file(self, task: str) -> Path:
        """Give the schedule."""
        return self.cron / f"{task}.cron"

    def lock(self, task: str) -> Path:
        """Give the lock: held while the task runs."""
        return self.imapsync / f"{task}.lock"

    def log(self, task: str) -> Path:
        """Give the log of the last run."""
        return self.imapsync / f"{task}.log"

    def result(self, task: str) -> Path:
        """Give the last result."""
        return self.imapsync / f"{task}.json"

    def failures(self, task: str) -> Path:
        """Give the messages that did not arrive in the last run."""
        return self.imapsync / f"{task}.failures"

    def journal(self, task: str) -> Path:
        """Give the engine's state."""
        return self.imapsync / f"{task}.state"

    def trust(self, task: str) -> Path:
        """Give the remembered certificates of the remote server."""
        return self.imapsync / f"{task}.trust"

    def place(self, task: str) -> Path:
        """Give on which side of the cluster's border the remote server was found."""
        return self.imapsync / f"{task}.place"

    def progress(self, task: str) -> Path:
        """Give the engine's live progress; it is there from the moment a run begins."""
        return self.runs / f"{task}.progress"

    def report(self, task: str) -> Path:
        """Give the engine's report of the run under way."""
        return self.imapsync / f"{task}.report"

    def pidfile(self, task: str) -> Path:
        """Give the engine's pid file: for people, nothing of ours reads it."""
        return self.imapsync / f"{task}.pid"

    def upstream_status(self, task: str) -> Path:
        """Give the last result as the upstream module wrote it."""
        return self.imapsync / f"{task}.status"

    @property
    def master_password(self) -> Path:
        """Give the Mail instance's master password."""
        return self.imapsync / "vmail.pwd"

    @property
    def mail_trust(self) -> Path:
        """Give the remembered certificates of the Mail instance."""
        return self.imapsync / ".mail.trust"

    @property
    def instance_lock(self) -> Path:
        """Give the one lock of the instance's files."""
        return self.imapsync / ".lock"

    @property
    def pending(self) -> Path:
        """Give the change that is being made."""
        return self.imapsync / ".pending"

    @property
    def queue(self) -> Path:
        """Give the tasks that wait to run."""
        return self.imapsync / ".queue"

    @property
    def slots(self) -> Path:
        """Give the directory of the run slots."""
        return self.imapsync / ".slots"

    def slot(self, number: int) -> Path:
        """Give one slot: held while a task runs in it."""
        return self.slots / str(number)

    def held(self) -> list[Path]:
        """Give what is in the directory of the slots: held while somebody works on the queue."""
        return [self.slots / name for name in _listing(self.slots)]

    @property
    def timer(self) -> Path:
        """Give the lock of the process that waits for scheduled starts."""
        return self.slots / "timer"

    @property
    def runs(self) -> Path:
        """Give the directory of what changes all the time while tasks run."""
        return self.imapsync / ".runs"

    def begun(self) -> list[str]:
        """Give the tasks that began a run and did not tell its end: who runs is among them."""
        return [name.removesuffix(".progress") for name in _listing(self.runs) if name[0] != "."]

    @property
    def sources(self) -> Path:
        """Give the directory of the sources: servers that tasks name in place of their own."""
        return self.imapsync / ".sources"

    def source(self, name: str) -> Path:
        """Give a source's settings and secrets; the source exists when this file does."""
        return self.sources / f"{name}.source"

    def source_password(self, name: str) -> Path:
        """Give the master password of a source alone, as the engine reads it."""
        return self.sources / f"{name}.password"

    def source_tokens(self, name: str) -> Path:
        """Give what signing in to a source has given: its refresh token, access tokens, the last trouble."""
        return self.sources / f"{name}.token"

    def source_lock(self, name: str) -> Path:
        """Give the lock that is held while a source's tokens are renewed."""
        return self.sources / f"{name}.lock"

    def audit(self, task: str) -> Path:
        """Give what was counted of both accounts before the first run."""
        return self.imapsync / f"{task}.audit"

    def told(self, task: str) -> Path:
        """Give the engine's report of the last whole run that told of itself."""
        return self.imapsync / f"{task}.told"

    def verified(self, task: str) -> Path:
        """Give the engine's report of the last comparison of both accounts."""
        return self.imapsync / f"{task}.verified"

    def proof(self, task: str) -> Path:
        """Give what that report comes to, in a few numbers."""
        return self.imapsync / f"{task}.proof"

    def history(self, task: str) -> Path:
        """Give the last runs in a few numbers each."""
        return self.imapsync / f"{task}.history"

    @property
    def projects(self) -> Path:
        """Give the directory of the projects: mailboxes that move together."""
        return self.imapsync / ".projects"

    def project(self, name: str) -> Path:
        """Give a project's settings; the project exists when this file does."""
        return self.projects / f"{name}.project"

    def project_names(self) -> list[str]:
        """Give the names of all projects, sorted."""
        return sorted(
            name[:-8] for name in _listing(self.projects) if name.endswith(".project") and name[0] != "."
        )

    @property
    def notices(self) -> Path:
        """Give who is told by mail, and of what."""
        return self.imapsync / ".notices"

    @property
    def notices_told(self) -> Path:
        """Give what they were told already."""
        return self.imapsync / ".notices-told"

    def source_names(self) -> list[str]:
        """Give the names of all sources, sorted."""
        return sorted(
            name[:-7] for name in _listing(self.sources) if name.endswith(".source") and name[0] != "."
        )

    @property
    def settings(self) -> Path:
        """Give what the container knows of the instance's settings."""
        return self.imapsync / ".settings"

    @property
    def starts(self) -> Path:
        """Give the directory into which cron puts the name of a task that is to be started."""
        return self.imapsync / ".starts"

    @property
    def budgets(self) -> Path:
        """Give how much was read today from accounts whose provider limits that."""
        return self.imapsync / ".budgets"

    @property
    def watching(self) -> Path:
        """Give how the accounts of live tasks stand."""
        return self.imapsync / ".watching"

    @property
    def watcher_lock(self) -> Path:
        """Give the lock that is held while somebody watches them."""
        return self.imapsync / ".watcher"

    @property
    def bulk(self) -> Path:
        """Give what the last action on many tasks has done."""
        return self.imapsync / ".bulk"

    @property
    def bulk_lock(self) -> Path:
        """Give the lock that is held while an action works on many tasks."""
        return self.imapsync / ".bulk-lock"

    @property
    def csv_import(self) -> Path:
        """Give what the last import of a CSV file has done."""
        return self.imapsync / ".import"

    @property
    def imported(self) -> Path:
        """Give what became of each row of the last import of a CSV file."""
        return self.imapsync / ".imported"

    @property
    def import_lock(self) -> Path:
        """Give the lock that is held while a CSV file is imported."""
        return self.imapsync / ".import-lock"

    @property
    def mailboxes(self) -> Path:
        """Give the remembered answer of the Mail instance."""
        return self.imapsync / ".mailboxes"

    @property
    def listening(self) -> Path:
        """Give how many connections the watcher holds, by who shares them."""
        return self.imapsync / ".listening"

    @property
    def deliveries(self) -> Path:
        """Give whether Mail's LMTP answered when it was asked last."""
        return self.imapsync / ".deliveries"

    @property
    def changes(self) -> Path:
        """Give what was seen of the instance when somebody asked last."""
        return self.imapsync / ".changes"

    @property
    def changed_tasks(self) -> Path:
        """Give how each task looked when somebody asked last."""
        return self.imapsync / ".changes-tasks"

    @property
    def statistics(self) -> Path:
        """Give the hourly counters."""
        return self.imapsync / ".statistics"

    @property
    def getmail(self) -> Path:
        """Give the list of accounts that a migration from NethServer 7 leaves in the state directory."""
        return self.imapsync.parent / "getmail.json"

    def rollbacks(self) -> list[Path]:
        """Give the snapshots that the upstream module's create-task left behind."""
        return [self.imapsync / name for name in _listing(self.imapsync) if name.endswith(".rollback")]

    def task_names(self) -> list[str]:
        """Give the names of all tasks, sorted; also those of files that are no valid task."""
        return sorted(
            name[:-4] for name in _listing(self.imapsync) if name.endswith(".env") and name[0] != "."
        )

    def cron_files(self) -> list[Path]:
        """Give the schedules that exist, whatever their task."""
        return [self.cron / name for name in _listing(self.cron) if name.endswith(".cron")]

    def files_of(self, task: str) -> list[Path]:
        """Give every existing file of exactly this task in imapsync/ and .runs/, its lock last."""
        found = [
            directory / name
            for directory in (self.imapsync, self.runs)
            for name in _listing(directory)
            if _is_of(task, name) and not (directory / name).is_dir()
        ]
        return sorted(found, key=lambda path: (path == self.lock(task), path.name))

    def orphans(self) -> set[str]:
        """Give the names of tasks that ran (which leaves a lock) and have neither settings nor password."""
        names = set(_listing(self.imapsync))
        tasks = {name[:-5] for name in names if name.endswith(".lock")}
        return {
            task for task in tasks if rules.is_task_name(task) and not {f"{task}.env", f"{task}.pwd"} & names
        }


def _is_of(task: str, name: str) -> bool:
    """Tell whether a file is one of the task's."""
    if name.startswith(task):
        return _OWN.fullmatch(name, len(task)) is not None
    if not name.startswith(f".{task}."):
        return False
    own = _OWN.match(name, len(task) + 1)
    return own is not None and _ASIDE.fullmatch(name, own.end()) is not None


def _listing(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return []
        raise

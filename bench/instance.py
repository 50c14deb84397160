"""An instance of the module without a node: its state directory and its container's first process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.base import SCRATCH

from imapsync_tasks import instance, live, runtime
from imapsync_tasks.paths import Paths
from imapsync_tasks.store import Store
from imapsync_tasks.task import from_request

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from tests.servers.dovecot import Dovecot

_ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")


class Instance:
    """A configured instance whose Mail is a Dovecot; use as a context manager."""

    def __init__(self, mail: Dovecot, max_parallel: int = 4) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="bench-instance-", dir=SCRATCH))
        state = self._home / "state"
        self.paths = Paths(state / "imapsync", state / "cron")
        for folder in (self.paths.imapsync, self.paths.imapsync.parent / "cron"):
            folder.mkdir(parents=True)
        self._store = Store(self.paths)
        programs = self._home / "bin"
        programs.mkdir()
        (programs / "syncctl").symlink_to(_ROOT / "src" / "syncctl" / "command.sh")
        program = self._home / "program"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m syncctl "$@"\n')
        program.chmod(0o755)
        self._environ = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{_ROOT / 'imageroot' / 'pypkg'}:{_ROOT / 'src'}",
            "LANG": "C.UTF-8",
            "SYNCCTL_DIRECTORY": str(self.paths.imapsync),
            "SYNCCTL_CRON_DIRECTORY": str(state / "cron"),
            "SYNCCTL_SYSTEM_LOG": str(self._home / "system.log"),
            "SYNCCTL_PROGRAM": str(program),
            "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
            "SYNCCTL_MAIL_PORT": str(mail.port),
        }
        self._settings = instance.Settings(
            mail_server="uuid",
            mail_host=mail.host,
            max_parallel=max_parallel,
            allowed_hosts=("127.0.0.0/8",),
        )
        with self._store.locked():
            self._store.expand(self._settings)
        self.paths.master_password.write_text(mail.master_password)
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def add(self, user: str, remote: Dovecot, password: str, cron: str) -> str:
        """Write an INBOX task from and to a user of the same name; give the task's name."""
        task = from_request(
            {
                "localuser": user, "task_id": "bench1",
                "remotehostname": remote.host, "remoteport": remote.port,
                "remoteusername": user, "remotepassword": password, "security": "", "delete_local": False,
                "delete_remote": False, "delete_remote_older": 0, "exclude": "", "cron": cron,
                "foldersynchronization": "inbox",
            }
        )  # fmt: skip
        with self._store.locked():
            self._store.save(task, password)
        return task.name

    def serve(self) -> None:
        """Start the container's first process, which keeps the watcher, beside a command that only waits."""
        self._process = subprocess.Popen(
            [
                "unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
                sys.executable, "-m", "syncctl", "serve", "sleep", "infinity",
            ],
            env=self._environ,
        )  # fmt: skip
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while not (found := children.read_text().split()):
            continue
        self._first = int(found[0])

    def start(self, names: Sequence[str]) -> None:
        """Start tasks as an administrator does, inside the namespace."""
        self._inside(["syncctl", "start", "--detach", "-"], "\n".join(names))

    def as_cron(self, name: str) -> None:
        """Start a task as cron does: a shell that runs the command."""
        words = ["/bin/sh", "-c", f"syncctl start {name}"]
        subprocess.run(words, env={**self._environ, "SYNCCTL_SCHEDULED": "1"}, check=True)

    def ended(self, since: float) -> int:
        """Count the tasks whose last run began after a moment (unix seconds)."""
        found = 0
        for name in self._store.names():
            result = runtime.result(self.paths, name)
            found += result is not None and float(str(result["started_at"])) >= since
        return found

    def watched(self) -> int:
        """Count the accounts that are listened to."""
        standings = live.read(self.paths).values()
        return sum(one.state in (live.WATCHING, live.POLLING) for one in standings)

    def kill(self, words: str, number: signal.Signals) -> None:
        """Send a signal to the processes below the first whose command line has these words."""
        for pid in self._tree()[1:]:
            with suppress(OSError):
                if words in Path(f"/proc/{pid}/cmdline").read_text():
                    os.kill(pid, number)

    def cpu_s(self) -> float:
        """Give the processor seconds of all processes that there are and were."""
        total = 0
        for pid in self._tree():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(map(int, fields[11:15]))
        return total / _TICKS

    def memory_kib(self) -> int:
        """Give the sum of the proportional shares of memory."""
        total = 0
        for pid in self._tree():
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += int(next(line for line in lines if line.startswith("Pss:")).split()[1])
        return total

    def _tree(self) -> list[int]:
        found, left = [], [self._first]
        while left:
            pid = left.pop()
            found.append(pid)
            with suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    left += map(int, (task / "children").read_text().split())
        return found

    def _inside(self, words: Sequence[str], given: str) -> None:
        command = ["nsenter", "--target", str(self._first), "--pid", "--mount", *words]
        subprocess.run(command, env=self._environ, input=given.encode(), check=True)

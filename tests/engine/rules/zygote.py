"""Starts the engine by forking a process that has it loaded: a run costs no start of an interpreter.

As a program it reads from standard input the logins that there will be, then requests, one object a line:
``{"words": [...], "output": path}``.
It answers with the process id, and, when that has ended, with its exit code (negative: its signal).
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
#: A run that takes longer than this hangs.
LIMIT_S = 180.0


class Running:
    """An engine under way."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self._zygote = zygote
        self.pid = pid

    def signal(self, number: int) -> None:
        """Send a signal; a process that is gone gets none."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def wait(self) -> int:
        """Wait for the end; give the exit code. A run that hangs is killed and fails."""
        hung = threading.Timer(LIMIT_S, self.signal, (signal.SIGKILL,))
        hung.start()
        code = self._zygote.ended()
        alive = hung.is_alive()
        hung.cancel()
        hung.join()
        assert alive, "the run did not end"
        return code

    def wait_idle(self) -> None:
        """Wait until the process has nothing to do with what it has got: it sleeps, and goes on sleeping."""
        calm = 0
        last = ""
        pause = threading.Event()
        while calm < 4:
            try:
                text = Path(f"/proc/{self.pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return
            facts = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            if facts["State"][0] in "ZX":
                return
            calm = calm + 1 if facts["State"][0] == "S" and facts["voluntary_ctxt_switches"] == last else 0
            last = facts["voluntary_ctxt_switches"]
            pause.wait(0.0005)


class Zygote:
    """A process that has loaded the engine; use as a context manager. One engine at a time.

    logins: (user, password) of the accounts that runs log in to. measured: whether what the engines ran is
    written down where the branches that tests take are counted.
    """

    def __init__(self, logins: Iterable[tuple[str, str]] = (), *, measured: bool = True) -> None:
        self._logins = list(logins)
        self._measured = measured
        self._process: subprocess.Popen[str] | None = None
        self._under_way: Running | None = None

    def __enter__(self) -> Self:
        from tests.engine import measuring  # which this file does not find as a program

        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        if self._measured:
            environment |= measuring.variables()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._ask(self._logins)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()

    def start(self, words: list[str], output: Path) -> Running:
        """Start an engine with these words; what it prints goes to a file."""
        if self._under_way is not None:
            # A test that was given up has not waited for its engine.
            self._under_way.signal(signal.SIGKILL)
            self._under_way.wait()
        self._ask({"words": words, "output": str(output)})
        self._under_way = Running(self, self.answer())
        return self._under_way

    def ended(self) -> int:
        """Wait for the end of the engine under way; give its exit code."""
        code = self.answer()
        self._under_way = None
        return code

    def _ask(self, what: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def answer(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def _serve() -> None:
    for name in ("main", "runner", "settings", "options"):
        __import__(f"imapsync.cli.{name}")
    for name in ("asyncio", "sqlite3", "imapsync.transfer.steps", "imapsync.transfer.verify"):
        __import__(name)
    __import__("imapsync.journal.journal")
    _make_expressions(json.loads(sys.stdin.readline()))
    while request := sys.stdin.readline():
        wanted = json.loads(request)
        pid = os.fork()
        if pid == 0:
            _become_engine(wanted["words"], wanted["output"])
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _make_expressions(logins: list[list[str]]) -> None:
    """Make what the engine looks for passwords with: a third of what a run takes, once for each login."""
    from imapsync.session.redact import Redactor

    for user, password in logins:
        redactor = Redactor()
        redactor.hide(password)
        redactor.clean("anything")
        redactor.hide(base64.b64encode(f"\0{user}\0{password}".encode()).decode())
        redactor.clean("anything")


def _become_engine(words: list[str], output: str) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ["imapsync", *words]
    from imapsync.cli.main import entry

    entry()


if __name__ == "__main__":
    _serve()

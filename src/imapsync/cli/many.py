"""``--many N``: command lines from standard input, N at a time, each a process that has everything loaded.

Starting Python and loading the engine is nine tenths of what a login check costs. A line in is a JSON object
``{"words": [...], "seconds": S}`` (the command line, and how long it may take at most: optional). A line out
when that run has ended is ``{"line": N, "exit_code": N, "late": false}``: the line's number from 1, the exit
code as a shell gives it, and whether its time was over. What a run prints is lost: ask for a log or a report.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync.cli import signals
from imapsync.cli.exitcodes import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Main = Callable[[Sequence[str]], int]

#: How long a run whose time is over may take to write its report.
END_S: Final = 1.5
#: The same when all are to end: longer than a run tidies up.
LAST_END_S: Final = 6.0
#: Longest line of standard input.
MAX_LINE: Final = 1 << 20
_STDIN, _STDOUT, _STDERR = 0, 1, 2


class _Run(NamedTuple):
    """A run under way; `ends_at` is when it is asked to end, then when it is killed."""

    line: int
    pid: int
    ends_at: float | None
    late: bool = False


class Many:
    """Runs what standard input asks for until it ends, and all runs have."""

    def __init__(self, main: Main, limit: int) -> None:
        """Take what runs one command line, and how many may run at a time."""
        self._main = main
        self._limit = limit
        self._unread = bytearray()
        self._open = True
        self._line = 0
        self._runs: dict[int, _Run] = {}
        self._poll = select.poll()

    def serve(self) -> int:
        """Give the exit code: 0 when all was run, 1 when nobody reads the answers, or that of a signal."""
        load()
        self._poll.register(_STDOUT, 0)  # tells only that the reader is gone
        try:
            while True:
                self._begin()
                if not self._runs and not self._open:
                    return 0
                if not self._wait():
                    return 1
                self._see_to_time()
        except KeyboardInterrupt:
            return Exit.EXIT_BY_SIGNAL.number
        finally:
            signals.ignore()
            self._end_all()

    def _begin(self) -> None:
        """Start what was read, as far as there is room."""
        while len(self._runs) < self._limit:
            content, end, rest = bytes(self._unread).partition(b"\n")
            if not end and (self._open or not content):
                return
            self._unread[:] = rest
            self._line += 1
            if content.strip():
                self._start(content)

    def _start(self, content: bytes) -> None:
        asked = _asked(content)
        if asked is None:
            print(f"imapsync: line {self._line} of --many is no command line", file=sys.stderr)
            self._tell(self._line, os.EX_USAGE, late=False)
            return
        words, seconds = asked
        pid = _fork()
        if not pid:
            self._be(words)
        handle = os.pidfd_open(pid)
        self._runs[handle] = _Run(self._line, pid, time.monotonic() + seconds if seconds else None)
        self._poll.register(handle, select.POLLIN)

    def _be(self, words: list[str]) -> None:
        """Be the run: nothing of the others is open here, and nobody comes back from it."""
        code = 255
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, _STDIN)
            os.dup2(null, _STDOUT)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            code = self._main(words)
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _wait(self) -> bool:
        """Wait until something happens; False when nobody reads the answers any more."""
        if self._open and len(self._runs) < self._limit:
            self._poll.register(_STDIN, select.POLLIN)
        ends = [run.ends_at for run in self._runs.values() if run.ends_at is not None]
        patience = max(0.0, min(ends) - time.monotonic()) * 1000 if ends else None
        with signals.interruptible():
            ready = dict(self._poll.poll(patience))
        if self._open and len(self._runs) < self._limit:
            self._poll.unregister(_STDIN)
        if _STDOUT in ready:
            return False
        if _STDIN in ready:
            self._read()
        for handle in self._runs.keys() & ready.keys():
            run = self._runs[handle]
            self._forget(handle)
            self._tell(run.line, as_shell(os.waitpid(run.pid, 0)[1]), late=run.late)
        return True

    def _read(self) -> None:
        content = os.read(_STDIN, 1 << 16)
        self._unread += content
        # A line that does not end is begun as it is, and refused.
        self._open = bool(content) and len(self._unread) <= MAX_LINE

    def _see_to_time(self) -> None:
        now = time.monotonic()
        for handle, run in self._runs.items():
            if run.ends_at is not None and run.ends_at <= now:
                signal.pidfd_send_signal(handle, signal.SIGKILL if run.late else signal.SIGTERM)
                self._runs[handle] = run._replace(ends_at=now + END_S, late=True)

    def _tell(self, line: int, code: int, *, late: bool) -> None:
        answer = {"line": line, "exit_code": code, "late": late}
        os.write(_STDOUT, json.dumps(answer).encode() + b"\n")  # shorter than PIPE_BUF: at once or not at all

    def _forget(self, handle: int) -> None:
        self._poll.unregister(handle)
        del self._runs[handle]
        os.close(handle)

    def _end_all(self) -> None:
        for handle in self._runs:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
        kill_at = time.monotonic() + LAST_END_S
        for handle, run in list(self._runs.items()):
            if not select.select([handle], [], [], max(0.0, kill_at - time.monotonic()))[0]:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            self._forget(handle)
            os.waitpid(run.pid, 0)


def _fork() -> int:
    """Fork; a request to end that comes meanwhile waits: Python forgets what comes to a child that begins."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDING)
    try:
        return os.fork()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.ENDING)


def forked(run: Callable[[], int], error: int | None = None, kept: int | None = None) -> int:
    """Give the process id of a child that does one run and ends with its code.

    It has standard output and error of ours, nothing else, and none of our ways with signals. With `error`
    that is its standard error, and standard output is lost. `kept` stays open in it.
    """
    pid = _fork()
    if pid:
        return pid
    code = 255
    try:
        signal.set_wakeup_fd(-1)
        signals.forget()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, _STDIN)
        if error is not None:
            os.dup2(null, _STDOUT)
            os.dup2(error, _STDERR)
        for low, high in _gaps(kept):
            os.closerange(low, high)
        code = run()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _gaps(kept: int | None) -> list[tuple[int, int]]:
    most = os.sysconf("SC_OPEN_MAX")
    return [(_STDERR + 1, most)] if kept is None else [(_STDERR + 1, kept), (kept + 1, most)]


def as_shell(status: int) -> int:
    """Give the exit code of a wait status as a shell does."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _asked(content: bytes) -> tuple[list[str], float] | None:
    """Give words and seconds (0: any time) of a line; None when it is not of that form."""
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match asked:
        case {"words": list(words)} if all(isinstance(word, str) for word in words):
            seconds = asked.get("seconds", 0)
            if isinstance(seconds, int | float) and 0 <= seconds < 1e9:
                return words, float(seconds)
    return None


def load() -> None:
    """Load what a run needs, and keep the collector from touching it: the runs share its memory."""
    import asyncio
    import resource
    import shlex
    import ssl

    from imapsync import transfer
    from imapsync.cli import runner
    from imapsync.report import document

    ssl.create_default_context()  # reads the authorities into the cache of the file system
    del asyncio, resource, shlex, transfer, runner, document
    gc.freeze()

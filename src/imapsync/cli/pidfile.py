"""The pid file: who runs, so that --abort finds it and --pidfilelocking keeps a second run away."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import time
from typing import TYPE_CHECKING

from imapsync.cli.errors import PidFileError

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_NAME = "imapsync.pid"
#: How long --abort waits for the other run to end.
ABORT_PATIENCE_S = 10.0
#: A pid file holds one number.
_MAX_BYTES = 64


class PidFile:
    """Holds our process number in a file while the run lasts.

    The file stays locked (flock) by its owner, so a number that the system gave to another process later,
    or a file left behind by a crash, is told from a run that is alive.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool) -> str:
        """Write our number; give a remark for the log, or "".

        PidFileError when the file cannot be written, or when `exclusive` and another run is alive.
        """
        import fcntl

        remark = ""
        try:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise PidFileError(
                f"The pid file '{self.path}' cannot be written: {error.strerror or error}."
            ) from None
        try:
            self._refuse_foreign(descriptor)
            former = _number(os.pread(descriptor, _MAX_BYTES, 0))
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked = True
            except OSError:
                locked = False
            if exclusive:
                self._refuse_living(former, locked=locked)
            if former is not None and exclusive:
                remark = f"Taking over pidfile {self.path} of process {former}, which is gone"
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            os.close(descriptor)
            raise PidFileError(
                f"The pid file '{self.path}' cannot be written: {error.strerror or error}."
            ) from None
        except PidFileError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return remark

    def _refuse_foreign(self, descriptor: int) -> None:
        """Refuse a file that someone else laid there (the default is in /tmp), or a second name of a file."""
        facts = os.fstat(descriptor)
        ours = facts.st_uid in (os.geteuid(), 0)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or not ours:
            raise PidFileError(f"The pid file '{self.path}' is not a plain file of ours; it is left alone.")

    def _refuse_living(self, former: int | None, *, locked: bool) -> None:
        if not locked or (former is not None and _is_imapsync(former)):
            who = "" if former is None else f" (process {former})"
            raise PidFileError(f"The pid file '{self.path}' belongs to another run that is alive{who}.")

    def release(self) -> bool:
        """Remove the file when it still holds our number; tell whether it was removed."""
        if self._descriptor is None:
            return False
        removed = False
        with contextlib.suppress(OSError):
            if read_pid(self.path) == os.getpid():
                os.unlink(self.path)
                removed = True
        os.close(self._descriptor)
        self._descriptor = None
        return removed


def read_pid(path: str) -> int | None:
    """Give the process number that the file holds, None when there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _number(os.read(descriptor, _MAX_BYTES))
    except OSError:
        return None
    finally:
        os.close(descriptor)


def abort(path: str, sleep: Callable[[float], None] = time.sleep) -> tuple[bool, str]:
    """End the run of the pid file; tell whether it is gone, and a sentence. Never touches another program."""
    pid = read_pid(path)
    if pid is None or pid == os.getpid() or not _is_imapsync(pid):
        return True, f"No run to abort: '{path}' names no imapsync process that is alive."
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        return False, f"Process {pid} cannot be ended: {error.strerror or error}."
    waited = 0.0
    while waited < ABORT_PATIENCE_S:
        if not _is_imapsync(pid):
            return True, f"Process {pid} has ended."
        sleep(0.05)
        waited += 0.05
    return False, f"Process {pid} was asked to end and still works."


def _number(content: bytes) -> int | None:
    first = content.split(b"\n", 1)[0].strip()
    return int(first) if first.isdigit() and 0 < int(first) < 1 << 31 else None


def _is_imapsync(pid: int) -> bool:
    """Tell whether the process is alive and an imapsync, by its command line."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        if error.errno != errno.EPERM:
            return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            if stat.read().rpartition(b")")[2].split()[:1] == [b"Z"]:
                return False
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"imapsync" in file.read()
    except OSError:
        return False

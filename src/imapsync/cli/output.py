"""Standard output and the log file, which hold the same lines."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
import time
from typing import TYPE_CHECKING

from imapsync.cli.errors import OutputError

if TYPE_CHECKING:
    from imapsync.cli.screen import Screen

DEFAULT_LOG_FOLDER = "LOG_imapsync"
#: What may stand in the part of a log file's name that comes from a user name.
_UNSAFE = re.compile(r"[^\w.@+-]", re.ASCII)
#: Longest such part.
MAX_NAME_PART = 60


def default_log_name(now: float, user1: str, user2: str) -> str:
    """Give YYYY_MM_DD_HH_MM_SS_mmm_USER1_USER2.txt, with every character unfit for a file name as ``_``."""
    stamp = time.strftime("%Y_%m_%d_%H_%M_%S", time.localtime(now))
    milliseconds = int(now * 1000) % 1000
    users = "_".join(_UNSAFE.sub("_", user)[:MAX_NAME_PART] for user in (user1, user2))
    return f"{stamp}_{milliseconds:03d}_{users}.txt"


class Output:
    """Writes lines to standard output, and from :meth:`open_log` on to the log file too.

    A reader that goes away or a full disk silences that one of the two; the run goes on. shown: whether there
    is a standard output for them.
    """

    def __init__(self, *, shown: bool = True) -> None:
        # A closed standard output is not used: its number may be given to a socket.
        self._stdout: int | None = None if sys.stdout is None or not shown else 1
        self._log: int | None = None
        #: Shows the run on the terminal; then standard output gets no lines but those of `lines`.
        self.screen: Screen | None = None
        self.log_path: str | None = None

    def open_log(self, folder: str, name: str) -> None:
        """Begin the log file `name` (in `folder`, unless it names one itself). OutputError."""
        path = name if os.path.dirname(name) or not folder else os.path.join(folder, name)
        directory = os.path.dirname(path)
        try:
            if directory and not os.path.isdir(directory):
                os.makedirs(directory, mode=0o700, exist_ok=True)
            descriptor = _open_plain(path)
        except OSError as error:
            why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror or error
            raise OutputError(
                f"The log file '{path}' cannot be written: {why}. "
                "Choose another with --logfile, or none with --nolog."
            ) from None
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o600)
        self._log = descriptor
        self.log_path = path

    def write(self, text: str) -> None:
        """Write text that ends with a line end, at once."""
        content = text.encode("utf-8", "backslashreplace")
        if self._stdout is not None and self.screen is None and _write_all(self._stdout, content) is not None:
            self._stdout = None
        if self._log is not None:
            error = _write_all(self._log, content)
            if error is not None:
                self.close()
                self.write(f"The log file cannot be written any more: {error.strerror or error}\n")

    def lines(self, *lines: str) -> None:
        """Write whole lines."""
        if lines:
            self.write("\n".join(lines) + "\n")
            if self.screen is not None:
                self.screen.say(*lines)

    def log_lines(self, *lines: str) -> None:
        """Write whole lines to the log file only."""
        shown, self._stdout = self._stdout, None
        self.lines(*lines)
        self._stdout = shown

    def show_lines(self, *lines: str) -> None:
        """Write whole lines to standard output only."""
        log, self._log = self._log, None
        self.lines(*lines)
        self._log = log

    def close(self) -> None:
        """Close the log file."""
        if self._log is not None:
            with contextlib.suppress(OSError):
                os.close(self._log)
            self._log = None


def _open_plain(path: str) -> int:
    """Open a plain file for writing from its beginning: no link is followed, no pipe or device waited for."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        os.ftruncate(descriptor, 0)
    elif not stat.S_ISCHR(kind):  # /dev/null is welcome
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a plain file")
    return descriptor


def _write_all(descriptor: int, content: bytes) -> OSError | None:
    """Write without a buffer of Python's, which would complain at exit about a reader that is gone."""
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        return error
    return None

"""Reading and replacing small files so that nobody ever sees half of one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imapsync_tasks.errors import Json

#: The disk is full, or the file system or directory cannot be written to: what only reads goes on.
UNWRITABLE: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
)
#: No file of an instance with ten thousand tasks comes near this size.
LARGEST: Final = 1 << 25
#: Everything here may hold or name secrets.
MODE: Final = 0o600


def replace(path: Path, content: str, *, mode: int = MODE, durable: bool = True) -> None:
    """Make `path` hold `content`: written beside it, then renamed. `durable`: it survives a power cut."""
    aside = path.parent / f".{path.name}.new"
    with suppress(FileNotFoundError):
        aside.unlink()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if durable:
                os.fsync(descriptor)
        try:
            aside.rename(path)
        except IsADirectoryError:
            clear_way(path)
            aside.rename(path)
    except BaseException:
        with suppress(FileNotFoundError):
            aside.unlink()
        raise


def make_directory(path: Path) -> None:
    """Make a directory for us alone, unless it is there; what stands in its place and is none goes."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_dir():
            return
        path.unlink()
        path.mkdir(mode=0o700)


def remove(path: Path) -> None:
    """Remove a file that may be gone already, or a directory in its place."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    except IsADirectoryError:
        clear_way(path)


def clear_way(path: Path) -> None:
    """Take away a directory that stands in the place of a file of ours; what is in it is moved aside.

    A file that somebody has put there meanwhile stays.
    """
    try:
        path.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            return
    else:
        return
    aside = path.with_name(f".{path.name}.aside-{time.time_ns()}")
    aside.mkdir(mode=0o700)
    try:
        path.rename(aside)  # onto an empty directory: only a directory can take that place
    except OSError:
        aside.rmdir()


def read(path: Path, limit: int = LARGEST) -> bytes:
    """Give the content of a plain file. OSError: there is none, or a link, a pipe, or one over the limit."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file")
        if found.st_size > limit:
            raise OSError(errno.EFBIG, "it is too large")
        return file.read(limit)


def sync_directory(path: Path) -> None:
    """Make renames and removals in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> Json | None:
    """Give the object in a JSON file; None when there is none or it is damaged."""
    try:
        value = json.loads(read(path))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive flock on `path`, waiting for it. Where it cannot be made, nobody writes: no lock."""
    try:
        descriptor = _open_lock(path)
    except OSError as error:
        if error.errno not in UNWRITABLE or path.exists():
            raise
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path, patience_s: float = 0.0) -> int | None:
    """Take an exclusive flock and give its descriptor; None when it stays held for `patience_s`.

    A probe by somebody else (`is_locked`) lasts microseconds: half a second of patience never mistakes it
    for a holder.
    """
    descriptor = _open_lock(path)
    end = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        else:
            return descriptor


def is_locked(path: Path) -> bool:
    """Tell whether somebody holds an exclusive flock on `path`."""
    return peek(path)[0]


def peek(path: Path) -> tuple[bool, bool]:
    """Tell whether somebody holds an exclusive flock on `path`, and whether anything is written in it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):  # none, a link, a socket: no lock of ours
            return False, False
        raise
    try:
        written = os.fstat(descriptor).st_size > 0
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True, written
    finally:
        os.close(descriptor)
    return False, written


def _open_lock(path: Path) -> int:
    try:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
        except IsADirectoryError:
            clear_way(path)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    except OSError as error:
        if error.errno not in UNWRITABLE or not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # flock needs no more

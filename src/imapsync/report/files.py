"""Small files replaced as a whole: a reader sees the old text or the new one, never a part."""

from __future__ import annotations

import contextlib
import os


def replace_file(path: str, content: bytes) -> None:
    """Write `content` aside, readable by the owner only, then rename it to `path`. Raises OSError."""
    folder, name = os.path.split(path)
    aside = os.path.join(folder, f".{name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(aside)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(aside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise

"""Where programs of test servers are kept between runs, each made once by whoever comes first."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(__file__).parents[2] / ".cache" / "servers"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Give the file or folder of this name in the cache; `make` fills it, under another name, when missing.

    Raises what `make` raises; the cache is then as before.
    """
    wanted = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            unfinished = CACHE / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(wanted)
    return wanted

"""What other processes do with a state file: they hold it, are killed over it, fill it to the limit."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEGINNING = """
import os, signal, sys
from imapsync.journal.journal import Journal
from imapsync.journal.values import JournalError
from imapsync.terms import FolderRecord, Numbers, Pair
path = sys.argv[1]
def opened():
    return Journal.open(path, "anna@a\\nbert@b", lambda text: print(text, flush=True))
"""


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; `path` and `opened()` are there."""
    command = [sys.executable, "-c", _BEGINNING + script, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def started(script: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script as long as this lasts; it is killed at the end."""
    command = [sys.executable, "-c", _BEGINNING + script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def running(script: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script up to its last line, and hold the process there."""
    with started(script + "\nprint('ready', flush=True)\nsys.stdin.read()\n", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process

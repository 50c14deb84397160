"""The engine as people start it: the command, its exit code, its report, its cost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    exit_code: int
    output: str
    report: dict[str, Any]
    seconds: float
    peak_mib: float

    @property
    def error_codes(self) -> set[str]:
        return {error["code"] for error in self.report.get("errors", [])}


def side(
    number: int, host: str, port: int, user: str, password_file: Path, *security: str
) -> tuple[str, ...]:
    """Give the options of one side."""
    return (
        f"--host{number}", host, f"--port{number}", str(port), f"--user{number}", user,
        f"--passfile{number}", str(password_file), *(word.format(number) for word in security),
    )  # fmt: skip


def imapsync(folder: Path, *options: str, limit_s: float = 60) -> Ran:
    """Run the command with its files in a folder; one that does not end in time is killed and fails."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    log = folder / "output"
    words: Sequence[str] = (
        str(Path(sys.executable).with_name("imapsync")), *options,
        "--nolog", "--report", str(report), "--pidfile", str(folder / "pid"),
    )  # fmt: skip
    start = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=folder)
    killer = threading.Timer(limit_s, process.kill)
    killer.start()
    try:
        # wait4 is the only way to learn the peak memory of one child.
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    assert process.returncode != -signal.SIGKILL, f"still running after {limit_s} s:\n{output[-4000:]}"
    return Ran(
        exit_code=process.returncode,
        output=output,
        report=json.loads(report.read_text()) if report.exists() else {},
        seconds=time.monotonic() - start,
        peak_mib=usage.ru_maxrss / 1024,
    )

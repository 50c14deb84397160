"""Cost of one command: wall and CPU seconds, peak memory, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTPUT_KEPT_BYTES = 4000
"""Enough of an engine's output to understand a failure; the rest is dropped."""

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took. ``peak_mib`` is that of its largest process."""

    exit_code: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    timed_out: bool
    output: str


def run(command: Sequence[str], *, log: Path, limit_s: int, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end and measure it; its output goes to ``log``.

    A command over ``limit_s`` seconds is killed with its process group and reported as timed out.
    """
    # Coverage of the tests that call this would be measured, too.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    read_fd, write_fd = os.pipe()
    with log.open("wb") as sink:
        # The system's Python, not the environment's: it starts with less.
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(limit_s), str(write_fd), *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            pass_fds=(write_fd,),
            env={**inherited, **(env or {})},
        )
    os.close(write_fd)
    answer = b""
    try:
        with os.fdopen(read_fd, "rb") as answers:
            answer = answers.read()
    finally:
        if not answer:
            launcher.terminate()
        launcher.wait()
    record = json.loads(answer)
    return Cost(
        exit_code=record["exit_code"],
        wall_s=record["wall_s"],
        cpu_s=record["cpu_s"],
        peak_mib=record["peak_kib"] / 1024,
        timed_out=record["timed_out"],
        output=_tail(log),
    )


def _tail(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - OUTPUT_KEPT_BYTES))
        return stream.read().decode("utf-8", "replace")

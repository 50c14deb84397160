"""The engine as people start it: the command, its exit code, its report, its cost."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measure import run
from tests.engine import measuring

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


def imapsync(folder: Path, *options: str, limit_s: int = 60) -> Ran:
    """Run the command with its files in a folder; one that does not end in time is killed and fails."""
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    log = folder / "output"
    words: Sequence[str] = (
        str(Path(sys.executable).with_name("imapsync")), *options,
        "--nolog", "--report", str(report), "--pidfile", str(folder / "pid"),
    )  # fmt: skip
    measured = measuring.variables()
    cost = run(words, log=log, limit_s=limit_s, env=measured)
    output = log.read_text(errors="replace")
    assert not cost.timed_out, f"still running after {limit_s} s:\n{output[-4000:]}"
    return Ran(
        exit_code=cost.exit_code,
        output=output,
        report=json.loads(report.read_text()) if report.exists() else {},
        seconds=cost.wall_s,
        peak_mib=cost.peak_mib - (measuring.COSTS_MIB if measured else 0),
    )

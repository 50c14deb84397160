"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import re
import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.engines import Engine

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Machine:
    """Hardware, system, programs, the commit and the day."""

    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str
    openssl: str
    server: str
    engines: dict[str, str]
    commit: str
    date: str
    load_at_start: float


def describe(engines: Sequence[Engine]) -> Machine:
    """Ask the system, the programs and git."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 0,
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30),
        system=f"{platform.freedesktop_os_release().get('PRETTY_NAME', '')}, Linux {_kernel()}",
        python=platform.python_version(),
        openssl=ssl.OPENSSL_VERSION,
        server=f"Dovecot {_output('dovecot', '--version').split()[0]}, mail on tmpfs",
        engines={engine.name: engine.version() for engine in engines},
        commit=_commit(),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load_at_start=os.getloadavg()[0],
    )


def _kernel() -> str:
    return ".".join(platform.release().split(".")[:2])


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    """Return the short commit; a ``+`` says that the engine's files differ from it."""
    commit = _output("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD").strip()
    changed = _output("git", "-C", str(REPOSITORY), "status", "--porcelain", "--", "src").strip()
    return f"{commit}+" if changed else commit


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout

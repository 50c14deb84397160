"""Control groups: each service manager gets a group of its own.

A `systemd --user` started in the root group would move every process of the machine into its init.scope, and
two of them would share `app.slice/x.service`, so that one stops the other's services. Works with cgroup v1,
v2 and both.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/sys/fs/cgroup")
DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks")
"""Files of a group that its owner writes."""
KILL_WAIT_S = 5.0
"""How long killed processes may take to vanish; more means they hang in the kernel."""


def hierarchies() -> list[Path]:
    """Give the root folder of each mounted hierarchy."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return sorted(path.parent for path in ROOT.glob("*/cgroup.procs"))


def enter(group: str, owner: tuple[int, int] | None = None) -> None:
    """Move this process into the group, in each hierarchy that lets it (cpuset of v1 does not).

    The owner (user and group) may then make groups below it and move processes among them.
    """
    for hierarchy in hierarchies():
        folder = hierarchy / group
        folder.mkdir(parents=True, exist_ok=True)
        if owner:
            _delegate(folder, owner)
        try:
            (folder / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            _remove_one(folder)


def processes(group: str) -> set[int]:
    """Give the processes in the group and below it."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for folder in _tree(hierarchy / group):
            try:
                found.update(int(word) for word in (folder / "cgroup.procs").read_text().split())
            except (OSError, ValueError):
                continue
    return found - {0, os.getpid()}


def kill(group: str) -> None:
    """End every process of the group at once and wait until they are gone."""
    deadline = time.monotonic() + KILL_WAIT_S
    while alive := processes(group):
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)


def remove(group: str) -> None:
    """Remove the empty group and what is below it; groups with processes stay."""
    for hierarchy in hierarchies():
        for folder in reversed(list(_tree(hierarchy / group))):
            _remove_one(folder)


def groups(prefix: str) -> list[str]:
    """Give the names of the top groups that start with prefix."""
    return sorted(
        {path.name for hierarchy in hierarchies() for path in hierarchy.glob(f"{prefix}*") if path.is_dir()}
    )


def _delegate(folder: Path, owner: tuple[int, int]) -> None:
    for path in (folder, *(folder / name for name in DELEGATED)):
        if path.exists():
            os.chown(path, *owner)


def _tree(folder: Path) -> Iterator[Path]:
    for path, _, _ in os.walk(folder):
        yield Path(path)


def _remove_one(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return

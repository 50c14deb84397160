"""What rootless nodes need of the machine: what is missing, what is set for them, what is put back.

A NethServer node gives /dev/net/tun to everybody and lets every user listen on port 143; a bare machine does
neither. Both are set when the first rootless node comes up, and put back when the last one goes. Each node
has two networks of its own besides: local routes to the loopback device, which leave no machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .settings import BASE, RUN_BASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .settings import Node

PROGRAMS: Final = {
    "newuidmap": "uidmap",
    "slirp4netns": "slirp4netns",
    "ip": "iproute2",
    "useradd": "passwd",
}
"""Programs that rootless modules need besides, and the Debian packages that bring them."""
TUN: Final = Path("/dev/net/tun")
TUN_MODE: Final = 0o666
FIRST_PORT: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
NODE_FIRST_PORT: Final = 23
"""What NethServer sets: Mail's Dovecot listens on 143."""
NAMESPACES: Final = Path("/proc/sys/user/max_user_namespaces")
SYSTEM_PYTHON: Final = Path("/usr/bin/python3")


def hindrances() -> list[str]:
    """Give why rootless modules cannot run on this machine, a sentence each; empty when they can."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    found = [f"the package {package} is missing" for package in missing]
    if not TUN.exists():
        found.append(f"there is no {TUN}")
    if not _is_positive(NAMESPACES):
        found.append("the kernel has no user namespaces")
    if not os.access(FIRST_PORT, os.W_OK):
        found.append(f"{FIRST_PORT} cannot be changed")
    if _interpreter() is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        found.append(f"other users cannot read {sys.executable}, and {SYSTEM_PYTHON} is no Python {version}")
    if not missing and not _can_route():
        found.append("local routes cannot be added")
    return found


def interpreter() -> Path:
    """Give a Python of this version that every user can run."""
    found = _interpreter()
    if found is None:
        raise FileNotFoundError(SYSTEM_PYTHON)
    return found


def prepare(node: Node) -> None:
    """Set what a rootless node needs; safe to repeat."""
    with _record() as record:
        record.setdefault("tun_mode", TUN.stat().st_mode & 0o777)
        record.setdefault("first_port", int(FIRST_PORT.read_text()))
        record.setdefault("nodes", {})[node.name] = node.number
        TUN.chmod(TUN_MODE)
        FIRST_PORT.write_text(f"{min(NODE_FIRST_PORT, record['first_port'])}\n")
        for network in node.networks:
            _ip("replace", f"{network}.0/24")
            # Connections to these addresses come from the first one, which no server has: Dovecot trusts a
            # client that has the server's own address.
            _ip("replace", f"{network}.0/24", "src", f"{network}.1")


def restore(node: Node) -> None:
    """Take the node's networks away; with the last rootless node the machine is as it was.

    Nodes whose state folder is gone go, too: their own way down was cut off.
    """
    with _record() as record:
        nodes = record.get("nodes", {})
        for name in [name for name in nodes if name == node.name or not (BASE / name).exists()]:
            for network in type(node)(name, nodes.pop(name)).networks:
                _ip("del", f"{network}.0/24")
        if record and not nodes:
            TUN.chmod(record["tun_mode"])
            FIRST_PORT.write_text(f"{record['first_port']}\n")
            record.clear()


@contextlib.contextmanager
def _record() -> Iterator[dict[str, Any]]:
    """Give what was there before the first rootless node, kept while there is one; one process at a time."""
    RUN_BASE.mkdir(parents=True, exist_ok=True)
    file = RUN_BASE / ".machine.json"
    with (RUN_BASE / ".machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = json.loads(file.read_text()) if file.exists() else {}
        yield record
        if record:
            file.write_text(json.dumps(record))
        else:
            file.unlink(missing_ok=True)


def _ip(order: str, network: str, *more: str) -> bool:
    command = ["ip", "route", order, "local", network, "dev", "lo", *more]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _can_route() -> bool:
    """Try a route that no node has."""
    network = "198.18.255.255/32"
    return _ip("replace", network) and _ip("del", network)


def _is_positive(file: Path) -> bool:
    try:
        return int(file.read_text()) > 0
    except (OSError, ValueError):
        return False


def _interpreter() -> Path | None:
    own = Path(sys.executable).resolve()
    if all(parent.stat().st_mode & 0o1 for parent in own.parents) and own.stat().st_mode & 0o1:
        return own
    try:
        asked = subprocess.run(
            [SYSTEM_PYTHON, "-c", "import sys; print(*sys.version_info[:2])"],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    same = tuple(map(int, asked.stdout.split())) == sys.version_info[:2]
    return SYSTEM_PYTHON if same else None

"""Where a node lives: its name, its number, the addresses and paths that follow from them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

BASE = Path("/var/lib/devnode")
RUN_BASE = Path("/run/devnode")
NAME = re.compile(r"[a-z][a-z0-9-]{0,15}")
NUMBERS = range(1, 250)
"""127.77.N.x: one byte for the node, the last ones are left alone."""
DEMO = "demo"
"""The node whose homes are in /home and whose commands are in /usr/local/bin, as on a real one."""
REDIS_PORT = 6379
API_PORT = 9311
WEB_PORT = 8080


class NodeError(Exception):
    """A sentence for the person at the shell; no traceback is shown."""


@dataclass(frozen=True)
class Node:
    """One stand-in node. All paths and addresses are derived, so two nodes never share one."""

    name: str
    number: int
    python: str = sys.executable
    repo: str = str(Path(__file__).resolve().parent.parent)

    @property
    def state(self) -> Path:
        """Folder of everything that outlives a restart."""
        return BASE / self.name

    @property
    def run(self) -> Path:
        """Folder of sockets, pid files and unit files; lost at reboot as /run is."""
        return RUN_BASE / self.name

    @property
    def homes(self) -> Path:
        """Folder of the module homes."""
        return Path("/home") if self.name == DEMO else self.state / "home"

    @property
    def bin(self) -> Path:
        """Folder of the command line tools of this node."""
        return self.state / "bin"

    @property
    def logs(self) -> Path:
        """Folder of the logs: <id>/<unit>.log."""
        return self.state / "log"

    @property
    def etc(self) -> Path:
        """Folder of the rendered configuration files."""
        return self.state / "etc"

    @property
    def pyenv(self) -> Path:
        """The Python environment of the modules' steps."""
        return self.state / "pyenv"

    @property
    def apps(self) -> Path:
        """Folder of the unpacked module pages, <id>/index.html."""
        return self.state / "ui" / "apps"

    @property
    def backups(self) -> Path:
        """Folder that plays the backup repository."""
        return self.state / "backup"

    @property
    def actions(self) -> Path:
        """Folder of the core actions: module/, cluster/, node/."""
        return Path(self.repo) / "devnode" / "actions"

    def address(self, host: int) -> str:
        """Give the loopback address of one role (see README.md, "Addresses")."""
        return f"127.77.{self.number}.{host}"

    @property
    def redis(self) -> str:
        """host:port of Redis."""
        return f"{self.address(1)}:{REDIS_PORT}"

    @property
    def api(self) -> str:
        """Base URL of the API server."""
        return f"http://{self.address(1)}:{API_PORT}"

    @property
    def web(self) -> str:
        """Base URL of what a browser sees."""
        return f"http://{self.address(1)}:{WEB_PORT}"

    def exports(self) -> dict[str, str]:
        """Give the settings that shell scripts read from the file `env`."""
        return {
            "DEVNODE": self.name,
            "DEVNODE_NUMBER": str(self.number),
            "DEVNODE_STATE": str(self.state),
            "DEVNODE_RUN": str(self.run),
            "DEVNODE_HOMES": str(self.homes),
            "DEVNODE_BIN": str(self.bin),
            "DEVNODE_LOGS": str(self.logs),
            "DEVNODE_PYTHON": self.python,
            "DEVNODE_REPO": self.repo,
            "DEVNODE_REDIS": self.redis,
            "DEVNODE_API": self.api,
            "DEVNODE_WEB": self.web,
            "DEVNODE_ADDRESS": self.address(1),
            "DEVNODE_MAIL_HOST": self.address(2),
            "DEVNODE_REMOTE_HOST": self.address(3),
            "DEVNODE_PLAIN_HOST": self.address(4),
            "DEVNODE_SPARE_HOST": self.address(5),
        }

    def save(self) -> None:
        """Write the settings for later commands (node.json) and for shell scripts (env)."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "env").write_text(
            "".join(f"export {key}='{value}'\n" for key, value in self.exports().items())
        )
        (self.state / "node.json").write_text(json.dumps(asdict(self), indent=1) + "\n")


def check_name(name: str) -> str:
    """Give the name back, or raise NodeError when it cannot name folders and control groups."""
    if not NAME.fullmatch(name):
        raise NodeError(f"{name!r} is no name for a node: lower-case letters, digits and dashes, 16 at most")
    return name


def find(name: str) -> Node | None:
    """Give the node of that name, or None when none is there."""
    try:
        stored = json.loads((BASE / check_name(name) / "node.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Node(str(stored["name"]), int(stored["number"]), str(stored["python"]), str(stored["repo"]))


def load(name: str | None = None) -> Node:
    """Give the node of that name, else of $DEVNODE, else `demo`; NodeError when it is not up."""
    name = name or os.environ.get("DEVNODE") or DEMO
    node = find(name)
    if node is None:
        raise NodeError(f"there is no devnode {name!r}: python -m devnode up --name {name}")
    return node


def claim(name: str, number: int | None) -> Node:
    """Give the node of that name its number and store it; the same call later gives the same node.

    Without a number, `demo` takes 1 and others the lowest free one from 2 on. A number that another node
    holds is a NodeError. A lock file makes two claims at once safe.
    """
    check_name(name)
    if number is not None and number not in NUMBERS:
        raise NodeError(f"a node's number is {NUMBERS.start} to {NUMBERS.stop - 1}")
    BASE.mkdir(parents=True, exist_ok=True)
    with (BASE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = find(name)
        taken = {node.number: node.name for node in map(find, _names()) if node and node.name != name}
        if number is None:
            number = present.number if present else _free(name, set(taken))
        if number in taken:
            raise NodeError(f"number {number} belongs to the node {taken[number]!r}")
        node = Node(name, number)
        node.save()
        return node


def _names() -> list[str]:
    return sorted(path.name for path in BASE.iterdir() if path.is_dir() and NAME.fullmatch(path.name))


def _free(name: str, taken: set[int]) -> int:
    if name == DEMO and 1 not in taken:
        return 1
    free = [number for number in NUMBERS if number > 1 and number not in taken]
    if not free:
        raise NodeError("all numbers are taken: python -m devnode down --name … frees one")
    return free[0]

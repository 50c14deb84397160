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
"""The node whose commands are in /usr/local/bin, as on a real one."""
HOME = Path("/home")
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
    rootless: bool = False
    """Modules run as users of their own, in user namespaces, with private container networks."""
    plain_names: bool = False
    """Homes are /home/ID and users are called ID, as on a real node; one node of the machine at a time."""

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
        return HOME if self.plain_names else self.state / "home"

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
    def registry(self) -> Path:
        """Folder that plays the image registry, where each rootless module has a store of its own."""
        return self.state / "registry"

    @property
    def code(self) -> Path:
        """Folder of the devnode that the node runs: a copy that the modules' users can read, else ours."""
        return self.state / "lib" if self.rootless else Path(self.repo)

    @property
    def interpreter(self) -> str:
        """Give the Python of the node's own programs."""
        return str(self.pyenv / "bin/python3") if self.rootless else self.python

    @property
    def actions(self) -> Path:
        """Folder of the core actions: module/, cluster/."""
        return self.code / "devnode" / "actions"

    def address(self, host: int) -> str:
        """Give the address of one role (README.md, "What is where"); host 0 is the cluster's network.

        A rootless container has a loopback of its own, so what it has to reach is elsewhere: Mail in the
        cluster's network, the remote servers in 198.18.0.0/15, which no real network uses.
        """
        if host == 1 or not self.rootless:
            return f"127.77.{self.number}.{host}"
        return f"{self.networks[0 if host in {0, 2} else 1]}.{host}"

    @property
    def networks(self) -> tuple[str, str]:
        """First numbers of the networks that only a rootless node has: the cluster's, the remote servers'."""
        return f"10.77.{self.number}", f"198.18.{self.number}"

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
    return Node(
        str(stored["name"]),
        int(stored["number"]),
        str(stored["python"]),
        str(stored["repo"]),
        bool(stored["rootless"]),
        bool(stored["plain_names"]),
    )


def load(name: str | None = None) -> Node:
    """Give the node of that name, else of $DEVNODE, else `demo`; NodeError when it is not up."""
    name = name or os.environ.get("DEVNODE") or DEMO
    node = find(name)
    if node is None:
        raise NodeError(f"there is no devnode {name!r}: python -m devnode up --name {name}")
    return node


def claim(name: str, number: int | None, *, rootless: bool) -> Node:
    """Give the node of that name its number and store it; the same call later gives the same node.

    Without a number, `demo` takes 1 and others the lowest free one from 2 on. A number that another node
    holds is a NodeError, and so is a node that is up in the other mode. The first rootless node of the
    machine has the plain names. A lock file makes two claims at once safe.
    """
    check_name(name)
    if number is not None and number not in NUMBERS:
        raise NodeError(f"a node's number is {NUMBERS.start} to {NUMBERS.stop - 1}")
    BASE.mkdir(parents=True, exist_ok=True)
    with (BASE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = find(name)
        others = [node for node in map(find, _names()) if node and node.name != name]
        taken = {node.number: node.name for node in others}
        if present and present.rootless != rootless:
            mode = "rootless" if present.rootless else "as root"
            raise NodeError(f"the node {name!r} is up {mode}: take it down first")
        if number is None:
            number = present.number if present else _free(name, set(taken))
        if number in taken:
            raise NodeError(f"number {number} belongs to the node {taken[number]!r}")
        if present:
            plain_names = present.plain_names
        else:
            plain_names = (rootless or name == DEMO) and not any(node.plain_names for node in others)
        node = Node(name, number, rootless=rootless, plain_names=plain_names)
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

"""`systemd --user` for a home, as lingering rootless users have on a node.

The manager runs in a control group of its own, with its own HOME and XDG_RUNTIME_DIR: as the module's user
on a rootless node, else as root. The agent of a module is one of its units, found in
$XDG_RUNTIME_DIR/systemd/user.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cgroups, containers, users
from .settings import RUN_BASE, Node, NodeError
from .templates import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SYSTEM_MARK = Path("/run/systemd/system")
"""systemd starts only where this folder says that the machine runs systemd. It is there during the start
only: package scripts look at it too."""
SYSTEMD = "/lib/systemd/systemd"
CORE = "core"
"""The node's own manager: Redis, API server, agents of cluster and node."""
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 25.0
LOGIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Manager:
    """The service manager of one home; `core` is the node's own (Redis, API server, core agents)."""

    node: Node
    name: str
    home: Path

    @property
    def runtime(self) -> Path:
        """XDG_RUNTIME_DIR, the `%t` of unit files."""
        return self.node.run / self.name

    @property
    def group(self) -> str:
        """Name of the control group."""
        return f"devnode-{self.node.name}.{self.name}"

    @property
    def units(self) -> Path:
        """Folder of the units that devnode adds."""
        return self.runtime / "systemd/user"

    @property
    def log_folder(self) -> Path:
        """Folder of the units' logs."""
        return self.node.logs / self.name

    @property
    def user(self) -> str:
        """Name of the user; it is one only on a rootless node."""
        return users.name(self.node, self.name) if self.rootless else self.name

    @property
    def rootless(self) -> bool:
        """Whether the home belongs to a user of its own; the node's own services are root's."""
        return self.node.rootless and self.name != CORE

    def identity(self) -> dict[str, Any]:
        """Give the arguments by which `subprocess` runs something as the home's user."""
        return users.identity(self.node, self.name) if self.rootless else {}

    def environment(self) -> dict[str, str]:
        """Give the login environment of the home: what units and `runagent` start from."""
        environment = {
            "PATH": f"{self.node.bin}:{LOGIN_PATH}",
            "HOME": str(self.home),
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.runtime}/bus",
            "DEVNODE": self.node.name,
            "CONTAINERS_CONF": str(self.node.etc / self.name / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.node.etc / self.name / "storage.conf"),
        }
        if self.name != CORE:
            environment["DEVNODE_MODULE"] = self.name
        return environment

    def start(self) -> None:
        """Start the manager unless it answers; what a crash left of an earlier one is ended first."""
        self.runtime.mkdir(parents=True, exist_ok=True)
        self.runtime.chmod(0o700)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        (self.home / ".config").mkdir(parents=True, exist_ok=True)
        store = containers.home_store(self.home)
        containers.configure(self.node, self.name, store, self.runtime, rootless=self.rootless)
        render(
            "service.conf.j2",
            self.units / "service.d/10-devnode.conf",
            folder=self.log_folder,
            path=f"{self.node.bin}:{LOGIN_PATH}",
        )
        if self.rootless:
            users.own(self.node, self.name, self.runtime, self.log_folder, self.home, self.home / ".config")
            users.own(self.node, self.name, self.runtime / "systemd", deep=True)
        if self.answers():
            return
        self.kill()
        with _system_mark(), (self.log_folder / "systemd.log").open("ab") as log:
            subprocess.run(
                ["setsid", "--fork", SYSTEMD, "--user", "--log-target=console"],
                env=self.environment(),
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=self._enter,
            )
            what = f"systemd of {self.name} (see {self.log_folder}/systemd.log)"
            wait_for(self.answers, START_TIMEOUT_S, what)

    def _enter(self) -> None:
        """Become the home's user in its control group; runs in the new process."""
        identity = self.identity()
        cgroups.enter(self.group, (identity["user"], identity["group"]) if identity else None)
        users.become(identity)

    def answers(self) -> bool:
        """Tell whether the manager runs and has finished its own start."""
        if not (self.runtime / "systemd/private").exists():
            return False
        state = self.systemctl("show", "--property=SystemState", "--value", check=False).stdout.strip()
        return state in {"running", "degraded"}

    def systemctl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `systemctl --user`; NodeError with systemd's words when it fails and check is set."""
        done = subprocess.run(
            ["systemctl", "--user", *arguments],
            env=self.environment(),
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **self.identity(),
        )
        if check and done.returncode != 0:
            raise NodeError(f"systemctl --user {' '.join(arguments)}: {done.stderr.strip()}")
        return done

    def stop(self) -> None:
        """End the manager politely (its units run their ExecStop), then take away what is left of it."""
        if self.answers():
            self.systemctl("exit", check=False)
            deadline = time.monotonic() + STOP_TIMEOUT_S
            # The manager itself: what people and podman left in the home's group besides waits for nobody.
            while cgroups.processes(f"{self.group}/init.scope") and time.monotonic() < deadline:
                time.sleep(0.05)
        self.kill()

    def kill(self) -> None:
        """End all processes and containers of the home at once; harmless when there are none."""
        cgroups.kill(self.group)
        cgroups.remove(self.group)
        if self.rootless:
            # Its mounts went with its last process; without these podman finds its containers as after a
            # reboot.
            for name in ("libpod", "containers", "netns"):
                shutil.rmtree(self.runtime / name, ignore_errors=True)
            return
        containers.remove_store(containers.home_store(self.home), self.environment())
        containers.unmount_below(self.runtime)


def core(node: Node) -> Manager:
    """Give the manager of the node's own services."""
    return Manager(node, CORE, node.state / CORE)


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait until the condition holds; NodeError that names what did not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise NodeError(f"{what}: not ready after {timeout_s:.0f} seconds")
        time.sleep(0.03)


@contextlib.contextmanager
def _system_mark() -> Iterator[None]:
    """Let the machine look as if it ran systemd, one start at a time; one that does run it is left alone."""
    if Path("/proc/1/comm").read_text().strip() == "systemd":
        yield
        return
    RUN_BASE.mkdir(parents=True, exist_ok=True)
    with (RUN_BASE / ".start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        SYSTEM_MARK.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                SYSTEM_MARK.rmdir()

"""A real sshd on the node's address, so that the robot suites reach a stand-in as they reach a node.

Its host key and the key that opens it are made for this node alone, in <state>/ssh, and vanish with it.
A session has DEVNODE and the node's commands in PATH. `python -m devnode.testbed` starts and ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import launchers
from .managers import LOGIN_PATH
from .templates import render

if TYPE_CHECKING:
    from .settings import Node

PRIVILEGE_SEPARATION: Final = Path("/run/sshd")
STOP_TIMEOUT_S: Final = 5.0


def folder(node: Node) -> Path:
    """Give where keys, configuration and pid file are."""
    return node.state / "ssh"


def key_file(node: Node) -> Path:
    """Give the private key that opens the node's root account."""
    return folder(node) / "id_ed25519"


def up(node: Node) -> None:
    """Start sshd on port 22 of the node's first address; one that runs is replaced."""
    down(node)
    home = folder(node)
    home.mkdir(parents=True, mode=0o700)
    for key in ("host_key", key_file(node).name):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / key)], check=True)
    shutil.copy(key_file(node).with_suffix(".pub"), home / "authorized_keys")
    configuration = render(
        "sshd_config.j2",
        home / "sshd_config",
        folder=home,
        address=node.address(1),
        name=node.name,
        path=f"{launchers.login_tools(node)}:{node.bin}:{LOGIN_PATH}",
    )
    PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    # sshd wants to be started by its absolute path: it starts itself again for each session.
    subprocess.run([shutil.which("sshd") or "/usr/sbin/sshd", "-f", str(configuration)], check=True)


def down(node: Node) -> None:
    """End the node's sshd and remove its keys."""
    pid_file = folder(node) / "sshd.pid"
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while pid_file.exists() and time.monotonic() < deadline:
        try:
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        except (ProcessLookupError, FileNotFoundError, ValueError):
            break
        time.sleep(0.05)
    shutil.rmtree(folder(node), ignore_errors=True)

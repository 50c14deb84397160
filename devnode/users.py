"""The Unix user of a module, made on `demo` only: so that `~imapsync1` works in a shell as on a node.

All processes run as root here (a difference that README.md states), so the user owns nothing. Other nodes
have their homes elsewhere and make no users: two nodes may both have an `imapsync1`.
"""

from __future__ import annotations

import pwd
import subprocess

from .layout import home
from .settings import DEMO, Node, NodeError


def create(node: Node, module_id: str) -> None:
    """Make the user with the module's home; NodeError when somebody else's user has that name."""
    if node.name != DEMO:
        return
    wanted = str(home(node, module_id))
    try:
        present = pwd.getpwnam(module_id)
    except KeyError:
        subprocess.run(
            [
                "useradd",
                "--system",
                "--no-create-home",
                "--home-dir",
                wanted,
                "--shell",
                "/sbin/nologin",
                module_id,
            ],
            check=True,
        )
        return
    if present.pw_dir != wanted:
        raise NodeError(f"a user {module_id} with the home {present.pw_dir} is already there")


def remove(node: Node, module_id: str) -> None:
    """Remove the user that create() made."""
    if node.name != DEMO:
        return
    try:
        present = pwd.getpwnam(module_id)
    except KeyError:
        return
    if present.pw_dir == str(home(node, module_id)):
        subprocess.run(["userdel", module_id], check=False, capture_output=True)

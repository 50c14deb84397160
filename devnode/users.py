"""The Unix user of a module.

On a rootless node it runs the module: its agent, its units, its containers, in which it is root. On a node
that runs modules as root it exists only where names are plain, so that `~imapsync1` works in a shell, and
owns nothing.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .settings import Node, NodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVE_TIMEOUT_S = 5.0


def name(node: Node, module_id: str) -> str:
    """Give the user's name; without plain names, the node's name stands before it."""
    return module_id if node.plain_names else f"{node.name}-{module_id}"


def group(node: Node) -> str:
    """Give the group of all modules of a rootless node: who may enter the backup repository."""
    return f"devnode-{node.name}"


def create(node: Node, module_id: str, home: Path) -> None:
    """Make the user; NodeError when somebody else's user has that name."""
    if not node.rootless and not node.plain_names:
        return
    user = name(node, module_id)
    if present := find(user):
        if present.pw_dir != str(home):
            raise NodeError(f"a user {user} with the home {present.pw_dir} is already there")
        return
    command = ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", "/sbin/nologin"]
    if node.rootless:
        create_group(node)
        # Not --system: only other users get subordinate ids for their user namespace.
        command += ["--groups", group(node), "--key", "MAIL_DIR=/dev/null"]
    else:
        command.append("--system")
    subprocess.run([*command, user], check=True, capture_output=True)


def remove(user: str, home: Path) -> None:
    """Remove the user that create() made, and end what still runs as it."""
    present = find(user)
    if present is None or present.pw_dir != str(home):
        return
    deadline = time.monotonic() + LEAVE_TIMEOUT_S
    while (left := list(_processes(present.pw_uid))) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        time.sleep(0.02)
    subprocess.run(["userdel", user], check=False, capture_output=True)


def create_group(node: Node) -> None:
    """Make the group of the node's modules."""
    subprocess.run(["groupadd", "--force", "--system", group(node)], check=True)


def remove_group(node: Node) -> None:
    """Remove the group of the node's modules; harmless when there is none."""
    subprocess.run(["groupdel", group(node)], check=False, capture_output=True)


def find(user: str) -> pwd.struct_passwd | None:
    """Give the user's record, None when there is no such user."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None


def identity(node: Node, module_id: str) -> dict[str, Any]:
    """Give the arguments by which `subprocess` runs as the module's user; none where root runs all."""
    if not node.rootless:
        return {}
    user = pwd.getpwnam(name(node, module_id))
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}


def become(identity: dict[str, Any]) -> None:
    """Let this process be that user for good; nothing changes for an empty identity."""
    if identity:
        os.setgroups(identity["extra_groups"])
        os.setgid(identity["group"])
        os.setuid(identity["user"])


def own(node: Node, module_id: str, *paths: Path, deep: bool = False) -> None:
    """Give files and folders to the module's user; with deep, all that is in them too."""
    if not node.rootless:
        return
    user = pwd.getpwnam(name(node, module_id))
    for path in paths:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        if deep:
            for base, folders, files in os.walk(path):
                for item in (*folders, *files):
                    os.chown(Path(base) / item, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _processes(uid: int) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == uid:
                yield int(folder.name)

"""Where an agent lives: install folder, state folder, environment files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import faults
from .managers import LOGIN_PATH, Manager
from .settings import Node, NodeError

if TYPE_CHECKING:
    from pathlib import Path

MODULE_ID = re.compile(r"[a-z][a-z0-9-]*[a-z-][0-9]+|[a-z][0-9]+")
"""Image name and sequence number."""


def install_dir(node: Node, agent_id: str) -> Path:
    """Give AGENT_INSTALL_DIR of an agent."""
    kind, _, module_id = agent_id.partition("/")
    if kind == "module":
        return home(node, module_id) / ".config"
    return core_install_dir(node, agent_id)


def core_install_dir(node: Node, agent_id: str) -> Path:
    """Give the folder of `cluster`, `node/1` or `api-server`."""
    return node.state / agent_id.replace("/", "")


def state_dir(node: Node, agent_id: str) -> Path:
    """Give AGENT_STATE_DIR of an agent."""
    return install_dir(node, agent_id) / "state"


def home(node: Node, module_id: str) -> Path:
    """Give the home of a module; NodeError for a name that is none."""
    if not MODULE_ID.fullmatch(module_id):
        raise NodeError(f"{module_id!r} is no module instance")
    return node.homes / module_id


def manager(node: Node, module_id: str) -> Manager:
    """Give the service manager of a module."""
    return Manager(node, module_id, home(node, module_id))


def module_ids(node: Node) -> list[str]:
    """Give the installed module instances: each has a record in the node's state folder."""
    return sorted(path.name for path in (node.state / "modules").glob("*"))


def home_record(node: Node, module_id: str) -> Path:
    """Give the file that says whose home devnode made, and where; it outlives a removal that keeps it."""
    return node.state / "homes" / module_id


def common_env_file(node: Node) -> Path:
    """Give the file that plays /etc/nethserver/agent.env."""
    return node.etc / "agent.env"


def agent_path(node: Node, install: Path) -> str:
    """Give the PATH of steps: module, node, Python environment, system."""
    return f"{install}/bin:{node.bin}:{node.pyenv}/bin:{LOGIN_PATH}"


def write_common_env(node: Node) -> None:
    """Write what all agents of the node share."""
    registry = node.etc / "registry.json"
    if not registry.exists():
        registry.write_text('{"auths": {}}\n')
    common_env_file(node).write_text(
        f"AGENT_BASEACTIONS_DIR={node.actions / 'module'}\n"
        f"REDIS_ADDRESS={node.redis}\n"
        f"REDIS_REPLICA_ADDRESS={node.redis}\n"
        f"REGISTRY_AUTH_FILE={registry}\n"
        f"DEVNODE_API={node.api}\n"
        f"DEVNODE_BACKUPS={node.backups}\n"
        f"DEVNODE_FAULTS={faults.file(node)}\n"
        # The remote servers stand for hosts of the Internet: imapsync may try any port of them.
        f"ALLOWED_HOSTS={node.address(3)},{node.address(4)}\n"
        f"HOME_BASEDIR={node.homes}\n" + (f"DEVNODE_REGISTRY={node.registry}\n" if node.rootless else "")
    )


def write_agent_env(node: Node, path: Path, user: str, password: str, pythonpath: str) -> None:
    """Write an agent.env: search paths and the agent's Redis account; only root reads it."""
    write_secret(
        path,
        f"PATH={agent_path(node, path.parent.parent)}\n"
        f"PYTHONPATH={pythonpath}\n"
        f"REDIS_USER={user}\n"
        f"REDIS_PASSWORD={password}\n",
    )


def write_secret(path: Path, text: str) -> None:
    """Write a file that only root can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)

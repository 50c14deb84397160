"""runagent [-m ID] [-c] [-l] [COMMAND [ARGS…]]: run a command in the environment of an agent."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from devnode import cgroups, layout, users
from devnode.agentd import environment
from devnode.settings import Node, NodeError, load

if TYPE_CHECKING:
    from pathlib import Path


def main() -> int:
    """Exec the command; 1 when there is no such module, 2 without a command unless on a terminal."""
    parser = argparse.ArgumentParser(prog="runagent")
    parser.add_argument("-m", "--module-id", help="module instance; cluster unless given")
    parser.add_argument("-c", "--current-dir", action="store_true", help="stay in the current folder")
    parser.add_argument("-l", "--list-modules", action="store_true", help="list the agents")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        node = load()
    except NodeError as error:
        print(f"[FATAL] {error}", file=sys.stderr)
        return 1
    if arguments.list_modules:
        print("\n".join(["cluster", "node", *layout.module_ids(node)]))
        return 0
    agent_id = _agent_id(arguments.module_id)
    variables = _environment(node, agent_id)
    if variables is None:
        print(
            f"[FATAL] Cannot find module {agent_id.removeprefix('module/')} in the local node",
            file=sys.stderr,
        )
        return 1
    command = arguments.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        if not sys.stdin.isatty():
            parser.print_usage(sys.stderr)
            return 2
        command = [variables["SHELL"]]
    if agent_id.startswith("module/"):
        _become_user(node, agent_id.removeprefix("module/"))
    if not arguments.current_dir:
        os.chdir(variables["AGENT_STATE_DIR"])
    return _execute(command, variables)


def _agent_id(wanted: str | None) -> str:
    """Give the agent id; inside a module (DEVNODE_MODULE tells) only its own is in reach, as on a node."""
    own = os.environ.get("DEVNODE_MODULE")
    if own:
        if wanted and wanted != own:
            print(f"[WARNING] option -m {wanted} is ignored", file=sys.stderr)
        return f"module/{own}"
    if wanted in {None, "cluster"}:
        return "cluster"
    return "node/1" if wanted == "node" else f"module/{wanted}"


def _become_user(node: Node, module_id: str) -> None:
    """Let root go on as the module's user, in its control group, so that all of it ends with the module."""
    if not node.rootless or os.geteuid() != 0:
        return
    manager = layout.manager(node, module_id)
    identity = manager.identity()
    cgroups.enter(f"{manager.group}/login", (identity["user"], identity["group"]))
    users.become(identity)


def _environment(node: Node, agent_id: str) -> dict[str, str] | None:
    if agent_id.startswith("module/"):
        module_id = agent_id.removeprefix("module/")
        if module_id not in layout.module_ids(node):
            return None
        variables = layout.manager(node, module_id).environment()
    else:
        variables = {**os.environ, "DEVNODE": node.name}
    for name in ("TERM", "SSH_TTY"):
        if name in os.environ:
            variables[name] = os.environ[name]
    state = layout.state_dir(node, agent_id)
    for file in (layout.common_env_file(node), state / "agent.env", state / "environment"):
        variables |= environment.read(file)
    install: Path = layout.install_dir(node, agent_id)
    return variables | {
        "AGENT_INSTALL_DIR": str(install),
        "AGENT_STATE_DIR": str(state),
        "AGENT_ID": variables["REDIS_USER"],
    }


def _execute(command: list[str], variables: dict[str, str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(command[0], command, variables)  # noqa: S606 - that is what runagent is for
    except OSError as error:
        print(f"runagent: {command[0]}: {error.strerror}", file=sys.stderr)
        return 126 if isinstance(error, PermissionError) else 127

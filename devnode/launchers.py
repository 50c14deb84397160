"""The command line tools as small scripts: each imports one module, so that they start fast."""

from __future__ import annotations

from pathlib import Path

from .settings import DEMO, Node

TOOLS = {
    "runagent": "runagent",
    "api-cli": "api_cli",
    "add-module": "modules:add",
    "remove-module": "modules:remove",
    "update-module": "modules:update",
    "redis-exec": "redis_tools:execute",
    "redis-get": "redis_tools:get",
    "redis-hgetall": "redis_tools:hgetall",
    "redis-dump": "redis_tools:dump",
    "redis-restore": "redis_tools:restore",
    "redis-cli": "redis_tools:console",
    "grant-actions": "grants:grant",
    "revoke-actions": "grants:revoke",
    "module-backup": "backup",
}
LINKS = Path("/usr/local/bin")
"""Where `demo` links the tools, as a node has them for every shell."""
_SCRIPT = """\
#!{python} -I
# rendered by devnode
import os
import sys

sys.path.insert(0, {repo!r})
os.environ.setdefault("DEVNODE", {name!r})
from {module} import {function}

sys.exit({function}())
"""
_SYSTEMCTL = """\
#!/bin/sh
# rendered by devnode: the node's system manager is the one of its core services
core() {{
    XDG_RUNTIME_DIR={runtime} /usr/bin/systemctl --user "$@"
}}
case " $* " in
    *" --user "*) exec /usr/bin/systemctl "$@" ;;
    *" is-system-running "*)
        # systemctl itself says offline where systemd is not process 1.
        state=$(core show --property=SystemState --value)
        echo "$state"
        [ "$state" = running ]
        ;;
    *) core "$@" ;;
esac
"""


def create(node: Node) -> None:
    """Write the tools into bin, the daemons' starters into libexec; the tools of `demo` are linked too."""
    node.bin.mkdir(parents=True, exist_ok=True)
    for tool, target in TOOLS.items():
        module, _, function = target.partition(":")
        _write(node, node.bin / tool, f"devnode.cli.{module}", function or "main")
        if node.name == DEMO:
            _link(node, tool)
    systemctl = login_tools(node) / "systemctl"
    systemctl.parent.mkdir(exist_ok=True)
    systemctl.write_text(_SYSTEMCTL.format(runtime=node.run / "core"))
    systemctl.chmod(0o755)
    _write(node, libexec(node) / "agent", "devnode.agentd.main", "main")
    _write(node, libexec(node) / "api-server", "devnode.api.main", "main")


def login_tools(node: Node) -> Path:
    """Give the folder of the tools that only a login on the node finds."""
    return node.state / "sbin"


def libexec(node: Node) -> Path:
    """Give the folder of the daemons' starters."""
    return node.state / "libexec"


def remove_links(node: Node) -> None:
    """Remove the links in /usr/local/bin that point to this node."""
    for tool in TOOLS:
        link = LINKS / tool
        if link.is_symlink() and link.readlink() == node.bin / tool:
            link.unlink()


def _write(node: Node, path: Path, module: str, function: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _SCRIPT.format(
            python=node.interpreter, repo=str(node.code), name=node.name, module=module, function=function
        )
    )
    path.chmod(0o755)


def _link(node: Node, tool: str) -> None:
    link = LINKS / tool
    if link.is_symlink() or not link.exists():
        LINKS.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(node.bin / tool)

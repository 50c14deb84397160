"""add-module, remove-module and update-module."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from devnode import layout
from devnode.agentd import environment
from devnode.settings import NodeError, load

from .packages import use_agent_package


def add() -> int:
    """add-module IMAGE [NODE]: prints the Python form of the action's output."""
    parser = argparse.ArgumentParser(prog="add-module")
    parser.add_argument("image", help="URL of an image in a local store, or a bare name")
    parser.add_argument("node", nargs="?", type=int, default=1)
    arguments = parser.parse_args()
    code, output = _run("add-module", {"image": arguments.image, "node": arguments.node})
    if code == 0:
        print(output)
    return code


def remove() -> int:
    """remove-module [--no-preserve] [--force] ID: silent on success."""
    parser = argparse.ArgumentParser(prog="remove-module")
    parser.add_argument("--no-preserve", action="store_true", help="delete the data of the module too")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("module_id")
    arguments = parser.parse_args()
    data = {
        "module_id": arguments.module_id,
        "preserve_data": not arguments.no_preserve,
        "force": arguments.force,
    }
    return _run("remove-module", data)[0]


def update() -> int:
    """update-module URL ID… [--force]."""
    parser = argparse.ArgumentParser(prog="update-module")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("url")
    parser.add_argument("instances", nargs="+")
    arguments = parser.parse_args()
    data = {"module_url": arguments.url, "instances": arguments.instances, "force": arguments.force}
    return _run("update-module", data)[0]


def _run(action: str, data: dict[str, object]) -> tuple[int, Any]:
    try:
        node = load()
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1, None
    os.environ.update(environment.read(layout.state_dir(node, "cluster") / "agent.env"))
    os.environ["REDIS_ADDRESS"] = node.redis
    use_agent_package()
    from agent import tasks

    try:
        extra = {"title": f"cluster/{action}", "isNotificationHidden": False}
        result = tasks.run("cluster", action, data, endpoint="redis://cluster-leader", extra=extra)
    except tasks.TaskError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1, None
    if result["exit_code"] != 0:
        print(result["error"] or result["output"], file=sys.stderr)
        if result["error"] and result["output"]:
            print(result["output"], file=sys.stderr)
    return result["exit_code"], result["output"]

"""Cluster actions that make an instance from another one: clone-module, restore-module, import-module."""

from __future__ import annotations

import secrets
import socket
import sys
from typing import TYPE_CHECKING, cast

import agent
from agent import tasks
from devnode_module import backup, podman

from . import images, instances, modules, step

if TYPE_CHECKING:
    import redis

    from devnode.settings import Node


def clone() -> None:
    """Run the action clone-module {module, node, replace}; with replace the source is removed: a move."""
    request = step.request()
    node = step.node()
    source, replace = str(request["module"]), bool(request.get("replace"))
    with agent.redis_connect(privileged=True) as rdb:
        if not rdb.hexists("cluster/module_node", source):
            step.refuse("module", source, "module_not_found")
        variables = agent.read_envfile(instances.environment_file(node, source))
        module_uuid = variables["MODULE_UUID"] if replace else None
        answer = modules.install(node, rdb, variables["IMAGE_URL"], module_uuid)
        module_id = answer["module_id"]
        volumes = modules.run_action(f"module/{source}", "list-volumes", None)
        data = _transfer(node, volumes) | {"replace": replace}
        failures = tasks.runp_brief(
            [
                {"agent_id": f"module/{module_id}", "action": "clone-module", "data": data},
                {"agent_id": f"module/{source}", "action": "transfer-state", "data": data},
            ],
            endpoint=modules.ENDPOINT,
        )
        if failures:
            sys.exit(1)
        if replace:
            modules.take_away(node, rdb, source, preserve_data=False, force=True)
    step.answer(answer)


def restore() -> None:
    """Run the action restore-module {repository, path, snapshot, replace}; path is `<image>/<uuid>`."""
    request = step.request()
    node = step.node()
    repository, path = str(request["repository"]), str(request["path"])
    found = backup.snapshots(repository, path)
    snapshot = str(request.get("snapshot") or "latest")
    if snapshot == "latest" and found:
        snapshot = found[-1]["id"]
    if snapshot not in {item["id"] for item in found}:
        step.refuse("snapshot", snapshot, "snapshot_not_found")
    variables = backup.environment_of(repository, path, snapshot)
    replace = bool(request.get("replace"))
    with agent.redis_connect(privileged=True) as rdb:
        owner = _owner(rdb, variables["MODULE_UUID"])
        keep = replace or owner is None
        answer = modules.install(
            node, rdb, variables["IMAGE_URL"], variables["MODULE_UUID"] if keep else None
        )
        data = {
            "repository": repository,
            "path": path,
            "snapshot": snapshot,
            "environment": variables,
            "replace": replace,
        }
        modules.run_action(f"module/{answer['module_id']}", "restore-module", data)
        if replace and owner is not None:
            modules.take_away(node, rdb, owner, preserve_data=False, force=True)
    step.answer(answer)


def migrate() -> None:
    """Run the action import-module {image, node}: add a module that waits for files of an NS7 server.

    The answer tells where its rsync server listens; the sender ends the transfer by reading `terminate` from
    it.
    """
    request = step.request()
    node = step.node()
    with agent.redis_connect(privileged=True) as rdb:
        url = images.resolve(rdb, str(request["image"]))
        answer = modules.install(node, rdb, url, None)
        volumes = podman.labels(url).get("org.nethserver.volumes", "").split()
    data = _transfer(node, volumes)
    path = tasks.run_nowait(f"module/{answer['module_id']}", "import-module", data, endpoint=modules.ENDPOINT)
    step.answer({**answer, **data, "task": path})


def snapshots() -> None:
    """Run the action read-backup-snapshots {repository, path}."""
    request = step.request()
    step.answer(backup.snapshots(str(request["repository"]), str(request["path"])))


def _transfer(node: Node, volumes: list[str]) -> dict[str, object]:
    address = node.address(1)
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = probe.getsockname()[1]
    return {
        "address": address,
        "port": port,
        "credentials": [f"transfer{port}", secrets.token_urlsafe(24)],
        "volumes": volumes,
    }


def _owner(rdb: redis.Redis, module_uuid: str) -> str | None:
    found = cast("dict[str, str]", rdb.hgetall("cluster/module_uuid"))
    return next((str(module_id) for module_id, value in found.items() if value == module_uuid), None)

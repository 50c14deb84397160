"""Cluster actions add-module, update-module and remove-module."""

from __future__ import annotations

import json
import sys
import uuid
from typing import TYPE_CHECKING, Any, cast

import agent
from agent import tasks
from devnode_module import imageroot, podman

from . import grants, images, instances, step

if TYPE_CHECKING:
    import redis

    from devnode.settings import Node

ENDPOINT = "redis://cluster-leader"


class ModuleActionError(Exception):
    """An action of a module failed; the text is what it wrote."""


def run_action(agent_id: str, action: str, data: object, **options: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Run an action of a module and give its output; ModuleActionError when it fails."""
    result = tasks.run(agent_id, action, data, endpoint=ENDPOINT, **options)
    if result["exit_code"] != 0:
        raise ModuleActionError(
            f"{agent_id}/{action} failed with exit code {result['exit_code']}: "
            f"{result['error'] or json.dumps(result['output'])}"
        )
    return result["output"]


def add() -> None:
    """Run the action add-module {image, node, module_uuid?}."""
    request = step.request()
    with agent.redis_connect(privileged=True) as rdb:
        url = images.resolve(rdb, str(request["image"]))
        step.answer(install(step.node(), rdb, url, request.get("module_uuid")))


def install(node: Node, rdb: redis.Redis, url: str, module_uuid: str | None) -> dict[str, str]:
    """Install an instance of the image and run its create-module; a new UUID is made unless one is given."""
    name = images.image_name(url)
    found = podman.labels(url)
    images.publish(node, url, found)
    agent.set_progress(5)
    sequence = rdb.incr(f"cluster/module_sequence/{name}")
    module_id, module_uuid = f"{name}{sequence}", module_uuid or str(uuid.uuid4())
    imageroot.unpack_fresh(url, node.apps / module_id, found.get("org.nethserver.uiroot", "ui").strip("/"))
    agent.set_progress(20)
    instances.create(node, rdb, module_id, module_uuid=module_uuid, url=url, labels=found)
    agent.set_progress(50)
    for base in ("cluster", "node/1"):
        rdb.setnx(f"{base}/default_instance/{name}", module_id)
    rdb.hset("cluster/module_uuid", module_id, module_uuid)
    rdb.hset("cluster/module_node", module_id, "1")
    grants.store_authorizations(rdb, module_id, found.get("org.nethserver.authorizations", ""))
    grants.apply_all(rdb)
    volumes = dict.fromkeys(found.get("org.nethserver.volumes", "").split(), "")
    demanded = found.get("org.nethserver.images", "").split()
    run_action(f"module/{module_id}", "create-module", {"images": demanded, "volumes": volumes})
    agent.set_progress(90)
    grants.grant_defaults(rdb, module_id)
    grants.apply_all(rdb)
    rdb.sadd(f"module/{module_id}/flags", "rootless", *found.get("org.nethserver.flags", "").split())
    rdb.publish("cluster/event/module-added", json.dumps({"module": module_id, "node": 1}))
    return {"module_id": module_id, "module_uuid": module_uuid, "image_name": name, "image_url": url}


def update() -> None:
    """Run the action update-module {module_url, instances, force?}."""
    request = step.request()
    node = step.node()
    with agent.redis_connect(privileged=True) as rdb:
        url = images.resolve(rdb, str(request["module_url"]))
        name = images.image_name(url)
        wanted = [str(item) for item in request["instances"]]
        for module_id in wanted:
            if not rdb.hexists("cluster/module_node", module_id):
                step.refuse("instances", module_id, "instance_not_found")
            if module_id.rstrip("0123456789") != name:
                step.refuse("instances", module_id, "image_name_mismatch")
            run_action(f"module/{module_id}", "list-actions", None)
        found = podman.labels(url)
        images.publish(node, url, found)
        force = bool(request.get("force"))
        updated = [_update_one(node, rdb, item, url=url, found=found, force=force) for item in wanted]
    step.answer([])
    sys.exit(0 if all(updated) else 1)


def _update_one(
    node: Node, rdb: redis.Redis, module_id: str, *, url: str, found: dict[str, str], force: bool
) -> bool:
    grants.store_authorizations(rdb, module_id, found.get("org.nethserver.authorizations", ""))
    grants.apply_all(rdb)
    data = {"module_url": url, "force": force}
    try:
        run_action(f"module/{module_id}", "update-module", data)
    except (ModuleActionError, tasks.TaskError) as error:
        print(f"<3>{error}", file=sys.stderr)
        return False
    imageroot.unpack_fresh(url, node.apps / module_id, found.get("org.nethserver.uiroot", "ui").strip("/"))
    return True


def remove() -> None:
    """Run the action remove-module {module_id, preserve_data, force?}."""
    request = step.request()
    module_id = str(request["module_id"])
    with agent.redis_connect(privileged=True) as rdb:
        if not rdb.hexists("cluster/module_node", module_id):
            step.refuse("module_id", module_id, "module_not_found")
        take_away(
            step.node(),
            rdb,
            module_id,
            preserve_data=bool(request.get("preserve_data")),
            force=bool(request.get("force")),
        )
    step.answer(None)


def take_away(node: Node, rdb: redis.Redis, module_id: str, *, preserve_data: bool, force: bool) -> None:
    """Remove an instance and every record of it; a failing destroy-module stops that unless forced."""
    agent_id = f"module/{module_id}"
    try:
        run_action(agent_id, "destroy-module", {"module_id": module_id, "preserve_data": preserve_data})
    except (ModuleActionError, tasks.TaskError) as error:
        if not force:
            raise
        print(f"<4>{error}", file=sys.stderr)
    instances.remove(node, rdb, module_id, preserve_data=preserve_data)
    grants.forget(rdb, module_id)
    for key in list(rdb.scan_iter(f"{agent_id}/*")):
        rdb.delete(key)
    for record in ("cluster/module_uuid", "cluster/module_node", "cluster/module_domains"):
        rdb.hdel(record, module_id)
    name = module_id.rstrip("0123456789")
    _next_default(rdb, name, module_id)
    for key in list(rdb.scan_iter("cluster/backup/*/instances")):
        rdb.srem(key, module_id)
    rdb.publish("cluster/event/module-removed", json.dumps({"module": module_id, "node": 1}))
    rdb.publish("cluster/event/module-domain-changed", json.dumps({"modules": [module_id], "domains": []}))


def _next_default(rdb: redis.Redis, name: str, gone: str) -> None:
    """Let another instance of the image become the default one."""
    left = sorted(
        (
            item
            for item in cast("list[str]", rdb.hkeys("cluster/module_node"))
            if item.rstrip("0123456789") == name
        ),
        key=lambda item: int(item.removeprefix(name)),
    )
    for base in ("cluster", "node/1"):
        key = f"{base}/default_instance/{name}"
        if rdb.get(key) == gone:
            if left:
                rdb.set(key, left[0])
            else:
                rdb.delete(key)

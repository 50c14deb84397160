"""The node's part of a module instance: home, environment, agent, Redis account."""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

import agent
from devnode_module import imageroot, images

from devnode import layout, lifecycle, services, users
from devnode.redis_setup import module_rules, sha256

from . import ports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import redis

    from devnode.settings import Node

CACHEDIR_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# The agent's state: never overwritten by an image.\n"
)


def create(
    node: Node,
    rdb: redis.Redis,
    module_id: str,
    *,
    module_uuid: str,
    url: str,
    labels: Mapping[str, str],
) -> None:
    """Make user, home, environment and Redis account, unpack the image and start the agent."""
    agent_id = f"module/{module_id}"
    home = layout.home(node, module_id)
    if home.exists():
        raise FileExistsError(f"{home} exists already")
    users.create(node, module_id, home)
    layout.home_record(node, module_id).write_text(f"{users.name(node, module_id)} {home}")
    (node.state / "modules" / module_id).touch()
    home.mkdir(mode=0o700, parents=True)
    install, state = layout.install_dir(node, agent_id), layout.state_dir(node, agent_id)
    state.mkdir(parents=True)
    (state / "CACHEDIR.TAG").write_text(CACHEDIR_TAG)
    password = str(uuid.uuid4())
    layout.write_agent_env(node, state / "agent.env", agent_id, password, f"{install}/pypkg")
    variables = {"MODULE_ID": module_id, "MODULE_UUID": module_uuid, "NODE_ID": "1"}
    variables |= ports.allocate(rdb, labels.get("org.nethserver.tcp-ports-demand", ""))
    agent.write_envfile(state / "environment", variables | images.own_variables(url))
    imageroot.unpack_imageroot(url, install, labels.get("org.nethserver.imageroot", "imageroot").strip("/"))
    users.own(node, module_id, home, deep=True)
    rdb.execute_command(  # type: ignore[no-untyped-call]
        "ACL", "SETUSER", agent_id, "reset", "on", f"#{sha256(password)}", *module_rules(module_id)
    )
    rdb.acl_save()
    rdb.sadd("cluster/acls", agent_id)
    rdb.publish("cluster/event/acl-changed", "{}")
    services.start_module(node, module_id)
    services.wait_for_agent(node, agent_id)


def remove(node: Node, rdb: redis.Redis, module_id: str, *, preserve_data: bool) -> None:
    """Stop everything of the instance; its home is deleted unless it is to be preserved."""
    agent_id = f"module/{module_id}"
    manager = layout.manager(node, module_id)
    manager.stop()
    users.remove(manager.user, manager.home)
    if not preserve_data:
        lifecycle.remove_tree(manager.home)
        layout.home_record(node, module_id).unlink(missing_ok=True)
    for folder in (manager.runtime, node.etc / module_id, manager.log_folder, node.apps / module_id):
        shutil.rmtree(folder, ignore_errors=True)
    (node.state / "modules" / module_id).unlink(missing_ok=True)
    rdb.acl_deluser(agent_id)
    rdb.acl_save()
    rdb.srem("cluster/acls", agent_id)
    rdb.publish("cluster/event/acl-changed", "{}")


def environment_file(node: Node, module_id: str) -> Path:
    """Give the environment file of an instance."""
    return layout.state_dir(node, f"module/{module_id}") / "environment"

"""Roles of modules: defaults, authorizations of the image label, re-application."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import redis

READER = ("list-*", "get-*", "show-*", "read-*")


def grant_defaults(rdb: redis.Redis, module_id: str) -> None:
    """Give a new module its roles owner and reader, and make the owners of the cluster its owners."""
    agent_id = f"module/{module_id}"
    rdb.sadd(f"{agent_id}/roles/owner", "*")
    rdb.sadd(f"{agent_id}/roles/reader", *READER)
    for key in list(rdb.scan_iter("roles/*")):
        if "owner" in str(rdb.hget(key, "cluster") or "").split(","):
            rdb.hset(key, agent_id, "owner")


def store_authorizations(rdb: redis.Redis, module_id: str, label: str) -> None:
    """Replace what the module asks for by its image's label; unusable items are dropped."""
    wanted = {"self:selfadm"} | {item for item in label.split() if _usable(item)}
    key = f"cluster/authorizations/module/{module_id}"
    rdb.delete(key)
    rdb.sadd(key, *wanted)


def apply_all(rdb: redis.Redis) -> None:
    """Grant what all modules ask for, as far as the targets have such a role by now."""
    for key in list(rdb.scan_iter("cluster/authorizations/module/*")):
        user = str(key).removeprefix("cluster/authorizations/")
        for item in sorted(cast("set[str]", rdb.smembers(key))):
            selector, _, roles = str(item).partition(":")
            for target in _targets(rdb, user, selector):
                granted = [role for role in roles.split(",") if rdb.exists(f"{target}/roles/{role}")]
                if granted:
                    rdb.hset(f"roles/{user}", target, ",".join(granted))


def forget(rdb: redis.Redis, module_id: str) -> None:
    """Remove everything that was granted to a module or on it."""
    agent_id = f"module/{module_id}"
    rdb.delete(f"cluster/authorizations/{agent_id}", f"roles/{agent_id}")
    for key in list(rdb.scan_iter("roles/*")):
        rdb.hdel(key, agent_id)


def _usable(item: str) -> bool:
    selector, colon, roles = item.partition(":")
    return bool(colon and selector and roles) and "*" not in item and item != "cluster:owner"


def _targets(rdb: redis.Redis, user: str, selector: str) -> list[str]:
    if selector == "self":
        return [user]
    if selector == "cluster":
        return ["cluster"]
    if selector == "node":
        return ["node/1"]
    image, _, scope = selector.partition("@")
    if scope == "any":
        modules = sorted(cast("list[str]", rdb.hkeys("cluster/module_node")))
        return [f"module/{module}" for module in modules if str(module).rstrip("0123456789") == image]
    base = {"node": "node/1", "cluster": "cluster"}.get(scope)
    instance = rdb.get(f"{base}/default_instance/{image}") if base else None
    return [f"module/{instance}"] if instance else []

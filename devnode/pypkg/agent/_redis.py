"""Redis as a module sees it, and the search for services in it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, cast

import redis

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ADDRESS = "cluster-leader:6379"


def redis_connect(privileged: bool = False, use_replica: bool = False, **kwargs: Any) -> redis.Redis:  # noqa: ANN401 - passed on to Redis
    """Connect as the agent (privileged) or as the read-only user `default`.

    KeyError when privileged and REDIS_USER or REDIS_PASSWORD is missing.
    """
    variable = "REDIS_REPLICA_ADDRESS" if use_replica else "REDIS_ADDRESS"
    host, _, port = os.environ.get(variable, DEFAULT_ADDRESS).rpartition(":")
    user = os.environ["REDIS_USER"] if privileged else "default"
    password = os.environ["REDIS_PASSWORD"] if privileged else "default"
    return redis.Redis(
        host=host, port=int(port), username=user, password=password, decode_responses=True, **kwargs
    )


def list_service_providers(
    rdb: redis.Redis,
    service: str,
    transport: str = "*",
    filters: Mapping[str, object] | None = None,
    sortby: str = "node_proximity",
) -> list[dict[str, Any]]:
    """Give the published instances of a service that match all filters exactly; [] when there is none.

    With a filter on module_uuid only the instance with the highest sequence number is given: a module that
    moved leaves the older one behind for a while.
    """
    filters = filters or {}
    found = [_provider(rdb, key) for key in rdb.scan_iter(f"*/srv/{transport}/{service}")]
    found = [item for item in found if all(item.get(name) == value for name, value in filters.items())]
    if "module_uuid" in filters and len(found) > 1:
        found = [max(found, key=lambda item: int(item["module_seq"]))]
    return sorted(found, key=_sort_key(rdb, sortby))


def get_smarthost_settings(rdb: redis.Redis) -> dict[str, Any]:
    """Give the smart host settings of the cluster; those of a new cluster, not enabled, when none are set."""
    found = cast("dict[str, str]", rdb.hgetall("cluster/smarthost"))
    return {
        "port": int(found.get("port", "587")),
        "host": found.get("host", ""),
        "username": found.get("username", ""),
        "password": found.get("password", ""),
        "enabled": found.get("enabled") == "1",
        "encrypt_smtp": found.get("encrypt_smtp", "starttls"),
        "tls_verify": found.get("tls_verify", "1") == "1",
    }


def get_bound_domain_list(rdb: redis.Redis, module_id: str | None = None) -> list[str]:
    """Give the user domains that a module (this one unless named) is bound to."""
    return str(rdb.hget("cluster/module_domains", module_id or os.environ["MODULE_ID"]) or "").split()


def _provider(rdb: redis.Redis, key: str) -> dict[str, Any]:
    parts = key.split("/")
    item: dict[str, Any] = dict(cast("dict[str, str]", rdb.hgetall(key)))
    item["transport"] = parts[-2]
    if parts[0] == "module":
        module_id = parts[1]
        item["module_id"] = module_id
        item["module_seq"] = int(re.sub(r".*?(\d+)$", r"\1", module_id) or 0)
        item["module_uuid"] = rdb.hget("cluster/module_uuid", module_id)
        item["node"] = rdb.hget("cluster/module_node", module_id)
        item["ui_name"] = rdb.get(f"module/{module_id}/ui_name")
        if parts[2] != "srv":
            item["qualifier"] = parts[2]
    return item


def _sort_key(rdb: redis.Redis, sortby: str) -> Any:  # noqa: ANN401 - a key function of any order
    def sequence(item: Mapping[str, Any]) -> int:
        return int(item.get("module_seq", 0))

    if sortby == "module_seq_asc":
        return sequence
    if sortby == "module_seq_desc":
        return lambda item: -sequence(item)
    here = os.environ.get("NODE_ID")
    leader = rdb.hget("cluster/environment", "NODE_ID")
    return lambda item: ((item.get("node") != here, item.get("node") != leader), sequence(item))

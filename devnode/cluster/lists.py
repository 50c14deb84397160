"""Cluster actions that only read."""

from __future__ import annotations

import json

import agent
from devnode_module import podman

from . import step
from .host import logo
from .instances import environment_file


def installed_modules() -> None:
    """Run the action list-installed-modules: instances by image URL without tag."""
    node = step.node()
    found: dict[str, list[dict[str, object]]] = {}
    with agent.redis_connect(privileged=True) as rdb:
        node_name = rdb.get("node/1/ui_name") or ""
        for module_id in sorted(map(str, rdb.hkeys("cluster/module_node"))):
            url = agent.read_envfile(environment_file(node, module_id))["IMAGE_URL"]
            source, _, tag = url.rpartition(":")
            found.setdefault(source, []).append(
                {
                    "id": module_id,
                    "version": tag,
                    "node": "1",
                    "node_ui_name": node_name,
                    "ui_name": rdb.get(f"module/{module_id}/ui_name") or "",
                    "ui_note": rdb.get(f"module/{module_id}/ui_note") or "",
                    "digest": str(podman.inspect_image(url).get("Digest", "")),
                    "source": source,
                    "module": module_id.rstrip("0123456789"),
                    "logo": logo(node, module_id),
                    "flags": sorted(rdb.smembers(f"module/{module_id}/flags")),
                }
            )
    step.answer(found)


def backup_repositories() -> None:
    """Run the action list-backup-repositories: the folder that plays the repository."""
    with agent.redis_connect(privileged=True) as rdb:
        repositories = [
            _repository(str(key).split("/")[2]) for key in sorted(rdb.scan_iter("cluster/backup/*/name"))
        ]
    step.answer({"repositories": repositories})


def backups() -> None:
    """Run the action list-backups: each backup with its instances and the outcome of their last run."""
    with agent.redis_connect(privileged=True) as rdb:
        found = []
        for key in sorted(rdb.scan_iter("cluster/backup/*/name")):
            backup_id = str(key).split("/")[2]
            members = sorted(map(str, rdb.smembers(f"cluster/backup/{backup_id}/instances")))
            instances = [
                {
                    "module_id": module_id,
                    "ui_name": rdb.get(f"module/{module_id}/ui_name") or "",
                    "status": json.loads(rdb.hget(f"cluster/backup/{backup_id}/status", module_id) or "null"),
                }
                for module_id in members
            ]
            found.append(
                {
                    "id": int(backup_id),
                    "name": rdb.get(key),
                    "repository": backup_id,
                    "schedule": "",
                    "retention": "",
                    "enabled": True,
                    "instances": instances,
                }
            )
        unconfigured = set(map(str, rdb.hkeys("cluster/module_node")))
    for backup in found:
        unconfigured -= {str(item["module_id"]) for item in backup["instances"]}
    step.answer({"backups": found, "unconfigured_instances": sorted(unconfigured)})


def cluster_status() -> None:
    """Run the action get-cluster-status: one node, itself the leader."""
    node = step.node()
    with agent.redis_connect(privileged=True) as rdb:
        name = rdb.get("node/1/ui_name") or ""
        answer = {
            "initialized": True,
            "leader": True,
            "leader_url": "",
            "default_password": False,
            "ui_name": rdb.get("cluster/ui_name") or "",
            "vpn": {"network": rdb.get("cluster/network")},
            "nodes": [
                {
                    "id": 1,
                    "local": True,
                    "online": True,
                    "ui_name": name,
                    "vpn": {"ip_address": node.address(2), "listen_port": 55820},
                }
            ],
        }
    step.answer(answer)


def _repository(backup_id: str) -> dict[str, object]:
    return {
        "id": backup_id,
        "name": f"devnode {backup_id}",
        "provider": "devnode",
        "url": f"devnode:{backup_id}",
    }

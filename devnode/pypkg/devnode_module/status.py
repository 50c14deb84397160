"""What a module tells about itself: get-status, names, volumes, providers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import agent

from .podman import podman


def get_status() -> None:
    """Run the action get-status."""
    module_id, node_id = os.environ["MODULE_ID"], os.environ["NODE_ID"]
    with agent.redis_connect() as rdb:
        answer = {
            "instance": module_id,
            "ui_name": rdb.get(f"module/{module_id}/ui_name") or "",
            "node": node_id,
            "node_ui_name": rdb.get(f"node/{node_id}/ui_name") or "",
            "services": [_service(unit) for unit in _units()],
            "images": _images(),
            "volumes": _volumes(),
        }
    json.dump(answer, sys.stdout)


def list_volumes() -> None:
    """Run the action list-volumes."""
    json.dump([volume["name"] for volume in _volumes()], sys.stdout)


def get_name() -> None:
    """Run the action get-name."""
    with agent.redis_connect() as rdb:
        json.dump({"name": rdb.get(f"{os.environ['AGENT_ID']}/ui_name") or ""}, sys.stdout)


def set_text(field: str, key: str) -> None:
    """Actions set-name {name} and set-note {note}: the text is kept in Redis."""
    text = json.load(sys.stdin)[field]
    with agent.redis_connect(privileged=True) as rdb:
        rdb.set(f"{os.environ['AGENT_ID']}/{key}", text)


def list_service_providers() -> None:
    """Run the action list-service-providers {service, transport?, filter?}."""
    request: dict[str, Any] = json.load(sys.stdin)
    with agent.redis_connect(use_replica=True) as rdb:
        found = agent.list_service_providers(
            rdb, request["service"], request.get("transport", "*"), request.get("filter") or {}
        )
    json.dump(found, sys.stdout)


def _units() -> list[str]:
    """Give the units of the module's imageroot, templates by their enabled instances."""
    folder = Path(os.environ["AGENT_INSTALL_DIR"]) / "systemd/user"
    found: set[str] = set()
    for path in folder.glob("*.service"):
        if path.stem.endswith("@"):
            found.update(
                item.name for item in (folder / "default.target.wants").glob(f"{path.stem}*.service")
            )
        else:
            found.add(path.name)
    return sorted(found)


def _service(unit: str) -> dict[str, object]:
    def asks(question: str) -> bool:
        return subprocess.run(["systemctl", "--user", "--quiet", question, unit], check=False).returncode == 0

    return {
        "name": unit.removesuffix(".service"),
        "active": asks("is-active"),
        "enabled": asks("is-enabled"),
        "failed": asks("is-failed"),
    }


def _images() -> list[dict[str, str]]:
    wanted = {value for name, value in os.environ.items() if re.fullmatch(r"(?!PREV_)[A-Z0-9_]+_IMAGE", name)}
    found: list[dict[str, str]] = []
    for line in podman(
        "images", "--format", "{{.Repository}}:{{.Tag}}\t{{.Size}}\t{{.Created}}"
    ).splitlines():
        name, size, created = line.split("\t")
        if name in wanted:
            found.append({"name": name, "size": size, "created": created})
    return found


def _volumes() -> list[dict[str, str]]:
    form = "{{.Name}}\t{{.Mountpoint}}\t{{.CreatedAt}}"
    lines = podman("volume", "ls", "--format", form).splitlines()
    return [dict(zip(("name", "mount", "created"), line.split("\t"), strict=True)) for line in lines]


def list_backup_repositories() -> None:
    """Run the action list-backup-repositories of a module: none of its own on this node."""
    json.dump([], sys.stdout)

"""Actions that cluster-admin itself asks for: applications, shortcuts, favorites, and what is not here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import agent

from . import step
from .instances import environment_file

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from devnode.settings import Node

ABSENT: Final[dict[str, object]] = {
    "list-alerts": {"alerts": []},
    "list-core-modules": [],
    "list-loki-instances": {"instances": []},
    "list-repositories": [],
    "get-smarthost": {
        "enabled": False,
        "host": "",
        "port": 587,
        "username": "",
        "password": "",
        "encrypt_smtp": "starttls",
        "tls_verify": True,
    },
    "get-subscription": {"subscription": None},
    "get-support-session": {"active": False, "session_id": ""},
}
"""What a new cluster answers about parts that this stand-in does not have."""


def absent(action: str) -> None:
    """Run one of the actions in `ABSENT`."""
    step.answer(ABSENT[action])


def modules() -> None:
    """Run the action list-modules: the applications that have instances, as their pages describe them."""
    node = step.node()
    found: dict[str, dict[str, Any]] = {}
    with agent.redis_connect(privileged=True) as rdb:
        for module_id in sorted(map(str, rdb.hkeys("cluster/module_node"))):
            source, _, version = agent.read_envfile(environment_file(node, module_id))[
                "IMAGE_URL"
            ].rpartition(":")
            folder = node.apps / module_id
            described = found.setdefault(source, _described(folder, source, version))
            described["installed"].append(
                {
                    "id": module_id,
                    "node": "1",
                    "version": version,
                    "ui_name": rdb.get(f"module/{module_id}/ui_name") or "",
                    "ui_note": rdb.get(f"module/{module_id}/ui_note") or "",
                }
            )
    step.answer(list(found.values()))


def shortcuts() -> None:
    """Run the action list-shortcuts: what each instance's page offers to the search."""
    node = step.node()
    with agent.redis_connect(privileged=True) as rdb:
        found = [
            {
                "module_id": module_id,
                "ui_name": rdb.get(f"module/{module_id}/ui_name") or "",
                "shortcuts": _json(node.apps / module_id / "shortcuts.json", []),
            }
            for module_id in sorted(map(str, rdb.hkeys("cluster/module_node")))
        ]
    step.answer([item for item in found if item["shortcuts"]])


def favorites() -> None:
    """Run the action list-favorites: instances in the order in which they were added."""
    with agent.redis_connect(privileged=True) as rdb:
        step.answer(_favorites(rdb))


def add_favorite() -> None:
    """Run the action add-favorite {instance}."""
    instance = str(step.request()["instance"])
    with agent.redis_connect(privileged=True) as rdb:
        if not rdb.hexists("cluster/module_node", instance):
            step.refuse("instance", instance, "instance_not_found")
        if instance not in _favorites(rdb):
            rdb.rpush("cluster/favorites", instance)
        step.answer(_favorites(rdb))


def remove_favorite() -> None:
    """Run the action remove-favorite {instance}."""
    with agent.redis_connect(privileged=True) as rdb:
        rdb.lrem("cluster/favorites", 0, str(step.request()["instance"]))
        step.answer(_favorites(rdb))


def user_info() -> None:
    """Run the action get-user-info {user}: the one account of this node."""
    user = str(step.request().get("user") or "admin")
    step.answer({"user": user, "display_name": "Administrator", "email": "", "2fa": False})


def logo(node: Node, module_id: str) -> str:
    """Give the address of an application's logo below /cluster-admin/, empty when its page has none."""
    folder = node.apps / module_id
    images = sorted(folder.glob("img/*logo*png"))
    return f"apps/{module_id}/{images[0].relative_to(folder)}" if images else ""


def _described(folder: Path, source: str, version: str) -> dict[str, Any]:
    metadata = _json(folder / "metadata.json", {})
    name = source.rpartition("/")[2]
    return {
        "id": name,
        "name": metadata.get("name", name),
        "description": metadata.get("description", {}),
        "categories": metadata.get("categories", []),
        "authors": metadata.get("authors", []),
        "docs": metadata.get("docs", {}),
        "source": source,
        "logo": logo(step.node(), folder.name),
        "repository": "",
        "versions": [{"tag": version, "testing": False, "labels": {}}],
        "updates": [],
        "installed": [],
    }


def _favorites(rdb: redis.Redis) -> list[str]:
    present = set(cast("list[str]", rdb.hkeys("cluster/module_node")))
    return [item for item in cast("list[str]", rdb.lrange("cluster/favorites", 0, -1)) if item in present]


def _json(path: Path, default: Any) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return default

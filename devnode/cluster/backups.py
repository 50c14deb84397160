"""Cluster actions add-backup, run-backup and remove-backup: the repository is a folder of this node."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import agent

from . import step

if TYPE_CHECKING:
    from pathlib import Path


def add() -> None:
    """Run the action add-backup {name?, instances}: gives {"id"}."""
    request = step.request()
    with agent.redis_connect(privileged=True) as rdb:
        backup_id = rdb.incr("cluster/backup_sequence")
        rdb.set(f"cluster/backup/{backup_id}/name", str(request.get("name") or f"Backup {backup_id}"))
        rdb.sadd(f"cluster/backup/{backup_id}/instances", *map(str, request["instances"]))
    step.answer({"id": backup_id})


def remove() -> None:
    """Run the action remove-backup {id}: forgets the backup, its snapshots stay."""
    backup_id = int(step.request()["id"])
    with agent.redis_connect(privileged=True) as rdb:
        for key in list(rdb.scan_iter(f"cluster/backup/{backup_id}/*")):
            rdb.delete(key)
    step.answer(None)


def run() -> None:
    """Run the action run-backup {id}: back up each instance; exit code 1 when one failed."""
    node = step.node()
    backup_id = int(step.request()["id"])
    failed = False
    with agent.redis_connect(privileged=True) as rdb:
        for module_id in sorted(map(str, rdb.smembers(f"cluster/backup/{backup_id}/instances"))):
            status = _back_up(node.bin / "runagent", module_id, backup_id)
            failed = failed or not status["success"]
            rdb.hset(f"cluster/backup/{backup_id}/status", module_id, json.dumps(status))
    step.answer(None)
    sys.exit(1 if failed else 0)


def _back_up(runagent: Path, module_id: str, backup_id: int) -> dict[str, object]:
    command = [str(runagent), "-m", module_id, "module-backup", str(backup_id)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return {"success": False}
    status: dict[str, object] = json.loads(done.stdout)
    return status

"""module-backup BACKUP_ID: back up the module of the environment (runagent -m ID module-backup 1)."""

from __future__ import annotations

import json
import subprocess
import sys

from .packages import use_agent_package


def main() -> int:
    """Write one snapshot; prints its figures as JSON."""
    if len(sys.argv) != 2:
        print("usage: runagent -m ID module-backup BACKUP_ID", file=sys.stderr)
        return 2
    use_agent_package()
    from devnode_module import backup, podman

    podman.enter_user_namespace()
    try:
        print(json.dumps(backup.back_up(sys.argv[1])))
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"backup failed: {error}", file=sys.stderr)
        return 1
    return 0

"""podman volumes of the module."""

from __future__ import annotations

import os
import subprocess


def get_existing_volume_args() -> list[str]:
    """Give `--volume` arguments that mount each volume of the module at /srv/volumes/<name>."""
    done = subprocess.run(
        ["podman", "volume", "ls", "--format={{.Name}}"], check=True, capture_output=True, text=True
    )
    return [f"--volume={name}:/srv/volumes/{name}" for name in sorted(done.stdout.split())]


def get_state_volume_args() -> list[str]:
    """Give `--volume` arguments for the state folder (at /srv/state) and every volume."""
    return [f"--volume={os.environ['AGENT_STATE_DIR']}:/srv/state", *get_existing_volume_args()]

"""Step 05create_volumes of create-module, clone-module, restore-module and import-module."""

from __future__ import annotations

import json
import sys

from .podman import podman


def create() -> None:
    """Create the named volumes of the request that do not exist; all are on the one disk of this node."""
    request = json.load(sys.stdin)
    present = set(podman("volume", "ls", "--format", "{{.Name}}").split())
    for name in request.get("volumes") or ():
        if name not in present:
            podman("volume", "create", str(name))

"""Step 05create_volumes of create-module, clone-module, restore-module and import-module."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from .podman import podman

if TYPE_CHECKING:
    from collections.abc import Iterable


def create() -> None:
    """Create the named volumes of the request that do not exist; all are on the one disk of this node."""
    ensure(map(str, json.load(sys.stdin).get("volumes") or ()))


def ensure(names: Iterable[str]) -> None:
    """Create those of the volumes that do not exist."""
    present = set(podman("volume", "ls", "--format", "{{.Name}}").split())
    for name in names:
        if name not in present:
            podman("volume", "create", name)

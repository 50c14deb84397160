"""Faults on demand: steps of the core that stop half-way, as on a full disk or after a lost connection."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def strike(action: str) -> None:
    """End the step with exit code 1 when the node was told to let this action fail."""
    file = Path(os.environ["DEVNODE_FAULTS"])
    armed = json.loads(file.read_text())["actions"] if file.exists() else []
    if action in armed:
        sys.exit(f"{action} stops half-way: python -m devnode faults asked for it")

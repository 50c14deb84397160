"""Make the stand-in's `agent` package importable for the tools."""

from __future__ import annotations

import sys
from pathlib import Path


def use_agent_package() -> None:
    """Put devnode/pypkg on the search path."""
    folder = str(Path(__file__).resolve().parent.parent / "pypkg")
    if folder not in sys.path:
        sys.path.insert(0, folder)

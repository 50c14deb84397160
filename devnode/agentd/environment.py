"""The environment file of an agent and the environment of its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read(path: Path) -> dict[str, str]:
    """Give the KEY=VALUE lines as the Go agent reads them: no comments, no quoting; a missing file is empty.

    A line without `=` is ignored; one that starts with `#` and has a `=` is a variable.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line and "\0" not in line)


def of_step(base: Mapping[str, str], state: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of one step: agent, then the file as it is now, then the task's own."""
    return {**base, **read(state / "environment"), **extra}

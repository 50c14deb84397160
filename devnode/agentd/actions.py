"""Find the steps of an action or of an event."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INPUT_SCHEMA = "validate-input.json"
OUTPUT_SCHEMA = "validate-output.json"


@dataclass(frozen=True)
class Plan:
    """What an action consists of; steps are in the order of execution."""

    input_schema: Path | None
    steps: tuple[Path, ...]
    output_schema: Path | None

    def __bool__(self) -> bool:
        return bool(self.steps or self.input_schema or self.output_schema)


def plan(folders: Sequence[Path], name: str) -> Plan:
    """Merge the folders called name by file name, the later folder wins, sorted bytewise.

    A name with a slash or a leading dot has no folder: it gives the empty plan.
    """
    files: dict[str, Path] = {}
    if "/" not in name and not name.startswith("."):
        for folder in folders:
            for path in _plain_files(folder / name):
                files[path.name] = path
    input_schema = files.pop(INPUT_SCHEMA, None)
    output_schema = files.pop(OUTPUT_SCHEMA, None)
    return Plan(input_schema, tuple(files[key] for key in sorted(files, key=os.fsencode)), output_schema)


def names(folders: Sequence[Path]) -> list[str]:
    """Give the names of all actions that have a folder."""
    found: set[str] = set()
    for folder in folders:
        if folder.is_dir():
            found.update(path.name for path in folder.iterdir() if path.is_dir())
    return sorted(found)


def _plain_files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.is_dir()]
    except OSError:
        return []

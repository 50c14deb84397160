"""What an import of a CSV file has done so far, kept on disk: even one that is killed can be told of."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from imapsync_tasks import files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.paths import Paths


class Progress:
    """The rows of one import that are done; written after each."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._began = time.time()
        self._rows: list[int] = []
        self._write(ended=False)

    def add(self, row: int) -> None:
        """Note that a row is done."""
        self._rows.append(row)
        self._write(ended=False)

    def end(self) -> None:
        """Note that the import told what it did by itself."""
        self._write(ended=True)

    def _write(self, *, ended: bool) -> None:
        content = {"began": self._began, "rows": self._rows, "ended": ended}
        with suppress(OSError):
            files.replace(self._paths.csv_import, json.dumps(content), durable=False)


def cut_off(paths: Paths) -> str | None:
    """Give a sentence about the last import when it was cut off before it could tell what it did."""
    match files.read_json(paths.csv_import):
        case {"began": int() | float() as began, "rows": list(rows), "ended": False}:
            done = ranges(row for row in rows if isinstance(row, int))
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(began))
            return f"The import that began at {when} was cut off. Rows of its file that were done: {done}"
    return None


def ranges(numbers: Iterable[int]) -> str:
    """Give numbers for people: 2-24, 30."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in found) or "none"

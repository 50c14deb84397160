"""What an import of a CSV file has done so far, kept on disk: even one that is killed can be told of.

`.import` names the rows that are done, after each; `.imported` holds the outcomes in full, once a second and
at the end, until somebody has seen them. While `.import-lock` is held the import goes on; one at a time.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import files, steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths

#: Between two writes of all outcomes: there may be thousands.
_INTERVAL_S: Final = 1.0
_MEMBERS: Final = {"id", "began_at", "ended_at", "total", "results"}


class Progress:
    """The rows of one import that are done; written after each."""

    def __init__(self, paths: Paths, total: int) -> None:
        self._paths = paths
        self._id = secrets.token_hex(4)
        self._began = time.time()
        self._written = 0.0
        self._total = total
        self._rows: list[int] = []
        self._results: list[Json] = []
        self._write(ended=False)

    def add(self, result: Json, *, done: bool) -> None:
        """Note what became of a row; `done`: it was tried."""
        self._results.append(result)
        if done:
            self._rows.append(int(str(result["row"])))
            self._write(ended=False)

    def end(self) -> None:
        """Note that the import told what it did by itself."""
        self._write(ended=True)

    def _write(self, *, ended: bool) -> None:
        content = {"began": self._began, "rows": self._rows, "ended": ended}
        with suppress(OSError):
            files.replace(self._paths.csv_import, json.dumps(content), durable=False)
        now = time.time()
        if not ended and now - self._written < _INTERVAL_S:
            return
        self._written = now
        told = {
            "id": self._id,
            "began_at": self._began,
            "ended_at": now if ended else None,
            "total": self._total,
            "results": sorted(self._results, key=lambda one: int(str(one["row"]))),
        }
        with suppress(OSError):
            files.replace(self._paths.imported, json.dumps(told), durable=False)


def last_import(request: Json) -> Json:
    """Give the answer of get-import: the last import, until `dismiss` names it.

    `brief`: while it goes on, only how far it is. Pages ask often, and each answer stays in all their tabs.
    """
    paths = steps.store().paths
    found = files.read_json(paths.imported)
    running = files.is_locked(paths.import_lock)
    if found is None or found.keys() != _MEMBERS:
        return {"import": None, "running": running}
    if not running and found["id"] == request.get("dismiss"):
        files.remove(paths.imported)
        return {"import": None, "running": False}
    results = found["results"]
    done = len(results) if isinstance(results, list) else 0
    told: Json = {"results": []} if running and request.get("brief") is True else {}
    return {"import": {**found, "done": done, **told}, "running": running}


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

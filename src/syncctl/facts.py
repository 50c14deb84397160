"""What is known of the large providers: a file that comes with the engine, read without importing it."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from imapsync_tasks import files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.errors import Json


@functools.cache
def providers() -> tuple[Json, ...]:
    """Give the row of each provider, its members as in the file; none without the engine."""
    engine = find_spec("imapsync")
    for folder in (engine and engine.submodule_search_locations) or ():
        rows = (files.read_json(Path(folder) / "providers" / "facts.json") or {}).get("providers")
        return tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return ()


def of_host(host: str) -> Json | None:
    """Give the row of the provider that an IMAP server belongs to."""
    return next((row for row in providers() if match(names(row, "hosts"), host) is not None), None)


def names(row: Json, member: str) -> tuple[str, ...]:
    """Give a list of texts of a row, or the names of a table; empty when it has none."""
    found = row.get(member)
    return tuple(str(one) for one in found) if isinstance(found, list | dict) else ()


def match(patterns: Iterable[str], host: str) -> str | None:
    """Give the pattern that a host's name matches; a leading "*" stands for all that end so."""
    host = host.lower().rstrip(".")
    for one in patterns:
        if host.endswith(one[1:]) if one.startswith("*") else host == one:
            return one
    return None

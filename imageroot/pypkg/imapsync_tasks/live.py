"""How the accounts of live tasks are watched, as the container's watcher tells it in one small file.

The file means something only while the watcher holds its lock: nothing that a killed one left behind can say
that an account is watched.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync_tasks.errors import Json
    from imapsync_tasks.paths import Paths

#: The remote server tells of new mail; it is looked at regularly; not watched for now, tried again; refused:
#: somebody has to do something.
WATCHING: Final = "watching"
POLLING: Final = "polling"
WAITING: Final = "waiting"
REFUSED: Final = "refused"
_WORDS: Final = (WATCHING, POLLING, WAITING, REFUSED)


class Standing(NamedTuple):
    """How an account stands since when (unix seconds); error: the engine's stable word, text: a sentence."""

    state: str = WAITING
    since: float = 0.0
    error: str | None = None
    text: str = ""

    def as_json(self) -> Json:
        """Give it as list-tasks does."""
        return {"state": self.state, "since": self.since, "error": self.error, "text": self.text}


def write(paths: Paths, standings: Mapping[str, Standing]) -> None:
    """Tell how the accounts stand; the watcher does."""
    content = {task: standing.as_json() for task, standing in standings.items()}
    files.replace(paths.watching, json.dumps(content), durable=False)


def read(paths: Paths) -> dict[str, Standing]:
    """Give how the accounts of live tasks stand; none while nobody watches."""
    if not files.is_locked(paths.watcher_lock):
        return {}
    found = files.read_json(paths.watching) or {}
    return {task: standing for task, value in found.items() if (standing := _standing(value)) is not None}


def write_held(paths: Paths, held: Mapping[str, int]) -> None:
    """Tell how many connections the watcher holds, by who shares a bounded number; the watcher does."""
    files.replace(paths.listening, json.dumps(held), durable=False)


def read_held(paths: Paths) -> dict[str, int]:
    """Give how many connections the watcher holds; none while nobody watches."""
    if not files.is_locked(paths.watcher_lock):
        return {}
    found = files.read_json(paths.listening) or {}
    return {group: number for group, number in found.items() if isinstance(number, int) and number > 0}


def _standing(value: object) -> Standing | None:
    match value:
        case {"state": str(state), "since": int() | float() as since, "error": error, "text": str(text)}:
            if state in _WORDS and isinstance(error, str | None):
                return Standing(state, float(since), error, text)
    return None

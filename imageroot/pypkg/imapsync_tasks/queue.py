"""The tasks that wait to run, first come first served, in one small file. Callers hold the instance lock.

An entry may have a due time: a scheduled start that is spread within its minute. Only due entries count as
queued, and only while a slot or the timer is held: what a killed container left goes on when the service
starts again (`syncctl resume`) or a schedule comes first.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import files, rules

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths


class Release(NamedTuple):
    """What an administrator wants of one run and of no later one.

    deleted, vanished: what he allows although a brake holds: so many local mails may be deleted, so many
    local copies were removed on purpose; 0: the brakes judge. retry: only what did not arrive in the last run
    is tried. verify: nothing is copied, both accounts are compared.
    """

    deleted: int = 0
    vanished: int = 0
    retry: bool = False
    verify: bool = False

    @property
    def is_no_sync(self) -> bool:
        """Whether the run does not bring all that is new."""
        return self.retry or self.verify


#: A run as any other: the brakes judge.
UNRELEASED: Final = Release()


class Entry(NamedTuple):
    """One waiting start."""

    task: str
    due: float
    release: Release = UNRELEASED


def read(paths: Paths) -> list[Entry]:
    """Give the entries in order, also those that nobody serves any more."""
    found = (files.read_json(paths.queue) or {}).get("entries")
    entries = []
    for item in found if isinstance(found, list) else []:
        match item:
            case [str(task), int() | float() as due, *more] if rules.is_task_name(task) and math.isfinite(
                due
            ):
                entries.append(Entry(task, float(due), _release(more)))
    return entries


def release_of(value: object) -> Release:
    """Read a release as JSON has it; anything else is none."""
    return _release([value])


def _release(more: list[object]) -> Release:
    match more:
        case [[int(deleted), int(vanished)]]:
            return Release(deleted, vanished)
        case [[int(deleted), int(vanished), bool(retry)]]:
            return Release(deleted, vanished, retry)
        case [[int(deleted), int(vanished), bool(retry), bool(verify)]]:
            return Release(deleted, vanished, retry, verify)
    return UNRELEASED


def write(paths: Paths, entries: list[Entry]) -> None:
    """Replace the entries."""
    if entries:
        files.replace(paths.queue, json.dumps({"entries": entries}), durable=False)
    else:
        files.remove(paths.queue)


def is_served(paths: Paths) -> bool:
    """Tell whether a process of the container works on the queue."""
    return any(files.is_locked(path) for path in paths.held())

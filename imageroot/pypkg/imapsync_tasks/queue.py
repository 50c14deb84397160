"""The tasks that wait to run, first come first served, in one small file. Callers hold the instance lock.

An entry may have a due time: a scheduled start that is spread within its minute, or a run that goes on when
a server that asked to wait may be asked again. Only due entries count as queued, and only while a slot or the
timer is held: what a killed container left goes on when the service starts again (`syncctl resume`) or a
schedule comes first.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import files, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_tasks.paths import Paths


#: How accounts are compared: by headers, size, date and flags, or also by all that messages say.
METHODS: Final = ("headers", "content")


class Release(NamedTuple):
    """What an administrator wants of one run and of no later one.

    deleted, vanished: what he allows although a brake holds: so many local mails may be deleted, so many
    local copies were removed on purpose; 0: the brakes judge. retry: only what did not arrive in the last run
    is tried. verify: nothing is copied, both accounts are compared, by one of `METHODS`; "": they are not.
    """

    deleted: int = 0
    vanished: int = 0
    retry: bool = False
    verify: str = ""

    @property
    def is_no_sync(self) -> bool:
        """Whether the run does not bring all that is new."""
        return self.retry or bool(self.verify)


#: A run as any other: the brakes judge.
UNRELEASED: Final = Release()


class Entry(NamedTuple):
    """One waiting start.

    place: since when its run has had a place in the queue, where that is not `due`: what a server made wait
    is not behind those that came meanwhile.
    """

    task: str
    due: float
    release: Release = UNRELEASED
    place: float | None = None

    @property
    def since(self) -> float:
        """Give by what entries that are due are put in order."""
        return self.due if self.place is None else self.place


def in_order(entries: Iterable[Entry], now: float) -> list[Entry]:
    """Put what is due first, in the order of places; then what is due later."""
    return sorted(
        entries, key=lambda entry: (entry.due > now, entry.since if entry.due <= now else entry.due)
    )


def read(paths: Paths) -> list[Entry]:
    """Give the entries in order, also those that nobody serves any more."""
    found = (files.read_json(paths.queue) or {}).get("entries")
    entries = []
    for item in found if isinstance(found, list) else []:
        match item:
            case [str(task), int() | float() as due, *more] if rules.is_task_name(task) and math.isfinite(
                due
            ):
                entries.append(Entry(task, float(due), _release(more[:1]), _place(more[1:])))
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
        case [[int(deleted), int(vanished), bool(retry), bool(verify)]]:  # of an earlier version
            return Release(deleted, vanished, retry, METHODS[0] if verify else "")
        case [[int(deleted), int(vanished), bool(retry), str(verify)]] if verify in ("", *METHODS):
            return Release(deleted, vanished, retry, verify)
    return UNRELEASED


def _place(more: list[object]) -> float | None:
    match more:
        case [int() | float() as place] if math.isfinite(place):
            return float(place)
    return None


def write(paths: Paths, entries: list[Entry]) -> None:
    """Replace the entries."""
    if entries:
        files.replace(paths.queue, json.dumps({"entries": entries}), durable=False)
    else:
        files.remove(paths.queue)


def is_served(paths: Paths) -> bool:
    """Tell whether a process of the container works on the queue."""
    return any(files.is_locked(path) for path in paths.held())

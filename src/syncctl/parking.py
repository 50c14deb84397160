"""When a run goes on that a server made wait: at the time that the engine's report gives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from imapsync_tasks import runtime
from imapsync_tasks.queue import UNRELEASED, Entry, Release

if TYPE_CHECKING:
    from imapsync_tasks.paths import Paths

#: How long a run rests at least that was told a time which is over already.
_REST_S: Final = 60.0
#: A start that was missed is made up for within this time.
_MISSED_S: Final = 24 * 3600.0
#: No server makes a run wait longer.
LONGEST_S: Final = 24 * 3600.0


def entry_of(
    paths: Paths, task: str, release: Release = UNRELEASED, place: float | None = None
) -> Entry | None:
    """Give the start of a run that a server made wait, of a task that nobody runs; None: none did.

    release: what was given to the run that has ended. What an administrator allowed was for that run alone;
    what he wanted tried again still is. place: since when it has been in the queue.
    """
    until, result = runtime.parked_until(paths, task), runtime.result(paths, task)
    if not until or result is None or not runtime.is_parked(paths, task):
        return None
    ended = float(str(result["ended_at"]))
    due = until if until > ended else ended + _REST_S
    if due < time.time() - _MISSED_S:
        return None
    return Entry(task, due, Release(retry=release.retry), place)

"""What list-changes remembers of the tasks between two questions.

`.changes` is what every question needs, and small; `.changes-tasks` is how each task looked, which is read
and written only when more is new than the progress of runs and the places in the queue. Both are written in
place, so that writing them does not change their directory, whose time tells whether anything happened.
Damaged, lost or of different moments they begin anew: then readers get everything once more.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from imapsync_tasks import brief, files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imapsync_tasks.brief import Brief
    from imapsync_tasks.errors import Json

#: Removed tasks that are remembered; a reader that has missed more gets the whole list.
MAX_REMOVED: Final = 1000


class DamagedHistoryError(ValueError):
    """How the tasks looked cannot be told from what was kept."""


class Entry(NamedTuple):
    """How a task looked, at which version it began to look so, and what it was in brief."""

    sign: str
    version: int
    brief: Brief


class Run(NamedTuple):
    """A task that runs: its sign, that of its progress, and since which version it is."""

    sign: str
    progress: str
    version: int = 0


class Looks(NamedTuple):
    """How to look closer: at a task in brief, and at what stands around it (its source, its project)."""

    brief: Callable[[str], Brief]
    around: Callable[[Brief], str]


class History:
    """The tasks as they were seen, by version."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.version = 0
        #: The version since which no task looks another way, but for the progress of its run.
        self.listed = 0
        #: Readers below this version have missed removals that are forgotten.
        self.floor = 0
        self.removed: dict[str, int] = {}
        self.queue = ""
        self.queue_version = 0
        #: What had been seen of the instance as a whole when every task was looked at, and when that was.
        self.surface = ""
        self.looked_at = 0.0
        #: The tasks that ran.
        self.live: dict[str, Run] = {}
        #: Condition -> tasks.
        self.counts: dict[str, int] = {}
        self._entries: dict[str, Entry] | None = {}
        self._body: Path | None = None

    @property
    def entries(self) -> dict[str, Entry]:
        """Give the tasks. DamagedHistoryError."""
        if self._entries is None:
            self._entries = _entries(self._body, self._moment)
        return self._entries

    @property
    def token(self) -> str:
        """Give the version as readers hand it back."""
        return f"{self.epoch}.{self.version}"

    @property
    def _moment(self) -> str:
        """Give to which moment the tasks that are kept belong."""
        return f"{self.epoch}.{self.listed}"

    def knows_list(self, since: int | None) -> bool:
        """Tell whether a reader knows how every task looks, but for progress and queue."""
        return since is not None and since >= self.listed

    def is_news(self, name: str, since: int | None) -> bool:
        """Tell whether a task is no longer as a reader knows it. DamagedHistoryError."""
        if since is None:
            return True
        run = self.live.get(name)
        if run and run.version > since:
            return True
        return not self.knows_list(since) and self.entries[name].version > since

    def since(self, token: object) -> int | None:
        """Give the version that a reader knows; None when it knows nothing that counts."""
        epoch, _, number = str(token).partition(".")
        if epoch != self.epoch or not number.isdecimal() or len(number) > 15:
            return None
        return int(number) if self.floor <= int(number) <= self.version else None

    def observe(self, signs: dict[str, str], look: Looks, *, whole: bool = True) -> None:
        """Take in how tasks look now; `whole`: all of them, so that others have gone. DamagedHistoryError."""
        version = self.version + 1
        known = self.entries
        fresh = {} if whole else dict(known)
        for name, sign in signs.items():
            old = known.get(name)
            if old is None or old.sign != sign + look.around(old.brief):
                now = look.brief(name)
                old = Entry(sign + look.around(now), version, now)
            fresh[name] = old
        gone = [name for name in known if name not in fresh]
        if not gone and all(fresh[name].version != version for name in signs):
            return
        self._entries = fresh
        self._body = None
        self.removed = {name: at for name, at in self.removed.items() if name not in fresh}
        self.removed |= dict.fromkeys(gone, version)
        while len(self.removed) > MAX_REMOVED:
            self.floor = self.removed.pop(next(iter(self.removed)))
        self.version = self.listed = version
        self.counts = dict(Counter(entry.brief.condition for entry in fresh.values()))

    def follow(self, runs: dict[str, Run], queue: str) -> None:
        """Take in how far the runs are (their versions are given here), and who waits."""
        version = self.version + 1
        self.live = {
            name: run._replace(version=old.version)
            if (old := self.live.get(name)) and old.progress == run.progress
            else run._replace(version=version)
            for name, run in runs.items()
        }
        if queue != self.queue:
            self.queue, self.queue_version = queue, version
        if version in (self.queue_version, *(run.version for run in self.live.values())):
            self.version = version

    def write(self, path: Path, body: Path) -> None:
        """Keep it: the tasks only where they look another way than what was kept of them."""
        if self._body is None:
            _write(body, {"moment": self._moment, "tasks": self.entries})
        _write(path, {name: value for name, value in vars(self).items() if not name.startswith("_")})

    @classmethod
    def read(cls, path: Path, body: Path) -> History:
        """Give what was kept, or a new history when there is none that can be used."""
        history = cls()
        head = files.read_json(path)
        if head is not None and _sound(head, vars(history)):
            vars(history).update(head)
            history.live = {name: Run._make(run) for name, run in history.live.items()}
            history._entries, history._body = None, body
        return history


def _write(path: Path, content: Json) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, how, files.MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(json.dumps(content, separators=(",", ":")) + "\n")


def _sound(head: Json, model: Json) -> bool:
    """Tell whether a head has the members of `model` and their types, and numbers where numbers belong."""
    names = [name for name in model if not name.startswith("_")]
    return (
        head.keys() == set(names)
        and all(type(head[name]) is type(model[name]) for name in names)
        and _all(head["removed"], int)
        and _all(head["counts"], int)
        and _all(head["live"], list, lambda run: [type(one) for one in run] == [str, str, int])
    )


def _all(values: object, kind: type, fits: Callable[[Any], bool] = lambda _value: True) -> bool:
    return isinstance(values, dict) and all(type(one) is kind and fits(one) for one in values.values())


def _entries(body: Path | None, moment: str) -> dict[str, Entry]:
    kept = (files.read_json(body) if body else None) or {}
    found = kept.get("tasks")
    if not isinstance(found, dict) or kept.get("moment") != moment:
        raise DamagedHistoryError
    entries = {}
    for name, value in found.items():
        match value:
            case [str(sign), int(version), list(members)] if now := brief.from_json(members):
                entries[name] = Entry(sign, version, now)
            case _:
                raise DamagedHistoryError
    return entries

"""What list-changes remembers of the tasks between two questions: `.changes`.

Two lines: what every question needs, and how each task looked, which only those need that find something new.
The file is written in place, so that writing it does not change its directory, whose time tells whether
anything happened. Damaged or lost it begins anew: then readers get everything once more.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import brief, files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imapsync_tasks.brief import Brief
    from imapsync_tasks.errors import Json

#: Removed tasks that are remembered; a reader that has missed more gets the whole list.
MAX_REMOVED: Final = 1000


class DamagedHistoryError(ValueError):
    """The second line of the file cannot be used."""


class Entry(NamedTuple):
    """How a task looked, at which version it began to look so, and what it was in brief."""

    sign: str
    version: int
    brief: Brief


class Looks(NamedTuple):
    """How to look closer: at a task in brief, and at what stands around it (its source, its project)."""

    brief: Callable[[str], Brief]
    around: Callable[[Brief], str]


class History:
    """The tasks as they were seen, by version."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self.version = 0
        #: Readers below this version have missed removals that are forgotten.
        self.floor = 0
        self.removed: dict[str, int] = {}
        self.queue = ""
        self.queue_version = 0
        #: What had been seen of the instance as a whole when every task was looked at, and when that was.
        self.surface = ""
        self.looked_at = 0.0
        #: The signs of the tasks that ran.
        self.live: dict[str, str] = {}
        #: Condition -> tasks.
        self.counts: dict[str, int] = {}
        self._entries: dict[str, Entry] | None = {}
        self._body = b""

    @property
    def entries(self) -> dict[str, Entry]:
        """Give the tasks. DamagedHistoryError."""
        if self._entries is None:
            self._entries = _entries(self._body)
        return self._entries

    @property
    def token(self) -> str:
        """Give the version as readers hand it back."""
        return f"{self.epoch}.{self.version}"

    def since(self, token: object) -> int | None:
        """Give the version that a reader knows; None when it knows nothing that counts."""
        epoch, _, number = str(token).partition(".")
        if epoch != self.epoch or not number.isdecimal() or len(number) > 15:
            return None
        return int(number) if self.floor <= int(number) <= self.version else None

    def observe(self, signs: dict[str, str], queue: str, look: Looks, *, whole: bool = True) -> None:
        """Take in how tasks look now; `whole`: all of them, so that others have gone."""
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
        changed = bool(gone) or any(fresh[name].version == version for name in signs)
        if queue != self.queue:
            self.queue, self.queue_version, changed = queue, version, True
        self._entries = fresh
        self.removed = {name: at for name, at in self.removed.items() if name not in fresh}
        self.removed |= dict.fromkeys(gone, version)
        while len(self.removed) > MAX_REMOVED:
            self.floor = self.removed.pop(next(iter(self.removed)))
        self.version = version if changed else self.version
        self.counts = dict(Counter(entry.brief.condition for entry in fresh.values()))

    def write(self, path: Path) -> None:
        """Keep it."""
        head = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        content = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in (head, self.entries))
        how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, how, files.MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(content)

    @classmethod
    def read(cls, path: Path) -> History:
        """Give what was kept, or a new history when there is none that can be used."""
        history = cls()
        try:
            line, _, body = files.read(path).partition(b"\n")
            head = json.loads(line)
        except (OSError, ValueError, RecursionError):
            return history
        if isinstance(head, dict) and _sound(head, vars(history)):
            vars(history).update(head)
            history._entries, history._body = None, body
        return history


def _sound(head: Json, model: Json) -> bool:
    """Tell whether a head has the members of `model` and their types, and numbers where numbers belong."""
    names = [name for name in model if not name.startswith("_")]
    return (
        head.keys() == set(names)
        and all(type(head[name]) is type(model[name]) for name in names)
        and _all(head["removed"], int)
        and _all(head["counts"], int)
        and _all(head["live"], str)
    )


def _all(values: object, kind: type) -> bool:
    return isinstance(values, dict) and all(type(value) is kind for value in values.values())


def _entries(body: bytes) -> dict[str, Entry]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DamagedHistoryError
    entries = {}
    for name, value in found.items():
        match value:
            case [str(sign), int(version), list(members)] if now := brief.from_json(members):
                entries[name] = Entry(sign, version, now)
            case _:
                raise DamagedHistoryError
    return entries

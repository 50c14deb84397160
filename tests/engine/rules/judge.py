"""What may and what may not become of mail while people and the engine act on it, judged from snapshots."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.engine.rules.world import World

#: How often each message is in each folder.
Counts = Counter[tuple[str, str]]
Flags = dict[tuple[str, str], tuple[str, ...]]


class View(NamedTuple):
    """Both accounts at one moment."""

    counts: dict[int, Counts]
    flags: dict[int, Flags]

    def names(self, side: int) -> set[str]:
        return {name for _, name in self.counts[side]}


def view(world: World) -> View:
    """Look at both accounts."""
    counts: dict[int, Counts] = {1: Counter(), 2: Counter()}
    flags: dict[int, Flags] = {1: {}, 2: {}}
    for side in (1, 2):
        for folder, messages in world.content(side).items():
            for name, its in messages:
                counts[side][folder, name] += 1
                flags[side][folder, name] = its
    return View(counts, flags)


class Judge:
    """Follows what people do and what each run leaves, and keeps a list of what is wrong.

    A message is known by its content. What people removed may be gone; everything else that was ever on the
    source is on one of the sides.
    """

    def __init__(self, world: World, *, state: bool, duplicates: bool) -> None:
        self._world, self._state, self._duplicates = world, state, duplicates
        self.wrong: list[str] = []
        self._ever: set[str] = set()
        self._removed1: set[str] = set()
        self._removed2: set[tuple[str, str]] = set()
        self._added2: Counts = Counter()
        self._most1: Counts = Counter()
        self._flagged2: set[str] = set()
        self._flags_left = self._marks_left = False
        self._by_people: dict[int, Counts] = {1: Counter(), 2: Counter()}
        self._before = view(world)
        self._meddled = False

    # -- people

    def people(self, before: View, after: View, *, restored: int = 0) -> None:
        """Hear what people did, or that a side was restored from a backup, which is nobody's wish."""
        self._meddled = True
        for side in (1, 2):
            gone = before.counts[side] - after.counts[side]
            come = after.counts[side] - before.counts[side]
            self._by_people[side].subtract(gone)
            self._by_people[side].update(come)
            if restored == side:
                lost = before.names(side) - after.names(side) - after.names(3 - side)
                self._removed1 |= lost
            elif side == 1:
                self._removed1 |= {name for _, name in gone if name not in after.names(1)}
            else:
                self._removed2 |= set(gone)
        self._removed1 -= {name for _, name in after.counts[1]}
        come2 = after.counts[2] - before.counts[2]
        self._removed2 -= set(come2)
        self._added2 += come2
        self._note(after)

    def flagged(self, side: int, name: str) -> None:
        """Hear that people changed flags of a message."""
        if side == 2:
            self._flagged2.add(name)

    # -- the engine

    def begin(self) -> None:
        """Look at both sides before a run."""
        self._by_people = {1: Counter(), 2: Counter()}
        self._before = view(self._world)
        self._note(self._before)
        self._meddled = False

    def end(self, code: int, options: tuple[str, ...]) -> None:
        """Judge what a run has left."""
        after = view(self._world)
        deletes1 = any(word.startswith("--delete1") for word in options)
        deletes2 = "--delete2" in options and not deletes1
        self._flags_left = self._flags_left or "--noresyncflags" in options
        if deletes2 and not self._state:
            # Without a journal nobody knows that the original went by our own hand.
            self._removed1 |= {name for _, name in self._foreseen(2) - after.counts[2]}
        self._nowhere(after)
        self._twice(after)
        for (folder, name), count in self._foreseen(2).items():
            here = min(self._before.counts[1][folder, name], after.counts[1][folder, name])
            entitled = min(count, here) if self._duplicates else min(count, here, 1)
            if "--delete2duplicates" in options:
                count = min(count, 1)  # noqa: PLW2901 - of twins one is left
            if after.counts[2][folder, name] < (entitled if deletes2 else count):
                self.wrong.append(f"host2 {folder} lost {name}")
        if not deletes1:
            for (folder, name), count in self._foreseen(1).items():
                if after.counts[1][folder, name] < count:
                    self.wrong.append(f"host1 {folder} lost {name}")
        if code == 0 and not self._meddled:
            self._complete(after, options)
        self._marks_left = self._marks_left or "--noexpunge1" in options
        if code == 0 and not (self._marks_left and not self._state):
            self.wrong += [
                f"host2 {folder} {name} is marked as deleted"
                for (folder, name), flags in after.flags[2].items()
                if "\\Deleted" in flags and (folder, name) in after.flags[1]
            ]
        self._note(after)

    def settled(self, before: View, after: View) -> None:
        """Judge two runs in a row during which nobody did anything: nothing changes, flags are equal."""
        if before != after:
            self.wrong.append("one more run changed something")
        if self._flags_left:
            return
        for key, flags in after.flags[1].items():
            copy = after.flags[2].get(key)
            ours = {"\\Deleted"} if self._marks_left and self._state else set()
            # Our own marks stay ours: what people mark, they remove at once.
            wanted = tuple(flag for flag in flags if flag not in ours)
            once = after.counts[1][key] == after.counts[2][key] == 1
            if once and copy is not None and key[1] not in self._flagged2 and wanted != copy:
                self.wrong.append(f"host2 {key[0]} {key[1]} has flags {copy} in place of {wanted}")

    def _foreseen(self, side: int) -> Counts:
        foreseen = Counter(self._before.counts[side])
        foreseen.update(self._by_people[side])
        return +foreseen

    def _nowhere(self, after: View) -> None:
        removed = self._removed1 | {name for _, name in self._removed2}
        for name in sorted(self._ever - removed - after.names(1) - after.names(2)):
            self.wrong.append(f"{name} is NOWHERE")

    def _twice(self, after: View) -> None:
        for key, count in after.counts[2].items():
            allowed = self._most1[key] if self._duplicates else min(self._most1[key], 1)
            if count > max(allowed, 1 if self._most1[key] else 0) + self._added2[key]:
                self.wrong.append(f"host2 {key[0]} has {count} of {key[1]}")

    def _complete(self, after: View, options: tuple[str, ...]) -> None:
        inbox = "--search1" in options
        for (folder, name), count in self._before.counts[1].items():
            if inbox and (folder != "INBOX" or "\\Seen" in self._before.flags[1][folder, name]):
                continue
            excused = self._state and (folder, name) in self._removed2
            wanted = count if self._duplicates else 1
            if after.counts[2][folder, name] < wanted and not excused:
                self.wrong.append(f"exit code 0, and host2 {folder} lacks {name}")

    def _note(self, seen: View) -> None:
        self._ever |= seen.names(1)
        for key, count in seen.counts[1].items():
            self._most1[key] = max(self._most1[key], count)

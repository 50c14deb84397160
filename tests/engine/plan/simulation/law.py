"""What must never be, whatever happens; told of all that happens to mail, by whomever.

Each law has no exception that depends on luck: where a run cannot know better, the law says what it can know.
`Truth` is that part of it which lasts as long as a state file does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.servers import DELETED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.engine.plan.simulation.servers import Box, Mail, Server, Stored


class BrokenLawError(AssertionError):
    """Something happened that must never happen."""


class Truth:
    """What the runs have done on host1 that the state file they had must know.

    moved: contents whose originals they deleted. marked: name and UIDVALIDITY of folders and UIDs of the
    messages that they marked as deleted there.
    """

    __slots__ = ("marked", "moved")

    def __init__(self, moved: Iterable[int] = (), marked: Iterable[tuple[str, int, int]] = ()) -> None:
        self.moved = set(moved)
        self.marked = set(marked)

    def keep_marks(self, name: str, uidvalidity: int) -> None:
        """Forget what was marked in a folder that the state file knows under another UIDVALIDITY now."""
        self.marked = {place for place in self.marked if place[0] != name or place[1] == uidvalidity}

    def copy(self) -> Truth:
        return Truth(self.moved, self.marked)


class Law:
    """The laws over two accounts, and what has to be remembered to judge."""

    def __init__(self, here: Server, there: Server, bins: frozenset[str] = frozenset()) -> None:
        self._here, self._there = here, there
        self._bins = bins
        self.run = 0
        #: Contents that were ever on host1; those that its owner took away there.
        self.had: set[int] = set()
        self.mails: set[Mail] = set()
        self.gone_here: set[int] = set()
        #: Contents that a restored host1 no longer has, while nothing else has happened there.
        self.put_back: set[int] = set()
        #: Folder -> contents that somebody took out of it on host2: ever, in this run.
        self.taken: dict[str, set[int]] = defaultdict(set)
        self.taken_in_run: dict[str, set[int]] = defaultdict(set)
        #: Contents that host2's owner removed after a later run could have seen them alive.
        self.removed_seen: set[int] = set()
        #: What lay on host2 when the run looked last, before it deletes originals.
        self.looked_at: set[int] = set()
        #: What lay on host2 when the run counted its folders, to judge whether copies that are gone were
        #: taken away by their owner.
        self.counted: set[int] = set()
        #: What else lay in a folder of host2 when the run looked last, before it deletes there.
        self.looked_at_there: set[int] = set()
        #: What this run has found in another folder of host2 than its copy was in.
        self.found_elsewhere: set[int] = set()
        #: Whether host1 hides a message in this run; folder -> in how many runs it did; what a search missed,
        #: until the folder is looked at again.
        self.hid = False
        self.hid_in: Counter[str] = Counter()
        self.unfound: set[int] = set()
        #: How often host2 was put back in the middle of a run, where nobody tells UIDs.
        self.put_back_there = 0
        #: What a backup of host1 has brought back: found within a day where all numbers are as they were.
        self.brought_back: set[int] = set()
        #: Whether folders of host1 got each other's names in this run, and may be open under the old ones.
        self.swapped_here = False
        #: Contents whose owner set \Deleted on host1; whose flags were changed on host2.
        self.marked_here: set[int] = set()
        self.flagged_there: set[int] = set()
        #: Contents whose flags changed on host1 since the run began: a search finds them, or does not.
        self.reflagged: set[int] = set()
        #: How many of one content a folder of host1 held at once, at most; how many of it runs took away.
        self.most: Counter[tuple[str, int]] = Counter()
        self.moved: Counter[tuple[str, int]] = Counter()
        #: Contents that a comparison from scratch took for others of equal identity and size.
        self.believed: set[tuple[str, int]] = set()
        #: Folder, identity and size -> how many originals were taken for others: found out, each is copied.
        self._mistaken: dict[tuple[str, int, int], set[int]] = defaultdict(set)
        self._given: dict[tuple[int, int], set[Mail]] = {}
        self._alike: set[tuple[str, int, int]] = set()
        #: What accidents took from host2 at once, and what of it went with no more than half of all copies,
        #: or from Trash while most others stayed: then nobody can tell it from what its owner removed.
        self.accidents: list[set[int]] = []
        self.thinned: set[int] = set()
        self._known: Mapping[str, Mapping[int, int]] = {}
        #: How many originals without any copy --maxvanished2 has released, and how many went.
        self.released = 0
        self.unproven = 0

    def begin_run(self, released: int | None, known: Mapping[str, Mapping[int, int]]) -> None:
        """Begin a run. known: folder -> source UID -> copy, what the state file knows of copies."""
        self.run += 1
        self.looked_at = set()
        self.counted = set()
        self.found_elsewhere = set()
        self.swapped_here = False
        self.reflagged = set()
        self.taken_in_run.clear()
        self.released += released or 0
        self._known = known
        self.thin()

    def thin(self) -> None:
        """Note which copies that accidents took are no more than half of all that the journal knows."""
        known = self._known
        gone = [
            (name, stored)
            for name, copies in known.items()
            for uid, copy in copies.items()
            if copy not in self._there.boxes[name].messages
            and (
                (stored := self._here.boxes[name].messages.get(uid)) is None
                or stored.mail.content not in self._there.contents()
            )
        ]
        others = sum(len(copies) for name, copies in known.items() if name not in self._bins)
        others_gone = sum(name not in self._bins for name, _ in gone)
        emptied = len(gone) > others_gone and 0 < others >= 2 * others_gone
        if emptied or 2 * len(gone) <= sum(map(len, known.values())):
            lost = {stored.mail.content for _, stored in gone if stored is not None}
            for accident in self.accidents:
                self.thinned |= lost & accident

    # -- what others do

    def came_here(self, mail: Mail) -> None:
        self.had.add(mail.content)
        self.mails.add(mail)
        self.forget_put_back()
        self.count_here()

    def given(self, name: str, place: tuple[int, int], mail: Mail) -> None:
        """Learn the UIDVALIDITY and UID of a message on host1.

        Where a restored server gives a UID twice, to two messages of equal identity and size, nothing but
        reading it again tells that it is another one.
        """
        before = self._given.setdefault(place, set())
        if any(other != mail and other[:2] == mail[:2] for other in before):
            self.believed.add((name, mail.content))
            self._alike.add((name, *mail[:2]))
        before.add(mail)

    def took_here(self, content: int) -> None:
        self.gone_here.add(content)
        self.forget_put_back()

    def forget_put_back(self) -> None:
        """Ask no longer that anybody knows that host1 was put back: only a state file tells, and numbers."""
        self.gone_here |= self.put_back
        self.put_back = set()

    def count_here(self) -> None:
        for name, box in self._here.boxes.items():
            counts = Counter(stored.mail.content for stored in box.messages.values())
            for content, count in counts.items():
                for called in self._here.boxes if self.swapped_here else (name,):
                    self.most[called, content] = max(self.most[called, content], count)

    def took_there(self, name: str, content: int) -> None:
        self.taken[name].add(content)
        self.taken_in_run[name].add(content)

    # -- what a run does

    def believes(self, name: str, source: Stored, destination: Stored, *, scratch: bool) -> None:
        """Judge that a run takes two messages for the same."""
        if source.mail.content == destination.mail.content:
            return
        draft = any(flag.lower() == b"\\draft" for flag in source.flags)
        judge(
            scratch and not draft and source.mail[:2] == destination.mail[:2],
            f"{source.mail} of {name} is taken for {destination.mail}",
        )
        self.believed.add((name, source.mail.content))
        self._alike.add((name, *source.mail[:2]))
        self._mistaken[name, *source.mail[:2]].add(source.mail.content)

    def copies(self, name: str, stored: Stored, truth: Truth | None) -> None:
        self._wished(name, stored, truth, f"a copy in {name} is marked as deleted, and nobody wished that")

    def marks_there(self, name: str, stored: Stored, truth: Truth | None) -> None:
        self._wished(name, stored, truth, f"{stored.mail} on host2 is marked as deleted, nobody wished that")

    def _wished(self, name: str, stored: Stored, truth: Truth | None, text: str) -> None:
        content, box = stored.mail.content, self._here.boxes[name]
        if truth is None or DELETED not in stored.flags or content in self.marked_here:
            return
        marked = [
            uid
            for uid, other in box.messages.items()
            if other.mail.content == content and DELETED in other.flags
        ]
        judge(not marked or not all((name, box.uidvalidity, uid) in truth.marked for uid in marked), text)

    def expunges_here(self, name: str, stored: Stored) -> None:
        """Judge that a run deletes an original."""
        content = stored.mail.content
        self.moved[name, content] += 1
        if (
            content in self._there.contents()
            or content in self.looked_at
            or content in self.counted
            or content in self.found_elsewhere
            or content in self.removed_seen
            or content in self.thinned
            or content in self._here.contents()
        ):
            return
        self.unproven += 1
        judge(
            self.unproven <= self.released,
            f"the original of {stored.mail} is deleted, and there is no copy",
        )

    def expunges_there(self, name: str, stored: Stored, box: Box, truth: Truth | None) -> None:
        """Judge that a run deletes a message of host2, from this folder."""
        content = stored.mail.content
        if content not in self.had or content in box.contents() | self.looked_at_there:
            return
        stays = any(
            other.mail.content == content and other.born < self.run
            for other in self._here.boxes[name].messages.values()
        )
        judge(not stays, f"{stored.mail} of {name} is deleted on host2, and it is on host1")
        everywhere = self._here.contents() | self._there.contents()
        if truth is not None and content not in everywhere | self.gone_here:
            text = f"the last {stored.mail} is deleted on host2, and its owner did not want that"
            believed = any(content == other for _, other in self.believed)
            judge(believed or (content not in truth.moved and content not in self.put_back), text)

    # -- what holds after a run

    def nothing_twice(self, *, duplicates: bool) -> None:
        for name, box in self._there.boxes.items():
            ours = Counter(stored.mail for stored in box.messages.values() if stored.ours)
            for mail, count in ours.items():
                most = self.most[name, mail.content] + self.moved[name, mail.content] if duplicates else 1
                most += self.hid_in[name] if duplicates else 0
                most += self.put_back_there
                if (name, *mail[:2]) not in self._alike:
                    judge(count <= most, f"{count} copies of {mail} in {name}, there were {most}")
            for _, digest, size in (key for key in self._alike if key[0] == name):
                alike = sum(count for mail, count in ours.items() if mail[:2] == (digest, size))
                most = sum(self.most[name, mail.content] for mail in self.mails if mail[:2] == (digest, size))
                most += len(self._mistaken[name, digest, size])
                judge(alike <= most, f"{alike} copies alike {digest} in {name}, there were {most}")

    def missing(self, wants: Callable[[Stored], bool], *, remembers: bool) -> list[str]:
        """Give what was on host1 before the run, is wanted and has no copy.

        What somebody took away on host2 is not copied again by who remembers it.
        """
        missing = []
        for name, box in self._here.boxes.items():
            there = {stored.mail.content for stored in self._there.boxes[name].messages.values()}
            taken = self.taken_in_run[name] | (self.taken[name] if remembers else set())
            missing += [
                f"{name} {uid}: {stored.mail}"
                for uid, stored in box.messages.items()
                if stored.born < self.run
                and (content := stored.mail.content) not in there
                and content not in taken
                and (name, content) not in self.believed
                and wants(stored)
            ]
        return missing

    def other_flags(self, wants: Callable[[Stored], bool]) -> list[str]:
        """Give copies whose flags are not those of their only original, if that is wanted."""
        other = []
        for name, box in self._here.boxes.items():
            here, copies = box.messages.values(), self._there.boxes[name].messages.values()
            counts = Counter(stored.mail.digest for stored in here)
            counts_there = Counter(stored.mail.digest for stored in copies)
            flags = {
                stored.mail.content: stored.flags
                for stored in here
                if counts[stored.mail.digest] == 1 and wants(stored)
            }
            for stored in copies:
                content = stored.mail.content
                wanted = flags.get(content)
                if not stored.ours or wanted is None or content in self.flagged_there:
                    continue
                if counts_there[stored.mail.digest] == 1 and wanted != stored.flags:
                    other.append(f"{name}: {stored.mail} has {stored.flags}, its original {wanted}")
        return other


def judge(holds: bool, text: str) -> None:
    if not holds:
        raise BrokenLawError(text)

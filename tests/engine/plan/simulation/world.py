"""Two servers, their owners, what happens to them, and what must never be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.engine.plan.simulation.journal import File
from tests.engine.plan.simulation.servers import DELETED, Box, Mail, Server, Session, Stored

from imapsync.plan.belief import LOOK_AGAIN_S
from imapsync.plan.index import canonical_flags

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.plan.simulation.history import Event

SYNCED = ("INBOX", "Archive")
#: A folder of host2 that no folder of host1 becomes: where its owner files mail.
FILED = "Filed"
SMALL, LARGE = 100, 200
DRAFT = b"\\Draft"
FLAGS = (b"\\Seen", b"\\Flagged", DELETED)
#: What can happen; early ones are the simplest.
KINDS = (
    "deliver", "deliver_again", "deliver_lookalike", "delete_here", "move_here", "edit", "flag_here",
    "remove_there", "file_there", "flag_there", "deliver_there", "bring_there", "kill", "cut", "keep_copy",
    "restore", "renumber", "swap", "lose_journal", "lose_store", "hide", "wait",
)  # fmt: skip
Place = tuple[str, int]


class BrokenLawError(AssertionError):
    """Something happened that must never happen."""


class World:
    """Everything there is. run: the number of the run under way, or of the last one."""

    def __init__(self, here: Server, there: Server) -> None:
        self.here, self.there = here, there
        self.file = File()
        self.run = 0
        self.now = self.started = 100 * LOOK_AGAIN_S
        self.sessions: list[Session] = []
        self.killed = False
        #: Contents that were ever on host1; those that its owner, or an accident, took away there.
        self.had: set[int] = set()
        self.gone_here: set[int] = set()
        #: Contents that host2's owner removed: any; after a later run could have seen them alive.
        self.gone_there: set[int] = set()
        self.gone_seen_there: set[int] = set()
        #: Contents that an accident took from host2.
        self.lost_there: set[int] = set()
        #: What lay on host2 when the run looked last, before it deletes originals.
        self.looked_at: set[int] = set()
        #: Contents whose owner set \Deleted on host1; whose flags were changed on host2.
        self.marked_here: set[int] = set()
        self.flagged_there: set[int] = set()
        #: How many of one content a folder of host1 held at once, at most.
        self.most: Counter[tuple[str, int]] = Counter()
        self.upset = False
        #: Whether some run was told that copies may be gone.
        self.released = False
        self.lost_in_run: set[int] = set()
        self.hides: int | None = None
        #: Contents that host1 has hidden; whether mail came or went there since the run before the last.
        self.hidden: set[int] = set()
        self.stirred = False
        #: Contents that --delete2 took after a run that could not know that an earlier one had moved them.
        self.forgotten: set[int] = set()
        #: Contents of messages that only their content tells apart; a journal alone knows those, as long
        #: as no folder has to be compared from scratch.
        self.alike: set[int] = set()
        self.compared_anew = self.brought = self.recopies = self.empties = False
        #: Whether every run had the journal of the run before: who lacks it cannot know what runs have done.
        self.remembers = True
        self._copies: dict[str, list[object]] = {}
        self._last_content = 0

    def happen(self, event: Event) -> None:
        happening: Callable[[int, int], None] = getattr(self, event.kind)
        happening(event.first, event.second)

    # -- host1

    def deliver(self, first: int, second: int) -> None:
        """Bring new mail to host1, every other message long ago."""
        self._last_content += 1
        size = LARGE if second % 4 == 3 else SMALL
        date = self.now - (40 * 86_400 if second % 2 else 0)
        self._put_here(SYNCED[first % 2], Mail(self._last_content, size, self._last_content), date=date)

    def deliver_again(self, first: int, second: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            stored = self._at(self.here, place)
            self._put_here(SYNCED[second % 2], stored.mail, date=stored.date)

    def deliver_lookalike(self, first: int, second: int) -> None:
        """Bring a message of equal identity and size, and other content."""
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            self._last_content += 1
            old = self._at(self.here, place).mail
            mail = old._replace(content=self._last_content)
            self.alike |= {old.content, mail.content}
            self.compared_anew |= self.brought
            self._put_here(SYNCED[second % 2], mail, date=self.now)

    def delete_here(self, first: int, _: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            self.gone_here.add(self.here.boxes[place[0]].take(place[1]).mail.content)
            self.stirred = True

    def move_here(self, first: int, _: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            stored = self.here.boxes[place[0]].take(place[1])
            other = SYNCED[1 - SYNCED.index(place[0])]
            if DELETED in stored.flags:
                self.marked_here.add(stored.mail.content)
            self._put_here(other, stored.mail, flags=stored.flags, date=stored.date)

    def edit(self, first: int, second: int) -> None:
        """Save a draft anew: same identity, other content, perhaps other size."""
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            old = self.here.boxes[place[0]].take(place[1])
            self.gone_here.add(old.mail.content)
            self._last_content += 1
            mail = Mail(old.mail.digest, old.mail.size + second % 2, self._last_content)
            self._put_here(place[0], mail, flags=old.flags | {DRAFT}, date=old.date)
            if DELETED in old.flags:
                self.marked_here.add(mail.content)

    def flag_here(self, first: int, second: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            flag = FLAGS[second % 3]
            stored = self._at(self.here, place)
            self.here.boxes[place[0]].flag(place[1], stored.flags ^ {flag})
            if flag == DELETED:
                self.marked_here.add(stored.mail.content)

    def hide(self, first: int, _: int) -> None:
        """host1 shows less than it counts, for the whole of the next run."""
        self.hides = first

    def begin_run(self) -> None:
        self.run += 1
        self.killed = self.upset = False
        self.looked_at = set()
        for box in self.here.boxes.values():
            box.hidden.clear()
        place = self._pick(self.here, SYNCED, self.hides) if self.hides is not None else None
        if place is not None:
            self.here.boxes[place[0]].hidden.add(place[1])
            self.hidden.add(self._at(self.here, place).mail.content)
        self.hides = None

    # -- host2

    def remove_there(self, first: int, _: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            stored = self.there.boxes[place[0]].take(place[1])
            self.gone_there.add(stored.mail.content)
            if not stored.ours or stored.born < self.run:
                self.gone_seen_there.add(stored.mail.content)

    def file_there(self, first: int, second: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            stored = self.there.boxes[place[0]].take(place[1])
            stored.ours = False
            self.gone_there.add(stored.mail.content)
            others = [name for name in self.there.boxes if name != place[0]]
            self.there.boxes[others[second % len(others)]].put(stored)

    def flag_there(self, first: int, second: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            stored = self._at(self.there, place)
            self.there.boxes[place[0]].flag(place[1], stored.flags ^ {FLAGS[second % 2]})
            self.flagged_there.add(stored.mail.content)

    def deliver_there(self, first: int, _: int) -> None:
        self._last_content += 1
        mail = Mail(self._last_content, SMALL, self._last_content)
        self._put_there(SYNCED[first % 2], mail)

    def bring_there(self, first: int, second: int) -> None:
        """Somebody copies a message of host1 in another way."""
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            self._put_there(SYNCED[second % 2], self._at(self.here, place).mail)
            self.brought = True
            self.compared_anew |= bool(self.alike)

    def lose_store(self, _: int, __: int) -> None:
        """All mail of host2 is gone, and nothing else says so."""
        self.lost_there |= self.there.contents()
        if self.sessions:
            self.lost_in_run |= self.there.contents()
        self.upset = True
        for box in self.there.boxes.values():
            for uid in list(box.messages):
                box.take(uid)

    # -- both sides, and what lies between

    def cut(self, first: int, _: int) -> None:
        for session in self.sessions[first % 2 :]:
            session.lost = True

    def kill(self, _: int, __: int) -> None:
        self.killed = True

    def wait(self, first: int, _: int) -> None:
        self.now += (3_600, 2 * LOOK_AGAIN_S)[first % 2]

    def lose_journal(self, _: int, __: int) -> None:
        self.killed = True
        self.remembers = False
        self.compared_anew = True
        self.file = File()

    def keep_copy(self, first: int, _: int) -> None:
        """Make a backup: of host1, of host2, of the journal."""
        kept = (self.here, self.there, self.file)[first % 3]
        if isinstance(kept, Server):
            self._copies["12"[first % 3]] = [{name: box.copy() for name, box in kept.boxes.items()}]
        else:
            self._copies["j"] = [kept.copy()]

    def restore(self, first: int, _: int) -> None:
        """Bring a backup back. UIDVALIDITY stays, and UIDs will be given a second time."""
        kept = self._copies.get("12j"[first % 3])
        if not kept:
            return
        self.killed = self.killed or first % 3 == 2
        self.compared_anew = True
        (what,) = kept
        if isinstance(what, File):
            self.remembers = False
            self.file = what.copy()
            return
        if not isinstance(what, dict):
            raise TypeError
        self.upset = True
        server = (self.here, self.there)[first % 3]
        before = server.contents()
        boxes: dict[str, Box] = {name: box.copy() for name, box in what.items()}
        for name, box in boxes.items():
            for uid, stored in box.messages.items():
                there = server.boxes[name].messages.get(uid)
                if there is None or there.mail != stored.mail:
                    stored.born = self.run
        self._replace(server, boxes)
        lost = before - server.contents()
        if server is self.here:
            self.gone_here |= lost
            self._count()
        else:
            self.lost_there |= lost

    def renumber(self, first: int, second: int) -> None:
        server = (self.here, self.there)[first % 2]
        name = SYNCED[second % 2]
        boxes = {**server.boxes, name: server.boxes[name].renumbered(server.next_validity())}
        self.compared_anew = True
        if server is self.there and self.sessions:
            for stored in boxes[name].messages.values():
                stored.ours = False
        self._replace(server, boxes)

    def swap(self, first: int, _: int) -> None:
        """Two folders get each other's names."""
        server = (self.here, self.there)[first % 2]
        boxes = server.boxes
        self.compared_anew = True
        boxes[SYNCED[0]], boxes[SYNCED[1]] = boxes[SYNCED[1]], boxes[SYNCED[0]]
        self.upset = True
        if server is self.here:
            for name in SYNCED:
                for stored in boxes[name].messages.values():
                    stored.born = self.run
            self._count()
            return
        for name in SYNCED:
            for stored in boxes[name].messages.values():
                stored.ours = False
                self.gone_there.add(stored.mail.content)

    # -- what a run does, and what it must not do

    @property
    def forgets_marks(self) -> bool:
        return not self.remembers or self.compared_anew or self.recopies

    def arrived(self, name: str, stored: Stored) -> None:
        """Judge that a run appends a copy."""
        self._law(
            self.forgets_marks or DELETED not in stored.flags or stored.mail.content in self.marked_here,
            f"a copy in {name} is marked as deleted, and nobody wished that",
        )

    def marks_there(self, stored: Stored) -> None:
        self._law(
            self.forgets_marks or stored.mail.content in self.marked_here,
            f"{stored.mail} on host2 is marked as deleted, and nobody wished that",
        )

    def expunged_here(self, stored: Stored) -> None:
        """Judge that a run deletes an original."""
        content = stored.mail.content
        self._law(
            self.released
            or content in self.there.contents()
            or content in self.looked_at
            or content in self.lost_in_run
            or (content in self.alike and self.compared_anew)
            or content in self.gone_seen_there,
            f"the original of {stored.mail} is deleted, and there is no copy",
        )

    def expunged_there(self, name: str, stored: Stored) -> None:
        """Judge that a run deletes a message of host2."""
        content = stored.mail.content
        left = any(other.mail.content == content for other in self.there.boxes[name].messages.values())
        if left or content not in self.had:
            return
        if not self.remembers or self.compared_anew:
            self.forgotten.add(content)
        stays = any(
            other.mail.content == content and other.born < self.run
            for other in self.here.boxes[name].messages.values()
        )
        self._law(
            not stays or content in self.gone_there or self.most[name, content] > 1,
            f"{stored.mail} of {name} is deleted on host2, and it is on host1",
        )
        self._law(
            not self.remembers
            or self.compared_anew
            or content in self.here.contents()
            or content in self.there.contents()
            or content in self.gone_here,
            f"the last {stored.mail} is deleted on host2, and its owner did not want that",
        )

    def check_nothing_lost(self) -> None:
        everywhere = self.here.contents() | self.there.contents()
        lost = self.had - everywhere - self.gone_here - self.gone_there - self.lost_there - self.forgotten
        if self.compared_anew:
            lost -= self.alike
        self._law(not lost, f"contents {lost} are nowhere")

    def check_nothing_twice(self, *, duplicates: bool) -> None:
        for name in SYNCED:
            ours = Counter(
                stored.mail.content for stored in self.there.boxes[name].messages.values() if stored.ours
            )
            for content, count in ours.items():
                most = self.most[name, content] if duplicates else 1
                unclear = content in self.alike and self.compared_anew
                if unclear or content in self.hidden or (duplicates and self.empties):
                    continue
                self._law(count <= most, f"{count} copies of content {content} in {name}, there were {most}")

    def missing(self, wants: Callable[[Stored], bool]) -> list[str]:
        """Give what was on host1 before the run, is wanted and has no copy."""
        missing = []
        for name in SYNCED:
            there = {stored.mail.content for stored in self.there.boxes[name].messages.values()}
            missing += [
                f"{name} {uid}: {stored.mail}"
                for uid, stored in self.here.boxes[name].messages.items()
                if stored.born < self.run and wants(stored) and stored.mail.content not in there
                if not (stored.mail.content in self.alike and self.compared_anew)
                if not (stored.mail.content in self.hidden and self.stirred)
                if self.most[name, stored.mail.content] == 1
            ]
        return missing

    def other_flags(self) -> list[str]:
        """Give copies whose flags are not those of their only original."""
        other = []
        for name in SYNCED:
            here = self.here.boxes[name].messages.values()
            counts = Counter(stored.mail.digest for stored in here)
            copies = self.there.boxes[name].messages.values()
            counts_there = Counter(stored.mail.digest for stored in copies)
            flags = {stored.mail.content: stored.flags for stored in here if counts[stored.mail.digest] == 1}
            for stored in copies:
                content = stored.mail.content
                wanted = flags.get(content)
                if not stored.ours or wanted is None or content in self.flagged_there:
                    continue
                if counts_there[stored.mail.digest] == 1 and wanted != stored.flags:
                    other.append(f"{name}: {stored.mail} has {stored.flags}, its original {wanted}")
        return other

    @staticmethod
    def _law(holds: bool, text: str) -> None:
        if not holds:
            raise BrokenLawError(text)

    # -- inside

    def _replace(self, server: Server, boxes: dict[str, Box]) -> None:
        server.boxes = boxes
        for session in self.sessions:
            if session.server is server:
                session.lost = True

    def _put_here(
        self, name: str, mail: Mail, *, flags: frozenset[bytes] = frozenset(), date: int = 0
    ) -> None:
        self.had.add(mail.content)
        self.stirred = True
        self.here.boxes[name].put(Stored(mail, flags, date, self.run, ours=False))
        count = sum(other.mail.content == mail.content for other in self.here.boxes[name].messages.values())
        self.most[name, mail.content] = max(self.most[name, mail.content], count)

    def _put_there(self, name: str, mail: Mail) -> None:
        self.there.boxes[name].put(Stored(mail, frozenset(), self.now, self.run, ours=False))

    def _count(self) -> None:
        for name in SYNCED:
            counts = Counter(stored.mail.content for stored in self.here.boxes[name].messages.values())
            for content, count in counts.items():
                self.most[name, content] = max(self.most[name, content], count)

    @staticmethod
    def _at(server: Server, place: Place) -> Stored:
        return server.boxes[place[0]].messages[place[1]]

    @staticmethod
    def _pick(server: Server, names: object, number: int) -> Place | None:
        places = [(name, uid) for name in names for uid in server.boxes[name].messages]  # type: ignore[attr-defined]
        return places[number % len(places)] if places else None


def ordered(flags: frozenset[bytes]) -> tuple[bytes, ...]:
    """Give flags as servers send them."""
    return canonical_flags(tuple(flags))

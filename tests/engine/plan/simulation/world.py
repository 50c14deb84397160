"""Two servers, their owners, and what happens to them at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.plan.simulation.journal import File
from tests.engine.plan.simulation.law import Law
from tests.engine.plan.simulation.servers import DELETED, Box, Mail, Server, Session, Stored

from imapsync.plan.belief import LOOK_AGAIN_S
from imapsync.plan.index import canonical_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.engine.plan.simulation.history import Event

SYNCED = ("INBOX", "Archive")
#: A folder of host2 that no folder of host1 becomes: where its owner files mail.
FILED = "Filed"
#: The folder that is Trash, where there is one.
BIN = "Archive"
SMALL, LARGE = 100, 200
DRAFT = b"\\Draft"
FLAGS = (b"\\Seen", b"\\Flagged", DELETED)
#: What can happen; early ones are the simplest.
KINDS = (
    "deliver", "deliver_again", "deliver_lookalike", "delete_here", "move_here", "edit", "flag_here",
    "remove_there", "file_there", "flag_there", "deliver_there", "bring_there", "kill", "cut", "keep_copy",
    "restore", "renumber", "swap", "lose_journal", "lose_store", "hide", "wait", "empty",
)  # fmt: skip
Place = tuple[str, int]


class World:
    """Everything there is. run: the number of the run under way, or of the last one."""

    def __init__(self, here: Server, there: Server, *, bins: bool = False) -> None:
        self.here, self.there = here, there
        self.bins = frozenset({BIN}) if bins else frozenset[str]()
        self.law = Law(here, there, self.bins)
        self.file = File()
        self.now = self.started = 100 * LOOK_AGAIN_S
        self.sessions: list[Session] = []
        self.killed = False
        self.hides: int | None = None
        self._copies: dict[str, list[object]] = {}
        self._last_content = 0

    @property
    def run(self) -> int:
        return self.law.run

    def happen(self, event: Event) -> None:
        happening: Callable[[int, int], None] = getattr(self, event.kind)
        happening(event.first, event.second)
        self.law.thin()

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
            mail = self._at(self.here, place).mail._replace(content=self._last_content)
            self._put_here(SYNCED[second % 2], mail, date=self.now)

    def delete_here(self, first: int, _: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            self.law.took_here(self._take_here(place).mail.content)

    def move_here(self, first: int, _: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            stored = self._take_here(place)
            other = SYNCED[1 - SYNCED.index(place[0])]
            if DELETED in stored.flags:
                self.law.marked_here.add(stored.mail.content)
            self._put_here(other, stored.mail, flags=stored.flags, date=stored.date)

    def edit(self, first: int, second: int) -> None:
        """Save a draft anew: same identity, other content, perhaps other size."""
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            old = self._take_here(place)
            self.law.took_here(old.mail.content)
            self._last_content += 1
            mail = Mail(old.mail.digest, old.mail.size + second % 2, self._last_content)
            self._put_here(place[0], mail, flags=old.flags | {DRAFT}, date=old.date)
            if DELETED in old.flags:
                self.law.marked_here.add(mail.content)

    def flag_here(self, first: int, second: int) -> None:
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            flag = FLAGS[second % 3]
            stored = self._at(self.here, place)
            self.here.boxes[place[0]].flag(place[1], stored.flags ^ {flag})
            self.law.reflagged.add(stored.mail.content)
            if flag == DELETED:
                self.law.marked_here.add(stored.mail.content)

    def hide(self, first: int, _: int) -> None:
        """host1 shows less than it counts, for the whole of the next run."""
        self.hides = first

    def begin_run(self, released: int | None) -> None:
        self.law.begin_run(released, {name: table.copies() for name, table in self.file.tables.items()})
        self.killed = False
        for box in self.here.boxes.values():
            box.hidden.clear()
        place = self._pick(self.here, SYNCED, self.hides) if self.hides is not None else None
        if place is not None:
            self.here.boxes[place[0]].hidden.add(place[1])
            self.law.hid_in[place[0]] += 1
            self.law.unfound.add(self._at(self.here, place).mail.content)
        self.law.hid = place is not None
        self.hides = None

    # -- host2

    def remove_there(self, first: int, _: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            self._remove_there(place)

    def _remove_there(self, place: Place) -> None:
        stored = self.there.boxes[place[0]].take(place[1])
        self.law.took_there(place[0], stored.mail.content)
        if not stored.ours or stored.born < self.run:
            self.law.removed_seen.add(stored.mail.content)

    def file_there(self, first: int, second: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            stored = self.there.boxes[place[0]].take(place[1])
            stored.ours = False
            self.law.took_there(place[0], stored.mail.content)
            others = [name for name in self.there.boxes if name != place[0]]
            self.there.boxes[others[second % len(others)]].put(stored)

    def flag_there(self, first: int, second: int) -> None:
        place = self._pick(self.there, self.there.boxes, first)
        if place is not None:
            stored = self._at(self.there, place)
            self.there.boxes[place[0]].flag(place[1], stored.flags ^ {FLAGS[second % 2]})
            self.law.flagged_there.add(stored.mail.content)

    def deliver_there(self, first: int, _: int) -> None:
        self._last_content += 1
        mail = Mail(self._last_content, SMALL, self._last_content)
        self._put_there(SYNCED[first % 2], mail)

    def bring_there(self, first: int, second: int) -> None:
        """Somebody copies a message of host1 in another way."""
        place = self._pick(self.here, SYNCED, first)
        if place is not None:
            self._put_there(SYNCED[second % 2], self._at(self.here, place).mail)

    def lose_store(self, _: int, __: int) -> None:
        """All mail of host2 is gone, and nothing else says so."""
        self.law.accidents.append(self.there.contents())
        for name, box in self.there.boxes.items():
            for uid in list(box.messages):
                self.law.took_there(name, box.take(uid).mail.content)

    # -- both sides, and what lies between

    def empty(self, first: int, _: int) -> None:
        """Empty Trash on one side, or the folder that has its place."""
        for uid in list((self.here, self.there)[first % 2].boxes[BIN].messages):
            place = (BIN, uid)
            if first % 2:
                self._remove_there(place)
            else:
                self.law.took_here(self._take_here(place).mail.content)

    def cut(self, first: int, _: int) -> None:
        for session in self.sessions[first % 2 :]:
            session.lost = True

    def kill(self, _: int, __: int) -> None:
        self.killed = True

    def wait(self, first: int, _: int) -> None:
        self.now += (3_600, 2 * LOOK_AGAIN_S)[first % 2]

    def lose_journal(self, _: int, __: int) -> None:
        """Lose the state file, or find one there that belongs to other accounts."""
        self.killed = True
        self.law.forget_put_back()
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
        (what,) = kept
        if isinstance(what, File):
            self.killed = True
            self.law.forget_put_back()
            self.file = what.copy()
            return
        if not isinstance(what, dict):
            raise TypeError
        server = (self.here, self.there)[first % 3]
        before = {name: box.contents() for name, box in server.boxes.items()}
        known = self._known_here()
        boxes: dict[str, Box] = {name: box.copy() for name, box in what.items()}
        for name, box in boxes.items():
            for uid, stored in box.messages.items():
                there = server.boxes[name].messages.get(uid)
                if there is None or there.mail != stored.mail:
                    stored.born, stored.ours = self.run, False
                elif server is self.here and there.flags != stored.flags:
                    stored.born = there.born
                    self.law.reflagged.add(stored.mail.content)
                else:
                    stored.born = there.born
        self._replace(server, boxes)
        if server is self.here:
            self.law.brought_back |= server.contents() - set().union(*before.values())
            self.law.put_back |= known - server.contents()
            self.law.count_here()
        else:
            self.law.put_back_there += bool(self.sessions) and not server.uidplus
            for name, contents in before.items():
                for content in contents - server.boxes[name].contents():
                    self.law.took_there(name, content)

    def _known_here(self) -> set[int]:
        """Give the contents on host1 that the state file has seen there: of others no number tells."""
        known: set[int] = set()
        for name, table in self.file.tables.items():
            box, seen = self.here.boxes[name], table.record.source
            if box.uidvalidity == seen.uidvalidity:
                known |= {stored.mail.content for uid, stored in box.messages.items() if uid < seen.uidnext}
        return known

    def renumber(self, first: int, second: int) -> None:
        server = (self.here, self.there)[first % 2]
        name = SYNCED[second % 2]
        boxes = {**server.boxes, name: server.boxes[name].renumbered(server.next_validity())}
        self._replace(server, boxes)

    def swap(self, first: int, _: int) -> None:
        """Two folders get each other's names."""
        server = (self.here, self.there)[first % 2]
        boxes = server.boxes
        boxes[SYNCED[0]], boxes[SYNCED[1]] = boxes[SYNCED[1]], boxes[SYNCED[0]]
        if server is self.here:
            for name in SYNCED:
                for stored in boxes[name].messages.values():
                    stored.born = self.run
            self.law.swapped_here = True
            self.law.count_here()
            return
        for name in SYNCED:
            for stored in boxes[name].messages.values():
                stored.ours = False
            before = boxes[SYNCED[1 - SYNCED.index(name)]].contents()
            self.law.taken_in_run[name] |= before
            for content in before - boxes[name].contents():
                self.law.took_there(name, content)

    # -- inside

    def _take_here(self, place: Place) -> Stored:
        """Take a message off host1; one that a backup brings back has the flags that are in the backup."""
        name, uid = place
        self.file.truth.marked.discard((name, self.here.boxes[name].uidvalidity, uid))
        return self.here.boxes[name].take(uid)

    def _replace(self, server: Server, boxes: dict[str, Box]) -> None:
        server.boxes = boxes
        for session in self.sessions:
            if session.server is server:
                session.lost = True

    def _put_here(
        self, name: str, mail: Mail, *, flags: frozenset[bytes] = frozenset(), date: int = 0
    ) -> None:
        box = self.here.boxes[name]
        uid = box.put(Stored(mail, flags, date, self.run, ours=False))
        self.law.given(name, (box.uidvalidity, uid), mail)
        self.law.came_here(mail)
        if self._as_recorded(name):
            self.law.brought_back.add(mail.content)

    def _as_recorded(self, name: str) -> bool:
        """Tell whether a folder of host1 has all numbers that are recorded, though mail has just come."""
        table, box = self.file.tables.get(name), self.here.boxes[name]
        modseq = box.modseq if self.here.condstore else 0
        return table is not None and table.record.source == (
            table.record.source._replace(
                uidvalidity=box.uidvalidity, uidnext=box.uidnext, messages=len(box.messages), modseq=modseq
            )
        )

    def _put_there(self, name: str, mail: Mail) -> None:
        self.there.boxes[name].put(Stored(mail, frozenset(), self.now, self.run, ours=False))

    @staticmethod
    def _at(server: Server, place: Place) -> Stored:
        return server.boxes[place[0]].messages[place[1]]

    @staticmethod
    def _pick(server: Server, names: Iterable[str], number: int) -> Place | None:
        places = [(name, uid) for name in names for uid in server.boxes[name].messages]
        return places[number % len(places)] if places else None


def ordered(flags: frozenset[bytes]) -> tuple[bytes, ...]:
    """Give flags as servers send them."""
    return canonical_flags(tuple(flags))

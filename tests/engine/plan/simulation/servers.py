"""Folders, servers and sessions as far as decisions about mail depend on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.terms import Numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

DELETED = b"\\Deleted"
#: Messages from this size on are large.
LARGE_FROM = 150


class Cut(Exception):  # noqa: N818 - a connection that is lost is no error of the model
    """The connection is gone."""


class Mail(NamedTuple):
    """A message as such: equal digests are versions of one, equal contents are the same message."""

    digest: int
    size: int
    content: int


class Stored:
    """A message in a folder.

    ours: a run has put it there, in run `born` (else the run before which, or in which, it arrived).
    """

    __slots__ = ("born", "date", "flags", "mail", "modseq", "ours")

    def __init__(self, mail: Mail, flags: frozenset[bytes], date: int, born: int, *, ours: bool) -> None:
        self.mail = mail
        self.flags = flags
        self.date = date
        self.born = born
        self.ours = ours
        self.modseq = 0

    def copy(self) -> Stored:
        other = Stored(self.mail, self.flags, self.date, self.born, ours=self.ours)
        other.modseq = self.modseq
        return other


class Box:
    """A folder. hidden: UIDs that count and are never shown. gone: (HIGHESTMODSEQ, UID) of what was taken."""

    __slots__ = ("gone", "hidden", "messages", "modseq", "uidnext", "uidvalidity")

    def __init__(self, uidvalidity: int) -> None:
        self.uidvalidity = uidvalidity
        self.uidnext = 1
        self.modseq = 1
        self.messages: dict[int, Stored] = {}
        self.hidden: set[int] = set()
        self.gone: list[tuple[int, int]] = []

    def put(self, stored: Stored) -> int:
        uid = self.uidnext
        self.uidnext += 1
        self.modseq += 1
        stored.modseq = self.modseq
        self.messages[uid] = stored
        return uid

    def take(self, uid: int) -> Stored:
        self.modseq += 1
        self.hidden.discard(uid)
        self.gone.append((self.modseq, uid))
        return self.messages.pop(uid)

    def vanished_since(self, modseq: int) -> set[int]:
        return {uid for at, uid in self.gone if at > modseq}

    def flag(self, uid: int, flags: frozenset[bytes]) -> None:
        stored = self.messages[uid]
        if stored.flags != flags:
            self.modseq += 1
            stored.flags, stored.modseq = flags, self.modseq

    def contents(self) -> set[int]:
        return {stored.mail.content for stored in self.messages.values()}

    def copy(self) -> Box:
        other = Box(self.uidvalidity)
        other.uidnext, other.modseq = self.uidnext, self.modseq
        other.messages = {uid: stored.copy() for uid, stored in self.messages.items()}
        other.gone = list(self.gone)
        return other

    def renumbered(self, uidvalidity: int) -> Box:
        other = Box(uidvalidity)
        for stored in self.messages.values():
            other.put(stored.copy())
        return other


class Server:
    """An account. condstore, qresync, uidplus: what its server can do. size_bias: what it counts larger."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        condstore: bool,
        uidplus: bool,
        qresync: bool = False,
        size_bias: int = 0,
    ) -> None:
        self.condstore = condstore
        self.qresync = qresync and condstore
        self.uidplus = uidplus
        self.size_bias = size_bias
        self.validity = 0
        #: UIDVALIDITY and UID -> the message that a session was shown there last.
        self.shown: dict[tuple[int, int], Stored] = {}
        self.boxes = {name: Box(self.next_validity()) for name in names}

    def next_validity(self) -> int:
        self.validity += 1
        return self.validity

    def contents(self) -> set[int]:
        return {stored.mail.content for box in self.boxes.values() for stored in box.messages.values()}


class Selected(NamedTuple):
    """What opening a folder told."""

    uidvalidity: int
    uidnext: int
    exists: int
    modseq: int


class Session:
    """A connection: one folder is open, and stays open when another gets its name."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = ""
        self.box = Box(0)
        self.lost = False

    def status(self, name: str) -> Numbers:
        self._alive()
        box = self.server.boxes[name]
        modseq = box.modseq if self.server.condstore else 0
        return Numbers(box.uidvalidity, box.uidnext, len(box.messages), modseq)

    def select(self, name: str) -> Selected:
        self._alive()
        self.name, self.box = name, self.server.boxes[name]
        box = self.box
        modseq = box.modseq if self.server.condstore else 0
        return Selected(box.uidvalidity, box.uidnext, len(box.messages), modseq)

    @property
    def exists(self) -> int:
        return len(self.box.messages)

    def search(self) -> set[int]:
        self._alive()
        return self.box.messages.keys() - self.box.hidden

    def fetch(self, uids: Iterable[int]) -> dict[int, Stored]:
        self._alive()
        box = self.box
        got = {
            uid: box.messages[uid] for uid in sorted(uids) if uid in box.messages and uid not in box.hidden
        }
        self.server.shown.update(((box.uidvalidity, uid), stored) for uid, stored in got.items())
        return got

    def fetch_from(self, first: int) -> dict[int, Stored]:
        self._alive()
        return self.fetch([uid for uid in self.box.messages if uid >= first])

    def store(self, uid: int, add: Iterable[bytes], remove: Iterable[bytes] = ()) -> None:
        self._alive()
        if uid in self.box.messages:
            self.box.flag(uid, (self.box.messages[uid].flags - frozenset(remove)) | frozenset(add))

    def reopen(self) -> None:
        self.lost = False
        self.name = ""
        self.box = Box(0)

    def _alive(self) -> None:
        if self.lost:
            raise Cut

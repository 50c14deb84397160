"""The journal in dictionaries: changes last from `commit` on, a kill goes back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.plan.simulation.law import Truth

from imapsync.terms import UNJUDGED, Copy, FolderRecord, Held, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

Key = tuple[str, str]


class Table:
    """What is known of one folder pair."""

    __slots__ = ("believed", "loose", "marked", "pairs", "record")

    def __init__(self, record: FolderRecord) -> None:
        self.record = record
        self.pairs: dict[int, Pair] = {}
        self.loose: dict[int, tuple[int, int, bool]] = {}
        self.marked: set[int] = set()
        self.believed: set[int] = set()

    def copies(self) -> dict[int, int]:
        """Give source UID -> copy, for those that are there or of which nobody has said why they are not."""
        return {uid: pair.copy for uid, pair in self.pairs.items() if pair.copy > 0 or pair.copy in UNJUDGED}

    def copy(self) -> Table:
        other = Table(self.record)
        other.pairs = dict(self.pairs)
        other.loose = dict(self.loose)
        other.marked = set(self.marked)
        other.believed = set(self.believed)
        return other


class File:
    """The state file: what was committed last."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.restored = self.lost = 0
        self.present = Held()
        self.uprooted: set[tuple[int, int]] = set()
        self.truth = Truth()

    def copy(self) -> File:
        other = File()
        other.tables = {name: table.copy() for name, table in self.tables.items()}
        other.restored, other.lost, other.present = self.restored, self.lost, self.present
        other.uprooted = set(self.uprooted)
        other.truth = self.truth.copy()
        return other


class Journal:
    """An open state file; the methods are those of the real journal, folders go by their source name."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._tables = {name: table.copy() for name, table in file.tables.items()}
        self._touched: set[str] = set()
        self.uprooted = set(file.uprooted)
        self.truth = file.truth
        self.restored, self.lost, self.present = file.restored, file.lost, file.present

    def commit(self) -> None:
        for name in self._touched:
            table = self._file.tables[name] = self._tables[name].copy()
            self.truth.keep_marks(name, table.record.source.uidvalidity)
        self._touched.clear()
        self._file.restored, self._file.lost = self.restored, self.lost
        self._file.present = self.present
        self._file.uprooted = set(self.uprooted)

    def records(self) -> dict[str, FolderRecord]:
        return {name: table.record for name, table in self._tables.items()}

    def begin(self, name: str, source: int, destination: int) -> FolderRecord:
        """Start a record; what we moved and marked stays noted while its UIDs hold."""
        before = self._tables.get(name)
        record = FolderRecord(0, name, name, Numbers(source, messages=0), Numbers(destination, messages=0))
        table = self._tables[name] = Table(record)
        if before is not None and before.record.source.uidvalidity == source:
            table.marked = set(before.marked)
        if before is not None and before.record.destination.uidvalidity == destination:
            table.loose = {uid: row for uid, row in before.loose.items() if row[2]}
        elif before is not None:
            self._uproot(before)
        self._touched.add(name)
        return record

    def restart(self, name: str) -> None:
        table = self.change(name)
        table.pairs.clear()
        table.loose = {uid: row for uid, row in table.loose.items() if row[2]}

    def update(self, name: str, record: FolderRecord) -> None:
        self.change(name).record = record

    def settle(self, name: str) -> None:
        table = self.change(name)
        table.record = table.record._replace(settled=True)

    def give_up(self, name: str) -> None:
        self.restart(name)
        table = self._tables[name]
        table.record = table.record._replace(destination=Numbers(), settled=False, copies=0)

    def _uproot(self, table: Table) -> None:
        self.uprooted |= {row[:2] for row in table.loose.values() if row[2] and row[0]}

    def read(self, name: str) -> Table:
        return self._tables[name]

    def change(self, name: str) -> Table:
        self._touched.add(name)
        return self._tables[name]

    def last(self, name: str, count: int) -> list[Pair]:
        pairs = self._tables[name].pairs
        return [pairs[uid] for uid in sorted(pairs, reverse=True) if pairs[uid].copy > 0][:count]

    def identified(self, name: str) -> list[Pair]:
        return [pair for pair in self._tables[name].pairs.values() if pair.copy > 0 and pair.digest]

    def unidentified(self, name: str) -> bool:
        pairs = self._tables[name].pairs.values()
        return any(not pair.digest for pair in pairs)

    def identify(self, name: str, rows: Iterable[tuple[int, int, int]]) -> None:
        pairs = self.change(name).pairs
        for uid, digest, size in rows:
            if uid in pairs:
                pairs[uid] = pairs[uid]._replace(digest=digest, size=size)

    def count(self, name: str) -> tuple[int, int]:
        copies = [pair.copy for pair in self._tables[name].pairs.values()]
        alive = sum(copy > 0 or copy in (Copy.VANISHED, Copy.UNSEEN) for copy in copies)
        return alive, sum(copy <= 0 and copy != Copy.DUPLICATE for copy in copies)

    def marked_as(self, name: str, marks: Iterable[int]) -> list[Pair]:
        wanted = set(marks)
        return [pair for pair in self._tables[name].pairs.values() if pair.copy in wanted]

    def add(self, name: str, pairs: Iterable[Pair]) -> None:
        self.change(name).pairs.update((pair.source_uid, pair) for pair in pairs)

    def mark(self, name: str, marks: Iterable[tuple[int, int]]) -> None:
        pairs = self.change(name).pairs
        for uid, mark in marks:
            if uid in pairs:
                pairs[uid] = pairs[uid]._replace(copy=int(mark))

    def remove(self, name: str, uids: Iterable[int]) -> None:
        pairs, believed = self.change(name).pairs, self.change(name).believed
        for uid in uids:
            pairs.pop(uid, None)
            believed.discard(uid)

    def add_loose(self, name: str, rows: Iterable[tuple[int, int, int]], *, moved: bool = False) -> None:
        loose = self.change(name).loose
        for uid, digest, size in rows:
            loose[uid] = (digest, size, moved or (uid in loose and loose[uid][2]))

    def remove_loose(self, name: str, uids: Iterable[int]) -> None:
        loose = self.change(name).loose
        for uid in uids:
            loose.pop(uid, None)

    def remove_absent(self, name: str, uids: Iterable[int]) -> None:
        loose = self.change(name).loose
        for uid in uids:
            if uid in loose and not loose[uid][2]:
                del loose[uid]

    def moved_identities(self) -> set[tuple[int, int]]:
        rows = (row for table in self._tables.values() for row in table.loose.values())
        return {(digest, size) for digest, size, moved in rows if moved and digest} | self.uprooted

    def moved_from(self, name: str) -> set[tuple[int, int]]:
        rows = self._tables[name].loose.values()
        return {(digest, size) for digest, size, moved in rows if moved and digest} | self.uprooted

    def moved(self, name: str) -> set[int]:
        return {uid for uid, row in self._tables[name].loose.items() if row[2]}

"""The journal in dictionaries: changes last from `commit` on, a kill goes back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.terms import Copy, FolderRecord, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

Key = tuple[str, str]


class Table:
    """What is known of one folder pair."""

    __slots__ = ("loose", "marked", "pairs", "record")

    def __init__(self, record: FolderRecord) -> None:
        self.record = record
        self.pairs: dict[int, Pair] = {}
        self.loose: dict[int, tuple[int, int, bool]] = {}
        self.marked: set[int] = set()

    def copy(self) -> Table:
        other = Table(self.record)
        other.pairs = dict(self.pairs)
        other.loose = dict(self.loose)
        other.marked = set(self.marked)
        return other


class File:
    """The state file: what was committed last."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.restored = 0

    def copy(self) -> File:
        other = File()
        other.tables = {name: table.copy() for name, table in self.tables.items()}
        other.restored = self.restored
        return other


class Journal:
    """An open state file; the methods are those of the real journal, folders go by their source name."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._tables = {name: table.copy() for name, table in file.tables.items()}
        self._touched: set[str] = set()
        self.restored = file.restored

    def commit(self) -> None:
        for name in self._touched:
            if name in self._tables:
                self._file.tables[name] = self._tables[name].copy()
            else:
                self._file.tables.pop(name, None)
        self._touched.clear()
        self._file.restored = self.restored

    def records(self) -> dict[str, FolderRecord]:
        return {name: table.record for name, table in self._tables.items()}

    def begin(self, name: str, source: int, destination: int) -> FolderRecord:
        record = FolderRecord(0, name, name, Numbers(source, messages=0), Numbers(destination, messages=0))
        self._tables[name] = Table(record)
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

    def forget(self, name: str) -> None:
        self._tables.pop(name, None)
        self._touched.add(name)

    def read(self, name: str) -> Table:
        return self._tables[name]

    def change(self, name: str) -> Table:
        self._touched.add(name)
        return self._tables[name]

    def last(self, name: str, count: int) -> list[Pair]:
        pairs = self._tables[name].pairs
        return [pairs[uid] for uid in sorted(pairs, reverse=True) if pairs[uid].copy > 0][:count]

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
        pairs = self.change(name).pairs
        for uid in uids:
            pairs.pop(uid, None)

    def add_loose(self, name: str, rows: Iterable[tuple[int, int, int]], *, moved: bool = False) -> None:
        loose = self.change(name).loose
        for uid, digest, size in rows:
            loose[uid] = (digest, size, moved or (uid in loose and loose[uid][2]))

    def remove_loose(self, name: str, uids: Iterable[int]) -> None:
        loose = self.change(name).loose
        for uid in uids:
            loose.pop(uid, None)

    def moved(self, name: str) -> set[int]:
        return {uid for uid, row in self._tables[name].loose.items() if row[2]}

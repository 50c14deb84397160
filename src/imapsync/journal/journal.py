"""The journal of one task.

Folder pairs, message pairs, what lies loose on the destination, what awaits its filter.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imapsync.journal.storage import close_quietly, is_damage, move_aside, open_storage
from imapsync.journal.values import GONE, FolderState, JournalError, Pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_ALL_FOLDERS = (
    "SELECT id, source, destination, source_uidvalidity, destination_uidvalidity, source_uidnext,"
    " source_modseq, source_messages, destination_uidnext, destination_messages, removed, settled, rules"
    " FROM folder"
)
_KEY = "SELECT value FROM meta WHERE name='digest_key'"
_GONE = "SELECT source_uid FROM pair WHERE folder=? AND destination_uid=?"
_FIND = "SELECT source_uid, destination_uid, flags FROM pair WHERE folder=? AND source_uid IN "
#: SQLite integers are signed; digests are not.
_SIGN = 1 << 63
_WRAP = 1 << 64
#: Rows a query reads at once: bounds the memory of reading half a million pairs.
_ROWS_AT_ONCE = 2_000
#: How many values one "IN (...)" takes.
_VALUES_AT_ONCE = 500


class Journal:
    """One open state file. Every method may raise JournalError; changes last from `commit` on.

    After a failure nothing more is written: the file stays as of the last commit, which is never half of a
    change. A file that turns out to be damaged is moved aside, so that the next run begins a new one.
    """

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        self._failure = ""
        self._flag_numbers: dict[tuple[bytes, ...], int] = {}
        self._flag_sets: dict[int, tuple[bytes, ...]] = {}
        with self._told():
            self.digest_key: bytes = connection.execute(_KEY).fetchone()[0]
            for number, text in connection.execute("SELECT id, flags FROM flagset"):
                flags = tuple(text.encode("latin-1").split())
                self._flag_numbers[flags] = number
                self._flag_sets[number] = flags

    @classmethod
    def open(cls, path: str, accounts: str, warn: Callable[[str], None]) -> Journal:
        """Open or begin the state file of `accounts` (any text that names both); see `open_storage`."""
        return cls(open_storage(path, accounts, warn), path)

    def close(self) -> None:
        """Commit, fold the write-ahead log into the file and let it go."""
        if not self._failure:
            with self._told():
                self.commit()
                self._connection.close()

    def commit(self) -> None:
        """Make all changes so far last."""
        with self._told():
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    # -- folder pairs

    def folders(self) -> dict[tuple[str, str], FolderState]:
        """Give all folder pairs by (source, destination) name."""
        with self._told():
            states = [_state(row) for row in self._connection.execute(_ALL_FOLDERS)]
        return {(state.source, state.destination): state for state in states}

    def begin(self, state: FolderState) -> FolderState:
        """Record a folder pair with its UIDVALIDITYs, without any message pair.

        An older record of it is dropped.
        """
        with self._writing() as connection:
            row = connection.execute(
                "SELECT id FROM folder WHERE source=? AND destination=?", (state.source, state.destination)
            ).fetchone()
            if row is not None:
                self._forget(row[0])
            cursor = connection.execute(
                "INSERT INTO folder (source, destination, source_uidvalidity, destination_uidvalidity)"
                " VALUES (?, ?, ?, ?)",
                (state.source, state.destination, state.source_uidvalidity, state.destination_uidvalidity),
            )
            number = int(cursor.lastrowid or 0)
        return FolderState(
            number, state.source, state.destination, state.source_uidvalidity, state.destination_uidvalidity
        )

    def update(self, state: FolderState) -> None:
        """Replace what is recorded of a folder pair."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE folder SET source_uidnext=?, source_modseq=?, source_messages=?,"
                " destination_uidnext=?, destination_messages=?, removed=?, settled=?, rules=? WHERE id=?",
                (
                    state.source_uidnext,
                    state.source_modseq,
                    state.source_messages,
                    state.destination_uidnext,
                    state.destination_messages,
                    state.removed,
                    int(state.settled),
                    state.rules,
                    state.id,
                ),
            )

    def unsettle(self, folder: int) -> None:
        """Note before the first change that the folder pair is being worked on."""
        with self._writing() as connection:
            connection.execute("UPDATE folder SET settled=0 WHERE id=?", (folder,))

    def forget(self, folder: int) -> None:
        """Drop a folder pair and everything known of its messages."""
        with self._writing():
            self._forget(folder)

    # -- names of folders

    def names(self) -> dict[tuple[str, str], str]:
        """Give (source folder, the name the rules gave it) -> its name on the destination instead."""
        with self._told():
            rows = self._connection.execute("SELECT source, wanted, used FROM name")
            return {(source, wanted): used for source, wanted, used in rows}

    def remember_name(self, source: str, wanted: str, used: str) -> None:
        """Note that a folder has to be called otherwise than the rules say."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO name VALUES (?, ?, ?)", (source, wanted, used))

    # -- message pairs

    def pairs(self, folder: int) -> Pairs:
        """Give all message pairs of a folder, sorted by source UID."""
        pairs = Pairs()
        with self._told():
            cursor = self._connection.execute(
                "SELECT source_uid, destination_uid, flags FROM pair WHERE folder=? ORDER BY source_uid",
                (folder,),
            )
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                source_uids, destination_uids, flags = zip(*rows, strict=True)
                pairs.source_uids.extend(source_uids)
                pairs.destination_uids.extend(destination_uids)
                pairs.flags.extend(flags)
        return pairs

    def find(self, folder: int, source_uids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Give source UID -> (destination UID, flags number) for those of the UIDs that are known."""
        found: dict[int, tuple[int, int]] = {}
        wanted = list(source_uids)
        with self._told():
            for start in range(0, len(wanted), _VALUES_AT_ONCE):
                some = wanted[start : start + _VALUES_AT_ONCE]
                query = _FIND + "(" + ",".join("?" * len(some)) + ")"
                for source_uid, destination_uid, flags in self._connection.execute(query, (folder, *some)):
                    found[source_uid] = (destination_uid, flags)
        return found

    def gone(self, folder: int) -> set[int]:
        """Give the source UIDs whose copies the user removed."""
        with self._told():
            rows = self._connection.execute(_GONE, (folder, GONE))
            return {row[0] for row in rows}

    def add(self, folder: int, rows: Iterable[tuple[int, int, int]]) -> None:
        """Record pairs (source UID, destination UID, flags number) over what was known of them."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?)", ((folder, *row) for row in rows)
            )

    def remove(self, folder: int, source_uids: Iterable[int]) -> None:
        """Drop message pairs, because the source message is gone."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM pair WHERE folder=? AND source_uid=?", ((folder, uid) for uid in source_uids)
            )

    # -- messages that are only on the destination

    def loose(self, folder: int) -> dict[int, tuple[int, int]]:
        """Give destination UID -> (digest, size) of the messages without a partner."""
        with self._told():
            rows = self._connection.execute(
                "SELECT destination_uid, digest, size FROM loose WHERE folder=?", (folder,)
            )
            return {uid: (digest % _WRAP, size) for uid, digest, size in rows}

    def add_loose(self, folder: int, rows: Iterable[tuple[int, int, int]]) -> None:
        """Record messages without a partner: (destination UID, digest, size)."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO loose VALUES (?, ?, ?, ?)",
                (
                    (folder, uid, digest - _WRAP if digest >= _SIGN else digest, size)
                    for uid, digest, size in rows
                ),
            )

    def remove_loose(self, folder: int, destination_uids: Iterable[int]) -> None:
        """Drop messages that found a partner or are gone."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM loose WHERE folder=? AND destination_uid=?",
                ((folder, uid) for uid in destination_uids),
            )

    # -- copied, but the user's filter has not run yet

    def unfiltered(self, folder: int) -> dict[int, bool]:
        """Give what is not completely filtered: destination UID -> whether it had begun."""
        with self._told():
            rows = self._connection.execute(
                "SELECT destination_uid, begun FROM unfiltered WHERE folder=?", (folder,)
            )
            return {uid: bool(begun) for uid, begun in rows}

    def add_unfiltered(self, folder: int, destination_uids: Iterable[int]) -> None:
        """Note messages that are to be filtered."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO unfiltered (folder, destination_uid) VALUES (?, ?)",
                ((folder, uid) for uid in destination_uids),
            )

    def begin_filtering(self, folder: int) -> None:
        """Note that the filter is about to run: from now on it may have acted on any of them."""
        with self._writing() as connection:
            connection.execute("UPDATE unfiltered SET begun=1 WHERE folder=?", (folder,))

    def remove_unfiltered(self, folder: int, destination_uids: Iterable[int]) -> None:
        """Note that these are filtered, or will not be."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM unfiltered WHERE folder=? AND destination_uid=?",
                ((folder, uid) for uid in destination_uids),
            )

    # -- flags

    def flags_number(self, flags: tuple[bytes, ...]) -> int:
        """Give the number under which this (canonical) set of flags is kept."""
        number = self._flag_numbers.get(flags)
        if number is None:
            with self._writing() as connection:
                text = b" ".join(flags).decode("latin-1")
                number = int(
                    connection.execute("INSERT INTO flagset (flags) VALUES (?)", (text,)).lastrowid or 0
                )
            self._flag_numbers[flags] = number
            self._flag_sets[number] = flags
        return number

    def flags(self, number: int) -> tuple[bytes, ...]:
        """Give the set of flags with this number."""
        return self._flag_sets.get(number, ())

    # -- inside

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, the first one for good."""
        if self._failure:
            raise JournalError(self._failure)
        try:
            yield
        except sqlite3.Error as error:
            close_quietly(self._connection)
            self._failure = f"the state file {self._path} failed: {error}"
            if is_damage(error):
                aside = move_aside(self._path)
                self._failure += f"; kept as {aside}, the next run compares messages by their headers"
            raise JournalError(self._failure) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN")
            yield self._connection

    def _forget(self, folder: int) -> None:
        for table in ("pair", "loose", "unfiltered"):
            self._connection.execute(f"DELETE FROM {table} WHERE folder=?", (folder,))  # noqa: S608 - our own names
        self._connection.execute("DELETE FROM folder WHERE id=?", (folder,))


def _state(row: tuple[int, str, str, int, int, int, int, int, int, int, int, int, str]) -> FolderState:
    return FolderState(*row[:11], bool(row[11]), row[12])

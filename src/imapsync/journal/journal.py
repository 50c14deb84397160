"""The journal of one task.

Folder pairs, message pairs, what lies loose on the destination, what awaits its filter.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imapsync.journal.storage import close_quietly, is_damage, move_aside, open_storage
from imapsync.journal.values import JournalError, Pairs
from imapsync.terms import FolderRecord, Held, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_NUMBERS = "{0}_uidvalidity, {0}_uidnext, {0}_messages, {0}_modseq, {0}_size"
_RECORD = ", ".join(
    (
        _NUMBERS.format("source"),
        _NUMBERS.format("destination"),
        "removed, copies, destination_seen, settled, rules, looked_at",
    )
)
_ALL_FOLDERS = f"SELECT id, source, destination, {_RECORD} FROM folder"  # noqa: S608 - our own names
_UPDATE = f"UPDATE folder SET ({_RECORD}) = ({','.join('?' * 16)}) WHERE id=?"  # noqa: S608 - our own names
_VALIDITIES = (
    "SELECT id, source_uidvalidity, destination_uidvalidity FROM folder WHERE source=? AND destination=?"
)
#: What we moved stays known by its identity when its UID means nothing any more: in no folder, under UIDs
#: that no server gives.
_NOWHERE = 0
_UPROOT = (
    "INSERT INTO loose SELECT ?1,"
    " (SELECT coalesce(min(min(destination_uid), 0), 0) FROM loose WHERE folder=?1) - row_number() OVER (),"
    " digest, size, 1 FROM loose WHERE folder=?2 AND moved=1 AND digest<>0"
    " AND (digest, size) NOT IN (SELECT digest, size FROM loose WHERE folder=?1)"
)
_MOVED = (
    "INSERT INTO loose SELECT ?1,"
    " (SELECT coalesce(min(min(destination_uid), 0), 0) - 1 FROM loose WHERE folder=?1), ?2, ?3, 1"
    " WHERE NOT EXISTS (SELECT 1 FROM loose WHERE folder=?1 AND digest=?2 AND size=?3)"
)
_KEY = "SELECT value FROM meta WHERE name='digest_key'"
_PAIR = "source_uid, destination_uid, flags, digest, size"
_FIND = f"SELECT {_PAIR} FROM pair WHERE folder=? AND source_uid IN "  # noqa: S608 - our own names
_ALL = f"SELECT {_PAIR} FROM pair WHERE folder=?"  # noqa: S608 - our own names
_LAST = f"SELECT {_PAIR} FROM pair WHERE folder=? AND destination_uid>0 ORDER BY source_uid DESC LIMIT ?"  # noqa: S608
_ALIVE = f"SELECT {_PAIR} FROM pair WHERE folder=? AND destination_uid>0 AND digest<>0"  # noqa: S608 - our own names
_COUNT = (
    "SELECT sum(destination_uid>0 OR destination_uid IN (-2, -3)),"
    " sum(destination_uid<=0 AND destination_uid<>-1) FROM pair WHERE folder=?"
)
_MARKED_AS = f"SELECT {_PAIR} FROM pair WHERE folder=? AND destination_uid IN "  # noqa: S608 - our own names
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

    # -- the accounts as a whole

    def restored(self) -> int:
        """Give how many copies were in destination folders that were found put back to an older state."""
        return int(self._meta("restored") or 0)

    def note_restored(self, copies: int) -> None:
        """Keep that number until somebody says that it was on purpose; 0 forgets it."""
        self._note_meta("restored", copies)

    def lost(self) -> int:
        """Give how many messages the destination was found to lack of what it held (`present`)."""
        return int(self._meta("lost") or 0)

    def note_lost(self, messages: int) -> None:
        """Keep that number until somebody says that it was on purpose; 0 forgets it."""
        self._note_meta("lost", messages)

    def present(self) -> Held:
        """Give what the destination held after a run that emptied the source; 0: unknown."""
        return Held(int(self._meta("present") or 0), int(self._meta("present_in_bins") or 0))

    def note_present(self, held: Held) -> None:
        """Keep these numbers; 0 when they cannot be told."""
        self._note_meta("present", held.messages)
        self._note_meta("present_in_bins", held.in_bins)

    def identity(self) -> str:
        """Give what identified the messages that we moved, as `note_identity` got it, "" when nobody said."""
        return str(self._meta("identity") or "")

    def note_identity(self, text: str) -> None:
        """Keep by which headers messages are known from now on."""
        self._note_meta("identity", text)

    def _meta(self, name: str) -> int | str | None:
        with self._told():
            row = self._connection.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
            return None if row is None else row[0]

    def _note_meta(self, name: str, value: int | str) -> None:
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # -- folder pairs

    def folders(self) -> dict[tuple[str, str], FolderRecord]:
        """Give all folder pairs by (source, destination) name."""
        with self._told():
            records = [_record(row) for row in self._connection.execute(_ALL_FOLDERS)]
        return {(record.source_name, record.destination_name): record for record in records}

    def begin(self, record: FolderRecord) -> FolderRecord:
        """Record a folder pair with its UIDVALIDITYs, without any message pair.

        An older record of it is dropped; what we moved and marked stays noted while its UIDs hold.
        """
        names = (record.source_name, record.destination_name)
        validities = (record.source.uidvalidity, record.destination.uidvalidity)
        with self._writing() as connection:
            before = connection.execute(_VALIDITIES, names).fetchone()
            if before is not None:
                self._forget(before[0], marked=before[1] == validities[0], moved=before[2] == validities[1])
            cursor = connection.execute(
                "INSERT INTO folder (id, source, destination, source_uidvalidity, destination_uidvalidity)"
                " VALUES (?, ?, ?, ?, ?)",
                (before[0] if before is not None else None, *names, *validities),
            )
            number = int(cursor.lastrowid or 0)
        here, there = (Numbers(validity, messages=0) for validity in validities)
        return FolderRecord(number, *names, here, there)

    def restart(self, folder: int) -> None:
        """Drop the pairs of a first comparison that did not come to its end.

        What is to be filtered, what we marked on the source and what came from there stays noted.
        """
        with self._writing() as connection:
            connection.execute("DELETE FROM pair WHERE folder=?", (folder,))
            connection.execute("DELETE FROM handed WHERE folder=?", (folder,))
            connection.execute("DELETE FROM loose WHERE folder=? AND moved=0", (folder,))

    def update(self, record: FolderRecord) -> None:
        """Replace what is recorded of a folder pair."""
        values = (*record.source, *record.destination, *record[5:])
        with self._writing() as connection:
            connection.execute(_UPDATE, (*values, record.id))

    def confirm(self, record: FolderRecord) -> None:
        """Replace the numbers of the destination only."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE folder SET destination_modseq=?, destination_size=? WHERE id=?",
                (record.destination.modseq, record.destination.size, record.id),
            )

    def settle(self, folders: Iterable[int]) -> None:
        """Note that nothing is left to be done in these folder pairs."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE folder SET settled=1 WHERE id=?", ((number,) for number in folders)
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
                f"SELECT {_PAIR} FROM pair WHERE folder=? ORDER BY source_uid",  # noqa: S608 - our own names
                (folder,),
            )
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                source_uids, destination_uids, flags, digests, sizes = zip(*rows, strict=True)
                pairs.source_uids.extend(source_uids)
                pairs.destination_uids.extend(destination_uids)
                pairs.flags.extend(flags)
                pairs.digests.extend([digest % _WRAP for digest in digests])
                pairs.sizes.extend(sizes)
        return pairs

    def all_pairs(self, folder: int) -> list[Pair]:
        """Give the pairs with all that is known of them: for folders that were only begun."""
        with self._told():
            return [_pair(row) for row in self._connection.execute(_ALL, (folder,))]

    def find(self, folder: int, source_uids: Iterable[int]) -> dict[int, Pair]:
        """Give source UID -> pair for those of the UIDs that are known."""
        return {pair.source_uid: pair for pair in self._some(_FIND, folder, source_uids)}

    def last(self, folder: int, count: int) -> list[Pair]:
        """Give the last pairs that have a copy, by source UID."""
        with self._told():
            return [_pair(row) for row in self._connection.execute(_LAST, (folder, count))]

    def identified(self, folder: int) -> Iterator[Pair]:
        """Give the pairs that have a copy and whose message is known by digest and size."""
        with self._told():
            yield from map(_pair, self._connection.execute(_ALIVE, (folder,)))

    def unidentified(self, folder: int) -> bool:
        """Tell whether of some pair it is not known who its message is."""
        with self._told():
            query = "SELECT 1 FROM pair WHERE folder=? AND digest=0 LIMIT 1"
            return self._connection.execute(query, (folder,)).fetchone() is not None

    def identify(self, folder: int, rows: Iterable[tuple[int, int, int]]) -> None:
        """Record who messages are: (source UID, digest, size) of pairs that are known."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE pair SET digest=?, size=? WHERE folder=? AND source_uid=?",
                ((_signed(digest), size, folder, uid) for uid, digest, size in rows),
            )

    def count(self, folder: int) -> tuple[int, int]:
        """Give how many copies a folder has, those that vanished unjudged included, and how many are gone."""
        with self._told():
            alive, gone = self._connection.execute(_COUNT, (folder,)).fetchone()
            return alive or 0, gone or 0

    def see(self, folder: int) -> None:
        """Note that a later run has seen all copies of the folder alive."""
        with self._writing() as connection:
            connection.execute("UPDATE folder SET destination_seen=destination_uidnext WHERE id=?", (folder,))

    def marked_as(self, folder: int, marks: Iterable[int]) -> list[Pair]:
        """Give the pairs without a copy that carry one of these marks (`Copy`)."""
        return list(self._some(_MARKED_AS, folder, marks))

    def add(self, folder: int, pairs: Iterable[Pair]) -> None:
        """Record pairs over what was known of them."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO pair VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (folder, uid, copy, flags, _signed(digest), size)
                    for uid, copy, flags, digest, size in pairs
                ),
            )

    def mark(self, folder: int, marks: Iterable[tuple[int, int]]) -> None:
        """Put a mark (`Copy`) in place of the copies of some source UIDs."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE pair SET destination_uid=? WHERE folder=? AND source_uid=?",
                ((int(mark), folder, uid) for uid, mark in marks),
            )

    def mark_copies(self, folder: int, copies: Iterable[int], mark: int) -> None:
        """Put a mark (`Copy`) in place of these destination UIDs."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE pair SET destination_uid=? WHERE folder=? AND destination_uid=?",
                ((int(mark), folder, copy) for copy in copies),
            )

    def set_flags(self, folder: int, rows: Iterable[tuple[int, int]]) -> None:
        """Record (source UID, flags number): the flags that the copies have got now."""
        with self._writing() as connection:
            connection.executemany(
                "UPDATE pair SET flags=? WHERE folder=? AND source_uid=?",
                ((flags, folder, uid) for uid, flags in rows),
            )

    def remove(self, folder: int, source_uids: Iterable[int]) -> None:
        """Drop message pairs, because the source message is gone."""
        rows = [(folder, uid) for uid in source_uids]
        with self._writing() as connection:
            connection.executemany("DELETE FROM pair WHERE folder=? AND source_uid=?", rows)
            connection.executemany("DELETE FROM believed WHERE folder=? AND source_uid=?", rows)
            connection.executemany("DELETE FROM handed WHERE folder=? AND source_uid=?", rows)

    def believed(self, folder: int) -> set[int]:
        """Give source UIDs of pairs that only identity and size speak for: nobody compared their contents."""
        with self._told():
            rows = self._connection.execute("SELECT source_uid FROM believed WHERE folder=?", (folder,))
            return {row[0] for row in rows}

    def add_believed(self, folder: int, source_uids: Iterable[int]) -> None:
        """Note that pairs were found, not made, and their contents not compared."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO believed VALUES (?, ?)", ((folder, uid) for uid in source_uids)
            )

    def remove_believed(self, folder: int, source_uids: Iterable[int]) -> None:
        """Note that the copies of these were made by a run, or have been compared as a whole."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM believed WHERE folder=? AND source_uid=?", ((folder, uid) for uid in source_uids)
            )

    # -- what we are about to delete on the source

    def marked(self, folder: int) -> set[int]:
        """Give the source UIDs that we have marked as deleted, or were about to, and not seen gone."""
        with self._told():
            rows = self._connection.execute("SELECT source_uid FROM marked WHERE folder=?", (folder,))
            return {row[0] for row in rows}

    def add_marked(self, folder: int, source_uids: Iterable[int]) -> None:
        r"""Note before it is done that we set \Deleted on these."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO marked VALUES (?, ?)", ((folder, uid) for uid in source_uids)
            )

    def remove_marked(self, folder: int, source_uids: Iterable[int]) -> None:
        """Note that these are gone."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM marked WHERE folder=? AND source_uid=?", ((folder, uid) for uid in source_uids)
            )

    # -- messages that are only on the destination

    def loose(self, folder: int) -> dict[int, tuple[int, int]]:
        """Give destination UID -> (digest, size) of the messages without a partner."""
        with self._told():
            rows = self._connection.execute(
                "SELECT destination_uid, digest, size FROM loose WHERE folder=?", (folder,)
            )
            return {uid: (digest % _WRAP, size) for uid, digest, size in rows}

    def moved(self, folder: int) -> set[int]:
        """Give the destination UIDs of copies whose originals we have deleted: they may be the last ones."""
        with self._told():
            rows = self._connection.execute(
                "SELECT destination_uid FROM loose WHERE folder=? AND moved=1", (folder,)
            )
            return {row[0] for row in rows}

    def moved_identities(self) -> set[tuple[int, int]]:
        """Give (digest, size) of messages whose originals we deleted, or a backup took, wherever they lie."""
        with self._told():
            rows = self._connection.execute("SELECT digest, size FROM loose WHERE moved=1 AND digest<>0")
            return {(digest % _WRAP, size) for digest, size in rows}

    def moved_from(self, folder: int) -> set[tuple[int, int]]:
        """Give (digest, size) of what we moved from a folder, or from one that nobody knows any more."""
        with self._told():
            rows = self._connection.execute(
                "SELECT digest, size FROM loose WHERE moved=1 AND digest<>0 AND folder IN (?, ?)",
                (folder, _NOWHERE),
            )
            return {(digest % _WRAP, size) for digest, size in rows}

    def note_moved(self, identities: Iterable[tuple[int, int]]) -> None:
        """Note by (digest, size) who may have a last copy there, where nobody knows its UID."""
        with self._writing() as connection:
            connection.executemany(
                _MOVED, ((_NOWHERE, _signed(digest), size) for digest, size in identities if digest)
            )

    def remove_absent(self, folder: int, destination_uids: Iterable[int]) -> None:
        """Drop messages that are gone; of what came from the source it stays known who it was."""
        with self._writing() as connection:
            connection.executemany(
                "DELETE FROM loose WHERE folder=? AND destination_uid=? AND moved=0",
                ((folder, uid) for uid in destination_uids),
            )

    def add_loose(self, folder: int, rows: Iterable[tuple[int, int, int]], *, moved: bool = False) -> None:
        """Record messages without a partner: (destination UID, digest, size)."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO loose VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " digest=excluded.digest, size=excluded.size, moved=max(moved, excluded.moved)",
                ((folder, uid, _signed(digest), size, int(moved)) for uid, digest, size in rows),
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

    # -- handed to the user's local delivery

    def delivery(self, message: int) -> bool | None:
        """Tell whether the delivery of a message was answered; None when none was begun.

        message: a digest of who it is and what it says.
        """
        with self._told():
            row = self._connection.execute(
                "SELECT answered FROM delivery WHERE message=?", (_signed(message),)
            ).fetchone()
            return None if row is None else bool(row[0])

    def delivered(self) -> bool:
        """Tell whether anything was ever handed to a local delivery."""
        with self._told():
            return self._connection.execute("SELECT 1 FROM delivery LIMIT 1").fetchone() is not None

    def note_delivery(self, message: int, *, answered: bool) -> None:
        """Note before it is done that a message is delivered, and after it that it was."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO delivery VALUES (?, ?)", (_signed(message), int(answered))
            )

    def note_handed(self, folder: int, source_uid: int, message: int) -> None:
        """Note which message of a source folder was delivered by name."""
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO handed VALUES (?, ?, ?)", (folder, source_uid, _signed(message))
            )

    def handed(self, folder: int, message: int, source_uid: int) -> int:
        """Count the source messages of this name that were delivered and are still there, but for one UID."""
        with self._told():
            query = "SELECT count(*) FROM handed WHERE folder=? AND message=? AND source_uid<>?"
            row = self._connection.execute(query, (folder, _signed(message), source_uid)).fetchone()
            return int(row[0])

    def forget_delivery(self, message: int) -> None:
        """Note that a message was refused."""
        with self._writing() as connection:
            connection.execute("DELETE FROM delivery WHERE message=?", (_signed(message),))

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

    def _some(self, query: str, folder: int, values: Iterable[int]) -> Iterator[Pair]:
        """Ask for pairs by a list of values of any length."""
        wanted = [int(value) for value in values]
        with self._told():
            for start in range(0, len(wanted), _VALUES_AT_ONCE):
                some = wanted[start : start + _VALUES_AT_ONCE]
                places = "(" + ",".join("?" * len(some)) + ")"
                yield from map(_pair, self._connection.execute(query + places, (folder, *some)).fetchall())

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._told():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN")
            yield self._connection

    def _forget(self, folder: int, *, marked: bool = False, moved: bool = False) -> None:
        for table in ("pair", "believed", "handed", "unfiltered", *(() if marked else ("marked",))):
            self._connection.execute(f"DELETE FROM {table} WHERE folder=?", (folder,))  # noqa: S608 - our own names
        if not moved:
            self._connection.execute(_UPROOT, (_NOWHERE, folder))
        self._connection.execute(f"DELETE FROM loose WHERE folder=?{' AND moved=0' * moved}", (folder,))  # noqa: S608
        self._connection.execute("DELETE FROM folder WHERE id=?", (folder,))


def _record(row: tuple[Any, ...]) -> FolderRecord:
    number, source_name, destination_name = row[:3]
    source, destination = Numbers(*row[3:8]), Numbers(*row[8:13])
    removed, copies, seen, settled, rules, looked_at = row[13:]
    return FolderRecord(
        number,
        source_name,
        destination_name,
        source,
        destination,
        removed,
        copies,
        seen,
        bool(settled),
        rules,
        looked_at,
    )


def _pair(row: tuple[int, int, int, int, int]) -> Pair:
    return Pair(row[0], row[1], row[2], row[3] % _WRAP, row[4])


def _signed(digest: int) -> int:
    return digest - _WRAP if digest >= _SIGN else digest

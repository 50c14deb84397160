"""Open the SQLite file, make its tables, and move aside what is not ours or is damaged.

Write-ahead log: a commit is one append without waiting for the disk, a kill at any instant leaves either the
state before or after a commit, and the next opening replays it. Exclusive locking: two runs never share a
state file, and no shared-memory file is needed, so the file may lie on any file system. After a power cut the
file may be a few commits old, never torn; an old journal is one of the cases the comparison is made for.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
from typing import TYPE_CHECKING

from imapsync.journal.values import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Marks the file as ours (PRAGMA application_id): "IMSY".
APPLICATION_ID = 0x494D5359
#: Version of the tables (PRAGMA user_version). Version 1 is converted, any other is moved aside.
FORMAT_VERSION = 2
#: How long a second run waits for the first to let go of the file, in seconds.
LOCK_WAIT_S = 1.0
DIGEST_KEY_BYTES = 32
#: How every SQLite file begins, and where it says that it has a write-ahead log; ours always says so.
_MAGIC = b"SQLite format 3\0"
_WRITE_VERSION_AT = 18
_WAL_VERSION = 2

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE folder (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    source_uidvalidity INTEGER NOT NULL,
    destination_uidvalidity INTEGER NOT NULL,
    source_uidnext INTEGER NOT NULL DEFAULT 0,
    source_modseq INTEGER NOT NULL DEFAULT 0,
    source_messages INTEGER NOT NULL DEFAULT 0,
    destination_uidnext INTEGER NOT NULL DEFAULT 0,
    destination_messages INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0,
    rules TEXT NOT NULL DEFAULT '',
    source_size INTEGER NOT NULL DEFAULT -1,
    destination_modseq INTEGER NOT NULL DEFAULT 0,
    destination_size INTEGER NOT NULL DEFAULT -1,
    copies INTEGER NOT NULL DEFAULT 0,
    destination_seen INTEGER NOT NULL DEFAULT 0,
    looked_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, destination)
);
CREATE TABLE pair (
    folder INTEGER NOT NULL,
    source_uid INTEGER NOT NULL,
    destination_uid INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    digest INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder, source_uid)
) WITHOUT ROWID;
CREATE TABLE loose (
    folder INTEGER NOT NULL,
    destination_uid INTEGER NOT NULL,
    digest INTEGER NOT NULL,
    size INTEGER NOT NULL,
    moved INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder, destination_uid)
) WITHOUT ROWID;
CREATE TABLE marked (
    folder INTEGER NOT NULL,
    source_uid INTEGER NOT NULL,
    PRIMARY KEY (folder, source_uid)
) WITHOUT ROWID;
CREATE TABLE unfiltered (
    folder INTEGER NOT NULL,
    destination_uid INTEGER NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder, destination_uid)
) WITHOUT ROWID;
CREATE TABLE flagset (id INTEGER PRIMARY KEY, flags TEXT NOT NULL UNIQUE);
CREATE TABLE name (
    source TEXT NOT NULL,
    wanted TEXT NOT NULL,
    used TEXT NOT NULL,
    PRIMARY KEY (source, wanted)
) WITHOUT ROWID;
"""
#: What files of version 2 may lack.
_ADDED = """
CREATE TABLE IF NOT EXISTS believed (
    folder INTEGER NOT NULL,
    source_uid INTEGER NOT NULL,
    PRIMARY KEY (folder, source_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery (
    message INTEGER PRIMARY KEY,
    answered INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS handed (
    folder INTEGER NOT NULL,
    source_uid INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (folder, source_uid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS handed_message ON handed (folder, message);
"""
#: From version 1 to 2. Whether somebody had seen a copy before it went was not recorded, so what is gone is
#: no proof: `Copy.KEPT`.
_FROM_1 = """
ALTER TABLE folder ADD COLUMN source_size INTEGER NOT NULL DEFAULT -1;
ALTER TABLE folder ADD COLUMN destination_modseq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder ADD COLUMN destination_size INTEGER NOT NULL DEFAULT -1;
ALTER TABLE folder ADD COLUMN copies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder ADD COLUMN destination_seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folder ADD COLUMN looked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pair ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pair ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE loose ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
CREATE TABLE marked (
    folder INTEGER NOT NULL,
    source_uid INTEGER NOT NULL,
    PRIMARY KEY (folder, source_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS name (
    source TEXT NOT NULL,
    wanted TEXT NOT NULL,
    used TEXT NOT NULL,
    PRIMARY KEY (source, wanted)
) WITHOUT ROWID;
UPDATE pair SET destination_uid=-5 WHERE destination_uid=0;
UPDATE folder SET copies=(SELECT count(*) FROM pair WHERE pair.folder=folder.id AND destination_uid>0);
"""


class _UnusableError(JournalError):
    """The file is damaged, or holds something else."""


def open_storage(path: str, accounts: str, warn: Callable[[str], None]) -> sqlite3.Connection:
    """Give an exclusive connection to the state file of these accounts, made when absent.

    A damaged file, another program's, another version's or another account's is renamed to `PATH.aside-N`
    with a warning, and a new one is begun. JournalError when the file is in use, is no regular file, or
    cannot be written.
    """
    try:
        return _open(path, accounts)
    except _UnusableError as reason:
        aside = move_aside(path)
        warn(f"state file {path}: {reason}; kept as {aside}, messages are compared by their headers")
    return _open(path, accounts)


def _open(path: str, accounts: str) -> sqlite3.Connection:
    _touch(path)
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
    try:
        _configure(connection)
        _check_or_create(connection, accounts)
    except sqlite3.OperationalError as error:
        close_quietly(connection)
        if "locked" in str(error):
            raise JournalError(f"the state file {path} is in use by another run") from error
        raise JournalError(f"the state file {path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        close_quietly(connection)
        raise _UnusableError(f"it is damaged ({error})") from error
    except _UnusableError:
        close_quietly(connection)
        raise
    return connection


def _touch(path: str) -> None:
    """Make the file when it is absent, private; look at its first bytes when it is there.

    SQLite would change the header of another program's database by opening it our way.
    """
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            raise JournalError(f"the state file {path} is not a regular file")
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            head = os.read(handle, 100)
        finally:
            os.close(handle)
    except OSError as error:
        raise JournalError(f"the state file {path} cannot be used: {error.strerror}") from error
    if head.startswith(_MAGIC) and head[_WRITE_VERSION_AT] != _WAL_VERSION:
        raise _UnusableError("it belongs to another program")


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-4096")  # KiB: bounds memory, holds one folder's hot pages


def _check_or_create(connection: sqlite3.Connection, accounts: str) -> None:
    connection.execute("BEGIN EXCLUSIVE")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables == 0 and application in (0, APPLICATION_ID):
        _create(connection, accounts)
    elif application != APPLICATION_ID:
        raise _UnusableError("it belongs to another program")
    elif version not in (1, FORMAT_VERSION):
        raise _UnusableError(f"it has format {version}, this is format {FORMAT_VERSION}")
    else:
        found = dict(connection.execute("SELECT name, value FROM meta"))
        if not isinstance(found.get("digest_key"), bytes):
            raise _UnusableError("it is damaged (its key is missing)")
        if found.get("accounts") != accounts:
            raise _UnusableError("it belongs to other accounts")
        if version == 1:
            _execute_all(connection, _FROM_1)
            connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
        _execute_all(connection, _ADDED)
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, accounts: str) -> None:
    _execute_all(connection, SCHEMA + _ADDED)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
    rows = [("accounts", accounts), ("digest_key", secrets.token_bytes(DIGEST_KEY_BYTES))]
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error means that the file itself is damaged: the next run would meet it again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def close_quietly(connection: sqlite3.Connection) -> None:
    """Let go of the file; what is not committed is rolled back."""
    with contextlib.suppress(sqlite3.Error):
        connection.close()


def move_aside(path: str) -> str:
    """Rename the file, and what SQLite keeps beside it, to the first free `PATH.aside-N`; give that name."""
    number = 1
    while os.path.exists(aside := f"{path}.aside-{number}"):
        number += 1
    try:
        os.rename(path, aside)
        for suffix in ("-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(path + suffix, aside + suffix)
    except OSError as error:
        raise JournalError(f"the state file {path} cannot be moved aside: {error.strerror}") from error
    return aside

"""The state file as such: whose it is, who may read it, and what happens when it cannot be used."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.journal import actors

from imapsync.journal.journal import Journal
from imapsync.journal.storage import APPLICATION_ID, FORMAT_VERSION
from imapsync.journal.values import JournalError
from imapsync.terms import FolderRecord, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNTS = "anna@a\nbert@b"


def refuse(warning: str) -> None:
    pytest.fail(f"unexpected warning: {warning}")


def make(path: Path, rows: int = 3) -> None:
    """Begin a state file with a folder pair of some message pairs, and close it."""
    journal = Journal.open(str(path), ACCOUNTS, refuse)
    state = journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(2)))
    journal.add(state.id, (Pair(uid, uid + 100, 1) for uid in range(1, rows + 1)))
    journal.close()


def pairs_of(path: Path) -> int:
    journal = Journal.open(str(path), ACCOUNTS, refuse)
    try:
        return sum(len(journal.pairs(state.id)) for state in journal.folders().values())
    finally:
        journal.close()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "task.state"


def test_a_new_file_is_private_marked_and_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        make(path)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        assert tables == {
            "meta",
            "folder",
            "pair",
            "loose",
            "unfiltered",
            "flagset",
            "name",
            "marked",
            "believed",
            "delivery",
            "handed",
        }
    connection.close()


def test_what_lies_beside_an_open_file_is_private_too(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal.open(str(path), ACCOUNTS, refuse)
        journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(2)))
        journal.commit()
        names = {entry.name: mode_of(entry) for entry in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert names == {"task.state": 0o600, "task.state-wal": 0o600}


def test_the_digest_key_stays_with_its_file(path: Path, tmp_path: Path) -> None:
    keys = []
    for name in (path, path, tmp_path / "other.state"):
        journal = Journal.open(str(name), ACCOUNTS, refuse)
        keys.append(journal.digest_key)
        journal.close()
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32


def other_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (text)")
    connection.close()


def other_program_with_log(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA application_id=7")
    connection.execute("CREATE TABLE recipes (text)")
    connection.close()


def other_format(path: Path) -> None:
    change(path, "PRAGMA user_version=99")


def without_key(path: Path) -> None:
    change(path, "DELETE FROM meta WHERE name='digest_key'")


def without_accounts(path: Path) -> None:
    change(path, "DELETE FROM meta WHERE name='accounts'")


def change(path: Path, statement: str) -> None:
    make(path)
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


def torn(path: Path) -> None:
    make(path, rows=5000)
    os.truncate(path, path.stat().st_size // 2 + 17)


def overwritten(path: Path) -> None:
    make(path)
    path.write_bytes(random.Random(1).randbytes(20_000))


def damaged_schema(path: Path) -> None:
    make(path)
    content = bytearray(path.read_bytes())
    content[100:1500] = b"\xff" * 1400
    path.write_bytes(content)


def text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 50)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (other_program, "belongs to another program"),
        (other_program_with_log, "belongs to another program"),
        (other_format, f"has format 99, this is format {FORMAT_VERSION}"),
        (without_key, "is damaged"),
        (without_accounts, "belongs to other accounts"),
        (overwritten, "is damaged"),
        (damaged_schema, "is damaged"),
        (text, "is damaged"),
    ],
)
def test_a_file_that_is_not_ours_is_kept_aside_unchanged(
    path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(path)
    path.chmod(0o600)
    content = path.read_bytes()
    warnings: list[str] = []
    journal = Journal.open(str(path), ACCOUNTS, warnings.append)
    assert journal.folders() == {}
    journal.close()
    aside = path.with_name("task.state.aside-1")
    assert aside.read_bytes() == content
    assert mode_of(aside) == mode_of(path) == 0o600
    (warning,) = warnings
    assert reason in warning
    assert str(aside) in warning
    assert pairs_of(path) == 0, "the new file is used from now on, without a warning"


def test_another_accounts_file_is_kept_aside_and_each_gets_its_own_name(path: Path) -> None:
    warnings: list[str] = []
    for accounts in ("a", "b", "c"):
        journal = Journal.open(str(path), accounts, warnings.append)
        journal.begin(FolderRecord(0, accounts, "x", Numbers(1), Numbers(1)))
        journal.close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "task.state", "task.state.aside-1", "task.state.aside-2"
    ]  # fmt: skip
    assert len(warnings) == 2
    assert all("other accounts" in warning for warning in warnings)
    back = Journal.open(str(path) + ".aside-1", "a", refuse)
    assert list(back.folders()) == [("a", "x")]
    back.close()


def test_a_file_that_cannot_be_moved_aside_is_left_and_told(path: Path) -> None:
    longest = path.with_name("s" * 250)
    longest.write_text("no journal")
    with pytest.raises(JournalError, match="cannot be moved aside: File name too long"):
        Journal.open(str(longest), ACCOUNTS, refuse)
    assert longest.read_text() == "no journal"


KILLED = """
journal = opened()
journal.begin(FolderRecord(0, 'x', 'y', Numbers(1), Numbers(1)))
journal.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""
AS_NOBODY = """
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    opened()
except JournalError as error:
    print(error)
"""


def test_what_lay_beside_a_file_goes_aside_with_it(path: Path, tmp_path: Path) -> None:
    assert actors.run(KILLED, path).returncode == -signal.SIGKILL
    log = path.with_name("task.state-wal").read_bytes()
    other_program(tmp_path / "other")
    os.replace(tmp_path / "other", path)
    journal = Journal.open(str(path), ACCOUNTS, lambda _: None)
    assert journal.folders() == {}, "the old log is not replayed into the new file"
    journal.close()
    assert path.with_name("task.state.aside-1-wal").read_bytes() == log


def test_an_empty_file_is_begun(path: Path) -> None:
    path.touch(mode=0o600)
    assert pairs_of(path) == 0


def test_a_torn_file_is_told_and_the_next_run_begins_anew(path: Path) -> None:
    torn(path)
    warnings: list[str] = []
    try:
        journal = Journal.open(str(path), ACCOUNTS, warnings.append)
        journal.folders()
        for state in journal.folders().values():
            journal.pairs(state.id)
        journal.close()
    except JournalError as error:
        warnings.append(str(error))
    assert len(warnings) == 1
    assert ".aside-1" in warnings[0]
    assert pairs_of(path) == 0


def test_damage_in_the_middle_is_found_when_it_is_read_and_heals_with_the_next_run(path: Path) -> None:
    make(path, rows=20_000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    journal = Journal.open(str(path), ACCOUNTS, refuse)
    (state,) = journal.folders().values()
    with pytest.raises(JournalError, match=r"aside-1, the next run compares") as found:
        journal.pairs(state.id)
    with pytest.raises(JournalError) as again:
        journal.begin(state)
    assert str(again.value) == str(found.value), "the first reason is told, not what follows from it"
    journal.close()
    assert path.with_name("task.state.aside-1").read_bytes() == bytes(content)
    assert not path.exists()
    assert pairs_of(path) == 0


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("missing/task.state", "No such file"),
        ("", "not a regular file"),
        ("pipe", "not a regular file"),
        ("file/task.state", "Not a directory"),
        ("loop", "Too many levels"),
        ("x" * 300, "name too long"),
    ],
)
def test_a_path_that_cannot_be_a_file(tmp_path: Path, where: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(JournalError, match=reason):
        Journal.open(str(tmp_path / where), ACCOUNTS, refuse)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_a_folder_that_may_not_be_written(path: Path) -> None:
    path.parent.chmod(0o755)
    assert "cannot be used: Permission denied" in actors.run(AS_NOBODY, path).stdout
    assert not path.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_a_file_that_may_not_be_moved_aside() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - nobody has to look into it
        path = Path(folder, "task.state")
        path.write_text("not ours\n" * 100)
        os.chown(path, 65534, 65534)
        assert "cannot be moved aside: Permission denied" in actors.run(AS_NOBODY, path).stdout
        assert path.read_text() == "not ours\n" * 100


def test_another_run_has_the_file(path: Path) -> None:
    with (
        actors.running("journal = opened()", path),
        pytest.raises(JournalError, match="in use by another run"),
    ):
        Journal.open(str(path), ACCOUNTS, refuse)
    assert [entry.name for entry in path.parent.iterdir() if "aside" in entry.name] == []
    assert pairs_of(path) == 0, "a run that was killed holds nothing"


def test_two_files_of_two_runs_do_not_disturb_each_other(path: Path, tmp_path: Path) -> None:
    with actors.running("journal = opened()", path):
        make(tmp_path / "other.state")


def test_the_file_may_be_reached_by_a_link(path: Path, tmp_path: Path) -> None:
    make(path)
    (tmp_path / "link").symlink_to(path)
    assert pairs_of(tmp_path / "link") == 3

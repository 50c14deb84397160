"""What the journal keeps: each kind of record, and that only what was committed lasts."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from imapsync.journal.journal import Journal
from imapsync.journal.values import GONE, SKIPPED_DUPLICATE, FolderState, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = "anna@a\nbert@b"
LARGEST = 0xFFFFFFFF


def refuse(warning: str) -> None:
    pytest.fail(f"unexpected warning: {warning}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(str(tmp_path / "state"), ACCOUNTS, refuse)
    yield opened
    opened.close()


@pytest.fixture
def folder(journal: Journal) -> int:
    return journal.begin(FolderState(0, "INBOX", "INBOX", 1, 2)).id


def test_a_folder_pair_is_kept_with_all_its_numbers(journal: Journal) -> None:
    begun = journal.begin(FolderState(0, "Entwürfe/日本", "INBOX.x", LARGEST, LARGEST - 1))
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): begun}
    full = begun._replace(
        source_uidnext=LARGEST,
        source_modseq=(1 << 63) - 1,
        source_messages=3,
        destination_uidnext=4,
        destination_messages=-1,
        removed=6,
        settled=True,
        rules="abc",
    )
    journal.update(full)
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): full}
    journal.unsettle(full.id)
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): full._replace(settled=False)}


def test_beginning_again_drops_what_was_known_of_that_pair_only(journal: Journal, folder: int) -> None:
    other = journal.begin(FolderState(0, "INBOX", "other", 1, 2)).id
    for each in (folder, other):
        journal.add(each, [(1, 1, 1)])
        journal.add_loose(each, [(7, 7, 7)])
        journal.add_unfiltered(each, [1])
    again = journal.begin(FolderState(0, "INBOX", "INBOX", 9, 9)).id
    for each, left in ((again, 0), (other, 1)):
        assert len(journal.pairs(each)) == len(journal.loose(each)) == len(journal.unfiltered(each)) == left
    journal.forget(other)
    assert [state.id for state in journal.folders().values()] == [again]
    assert len(journal.pairs(other)) == len(journal.loose(other)) == len(journal.unfiltered(other)) == 0


def test_pairs_come_sorted_and_the_latest_word_counts(journal: Journal, folder: int) -> None:
    journal.add(folder, [(LARGEST, LARGEST, 1), (5, SKIPPED_DUPLICATE, 1), (2, 30, 2)])
    journal.add(folder, [(2, GONE, 3)])
    pairs = journal.pairs(folder)
    assert [*pairs.source_uids] == [2, 5, LARGEST]
    assert [*pairs.destination_uids] == [GONE, SKIPPED_DUPLICATE, LARGEST]
    assert [*pairs.flags] == [3, 1, 1]
    assert journal.gone(folder) == {2}
    assert journal.find(folder, [5, 2, 4, 5]) == {5: (SKIPPED_DUPLICATE, 1), 2: (GONE, 3)}
    journal.remove(folder, [2, 4])
    assert journal.gone(folder) == set()
    assert [*journal.pairs(folder).source_uids] == [5, LARGEST]


def test_thousands_are_found_in_any_number(journal: Journal, folder: int) -> None:
    journal.add(folder, ((uid, uid * 2, 0) for uid in range(1, 5002)))
    assert journal.find(folder, range(0, 6000, 3)) == {uid: (uid * 2, 0) for uid in range(3, 5002, 3)}
    assert journal.find(folder, []) == {}
    assert len(journal.pairs(folder)) == 5001


def test_loose_messages_keep_digests_of_64_bits(journal: Journal, folder: int) -> None:
    rows = {1: (0, 5), 2: ((1 << 63) - 1, 5), 3: (1 << 63, 5), 4: ((1 << 64) - 1, (1 << 63) - 1)}
    journal.add_loose(folder, ((uid, digest, size) for uid, (digest, size) in rows.items()))
    assert journal.loose(folder) == rows
    journal.remove_loose(folder, [1, 3, 9])
    assert sorted(journal.loose(folder)) == [2, 4]


def test_messages_that_await_their_filter(journal: Journal, folder: int) -> None:
    journal.add_unfiltered(folder, [1, 2])
    journal.begin_filtering(folder)
    journal.add_unfiltered(folder, [2, 3])
    assert journal.unfiltered(folder) == {1: True, 2: True, 3: False}
    journal.remove_unfiltered(folder, [1, 3])
    assert journal.unfiltered(folder) == {2: True}


def test_sets_of_flags_keep_their_numbers_over_a_reopening(tmp_path: Path) -> None:
    sets = [(), (b"\\Seen",), (b"$Label", b"\\Seen"), (b"k\xe9y",), (b"k\xc3\xa9y",)]
    numbers = []
    for order in (sets, sets[::-1]):
        journal = Journal.open(str(tmp_path / "state"), ACCOUNTS, refuse)
        numbers.append({flags: journal.flags_number(flags) for flags in order})
        assert [journal.flags(numbers[-1][flags]) for flags in sets] == sets
        assert journal.flags_number(()) == numbers[-1][()]
        journal.close()
    assert numbers[0] == numbers[1]
    assert len(set(numbers[0].values())) == len(sets)


def test_flags_of_an_unknown_number_are_none_so_that_nothing_is_removed_for_them(journal: Journal) -> None:
    assert journal.flags(12345) == ()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = Journal.open(str(tmp_path / "state"), ACCOUNTS, refuse)
    journal.close()
    with pytest.raises(JournalError):
        journal.folders()


def test_the_error_tells_what_a_report_needs() -> None:
    error = JournalError("disk full")
    assert (error.code, error.side, error.server_text, error.retryable) == ("journal", None, "", False)


@dataclass
class Known:
    """What a journal of one folder pair should hold."""

    pairs: dict[int, tuple[int, int]] = field(default_factory=dict)
    loose: dict[int, tuple[int, int]] = field(default_factory=dict)
    unfiltered: dict[int, bool] = field(default_factory=dict)
    settled: bool = False


UIDS = st.integers(1, 6)


class KeptOverKills(RuleBasedStateMachine):
    """A copy of the files at any moment is what a kill at that moment leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.path = Path(self.scratch.name, "state")
        self.generation = 0
        self.journal = Journal.open(str(self.path), ACCOUNTS, refuse)
        self.now = Known()
        self.state = self.journal.begin(FolderState(0, "s", "d", 1, 1))
        self.journal.commit()
        self.lasting = deepcopy(self.now)

    def teardown(self) -> None:
        self.journal.close()
        self.scratch.cleanup()

    @rule(uid=UIDS, copy=st.sampled_from([GONE, SKIPPED_DUPLICATE, 1, 5, LARGEST]), flags=st.integers(0, 2))
    def pair(self, uid: int, copy: int, flags: int) -> None:
        self.journal.add(self.state.id, [(uid, copy, flags)])
        self.now.pairs[uid] = (copy, flags)

    @rule(uids=st.sets(UIDS))
    def vanish(self, uids: set[int]) -> None:
        self.journal.remove(self.state.id, uids)
        for uid in uids:
            self.now.pairs.pop(uid, None)

    @rule(uid=UIDS, digest=st.integers(0, (1 << 64) - 1), size=st.integers(0, 1 << 40))
    def lie_loose(self, uid: int, digest: int, size: int) -> None:
        self.journal.add_loose(self.state.id, [(uid, digest, size)])
        self.now.loose[uid] = (digest, size)

    @rule(uids=st.sets(UIDS))
    def find_partners(self, uids: set[int]) -> None:
        self.journal.remove_loose(self.state.id, uids)
        for uid in uids:
            self.now.loose.pop(uid, None)

    @rule(uids=st.sets(UIDS), begin=st.booleans())
    def filter(self, uids: set[int], begin: bool) -> None:
        self.journal.add_unfiltered(self.state.id, uids)
        for uid in uids:
            self.now.unfiltered.setdefault(uid, False)
        if begin:
            self.journal.begin_filtering(self.state.id)
            self.now.unfiltered = dict.fromkeys(self.now.unfiltered, True)

    @rule(settled=st.booleans())
    def settle(self, settled: bool) -> None:
        if settled:
            self.state = self.state._replace(settled=True)
            self.journal.update(self.state)
        else:
            self.journal.unsettle(self.state.id)
        self.now.settled = settled

    @rule()
    def begin_again(self) -> None:
        self.state = self.journal.begin(FolderState(0, "s", "d", 1, 1))
        self.now = Known()

    @rule()
    def commit(self) -> None:
        self.journal.commit()
        self.lasting = deepcopy(self.now)

    @rule()
    def close_and_open(self) -> None:
        self.journal.close()
        self.lasting = deepcopy(self.now)
        self.reopen()

    @rule()
    def kill(self) -> None:
        self.generation += 1
        left = self.path.with_name(f"state-{self.generation}")
        for suffix in ("", "-wal"):
            if Path(f"{self.path}{suffix}").exists():
                shutil.copyfile(f"{self.path}{suffix}", f"{left}{suffix}")
        self.journal.close()
        self.path = left
        self.now = deepcopy(self.lasting)
        self.reopen()

    def reopen(self) -> None:
        self.journal = Journal.open(str(self.path), ACCOUNTS, refuse)
        (self.state,) = self.journal.folders().values()

    @invariant()
    def all_is_as_known(self) -> None:
        number = self.state.id
        pairs = self.journal.pairs(number)
        columns = zip(pairs.source_uids, pairs.destination_uids, pairs.flags, strict=True)
        assert {uid: (copy, flags) for uid, copy, flags in columns} == self.now.pairs
        assert self.journal.find(number, range(10)) == self.now.pairs
        assert self.journal.gone(number) == {uid for uid, (copy, _) in self.now.pairs.items() if copy == GONE}
        assert self.journal.loose(number) == self.now.loose
        assert self.journal.unfiltered(number) == self.now.unfiltered
        (state,) = self.journal.folders().values()
        assert state.settled == self.now.settled


TestKeptOverKills = KeptOverKills.TestCase
TestKeptOverKills.settings = settings(
    settings.get_profile("patient"), max_examples=25, stateful_step_count=20
)


def test_names_of_folders_are_kept_and_an_older_file_gets_room_for_them(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    Journal.open(path, ACCOUNTS, refuse).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE name")
    journal = Journal.open(path, ACCOUNTS, refuse)
    assert journal.names() == {}
    journal.remember_name("a.b", "a.b", "a_x")
    journal.remember_name("a.b", "a.b", "a_b")
    journal.close()
    journal = Journal.open(path, ACCOUNTS, refuse)
    assert journal.names() == {("a.b", "a.b"): "a_b"}
    journal.close()

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
from imapsync.journal.values import JournalError
from imapsync.terms import Copy, FolderRecord, Held, Numbers, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = "anna@a\nbert@b"
LARGEST = 0xFFFFFFFF
LARGE = (1 << 64) - 1


def refuse(warning: str) -> None:
    pytest.fail(f"unexpected warning: {warning}")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(str(tmp_path / "state"), ACCOUNTS, refuse)
    yield opened
    opened.close()


@pytest.fixture
def folder(journal: Journal) -> int:
    return journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(2))).id


def test_a_folder_pair_is_kept_with_all_its_numbers(journal: Journal) -> None:
    begun = journal.begin(FolderRecord(0, "Entwürfe/日本", "INBOX.x", Numbers(LARGEST), Numbers(LARGEST - 1)))
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): begun}
    full = begun._replace(
        source=Numbers(LARGEST, LARGEST, 3, (1 << 63) - 1, 1 << 40),
        destination=Numbers(LARGEST - 1, 4, -1, 5, -1),
        removed=6,
        copies=7,
        destination_seen=8,
        settled=True,
        rules="abc",
        looked_at=1_800_000_000,
    )
    journal.update(full)
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): full}
    journal.unsettle(full.id)
    assert journal.folders() == {("Entwürfe/日本", "INBOX.x"): full._replace(settled=False)}


def test_beginning_again_drops_what_was_known_of_that_pair_only(journal: Journal, folder: int) -> None:
    other = journal.begin(FolderRecord(0, "INBOX", "other", Numbers(1), Numbers(2))).id
    for each in (folder, other):
        journal.add(each, [Pair(1, 1, 1)])
        journal.add_loose(each, [(7, 7, 7)])
        journal.add_unfiltered(each, [1])
    again = journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(9), Numbers(9))).id
    for each, left in ((again, 0), (other, 1)):
        assert len(journal.pairs(each)) == len(journal.loose(each)) == len(journal.unfiltered(each)) == left
    journal.forget(other)
    assert [state.id for state in journal.folders().values()] == [again]
    assert len(journal.pairs(other)) == len(journal.loose(other)) == len(journal.unfiltered(other)) == 0


def test_pairs_come_sorted_and_the_latest_word_counts(journal: Journal, folder: int) -> None:
    journal.add(folder, [Pair(LARGEST, LARGEST, 1), Pair(5, Copy.DUPLICATE, 1, LARGE, 9), Pair(2, 30, 2)])
    journal.add(folder, [Pair(2, Copy.REMOVED, 3)])
    pairs = journal.pairs(folder)
    assert [*pairs.source_uids] == [2, 5, LARGEST]
    assert [*pairs.destination_uids] == [Copy.REMOVED, Copy.DUPLICATE, LARGEST]
    assert [*pairs.flags] == [3, 1, 1]
    assert journal.marked_as(folder, [Copy.REMOVED]) == [Pair(2, Copy.REMOVED, 3)]
    assert journal.find(folder, [5, 2, 4, 5]) == {
        5: Pair(5, Copy.DUPLICATE, 1, LARGE, 9),
        2: Pair(2, Copy.REMOVED, 3),
    }
    journal.remove(folder, [2, 4])
    assert journal.marked_as(folder, [Copy.REMOVED]) == []
    assert [*journal.pairs(folder).source_uids] == [5, LARGEST]


def test_who_messages_are_is_learned_later(journal: Journal, folder: int) -> None:
    journal.add(folder, [Pair(1, 11), Pair(2, Copy.DUPLICATE), Pair(3, 13, 0, LARGE, 9)])
    assert journal.unidentified(folder)
    journal.identify(folder, [(1, LARGE - 1, 5), (9, 1, 1)])
    assert list(journal.identified(folder)) == [Pair(1, 11, 0, LARGE - 1, 5), Pair(3, 13, 0, LARGE, 9)]
    assert journal.unidentified(folder), "a duplicate may take over a copy, and then somebody must know it"
    journal.mark(folder, [(2, Copy.KEPT)])
    assert journal.unidentified(folder), "a copy that is gone may be put back"
    journal.identify(folder, [(2, 7, 5)])
    assert not journal.unidentified(folder)


def test_the_last_pairs_are_the_last_that_have_a_copy(journal: Journal, folder: int) -> None:
    journal.add(
        folder, [Pair(1, 11), Pair(2, 12), Pair(3, 10), Pair(4, Copy.REMOVED), Pair(5, Copy.DUPLICATE)]
    )
    assert journal.last(folder, 2) == [Pair(3, 10), Pair(2, 12)]
    assert journal.last(folder, 9) == [Pair(3, 10), Pair(2, 12), Pair(1, 11)]


def test_copies_and_flags_are_changed_one_by_one(journal: Journal, folder: int) -> None:
    journal.add(folder, [Pair(1, 11, 1), Pair(2, 12, 1), Pair(3, 13, 1)])
    journal.mark_copies(folder, [12, 99], Copy.VANISHED)
    journal.set_flags(folder, [(3, 7), (9, 7)])
    assert journal.find(folder, [1, 2, 3]) == {
        1: Pair(1, 11, 1),
        2: Pair(2, Copy.VANISHED, 1),
        3: Pair(3, 13, 7),
    }


def test_what_vanished_counts_as_a_copy_until_it_is_judged(journal: Journal, folder: int) -> None:
    marks = [
        11,
        Copy.VANISHED,
        Copy.UNSEEN,
        Copy.REMOVED,
        Copy.DOUBTED,
        Copy.KEPT,
        Copy.MISSED,
        Copy.DUPLICATE,
    ]
    journal.add(folder, [Pair(uid, copy) for uid, copy in enumerate(marks, 1)])
    assert journal.count(folder) == (3, 6)
    assert journal.count(folder + 1) == (0, 0)


def test_the_last_word_on_a_folder_pair_changes_what_it_says_only(journal: Journal, folder: int) -> None:
    (record,) = journal.folders().values()
    record = record._replace(source=Numbers(1, 5, 2, 7, 90), destination=Numbers(2, 9, 3), rules="r")
    journal.update(record)
    journal.confirm(record._replace(destination=Numbers(2, 9, 3, 50, 600), rules="other"))
    journal.see(folder)
    journal.settle([folder])
    (found,) = journal.folders().values()
    assert found == record._replace(destination=Numbers(2, 9, 3, 50, 600), destination_seen=9, settled=True)


def test_copies_in_folders_that_were_put_back_are_counted_until_somebody_says_why(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    for before, after in ((0, 7), (7, 0), (0, 0)):
        journal = Journal.open(path, ACCOUNTS, refuse)
        assert journal.restored() == before
        journal.note_restored(after)
        journal.close()


def test_what_the_destination_held_and_what_it_lacks_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    for before, after in ((0, 7), (7, 0)):
        journal = Journal.open(path, ACCOUNTS, refuse)
        assert (journal.present(), journal.lost()) == (Held(before, before // 2), before)
        journal.note_present(Held(after, after // 2))
        journal.note_lost(after)
        journal.close()


def test_copies_whose_originals_we_deleted_may_be_the_last_ones(journal: Journal, folder: int) -> None:
    journal.add_loose(folder, [(1, 5, 5)], moved=True)
    journal.add_loose(folder, [(1, 6, 6), (2, 7, 7)])
    assert journal.moved(folder) == {1}, "to meet it again as a loose message changes nothing"
    assert journal.loose(folder) == {1: (6, 6), 2: (7, 7)}
    journal.restart(folder)
    assert journal.loose(folder) == {1: (6, 6)}, "a comparison from the beginning keeps it"


def test_thousands_are_found_in_any_number(journal: Journal, folder: int) -> None:
    journal.add(folder, (Pair(uid, uid * 2) for uid in range(1, 5002)))
    assert journal.find(folder, range(0, 6000, 3)) == {uid: Pair(uid, uid * 2) for uid in range(3, 5002, 3)}
    assert journal.find(folder, []) == {}
    assert len(journal.pairs(folder)) == 5001


def test_loose_messages_keep_digests_of_64_bits(journal: Journal, folder: int) -> None:
    rows = {1: (0, 5), 2: ((1 << 63) - 1, 5), 3: (1 << 63, 5), 4: ((1 << 64) - 1, (1 << 63) - 1)}
    journal.add_loose(folder, ((uid, digest, size) for uid, (digest, size) in rows.items()))
    assert journal.loose(folder) == rows
    journal.remove_loose(folder, [1, 3, 9])
    assert sorted(journal.loose(folder)) == [2, 4]


def test_who_was_moved_stays_known_when_the_message_is_gone_from_its_folder(
    journal: Journal, folder: int
) -> None:
    journal.add_loose(folder, [(1, LARGE, 5), (2, 0, 6)], moved=True)
    journal.add_loose(folder, [(3, 7, 7)])
    journal.remove_absent(folder, [1, 2, 3])
    assert journal.loose(folder) == {1: (LARGE, 5), 2: (0, 6)}
    assert journal.moved(folder) == {1, 2}
    assert journal.moved_identities() == {(LARGE, 5)}


def test_who_was_moved_stays_known_when_the_uids_of_its_folder_mean_nothing_more(
    journal: Journal,
) -> None:
    def begin(uidvalidity: int) -> int:
        return journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(uidvalidity))).id

    for uidvalidity in (2, 3):
        place = begin(uidvalidity)
        journal.add_loose(place, [(1, LARGE, 5), (2, 0, 6), (3, 8, uidvalidity)], moved=True)
        journal.add_loose(place, [(4, 7, 7)])
    place = begin(4)
    assert journal.loose(place) == {}
    assert journal.moved(place) == set()
    assert journal.moved_identities() == {(LARGE, 5), (8, 2), (8, 3)}
    journal.add_loose(place, [(1, 9, 9)], moved=True)
    journal.forget(place)
    assert journal.moved_identities() == {(LARGE, 5), (8, 2), (8, 3), (9, 9)}


def test_pairs_that_were_only_believed(journal: Journal, folder: int) -> None:
    journal.add(folder, [Pair(uid, uid, 0, 7, 7) for uid in (1, 2, 3, 4)])
    journal.add_believed(folder, [1, 2, 3])
    journal.add_believed(folder, [3])
    assert journal.believed(folder) == {1, 2, 3}
    journal.remove_believed(folder, [1])
    journal.remove(folder, [2])
    assert journal.believed(folder) == {3}
    assert [pair.source_uid for pair in journal.all_pairs(folder)] == [1, 3, 4]
    journal.forget(folder)
    assert journal.believed(folder) == set()


def test_messages_that_await_their_filter(journal: Journal, folder: int) -> None:
    journal.add_unfiltered(folder, [1, 2])
    journal.begin_filtering(folder)
    journal.add_unfiltered(folder, [2, 3])
    assert journal.unfiltered(folder) == {1: True, 2: True, 3: False}
    journal.remove_unfiltered(folder, [1, 3])
    assert journal.unfiltered(folder) == {2: True}


def test_our_own_marks_are_known_until_their_messages_are_gone(journal: Journal, folder: int) -> None:
    other = journal.begin(FolderRecord(0, "Sent", "Sent", Numbers(1), Numbers(2))).id
    journal.add_marked(folder, [1, 2, 3])
    journal.add_marked(folder, [3])
    journal.add_marked(other, [1])
    journal.remove_marked(folder, [2, 9])
    assert (journal.marked(folder), journal.marked(other)) == ({1, 3}, {1})


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
    marked: set[int] = field(default_factory=set)
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
        self.state = self.journal.begin(FolderRecord(0, "s", "d", Numbers(1), Numbers(1)))
        self.journal.commit()
        self.lasting = deepcopy(self.now)

    def teardown(self) -> None:
        self.journal.close()
        self.scratch.cleanup()

    @rule(
        uid=UIDS, copy=st.sampled_from([Copy.REMOVED, Copy.DUPLICATE, 1, 5, LARGEST]), flags=st.integers(0, 2)
    )
    def pair(self, uid: int, copy: int, flags: int) -> None:
        self.journal.add(self.state.id, [Pair(uid, copy, flags)])
        self.now.pairs[uid] = (copy, flags)

    @rule(uids=st.sets(UIDS), ours=st.booleans())
    def mark(self, uids: set[int], ours: bool) -> None:
        if ours:
            self.journal.add_marked(self.state.id, uids)
            self.now.marked |= uids
        else:
            self.journal.remove_marked(self.state.id, uids)
            self.now.marked -= uids

    @rule(uids=st.sets(UIDS), mark=st.sampled_from([Copy.REMOVED, Copy.DUPLICATE]))
    def lose_copies(self, uids: set[int], mark: Copy) -> None:
        self.journal.mark(self.state.id, [(uid, mark) for uid in uids])
        for uid in uids & self.now.pairs.keys():
            self.now.pairs[uid] = (mark, self.now.pairs[uid][1])

    @rule()
    def restart(self) -> None:
        self.journal.restart(self.state.id)
        self.now.pairs.clear()
        self.now.loose.clear()

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
        self.state = self.journal.begin(FolderRecord(0, "s", "d", Numbers(1), Numbers(1)))
        self.now = Known(marked=self.now.marked)  # under the same UIDVALIDITY those are the same messages

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
        known = self.journal.find(number, range(10)).values()
        assert {pair.source_uid: (pair.copy, pair.flags) for pair in known} == self.now.pairs
        removed = {pair.source_uid for pair in self.journal.marked_as(number, [Copy.REMOVED])}
        assert removed == {uid for uid, (copy, _) in self.now.pairs.items() if copy == Copy.REMOVED}
        alive = sum(copy > 0 for copy, _ in self.now.pairs.values())
        assert self.journal.count(number) == (alive, len(removed))
        assert self.journal.marked(number) == self.now.marked
        assert self.journal.loose(number) == self.now.loose
        assert self.journal.unfiltered(number) == self.now.unfiltered
        (state,) = self.journal.folders().values()
        assert state.settled == self.now.settled


TestKeptOverKills = KeptOverKills.TestCase
TestKeptOverKills.settings = settings(
    settings.get_profile("patient"), max_examples=25, stateful_step_count=20
)


def test_names_of_folders_are_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    journal = Journal.open(path, ACCOUNTS, refuse)
    assert journal.names() == {}
    journal.remember_name("a.b", "a.b", "a_x")
    journal.remember_name("a.b", "a.b", "a_b")
    journal.close()
    journal = Journal.open(path, ACCOUNTS, refuse)
    assert journal.names() == {("a.b", "a.b"): "a_b"}
    journal.close()


#: The tables of format 1, as files in the field have them.
FORMAT_1 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE folder (id INTEGER PRIMARY KEY, source TEXT NOT NULL, destination TEXT NOT NULL,
    source_uidvalidity INTEGER NOT NULL, destination_uidvalidity INTEGER NOT NULL,
    source_uidnext INTEGER NOT NULL DEFAULT 0, source_modseq INTEGER NOT NULL DEFAULT 0,
    source_messages INTEGER NOT NULL DEFAULT 0, destination_uidnext INTEGER NOT NULL DEFAULT 0,
    destination_messages INTEGER NOT NULL DEFAULT 0, removed INTEGER NOT NULL DEFAULT 0,
    settled INTEGER NOT NULL DEFAULT 0, rules TEXT NOT NULL DEFAULT '', UNIQUE (source, destination));
CREATE TABLE pair (folder INTEGER NOT NULL, source_uid INTEGER NOT NULL, destination_uid INTEGER NOT NULL,
    flags INTEGER NOT NULL, PRIMARY KEY (folder, source_uid)) WITHOUT ROWID;
CREATE TABLE loose (folder INTEGER NOT NULL, destination_uid INTEGER NOT NULL, digest INTEGER NOT NULL,
    size INTEGER NOT NULL, PRIMARY KEY (folder, destination_uid)) WITHOUT ROWID;
CREATE TABLE unfiltered (folder INTEGER NOT NULL, destination_uid INTEGER NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (folder, destination_uid)) WITHOUT ROWID;
CREATE TABLE flagset (id INTEGER PRIMARY KEY, flags TEXT NOT NULL UNIQUE);
INSERT INTO folder VALUES (3, 'INBOX', 'INBOX', 11, 12, 6, 77, 5, 9, 4, 1, 1, 'abc');
INSERT INTO pair VALUES (3, 1, 5, 1), (3, 2, 0, 1), (3, 4, -1, 1);
INSERT INTO loose VALUES (3, 8, -2, 500);
INSERT INTO flagset VALUES (1, '');
"""


def test_a_file_of_the_first_format_is_read_and_what_had_gone_is_no_proof(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(FORMAT_1)
        connection.execute(
            "INSERT INTO meta VALUES ('accounts', ?), ('digest_key', ?)", (ACCOUNTS, b"k" * 32)
        )
        connection.execute("PRAGMA application_id=0x494D5359")
        connection.execute("PRAGMA user_version=1")
        connection.commit()
    for _ in range(2):
        journal = Journal.open(path, ACCOUNTS, refuse)
        assert journal.folders() == {
            ("INBOX", "INBOX"): FolderRecord(
                3,
                "INBOX",
                "INBOX",
                Numbers(11, 6, 5, 77),
                Numbers(12, 9, 4),
                removed=1,
                copies=1,
                settled=True,
                rules="abc",
            )
        }
        assert list(journal.find(3, [1, 2, 4]).values()) == [
            Pair(1, 5, 1),
            Pair(2, Copy.KEPT, 1),
            Pair(4, Copy.DUPLICATE, 1),
        ]
        assert journal.loose(3) == {8: (LARGE - 1, 500)}
        assert journal.names() == {}
        journal.close()


def test_a_state_file_from_before_takes_deliveries(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    Journal.open(path, "both", pytest.fail).close()
    journal = Journal.open(path, "both", pytest.fail)
    assert journal.delivery(2**64 - 1) is None
    assert not journal.delivered()
    journal.note_delivery(2**64 - 1, answered=False)
    assert journal.delivery(2**64 - 1) is False
    journal.note_delivery(2**64 - 1, answered=True)
    journal.close()
    journal = Journal.open(path, "both", pytest.fail)
    assert journal.delivery(2**64 - 1) is True
    assert journal.delivered()
    journal.forget_delivery(2**64 - 1)
    assert journal.delivery(2**64 - 1) is None
    for uid in (1, 2, 3):
        journal.note_handed(7, uid, 2**64 - 1)
    journal.note_handed(7, 3, 5)  # another message has its UID now
    assert journal.handed(7, 2**64 - 1, 9) == 2
    assert journal.handed(7, 2**64 - 1, 1) == 1
    journal.remove(7, [2])
    assert journal.handed(7, 2**64 - 1, 9) == 1
    journal.restart(7)
    assert journal.handed(7, 2**64 - 1, 9) == 0
    journal.close()

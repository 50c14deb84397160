"""What a run decides, step by step, between two accounts in memory: each history ends as its rule says.

No real server is needed, so these are quick; that real servers see it alike is what the other tests show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.engine.transfer.harness import Ran, settings, sync
from tests.servers.memory import BARE, COUNTING, RICH, Folder, MemoryServer, Said

from imapsync.plan.rules import (
    ContentRules,
    DeletionRules,
    FlagRules,
    FolderRules,
    IdentityRules,
    SelectionRules,
)
from imapsync.report import events
from imapsync.terms import Reason, Side
from imapsync.transfer import Limits, Mode, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

INBOX = b"INBOX"
OLD = b"01-Jan-2001 00:00:00 +0000"
RECENT = b"01-Jan-2035 00:00:00 +0000"
DELETE1 = DeletionRules(source=True)
OLDER = DeletionRules(source_older_days=30.0)
MIRROR = DeletionRules(destination=True, max_destination=100)


def letter(number: int, text: str = "", *, extra: str = "") -> bytes:
    head = f"Message-Id: <{number}@example.org>\r\nSubject: letter {number}\r\n{extra}"
    return f"{head}\r\n{text or f'text {number}'}\r\n".encode()


class Account:
    """One side, as its owner sees it: letters are known by their numbers."""

    def __init__(self, server: MemoryServer) -> None:
        self.server = server

    def folder(self, name: bytes = INBOX) -> Folder:
        return self.server.folders.setdefault(name, Folder())

    def deliver(
        self, *numbers: int, folder: bytes = INBOX, flags: tuple[bytes, ...] = (), date: bytes = OLD
    ) -> None:
        for number in numbers:
            self.folder(folder).add(letter(number), flags, date)

    def expunge(self, *numbers: int, folder: bytes = INBOX) -> None:
        wanted = {letter(number) for number in numbers}
        there = self.folder(folder)
        there.remove([mail for mail in there.mails if mail.content in wanted])

    def expunge_one(self, number: int, folder: bytes = INBOX) -> None:
        there = self.folder(folder)
        there.remove([next(mail for mail in there.mails if mail.content == letter(number))])

    def move(self, number: int, old: bytes, new: bytes) -> None:
        mail = next(mail for mail in self.folder(old).mails if mail.content == letter(number))
        self.folder(new).add(mail.content, mail.flags, mail.date)
        self.folder(old).remove([mail])

    def flag(self, number: int, *flags: bytes, folder: bytes = INBOX) -> None:
        there = self.folder(folder)
        for mail in there.mails:
            if mail.content == letter(number):
                mail.flags = set(flags)
                there.changed(mail)

    def flags(self, number: int, folder: bytes = INBOX) -> set[bytes]:
        return next(mail.flags for mail in self.folder(folder).mails if mail.content == letter(number))

    def replace(self, folder: bytes = INBOX) -> None:
        """Give the folder another UIDVALIDITY, as after a rebuilt index."""
        old = self.folder(folder)
        new = Folder(uidvalidity=old.uidvalidity + 1)
        for mail in old.mails:
            new.add(mail.content, mail.flags, mail.date)
        self.server.folders[folder] = new

    def letters(self, folder: bytes = INBOX) -> list[int]:
        """Give the numbers of the letters, sorted."""
        return sorted(int(mail.content.split(b"<")[1].split(b"@")[0]) for mail in self.folder(folder).mails)


class Accounts(NamedTuple):
    """Both sides, and the engine between them."""

    source: Account
    destination: Account
    state: Path

    def run(self, *, state: bool = True, **options: Any) -> Ran:  # noqa: ANN401 - any field
        path = str(self.state) if state else None
        return sync(settings(self.source.server, self.destination.server, state_path=path, **options))

    def good(self, **options: Any) -> Ran:  # noqa: ANN401 - any field
        ran = self.run(**options)
        assert ran.outcome.stop is Stop.DONE, ran.outcome
        assert not ran.failed, ran.failed
        assert not ran.problems, ran.problems
        return ran


@pytest.fixture(params=[RICH, COUNTING, BARE], ids=["rich", "counting", "bare"])
def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Accounts]:
    with MemoryServer(request.param) as source, MemoryServer(request.param) as destination:
        yield Accounts(Account(source), Account(destination), tmp_path / "state")


# -- copying


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_second_run_copies_what_is_new_and_nothing_twice(accounts: Accounts, state: bool) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.source.deliver(4, folder=b"Work")
    assert accounts.good(state=state).copied == 4
    assert accounts.good(state=state).copied == 0
    accounts.source.deliver(5, 6)
    assert accounts.good(state=state).copied == 2
    assert accounts.destination.letters() == [1, 2, 3, 5, 6]
    assert accounts.destination.letters(b"Work") == [4]


def test_what_others_put_there_is_a_copy_and_stays(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.destination.deliver(2, 9)
    assert accounts.good().copied == 1
    accounts.destination.deliver(3)
    accounts.source.deliver(3, 4)
    assert accounts.good().copied == 1
    assert accounts.destination.letters() == [1, 2, 3, 4, 9]


def test_a_known_folder_that_nothing_happened_in_is_not_opened(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good(flags=FlagRules(resync=False))
    accounts.good(flags=FlagRules(resync=False))
    assert accounts.good(flags=FlagRules(resync=False)).unchanged == 1


def test_an_interrupted_run_is_completed(accounts: Accounts) -> None:
    accounts.source.deliver(*range(1, 31))
    ran = accounts.run(limits=Limits(exit_when_over_bytes=200, connections=1))
    assert ran.outcome.stop is Stop.TRANSFER_EXCEEDED
    accounts.good()
    assert accounts.destination.letters() == [*range(1, 31)]


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_folder_with_new_uids_is_compared_anew(accounts: Accounts, side: str) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    getattr(accounts, side).replace()
    accounts.source.deliver(4)
    assert accounts.good().copied == 1
    assert accounts.destination.letters() == [1, 2, 3, 4]


def test_a_destination_put_back_to_an_older_state_gets_what_it_lost(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.source.deliver(3, 4)
    accounts.good()
    there = accounts.destination.folder()
    there.remove(there.mails[2:])
    there.uidnext = 3
    accounts.run()
    assert accounts.destination.letters() == [1, 2, 3, 4]


def test_a_restored_source_whose_uids_are_given_twice_is_read_anew(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    here = accounts.source.folder()
    here.remove(here.mails[1:])
    here.uidnext = 2
    accounts.source.deliver(7, 8, 9)
    accounts.run()
    assert {7, 8, 9} <= set(accounts.destination.letters())


def test_dry_changes_nothing(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 2)
    accounts.destination.deliver(9)
    accounts.run(dry=True, deletion=MIRROR)
    assert accounts.destination.letters() == [9]
    accounts.good()
    accounts.source.deliver(3)
    accounts.source.expunge(1)
    before = accounts.state.read_bytes()
    for deletion in (
        MIRROR,
        DELETE1,
        OLDER,
        DeletionRules(source_empty_folders=True, destination_folders=True),
    ):
        accounts.run(dry=True, deletion=deletion, flags=FlagRules(set_on_source=("\\Seen",)))
    assert accounts.destination.letters() == [1, 2, 9]
    assert accounts.source.letters() == [2, 2, 3]
    assert accounts.state.read_bytes() == before


# -- flags


def test_flags_follow_the_source_and_what_the_user_set_stays(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, flags=(b"\\Seen",))
    accounts.good()
    accounts.destination.flag(1, b"\\Seen", b"\\Answered")
    accounts.good()
    accounts.source.flag(1, b"\\Flagged")
    accounts.source.flag(2)
    accounts.good()
    assert accounts.destination.flags(1) == {b"\\Flagged", b"\\Answered"}
    assert accounts.destination.flags(2) == set()


def test_without_a_journal_the_flags_of_the_source_count(accounts: Accounts) -> None:
    accounts.source.deliver(1, flags=(b"\\Seen",))
    accounts.destination.deliver(1, flags=(b"\\Answered",))
    assert accounts.good(state=False).flags_changed == 1
    assert accounts.destination.flags(1) == {b"\\Seen"}
    accounts.source.flag(1, b"\\Flagged")
    accounts.good(state=False, flags=FlagRules(resync=False))
    assert accounts.destination.flags(1) == {b"\\Seen"}


@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_flags_that_the_destination_refused_once_are_set_by_the_next_run(
    accounts: Accounts, known: bool
) -> None:
    """They were never set: the journal had taken them for done."""
    accounts.source.deliver(1, 2, flags=(b"\\Seen",))
    accounts.destination.deliver(1, flags=(b"\\Answered",))
    if known:
        accounts.good()
        accounts.source.deliver(3, flags=(b"\\Flagged",))
        accounts.destination.deliver(3)
        accounts.source.flag(1, b"\\Flagged")
    there = accounts.destination.server
    there.hears = lambda heard: b"NO not now" if heard.verb == b"UID STORE" else None
    assert accounts.run().problems
    there.hears = lambda _: None
    accounts.good()
    for number in accounts.source.letters():
        assert accounts.destination.flags(number) == accounts.source.flags(number)


# -- what is gone, on either side


def test_a_copy_that_the_user_removed_stays_away_until_it_is_wanted_again(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.good()
    accounts.destination.expunge(2)
    accounts.good()
    accounts.source.deliver(4)
    accounts.good()
    assert accounts.destination.letters() == [1, 3, 4]
    accounts.good(deletion=DeletionRules(recopy_deleted=True))
    assert accounts.destination.letters() == [1, 2, 3, 4]


def test_a_copy_that_was_taken_out_and_put_back_is_not_copied_again(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.destination.move(1, INBOX, b"Aside")
    accounts.good()
    accounts.destination.move(1, b"Aside", INBOX)
    accounts.good()
    accounts.source.flag(1, b"\\Flagged")
    accounts.good()
    assert accounts.destination.letters() == [1, 2]
    assert accounts.destination.flags(1) == {b"\\Flagged"}


def test_a_mirror_follows_the_source_and_nothing_else_does(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.source.expunge(1)
    accounts.good()
    assert accounts.destination.letters() == [1, 2, 3]
    accounts.destination.deliver(9)
    assert accounts.good(deletion=MIRROR).deleted(Side.DESTINATION) == 2
    assert accounts.destination.letters() == [2, 3]


def test_what_a_mirror_could_only_mark_goes_in_the_next_run(accounts: Accounts) -> None:
    """It stayed there, marked as deleted: the journal had taken the folder for done."""
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.source.expunge(1)
    there = accounts.destination.server
    there.hears = lambda heard: b"NO not now" if heard.verb.endswith(b"EXPUNGE") else None
    accounts.run(deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2, 3]
    there.hears = lambda _: None
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [2, 3]


@pytest.mark.parametrize(
    ("present", "gone", "stop"),
    [
        pytest.param(4, 2, Stop.DONE, id="half"),
        pytest.param(5, 3, Stop.BRAKE_DELETE, id="more than half"),
        pytest.param(2, 2, Stop.BRAKE_SOURCE_EMPTY, id="all"),
    ],
)
def test_a_mirror_stops_before_it_deletes_much(
    accounts: Accounts, present: int, gone: int, stop: Stop
) -> None:
    accounts.source.deliver(*range(1, present + 1))
    accounts.good()
    accounts.source.expunge(*range(1, gone + 1))
    ran = accounts.run(deletion=DeletionRules(destination=True))
    assert ran.outcome.stop is stop
    left = present if stop is not Stop.DONE else present - gone
    assert len(accounts.destination.letters()) == left


def test_a_mirror_is_none_after_a_search_of_the_source_alone(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, flags=(b"\\Seen",))
    accounts.destination.deliver(2, 9)
    accounts.good(deletion=MIRROR, selection=SelectionRules(source_search="UNSEEN"))
    assert accounts.destination.letters() == [1, 2, 9]


def test_a_mirror_beside_two_searches_deletes_only_what_the_source_has_not(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, flags=(b"\\Seen",))
    accounts.destination.deliver(2, 9)
    both = SelectionRules(source_search="UNSEEN", destination_search="ALL")
    accounts.good(deletion=MIRROR, selection=both)
    assert accounts.destination.letters() == [1, 2]


# -- the source is emptied


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_originals_go_when_their_copies_were_seen(accounts: Accounts, state: bool) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, folder=b"Work")
    accounts.good(state=state, deletion=DELETE1)
    assert accounts.source.letters() == []
    assert accounts.source.letters(b"Work") == []
    assert accounts.destination.letters() == [1, 2]
    accounts.source.deliver(4)
    accounts.good(state=state, deletion=DELETE1)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([], [1, 2, 4])


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_only_old_originals_go(accounts: Accounts, state: bool) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, date=RECENT)
    accounts.good(state=state, deletion=OLDER)
    accounts.good(state=state, deletion=OLDER)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([2], [1, 2])


def test_originals_that_an_earlier_run_copied_go_too(accounts: Accounts) -> None:
    accounts.source.deliver(1, 1, 2)
    accounts.good()
    accounts.good()
    accounts.source.deliver(3)
    accounts.good(deletion=DELETE1)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([], [1, 2, 3])


def test_an_original_stays_when_another_message_has_the_uid_of_its_copy(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3, 4, 5, 6)
    accounts.good()
    accounts.good()
    accounts.destination.folder().mails[1].content = letter(77)
    ran = accounts.run(deletion=OLDER)
    assert 2 in accounts.source.letters()
    assert Reason.FOLDER_REPLACED in {problem.reason for problem in ran.problems}
    accounts.run(deletion=OLDER)
    assert 2 in {*accounts.source.letters(), *accounts.destination.letters()}


def test_a_mirror_never_takes_what_the_source_was_emptied_of(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good(deletion=DELETE1)
    accounts.source.deliver(3)
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2, 3]


def test_spam_that_the_user_deleted_frees_its_original(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.good()
    accounts.source.deliver(4, date=RECENT)
    accounts.good()
    accounts.destination.expunge(2)
    accounts.good(deletion=OLDER)
    accounts.good(deletion=OLDER)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([4], [1, 3, 4])


def test_filed_mail_frees_its_original(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.destination.move(1, INBOX, b"Filed")
    accounts.good(deletion=OLDER)
    assert accounts.source.letters() == []
    assert accounts.destination.letters() + accounts.destination.letters(b"Filed") == [2, 3, 1]


def test_a_copy_that_nobody_saw_alive_again_keeps_its_original(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3, 4)
    accounts.good()
    accounts.destination.expunge(1)
    accounts.run(deletion=OLDER)
    accounts.run(deletion=OLDER)
    assert accounts.source.letters() == [1]


def test_copies_that_vanish_together_stop_every_deletion_until_somebody_says_so(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3, 4)
    accounts.good()
    accounts.good()
    accounts.destination.expunge(1, 2, 3)
    for _ in range(2):
        ran = accounts.run(deletion=OLDER)
        assert ran.outcome.stop is Stop.BRAKE_VANISHED
        assert accounts.source.letters() == [1, 2, 3, 4]
    ran = accounts.run(deletion=OLDER._replace(max_vanished=2))
    assert ran.outcome.stop is Stop.BRAKE_VANISHED
    accounts.run(deletion=OLDER._replace(max_vanished=3))
    assert accounts.source.letters() == []


def test_copies_that_were_all_filed_are_no_accident(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3, 4)
    accounts.good()
    for number in (1, 2, 3):
        accounts.destination.move(number, INBOX, b"Filed")
    accounts.good(deletion=OLDER)
    assert accounts.source.letters() == []
    assert accounts.destination.letters(b"Filed") == [1, 2, 3]


def test_marked_originals_are_not_the_users_wish(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    keep = DeletionRules(source=True, source_expunge=False)
    for _ in range(3):
        accounts.good(deletion=keep)
        assert accounts.destination.flags(1) == set()
        assert accounts.source.flags(1) == {b"\\Deleted"}
    accounts.good(deletion=DELETE1)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([], [1, 2])


def test_originals_get_the_flag_that_was_asked_for_and_are_not_taken_again(accounts: Accounts) -> None:
    rules = FlagRules(resync=False, set_on_source=("\\Seen",))
    unseen = SelectionRules(source_search="UNSEEN")
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, flags=(b"\\Seen",))
    assert accounts.good(flags=rules, selection=unseen).copied == 2
    assert accounts.source.flags(1) == {b"\\Seen"}
    accounts.destination.expunge(1)
    assert accounts.good(flags=rules, selection=unseen).copied == 0
    accounts.source.deliver(4)
    assert accounts.good(flags=rules, selection=unseen).copied == 1
    assert accounts.destination.letters() == [2, 4]
    assert accounts.source.flags(4) == {b"\\Seen"}


def test_emptied_folders_go_but_for_inbox_and_what_is_left(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, folder=b"Work")
    accounts.source.deliver(3, folder=b"Work/Sub")
    accounts.source.deliver(4, folder=b"Kept", date=RECENT)
    accounts.good(deletion=OLDER._replace(source_empty_folders=True))
    assert set(accounts.source.server.folders) == {INBOX, b"Kept"}
    assert accounts.destination.letters(b"Work/Sub") == [3]


# -- duplicates


def test_duplicates_are_copied_once_and_their_copy_stays_as_long_as_one_is_there(accounts: Accounts) -> None:
    accounts.source.deliver(1, 1, 2)
    ran = accounts.good()
    assert (ran.copied, ran.skipped(events.Skip.DUPLICATE)) == (2, 1)
    accounts.source.expunge_one(1)
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2]
    accounts.source.expunge_one(1)
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [2]


def test_a_duplicate_that_comes_later_is_none_of_ours(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.source.deliver(1)
    ran = accounts.good()
    assert (ran.copied, ran.skipped(events.Skip.DUPLICATE)) == (0, 1)
    accounts.good(deletion=DELETE1)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([], [1, 2])


def test_duplicates_are_copied_as_often_as_they_are_there_if_asked(accounts: Accounts) -> None:
    twice = IdentityRules(sync_duplicates=True)
    accounts.source.deliver(1, 1)
    accounts.good(identity=twice)
    accounts.source.deliver(1)
    assert accounts.good(identity=twice).copied == 1
    assert accounts.destination.letters() == [1, 1, 1]


def test_surplus_copies_go_with_delete2duplicates_only(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.destination.deliver(1, 1, 9)
    accounts.good(deletion=DeletionRules(destination_duplicates=True))
    assert accounts.destination.letters() == [1, 2, 9]


def test_what_another_folder_has_brought_is_left_out_if_asked(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(1, 2, folder=b"Work")
    accounts.good(selection=SelectionRules(skip_cross_duplicates=True))
    assert accounts.destination.letters() == [1]
    assert accounts.destination.letters(b"Work") == [2]


def test_an_edited_draft_is_another_message(accounts: Accounts) -> None:
    accounts.source.deliver(2)
    draft = accounts.source.folder().add(letter(1, "first thoughts"), {b"\\Draft"})
    accounts.good()
    accounts.source.folder().remove([draft])
    accounts.source.folder().add(letter(1, "second thoughts, and longer"), {b"\\Draft"})
    accounts.good(deletion=DELETE1)
    assert letter(1, "second thoughts, and longer") in accounts.destination.server.contents()[INBOX]
    assert accounts.source.letters() == []


def test_equal_heads_and_sizes_with_other_texts_both_arrive(accounts: Accounts) -> None:
    accounts.source.folder().add(letter(1, "one text"))
    accounts.source.folder().add(letter(1, "two text"))
    accounts.good()
    assert accounts.good().copied == 0
    assert len(accounts.destination.letters()) == 2


# -- folders


def test_folders_of_the_destination_go_only_when_all_of_the_source_was_read(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.destination.deliver(2, folder=b"Old")
    rules = DeletionRules(destination_folders=True, max_destination=100)
    accounts.run(deletion=rules, folders=FolderRules(only=("INBOX", "Missing")))
    assert b"Old" in accounts.destination.server.folders
    accounts.good(deletion=rules)
    assert b"Old" not in accounts.destination.server.folders


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_verify_tells_what_is_missing_and_changes_nothing(accounts: Accounts, state: bool) -> None:
    accounts.source.deliver(1, 2)
    accounts.good(state=state)
    assert not accounts.good(state=state, mode=Mode.VERIFY).all(events.VerifyMismatch)
    accounts.destination.expunge(2)
    mismatches = accounts.run(state=state, mode=Mode.VERIFY).all(events.VerifyMismatch)
    assert [mismatch.uid for mismatch in mismatches] == [2]
    assert accounts.destination.letters() == [1]


# -- a server that is put back gives UIDs to other messages


def exchanging(destination: list[Account], *numbers: int) -> Callable[[Said], bytes]:
    """Put another letter in the place of the first message once something has arrived."""
    left = list(numbers)

    def bend(said: Said) -> bytes:
        if b"APPENDUID" in said.response and left:
            destination[0].folder().mails[0].content = letter(left.pop())
        return said.response

    return bend


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_stranger_under_the_uid_of_a_copy_made_a_moment_ago_proves_nothing(
    state: bool, tmp_path: Path
) -> None:
    there: list[Account] = []
    with MemoryServer(RICH) as source, MemoryServer(RICH, exchanging(there, 99)) as destination:
        both = Accounts(Account(source), Account(destination), tmp_path / "state")
        there.append(both.destination)
        both.source.deliver(1, 2)
        ran = both.run(state=state, deletion=DELETE1)
        assert Reason.FOLDER_REPLACED in {problem.reason for problem in ran.problems}
        assert both.source.letters() == [1]
        both.run(state=state, deletion=DELETE1)
        assert (both.source.letters(), both.destination.letters()) == ([], [1, 2, 99])


def received(message: bytes) -> bytes:
    return b"Received: by the server; Mon, 1 Jan 2024 00:00:00 +0000\r\n" + message


def rewritten(message: bytes) -> bytes:
    return message.replace(b"text ", b"what it says: ")


def renamed(message: bytes) -> bytes:
    return message.replace(b"@example.org", b"@example.net")


def without_id(message: bytes) -> bytes:
    return message.partition(b"\r\n")[2]


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_stranger_under_the_uid_of_a_copy_that_was_changed_proves_nothing(
    state: bool, tmp_path: Path
) -> None:
    there: list[Account] = []
    rules = ContentRules(rewrite=(renamed,))
    with MemoryServer(RICH) as source, MemoryServer(RICH, exchanging(there, 99)) as destination:
        both = Accounts(Account(source), Account(destination), tmp_path / "state")
        there.append(both.destination)
        both.source.deliver(1, 2)
        ran = both.run(state=state, deletion=DELETE1, content=rules)
        assert Reason.FOLDER_REPLACED in {problem.reason for problem in ran.problems}
        assert both.source.letters() == [1]
        both.run(state=state, deletion=DELETE1, content=rules)
        assert (both.source.letters(), both.destination.letters()) == ([], [1, 2, 99])


@pytest.mark.parametrize("rewrite", [renamed, without_id], ids=["another id", "no id"])
@pytest.mark.parametrize("stored", [bytes, rewritten, received], ids=["as sent", "text changed", "received"])
def test_originals_of_changed_copies_go_whatever_their_server_does_to_these(
    tmp_path: Path, rewrite: Callable[[bytes], bytes], stored: Callable[[bytes], bytes]
) -> None:
    """Either the header is what the options make of it, or all that the copy says."""
    there: list[Account] = []

    def bend(said: Said) -> bytes:
        if b"APPENDUID" in said.response:
            for mail in there[0].folder().mails:
                mail.content = stored(mail.content)
        return said.response

    with MemoryServer(RICH) as source, MemoryServer(RICH, bend) as destination:
        both = Accounts(Account(source), Account(destination), tmp_path / "state")
        there.append(both.destination)
        both.source.deliver(1, 2)
        ran = both.run(deletion=DELETE1, content=ContentRules(rewrite=(rewrite,)))
        known = rewrite is renamed or stored is not rewritten
        assert (both.source.letters(), bool(ran.problems)) == (([], False) if known else ([1, 2], True))


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_stranger_under_the_uid_of_what_was_extra_stays(state: bool, tmp_path: Path) -> None:
    there: list[Account] = []
    with MemoryServer(RICH) as source, MemoryServer(RICH, exchanging(there, 77)) as destination:
        both = Accounts(Account(source), Account(destination), tmp_path / "state")
        there.append(both.destination)
        both.destination.deliver(9)
        both.source.deliver(1, 2)
        both.run(state=state, deletion=MIRROR)
        assert both.destination.letters() == [1, 2, 77]


def test_copies_whose_originals_went_beside_a_stranger_are_the_last_ones(accounts: Accounts) -> None:
    accounts.source.deliver(*range(1, 7))
    accounts.good()
    accounts.destination.folder().mails[0].content = letter(99)
    ran = accounts.run(deletion=DELETE1)
    assert Reason.FOLDER_REPLACED in {problem.reason for problem in ran.problems}
    assert accounts.source.letters() == [1]
    accounts.run(deletion=MIRROR)
    assert set(accounts.destination.letters()) >= {1, 2, 3, 4, 5, 6}


def test_our_marks_beside_a_stranger_are_nobodys_wish(accounts: Accounts) -> None:
    accounts.source.deliver(*range(1, 7))
    accounts.good()
    accounts.destination.folder().mails[0].content = letter(99)
    accounts.run(deletion=DeletionRules(source=True, source_expunge=False))
    assert accounts.source.flags(2) == {b"\\Deleted"}
    accounts.run()
    assert accounts.destination.flags(2) == set()

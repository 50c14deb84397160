"""What further options decide between two accounts in memory, one history each; see `test_in_memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.test_in_memory import (
    DELETE1,
    INBOX,
    MIRROR,
    OLDER,
    RECENT,
    Account,
    Accounts,
    accounts,
    letter,
)
from tests.servers.memory import MemoryServer

from imapsync.plan.rules import DeletionRules, FlagRules, FolderRules, IdentityRules, SelectionRules
from imapsync.report import events
from imapsync.terms import Side
from imapsync.transfer import Stop, compare, deltaplan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.transfer.harness import Ran
    from tests.servers.memory import Said

__all__ = ["accounts"]  # the fixture

MARKED = (b"\\Deleted",)
LARGE = letter(5, "x" * 5000)


def said(ran: Ran, text: str) -> bool:
    """Tell whether a note or a warning of the run has this text."""
    return any(text in str(event) for event in (*ran.all(events.Noted), *ran.all(events.Warned)))


# -- what its owner has marked


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_what_is_marked_as_deleted_goes_before_the_comparison_where_that_is_wanted(
    accounts: Accounts, state: bool
) -> None:
    rules = DeletionRules(source_expunge=True, destination_expunge_first=True)
    accounts.source.deliver(1, flags=MARKED)
    accounts.source.deliver(2)
    accounts.destination.deliver(9, flags=MARKED)
    accounts.run(state=state, deletion=rules, dry=True)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([1, 2], [9])
    accounts.good(state=state, deletion=rules)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([2], [2])
    accounts.source.deliver(3, flags=MARKED)
    accounts.destination.deliver(8, flags=MARKED)
    accounts.good(state=state, deletion=rules)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([2], [2])


def test_our_own_mark_is_nobodys_wish_when_the_folder_is_compared_anew(accounts: Accounts) -> None:
    keep = DeletionRules(source=True, source_expunge=False)
    accounts.source.deliver(1, 2)
    accounts.good(deletion=keep)
    accounts.destination.replace()
    accounts.good(deletion=keep)
    assert accounts.source.flags(1) == {b"\\Deleted"}
    assert accounts.destination.flags(1) == accounts.destination.flags(2) == set()
    assert accounts.destination.letters() == [1, 2]


# -- a mirror beside a selection


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_mirror_leaves_what_the_source_has_and_the_selection_leaves_out(
    accounts: Accounts, state: bool
) -> None:
    small = SelectionRules(max_size_bytes=2000)
    accounts.source.deliver(1, 2, 3)
    accounts.good(state=state, deletion=MIRROR, selection=small)
    accounts.source.folder().add(LARGE)
    accounts.destination.folder().add(LARGE)
    accounts.destination.deliver(9)
    accounts.good(state=state, deletion=MIRROR, selection=small)
    assert accounts.destination.letters() == [1, 2, 3, 5]


def test_a_mirror_beside_a_search_by_age_deletes_nothing_of_another_age(accounts: Accounts) -> None:
    young = SelectionRules(source_search="ALL", destination_search="ALL", max_age_days=30.0)
    accounts.source.deliver(1, date=RECENT)
    accounts.destination.deliver(8)
    accounts.destination.deliver(9, date=RECENT)
    accounts.run(deletion=MIRROR, selection=young)
    assert accounts.destination.letters() == [1, 8]


def test_originals_go_only_where_the_selection_takes_them(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, flags=(b"\\Seen",))
    accounts.good()
    accounts.good(deletion=DELETE1, selection=SelectionRules(source_search="UNSEEN"))
    assert (accounts.source.letters(), accounts.destination.letters()) == ([2], [1, 2])
    accounts.good(deletion=DELETE1)
    assert accounts.source.letters() == []


def test_old_originals_of_an_earlier_run_go_and_recent_ones_stay(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, date=RECENT)
    accounts.good()
    accounts.good(deletion=OLDER)
    assert (accounts.source.letters(), accounts.destination.letters()) == ([2], [1, 2])


def test_an_original_that_is_to_be_flagged_and_to_go_just_goes(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good(deletion=DELETE1, flags=FlagRules(set_on_source=("\\Flagged",)))
    left = accounts.source.folder().mails
    assert left == [] or all({b"\\Deleted", b"\\Flagged"} <= mail.flags for mail in left)
    assert accounts.destination.flags(1) == accounts.destination.flags(2) == set()


# -- who a message is


def test_messages_whose_ids_differ_in_their_domain_are_the_same_if_asked(accounts: Accounts) -> None:
    elsewhere = letter(1).replace(b"@example.org", b"@example.net")
    accounts.source.deliver(1, 2)
    accounts.destination.folder().add(elsewhere)
    accounts.good(state=False, identity=IdentityRules(any_domain=True))
    assert accounts.destination.letters() == [1, 2]
    accounts.good(state=False)
    assert accounts.destination.letters() == [1, 1, 2]


STORED = b"Received: by the server; Mon, 1 Jan 2024 00:00:00 +0000\r\n"


@pytest.mark.parametrize("rules", [MIRROR, DeletionRules(destination_duplicates=True)], ids=["all", "twins"])
@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_an_extra_copy_to_which_its_server_added_a_line_goes(
    accounts: Accounts, rules: DeletionRules, state: bool
) -> None:
    accounts.source.deliver(1, 2)
    accounts.destination.deliver(2)
    for _ in range(2):
        accounts.destination.folder().add(STORED + letter(1))
    accounts.good(state=state, deletion=rules)
    assert accounts.destination.letters() == [1, 2]


def test_an_extra_copy_to_which_its_server_added_a_line_goes_in_a_later_run(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    for _ in range(2):
        accounts.destination.folder().add(STORED + letter(1))
    accounts.good()
    assert accounts.destination.letters() == [1, 1, 2]
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2]


def test_a_stranger_under_the_uid_of_an_extra_copy_with_an_added_line_stays(tmp_path: Path) -> None:
    with MemoryServer() as source, MemoryServer() as destination:
        both = Accounts(Account(source), Account(destination), tmp_path / "state")
        both.source.deliver(1, 2)
        for _ in range(2):
            both.destination.folder().add(STORED + letter(1))

        def bend(said: Said) -> bytes:
            if b"APPENDUID" in said.response:
                both.destination.folder().mails[1].content = STORED + letter(7)
            return said.response

        destination.bend = bend
        both.run(deletion=MIRROR)
        assert both.destination.letters() == [1, 2, 7]


def test_another_text_is_another_message_whatever_the_ids_say_without_their_domain(
    accounts: Accounts,
) -> None:
    other = letter(1, "another text").replace(b"@example.org", b"@example.net")
    accounts.source.deliver(1)
    accounts.destination.folder().add(other)
    accounts.good(identity=IdentityRules(any_domain=True))
    assert accounts.destination.letters() == [1, 1]


def test_a_destination_that_counts_sizes_in_its_own_way_is_believed_but_for_drafts(
    accounts: Accounts,
) -> None:
    """Of messages that differ in nothing but the size some are read; of drafts each."""
    numbers = [*range(1, 46)]
    accounts.source.deliver(*numbers)
    for number in numbers:
        accounts.destination.folder().add(letter(number, extra="X-Stored: by another server\r\n"))
    accounts.source.folder().add(letter(50, "a draft, edited"), {b"\\Draft"})
    accounts.destination.folder().add(letter(50, "a draft"), {b"\\Draft"})
    ran = accounts.good()
    assert ran.copied == 1
    assert accounts.destination.letters() == [*numbers, 50, 50]


def test_messages_without_any_id_are_known_by_their_content_in_later_runs_too(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.good()
    nameless = [f"Subject: {number}\r\n\r\ntext\r\n".encode() for number in range(3)]
    for content in nameless:
        accounts.source.folder().add(content)
    for content in nameless[:2]:
        accounts.destination.folder().add(content)
    assert accounts.good().copied == 1
    assert sorted(accounts.destination.server.contents()[INBOX]) == sorted([letter(1), *nameless])
    assert accounts.good().copied == 0


def test_a_duplicate_that_inherits_a_copy_gives_it_its_own_flags(accounts: Accounts) -> None:
    accounts.source.deliver(1, flags=(b"\\Seen",))
    accounts.source.deliver(1, flags=(b"\\Flagged",))
    accounts.source.deliver(2)
    accounts.good()
    accounts.source.expunge_one(1)
    assert accounts.good().copied == 0
    assert accounts.destination.letters() == [1, 2]
    assert accounts.destination.flags(1) == {b"\\Flagged"}


# -- much at once


def test_folders_are_compared_in_groups(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "GROUP_FOLDERS", 2)
    names = [b"A", b"B", b"C", b"D", b"E"]
    for number, name in enumerate(names, 1):
        accounts.source.deliver(number, folder=name)
    for _ in range(2):
        accounts.good(deletion=MIRROR)
        assert [accounts.destination.letters(name) for name in names] == [[1], [2], [3], [4], [5]]


def test_very_many_flags_that_changed_are_looked_up_in_parts(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltaplan, "LOOKUP", 3)
    accounts.source.deliver(*range(1, 12))
    accounts.good()
    for number in range(1, 12):
        accounts.source.flag(number, b"\\Seen")
    accounts.good()
    assert {frozenset(accounts.destination.flags(number)) for number in range(1, 12)} == {
        frozenset({b"\\Seen"})
    }


# -- folders


def test_only_the_folders_of_the_destination_that_are_named_go(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    for name in (b"Old", b"Older", b"Else"):
        accounts.destination.deliver(2, folder=name)
    rules = DeletionRules(
        destination_folders=True,
        destination_folders_only=(lambda name: name.startswith("Old"),),
        destination_folders_but_not=(lambda name: name == "Older",),
        max_destination=100,
    )
    ran = accounts.run(deletion=rules, dry=True)
    assert said(ran, "would delete folder Old")
    assert set(accounts.destination.server.folders) == {INBOX, b"Old", b"Older", b"Else"}
    accounts.good(deletion=rules)
    assert set(accounts.destination.server.folders) == {INBOX, b"Older", b"Else"}


def test_two_folders_that_become_one_keep_what_others_put_there(accounts: Accounts) -> None:
    together = FolderRules(forced={"A": "All", "B": "All"})
    accounts.source.deliver(1, 2, folder=b"A")
    accounts.source.deliver(2, 3, folder=b"B")
    accounts.destination.deliver(3, 9, 9, folder=b"All")
    ran = accounts.run(folders=together, deletion=DeletionRules(destination_duplicates=True))
    assert said(ran, "several host1 folders share it")
    assert set(accounts.destination.letters(b"All")) == {1, 2, 3, 9}
    accounts.run(folders=together, deletion=MIRROR)
    assert set(accounts.destination.letters(b"All")) == {1, 2, 3}
    # Again: what either of both has is not extra.
    accounts.run(folders=together, deletion=MIRROR)
    assert set(accounts.destination.letters(b"All")) == {1, 2, 3}


def test_a_folder_below_an_emptied_one_keeps_it_in_place(accounts: Accounts) -> None:
    accounts.source.deliver(1, folder=b"Work")
    accounts.source.deliver(2, folder=b"Work/Sub", date=RECENT)
    accounts.good(deletion=OLDER._replace(source_empty_folders=True))
    assert {b"Work", b"Work/Sub"} <= set(accounts.source.server.folders)
    assert accounts.source.letters(b"Work/Sub") == [2]
    assert (accounts.destination.letters(b"Work"), accounts.destination.letters(b"Work/Sub")) == ([1], [2])


# -- accidents


@pytest.mark.parametrize("rules", [OLDER, DELETE1], ids=["old ones", "all"])
def test_a_destination_that_lost_its_store_is_filled_again_and_no_original_goes(
    accounts: Accounts, rules: DeletionRules
) -> None:
    accounts.source.deliver(*range(1, 7))
    accounts.source.deliver(7, folder=b"Work")
    accounts.good()
    accounts.good()
    accounts.destination.server.folders.clear()
    accounts.destination.folder().uidvalidity = 77
    ran = accounts.run(deletion=rules)
    assert ran.outcome.stop is Stop.BRAKE_VANISHED
    assert ran.deleted(Side.SOURCE) == 0
    assert (accounts.source.letters(), accounts.source.letters(b"Work")) == ([*range(1, 7)], [7])
    assert (accounts.destination.letters(), accounts.destination.letters(b"Work")) == ([*range(1, 7)], [7])
    accounts.run(deletion=rules._replace(max_vanished=7))
    assert (accounts.source.letters(), accounts.destination.letters()) == ([], [*range(1, 7)])


def test_what_somebody_else_brought_after_an_interrupted_run_is_not_copied_again(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.source.deliver(4, 5)
    accounts.destination.folder().add(letter(5))
    accounts.source.folder().add(letter(6))
    assert accounts.good().copied == 2
    accounts.destination.deliver(7)
    accounts.source.deliver(7)
    assert accounts.good().copied == 0
    assert accounts.destination.letters() == [1, 2, 3, 4, 5, 6, 7]

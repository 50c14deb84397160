"""First comparisons between two accounts in memory that are refused a part, or meet other messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.test_copying_in_memory import Refusing, accounts, at_opening
from tests.engine.transfer.test_in_memory import INBOX, MIRROR, Accounts, letter
from tests.engine.transfer.test_options_in_memory import said
from tests.servers.memory import Connection, Mail

from imapsync.plan.rules import SelectionRules
from imapsync.terms import Reason
from imapsync.transfer import Limits, Stop, overlooked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.memory import Heard

__all__ = ["accounts"]  # the fixture
UNSEEN = SelectionRules(source_search="UNSEEN")
BOTH = SelectionRules(source_search="UNSEEN", destination_search="ALL")


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_folder_that_cannot_be_searched_is_an_error_and_loses_nothing(
    accounts: Accounts, state: bool
) -> None:
    accounts.source.deliver(1, 2)
    accounts.destination.deliver(1, 9)
    accounts.source.server.hears = Refusing(b"UID SEARCH", lambda _: True)
    ran = accounts.run(state=state, selection=BOTH, deletion=MIRROR)
    assert Reason.FETCH in {problem.reason for problem in ran.problems}
    assert accounts.destination.letters() == [1, 9]
    accounts.source.server.hears = lambda _: None
    accounts.good(state=state, selection=BOTH, deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2]


def test_a_destination_that_cannot_be_searched_once_gets_nothing_twice(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.destination.deliver(1, 9)
    accounts.destination.server.hears = Refusing(b"UID SEARCH", lambda _: True, most=1)
    accounts.run(selection=BOTH)
    accounts.destination.server.hears = lambda _: None
    accounts.good(selection=BOTH)
    assert accounts.destination.letters() == [1, 2, 9]


def test_a_message_that_a_search_names_is_asked_for_again_when_it_is_passed_over(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    holes = iter([True])
    accounts.source.server.bend = lambda said: (
        b"" if b"FETCH (UID 2 RFC822" in said.response and next(holes, False) else said.response
    )
    accounts.good(selection=SelectionRules(source_search="UNSEEN"))
    assert accounts.destination.letters() == [1, 2, 3]


def test_pairs_of_an_interrupted_comparison_hold_only_for_the_messages_that_they_were(
    accounts: Accounts,
) -> None:
    """The destination was put back in between, and has given a UID to another message."""
    accounts.source.deliver(*range(1, 11))
    accounts.destination.deliver(1)
    ran = accounts.run(limits=Limits(exit_when_over_bytes=1, connections=1, messages_per_second=10_000.0))
    assert ran.outcome.stop is Stop.TRANSFER_EXCEEDED
    accounts.destination.folder().mails[0].content = letter(77)
    ran = accounts.run()
    assert said(ran, "other messages have the numbers")
    assert accounts.destination.letters() == [*range(1, 11), 77]


def test_folders_that_were_empty_when_they_were_listed_are_read_when_they_are_not(accounts: Accounts) -> None:
    """Somebody brings the same mail to both sides right then."""
    for account in (accounts.source, accounts.destination):
        server = account.server
        at_opening(server, INBOX, 1, lambda there: [there.add(letter(number)) for number in (1, 2)])
    accounts.good()
    assert accounts.destination.letters() == [1, 2]
    accounts.source.deliver(3)
    accounts.good()
    assert accounts.destination.letters() == [1, 2, 3]


# -- what a search leaves out


def opposite_search(heard: Heard) -> bool:
    """Tell whether a command is the search for all that a search for UNSEEN leaves out."""
    return heard.verb == b"UID SEARCH" and heard.rest.split()[-1] == b"SEEN"


def test_a_message_that_is_deleted_while_others_are_searched_is_not_kept_back(accounts: Accounts) -> None:
    """It was told that the folder holds more than its server shows, exit code 126."""
    for unseen, seen in ((1, 2), (3, 4)):  # the second time by what the journal knows
        accounts.source.deliver(unseen)
        accounts.source.deliver(seen, flags=(b"\\Seen",))
        left = iter([True])

        def hears(heard: Heard, seen: int = seen, left: Iterator[bool] = left) -> None:
            if opposite_search(heard) and next(left, False):
                accounts.source.expunge(seen)

        accounts.source.server.hears = hears
        accounts.good(selection=UNSEEN)
        assert not next(left, False), "there was no opposite search"
    assert accounts.destination.letters() == [1, 3]


class Lagging(Connection):
    """Its index lags behind: some messages are found only by who asks about them."""

    def matches(self, mail: Mail, criteria: bytes) -> bool:
        lags = mail.uid in (2, 3) and b"SEEN" in criteria and b"UID" not in criteria
        return not lags and super().matches(mail, criteria)


@pytest.mark.parametrize("lists", [True, False], ids=["it lists them", "nor does it list"])
def test_what_a_search_overlooked_is_copied_although_the_server_refuses_to_search_for_others(
    accounts: Accounts, lists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal took back what was found before, and the run ended well without it."""
    monkeypatch.setattr(overlooked, "UIDS_PER_QUESTION", 1)
    accounts.source.server.connection = Lagging
    accounts.source.deliver(1, 2, 3)
    listings = iter(range(100))

    def hears(heard: Heard) -> bytes | None:
        if heard.verb != b"UID SEARCH":
            return None
        if b"UNSEEN UID 3" in heard.rest:
            return b"NO too long"
        after = b"SEEN" not in heard.rest and next(listings) > 0
        return b"NO not now" if after and not lists else None

    accounts.source.server.hears = hears
    ran = accounts.run(selection=UNSEEN)
    assert accounts.destination.letters() == [1, 2]
    assert [problem.reason for problem in ran.problems] == [Reason.SOURCE_INCOMPLETE]

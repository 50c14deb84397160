"""Turns that a run between two accounts in memory takes seldom; see `test_in_memory`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.transfer.harness import endpoint, settings, sync
from tests.engine.transfer.test_copying_in_memory import Refusing, accounts, body_of, folder
from tests.engine.transfer.test_in_memory import (
    DELETE1,
    INBOX,
    MIRROR,
    OLDER,
    RECENT,
    Account,
    Accounts,
    letter,
)
from tests.engine.transfer.test_options_in_memory import said
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, COUNTING, MemoryServer

from imapsync.plan.rules import (
    DeletionRules,
    FlagRules,
    FolderRules,
    IdentityRules,
    SelectionRules,
)
from imapsync.report import events
from imapsync.session.credentials import Credentials, Secret
from imapsync.terms import Reason, Side
from imapsync.transfer import Limits, Mode, Settings, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.memory import Heard, Said

__all__ = ["accounts"]  # the fixture
WORK = b"Work"
EMPTIES = DeletionRules(source=True, source_empty_folders=True)


def between(verb: bytes, about: bytes, event: Any) -> Any:  # noqa: ANN401 - a function for `hears`
    """Let something happen once, right before a command is carried out."""
    left = iter([True])

    def hears(heard: Heard) -> None:
        if heard.verb == verb and about in heard.rest and next(left, False):
            event()

    return hears


# -- runs that go only a part of the way


def test_only_the_sizes_of_one_account_are_told(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, folder=WORK)
    alone = Settings(
        endpoint(accounts.source.server),
        source_credentials=Credentials("source", Secret("x")),
        mode=Mode.SIZES,
        sizes_at_start=False,
        sizes_at_end=False,
    )
    (listed,) = sync(alone).all(events.FoldersListed)
    assert {one.name: one.messages for one in listed.folders} == {"INBOX": 2, "Work": 1}
    assert sum(one.size_bytes or 0 for one in listed.folders) == sum(
        len(letter(number)) for number in (1, 2, 3)
    )


def test_only_folders_are_made(accounts: Accounts) -> None:
    accounts.source.deliver(1, folder=WORK)
    accounts.source.folder(b"Empty")
    accounts.source.folder(b"long" * 300)
    ran = accounts.run(state=False, mode=Mode.FOLDERS, folders=FolderRules(skip_empty=True), provider="none")
    assert sorted(accounts.destination.server.folders) == [INBOX, WORK]
    assert accounts.destination.letters(WORK) == []
    assert ran.outcome.stop is Stop.DONE
    ran = accounts.run(state=False, mode=Mode.FOLDERS)
    assert {b"Empty", INBOX, WORK} == set(accounts.destination.server.folders)
    assert [problem.reason for problem in ran.problems] == [Reason.FOLDER_CREATE]


@pytest.mark.parametrize("dry", [True, False], ids=["dry", "really"])
def test_the_report_of_a_run_lies_in_the_inboxes_of_those_who_want_it(accounts: Accounts, dry: bool) -> None:
    accounts.source.deliver(1)
    report = b"Subject: report\r\n\r\ndone\r\n"
    accounts.destination.server.hears = Refusing(b"APPEND", lambda heard: b"report" in heard.rest)
    options: dict[str, Any] = {"report_to": tuple(Side), "compose_report": lambda _: report, "dry": dry}
    accounts.run(**options)
    for side in (accounts.source, accounts.destination):
        there = [mail.content for mail in side.folder().mails]
        assert there.count(report) == (not dry)
    accounts.destination.server.hears = Refusing(b"APPEND", folder(INBOX))
    assert said(accounts.run(**options), "cannot be put into INBOX") is not dry


@pytest.mark.parametrize("verb", [b"LIST", b"STATUS", b"UID FETCH", b"APPEND"])
@pytest.mark.parametrize("side", list(Side))
def test_a_server_that_is_gone_for_good_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, side: Side, verb: bytes
) -> None:
    with MemoryServer(BARE) as source, MemoryServer(BARE) as destination:
        accounts = Accounts(Account(source), Account(destination), tmp_path / "state")
        accounts.source.deliver(1, 2, 3)
        accounts.source.deliver(4, folder=WORK)
        accounts.destination.deliver(1, 9)
        server = source if side is Side.SOURCE else destination
        gone: list[Heard] = []

        def hears(heard: Heard) -> None:
            if gone or heard.verb == verb:
                gone.append(heard)
                raise Drop

        server.hears = hears
        ran = accounts.run(sizes_at_start=True, limits=Limits(max_lost_s=0.0), report_to=(side,))
        assert ran.outcome.stop is (Stop.FATAL if gone else Stop.DONE)
        server.hears = lambda _: None
        accounts.good()
        assert (accounts.destination.letters(), accounts.destination.letters(WORK)) == ([1, 2, 3, 9], [4])


def test_who_asks_to_be_left_alone_for_long_is_left_alone(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.server.hears = Refusing(b"LOGIN", lambda _: True, b"NO [UNAVAILABLE] later")
    report: dict[str, Any] = {"report_to": tuple(Side), "compose_report": lambda _: b"Subject: x\r\n\r\n"}
    for options in ({"mode": Mode.LOGIN}, {"limits": Limits(max_wait_s=0.0)}):
        ran = accounts.run(**options, **report)
        assert (ran.outcome.stop, ran.copied) == (Stop.FATAL, 0)
        assert not ran.all(events.WaitBegan)
    assert accounts.source.letters() == [1]


def test_a_line_of_the_folder_list_that_nobody_can_read_spares_all_of_the_destination(
    accounts: Accounts,
) -> None:
    accounts.source.deliver(1)
    accounts.destination.deliver(1, 9)
    accounts.destination.deliver(8, folder=b"Old")
    accounts.source.server.bend = lambda said: said.response.replace(b"* LIST (", b"* LIST ((", 1)
    wanted = MIRROR._replace(destination_folders=True)
    ran = accounts.run(deletion=wanted)
    assert Reason.PROTOCOL in {problem.reason for problem in ran.problems}
    assert accounts.destination.letters(b"Old") == [8]


def test_a_folder_list_that_breaks_off_each_time_spares_all_of_the_destination(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(2, folder=WORK)
    accounts.destination.deliver(1, 9)

    def bend(said: Said) -> bytes:
        if said.response.startswith(b"* LIST") and said.response.endswith(b'"Work"\r\n'):
            raise Drop
        return said.response

    accounts.source.server.bend = bend
    ran = accounts.run(deletion=MIRROR)
    assert Reason.FOLDER_MISSING in {problem.reason for problem in ran.problems}
    assert accounts.destination.letters() == [1, 9]


# -- what is there, looked at once more


def test_verification_names_what_is_missing_and_what_it_cannot_look_up(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3, 3)
    accounts.source.deliver(4, folder=WORK)
    accounts.source.deliver(5, folder=b"Later")
    accounts.good(folders=FolderRules(only=("INBOX", "Work")))
    accounts.destination.expunge(2)
    accounts.destination.folder().mails[0].date = RECENT
    accounts.source.replace(WORK)
    accounts.destination.expunge(4, folder=WORK)
    found = {
        (one.folder, one.uid, one.kind)
        for one in accounts.run(mode=Mode.VERIFY, verify_content=True).all(events.VerifyMismatch)
    }
    assert found == {
        ("INBOX", 1, "date"),
        ("INBOX", 2, "missing"),
        ("Work", 1, "missing"),
        ("Later", 1, "missing"),
    }


@pytest.mark.parametrize("readable", [True, False], ids=["read", "refused"])
def test_a_look_alike_in_another_folder_is_no_proof(accounts: Accounts, readable: bool) -> None:
    """It has the Message-Id and the size of the copy that went; some folders there are none to look into."""
    accounts.source.deliver(*range(1, 7))
    accounts.good()
    accounts.destination.expunge(2, 3)
    aside = accounts.destination.folder(b"Filed")
    aside.add(letter(2, "TEXT 2"))
    aside.add(letter(3))
    accounts.destination.folder(b"Empty")
    accounts.destination.deliver(9, folder=b"Shown")
    server = accounts.destination.server
    server.bend = lambda said: re.sub(
        rb'\\HasNoChildren\) "/" "Shown"', rb'\\Noselect) "/" "Shown"', said.response
    )
    server.hears = lambda heard: (
        None if readable or heard.folder != b"Filed" or b"BODY.PEEK[]" not in heard.rest else b"NO cannot"
    )
    accounts.run(deletion=OLDER)
    assert accounts.source.letters() == ([2] if readable else [2, 3])


def test_what_is_extra_beside_a_copy_stays_when_the_copy_goes_first(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.destination.deliver(1, 1, 2, 3)
    there = accounts.destination.folder()
    paired: list[int] = []

    def expunge_the_copy() -> None:
        """Its owner takes away what would have stayed."""
        there.remove([mail for mail in there.mails if mail.content == letter(1)][:1])
        paired.append(1)

    accounts.destination.server.hears = between(b"NOOP", b"", expunge_the_copy)
    accounts.run(state=False, deletion=MIRROR)
    assert paired
    assert accounts.destination.letters() == [1, 2, 3]


# -- changing the source


def test_what_cannot_be_expunged_beside_marks_of_others_gets_its_flag(tmp_path: Path) -> None:
    with MemoryServer(BARE) as source, MemoryServer(BARE) as destination:
        accounts = Accounts(Account(source), Account(destination), tmp_path / "state")
        accounts.source.deliver(1, 2)
        accounts.source.deliver(9, flags=(b"\\Deleted",), date=RECENT)
        source.bend = lambda said: re.sub(
            rb'(FETCH \(UID 2) INTERNALDATE "[^"]*"', rb"\1 INTERNALDATE NIL", said.response
        )
        wanted: dict[str, Any] = {"deletion": OLDER, "flags": FlagRules(set_on_source=("\\Seen",))}
        accounts.run(selection=SelectionRules(max_size_bytes=10_000), **wanted)
        accounts.source.deliver(3)
        accounts.run(selection=SelectionRules(max_size_bytes=10_000), **wanted)
        assert accounts.source.letters() == [1, 2, 3, 9]
        assert accounts.source.flags(1) == {b"\\Deleted", b"\\Seen"}
        assert accounts.source.flags(2) == {b"\\Seen"}


def test_folders_that_lie_aside_get_their_names_back_or_go(accounts: Accounts) -> None:
    """A run ended in between, and folders of the old names came to be meanwhile."""
    aside = b"_imapsync_emptied"
    accounts.source.deliver(1, folder=b"Full" + aside)
    accounts.source.deliver(2, folder=b"Full")
    accounts.source.folder(b"Gone" + aside)
    accounts.source.deliver(3, folder=b"Gone")
    accounts.source.deliver(4, folder=b"Back" + aside)
    accounts.run(deletion=EMPTIES, dry=True)
    assert len(accounts.source.server.folders) == 6
    accounts.source.server.hears = Refusing(b"RENAME", folder(b"Full"))
    ran = accounts.run(deletion=EMPTIES)
    assert [problem.reason for problem in ran.problems] == [Reason.FOLDER_DELETE]
    assert sorted(accounts.source.server.folders) == [b"Full", b"INBOX"]
    kept = {
        number
        for name in accounts.destination.server.folders
        for number in accounts.destination.letters(name)
    }
    assert kept == {1, 2, 3, 4}


def test_a_folder_that_cannot_get_its_name_back_is_told_with_what_is_in_it(accounts: Accounts) -> None:
    """A message arrives where it lies aside, and the server lets it lie there."""
    aside = b"Work_imapsync_emptied"
    accounts.source.deliver(1, folder=WORK)
    late = iter([True])

    def hears(heard: Heard) -> bytes | None:
        if heard.verb == b"EXAMINE" and folder(aside)(heard) and next(late, False):
            accounts.source.deliver(2, folder=aside)
        return b"NO not now" if heard.verb == b"RENAME" and folder(aside)(heard) else None

    accounts.source.server.hears = hears
    ran = accounts.run(deletion=EMPTIES)
    assert [str(aside.decode() in problem.text) for problem in ran.problems] == ["True"]
    accounts.source.server.hears = lambda _: None
    accounts.good(deletion=EMPTIES)
    accounts.good(deletion=EMPTIES)
    assert (sorted(accounts.source.server.folders), accounts.destination.letters(WORK)) == ([INBOX], [1, 2])


@pytest.mark.parametrize("capabilities", [BARE, COUNTING], ids=["bare", "counting"])
def test_a_destination_that_does_not_tell_its_numbers_is_asked_for_what_is_there(
    tmp_path: Path, capabilities: bytes
) -> None:
    with MemoryServer(capabilities) as source, MemoryServer(capabilities) as destination:
        accounts = Accounts(Account(source), Account(destination), tmp_path / "state")
        destination.hears = Refusing(b"STATUS", lambda _: True)
        destination.bend = lambda said: re.sub(rb'\A\* STATUS "[^"]*" .*', b"* OK hm", said.response)
        accounts.source.deliver(1, 2, 3)
        accounts.source.deliver(4, folder=WORK)
        accounts.good(deletion=OLDER)
        accounts.source.deliver(5, folder=WORK)
        accounts.good(deletion=OLDER)
        assert (accounts.source.letters(), accounts.source.letters(WORK)) == ([], [])
        assert (accounts.destination.letters(), accounts.destination.letters(WORK)) == ([1, 2, 3], [4, 5])


# -- folders that the journal knows


def test_a_message_that_came_while_its_folder_was_read_is_known_later(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.server.hears = between(b"UID FETCH", b"1:*", lambda: accounts.source.deliver(3))
    accounts.good()
    accounts.source.server.hears = lambda _: None
    accounts.source.deliver(4)
    accounts.good()
    assert accounts.destination.letters() == [1, 2, 3, 4]
    assert accounts.good().copied == 0


@pytest.mark.parametrize("dry", [True, False], ids=["dry", "really"])
def test_one_of_two_equal_messages_inherits_the_copy_where_a_first_copy_did_not_ask_who_they_are(
    accounts: Accounts, dry: bool
) -> None:
    """It does not with --syncduplicates into an empty folder; --delete2 took the last copy."""
    wanted: dict[str, Any] = {"identity": IdentityRules(sync_duplicates=True)}
    accounts.source.deliver(1, 1, 2, 3)
    accounts.good(**wanted)
    accounts.good(**wanted)
    accounts.destination.expunge_one(1)
    accounts.source.expunge(2)
    accounts.source.folder().remove(accounts.source.folder().mails[1:2])
    accounts.source.deliver(4)
    accounts.destination.deliver(9)
    before = accounts.destination.letters()
    accounts.good(dry=dry, deletion=MIRROR, **wanted)
    assert accounts.source.letters() == [1, 3, 4]
    assert accounts.destination.letters() == (before if dry else [1, 3, 4])


def test_a_copy_that_is_wanted_again_comes_although_its_folder_is_read_with_holes(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.good()
    accounts.destination.expunge(2)
    accounts.good()
    accounts.source.server.bend = lambda said: (
        b"" if b"FETCH (UID 2 RFC822" in said.response and next(holes, False) else said.response
    )
    holes = iter([True])
    accounts.good(deletion=DeletionRules(recopy_deleted=True))
    assert accounts.destination.letters() == [1, 2, 3]


def test_a_duplicate_is_known_by_the_copy_where_its_original_cannot_be_read(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.good()
    accounts.source.deliver(1, 3)
    accounts.source.server.hears = Refusing(b"UID FETCH", body_of(1))
    accounts.run()
    accounts.source.server.hears = lambda _: None
    accounts.good()
    assert sorted(set(accounts.destination.letters())) == [1, 2, 3]


def test_a_mirror_that_cannot_read_what_is_extra_deletes_nothing_of_it(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.destination.deliver(1)
    accounts.good()
    accounts.destination.deliver(1)
    accounts.destination.server.hears = Refusing(b"UID FETCH", body_of(1))
    ran = accounts.run(deletion=MIRROR)
    assert said(ran, "nothing is deleted in INBOX")
    assert accounts.destination.letters() == [1, 1, 2, 3]
    accounts.destination.server.hears = lambda _: None
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2, 3]


def test_what_lost_its_original_while_the_destination_gave_no_list_is_not_forgotten(
    accounts: Accounts,
) -> None:
    """A mirror never took it: the pair was gone from the journal, and the copy was not noted."""
    accounts.source.deliver(1, 2, 3)
    accounts.good()
    accounts.good()
    accounts.source.expunge(1)
    accounts.destination.expunge(3)
    accounts.destination.server.hears = Refusing(b"UID SEARCH", lambda _: True)
    assert accounts.run().problems
    accounts.destination.server.hears = lambda _: None
    accounts.good(deletion=MIRROR)
    assert accounts.destination.letters() == [2]


def test_a_run_that_empties_a_source_leaves_what_it_has_emptied_alone(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    for _ in range(3):
        accounts.good(deletion=DELETE1, flags=FlagRules(resync=False))
    accounts.source.deliver(2, folder=WORK)
    accounts.good(deletion=DELETE1, flags=FlagRules(resync=False))
    assert (accounts.destination.letters(), accounts.destination.letters(WORK)) == ([1], [2])


def test_settings_name_one_side_or_both(accounts: Accounts) -> None:
    """A check of a login alone needs no second account."""
    wanted = settings(accounts.source.server, accounts.destination.server, mode=Mode.LOGIN)
    assert len(sync(wanted).all(events.LoggedIn)) == 2
    assert len(sync(wanted._replace(destination=None)).all(events.LoggedIn)) == 1
    nobody = wanted._replace(mode=Mode.CONNECT, source_credentials=None, destination_credentials=None)
    assert len(sync(nobody).all(events.Connected)) == 2

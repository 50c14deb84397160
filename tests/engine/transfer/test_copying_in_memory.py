"""What becomes of messages on their way between two accounts in memory when a server does something odd."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.test_in_memory import DELETE1, INBOX, Account, Accounts, letter
from tests.servers.hostile import Drop
from tests.servers.memory import BARE, Folder, Heard, MemoryServer, Said, in_set

from imapsync.plan.rules import ContentRules, FolderRules, SelectionRules
from imapsync.report import events
from imapsync.report.events import Skip
from imapsync.terms import Reason
from imapsync.transfer import Limits, Stop, compare, lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORK = b"Work"
LARGE = letter(70, ("y" * 78 + "\r\n") * 7500)
#: One message a batch, so that much is on its way at once.
ONE_BY_ONE = Limits(connections=1, messages_per_second=100_000.0, bytes_per_second=1e9, errors_max=3)


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    with MemoryServer() as source, MemoryServer() as destination:
        yield Accounts(Account(source), Account(destination), tmp_path / "state")


class Refusing:
    """Refuses commands of a verb about messages or a folder, at most so many times."""

    def __init__(
        self, verb: bytes, about: Callable[[Heard], bool], words: bytes = b"NO cannot", most: int = 10**6
    ) -> None:
        self.times = 0
        self._verb, self._about, self._words, self._most = verb, about, words, most

    def __call__(self, heard: Heard) -> bytes | None:
        if heard.verb != self._verb or self.times >= self._most or not self._about(heard):
            return None
        self.times += 1
        return self._words


def folder(name: bytes) -> Callable[[Heard], bool]:
    """Tell whether a command is about a folder."""
    return lambda heard: heard.rest.startswith((b'"%s"' % name, name))


def body_of(uid: int) -> Callable[[Heard], bool]:
    """Tell whether a FETCH asks for the body of a message."""
    return lambda heard: b"BODY.PEEK[]" in heard.rest and in_set(uid, heard.rest.split(b" ")[0], 999)


def at_opening(server: MemoryServer, name: bytes, number: int, change: Callable[[Folder], object]) -> None:
    """Have a folder changed when it is opened for the nth time."""
    there, times = server.folders[name], iter(range(1, 1000))

    def opened(one: Folder) -> None:
        if one is there and next(times) == number:
            change(one)

    server.opened = opened


# -- the destination


def test_a_folder_of_which_nothing_arrives_is_given_up_and_no_other(tmp_path: Path) -> None:
    with MemoryServer(BARE) as source, MemoryServer(BARE) as destination:
        accounts = Accounts(Account(source), Account(destination), tmp_path / "state")
        accounts.source.deliver(*range(1, 201), folder=WORK)
        accounts.source.deliver(500)
        refusing = Refusing(b"APPEND", folder(WORK), b"NO [TOOBIG] not in here")
        destination.hears = refusing
        ran = accounts.run(limits=ONE_BY_ONE)
        assert (ran.copied, len(ran.failed)) == (1, 200)
        assert {failed.reason for failed in ran.failed} == {Reason.TOO_BIG}
        assert refusing.times < 200
        destination.hears = lambda _: None
        accounts.good()
        assert accounts.destination.letters(WORK) == [*range(1, 201)]


def test_what_is_refused_while_others_deliver_is_looked_for_and_sent_alone(accounts: Accounts) -> None:
    """Something has arrived, and nobody knows whether it is what was refused."""
    accounts.source.deliver(1, 2, 3)
    left = iter([True] * 4)

    def hears(heard: Heard) -> bytes | None:
        if heard.verb != b"APPEND" or not next(left, False):
            return None
        accounts.destination.deliver(90)
        return b"NO not now"

    accounts.destination.server.hears = hears
    ran = accounts.run()  # all together, then each alone
    assert (ran.copied, len(ran.failed)) == (0, 3)
    left = iter([True])
    assert accounts.run().copied == 3
    letters = accounts.destination.letters()
    assert [letters.count(number) for number in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("changes", [False, True], ids=["as they are", "changed on their way"])
def test_what_was_sent_when_the_connection_broke_is_counted_once_all_is_quiet(
    accounts: Accounts, changes: bool
) -> None:
    accounts.source.deliver(1, 2, 3)
    lost = iter([True])
    late = iter([True])

    def bend(said: Said) -> bytes:
        if b"APPENDUID" in said.response and next(lost, False):
            raise Drop
        return said.response

    def hears(heard: Heard) -> None:
        if heard.verb == b"NOOP" and next(late, False):
            accounts.destination.deliver(9)

    accounts.destination.server.bend = bend
    accounts.destination.server.hears = hears
    rules = ContentRules(rewrite=(lambda message: message.replace(b"text", b"TEXT"),) if changes else ())
    assert accounts.good(content=rules).copied == 3
    assert sorted(accounts.destination.letters()) == [1, 2, 3, 9]


def test_what_was_on_its_way_and_cannot_be_looked_for_is_not_sent_again(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, folder=WORK)
    broken: list[Heard] = []

    def hears(heard: Heard) -> bytes | None:
        if broken and heard.verb in (b"SELECT", b"EXAMINE") and folder(INBOX)(heard):
            return b"NO cannot be opened"
        if heard.verb == b"APPEND" and folder(INBOX)(heard) and not broken:
            broken.append(heard)
            raise Drop
        return None

    accounts.destination.server.hears = hears
    ran = accounts.run(limits=Limits(connections=1))
    assert {failed.reason for failed in ran.failed} == {Reason.CONNECTION}
    assert (accounts.destination.letters(), accounts.destination.letters(WORK)) == ([], [3])
    accounts.destination.server.hears = lambda _: None
    assert accounts.good().copied == 2


def test_a_folder_that_cannot_be_looked_into_before_the_copying_costs_that_folder(accounts: Accounts) -> None:
    """Somebody delivers there after the comparison, and then it does not open any more."""
    accounts.source.deliver(1)
    accounts.source.deliver(2, 3, folder=WORK)
    accounts.destination.deliver(1, 9)
    accounts.destination.deliver(9, folder=WORK)
    asked: list[Heard] = []

    def hears(heard: Heard) -> bytes | None:
        if heard.verb == b"STATUS" and heard.rest.endswith(b"(UIDNEXT)") and not asked:
            asked.append(heard)
            accounts.destination.deliver(8, folder=WORK)
        return b"NO cannot" if asked and heard.verb in (b"SELECT", b"EXAMINE") else None

    accounts.destination.server.hears = hears
    accounts.source.deliver(4)
    ran = accounts.run()
    assert ran.problems
    accounts.destination.server.hears = lambda _: None
    accounts.good()
    assert accounts.destination.letters() == [1, 4, 9]
    assert accounts.destination.letters(WORK) == [2, 3, 8, 9]


def test_what_two_folders_share_is_looked_for_when_a_message_of_one_is_refused(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, folder=WORK)
    accounts.destination.server.hears = Refusing(b"APPEND", folder(INBOX), most=1)
    accounts.good(folders=FolderRules(forced={"Work": "INBOX"}))
    assert accounts.destination.letters() == [1, 2, 3]


def test_a_subscription_that_is_refused_is_told_and_costs_no_message(accounts: Accounts) -> None:
    accounts.source.deliver(1, folder=WORK)
    accounts.destination.server.hears = Refusing(b"SUBSCRIBE", folder(WORK))
    ran = accounts.run(folders=FolderRules(subscribe_all=True))
    assert ran.copied == 1
    assert any("cannot be subscribed" in str(warned) for warned in ran.all(events.Warned))


def test_a_name_that_is_refused_is_tried_with_fewer_odd_characters(accounts: Accounts) -> None:
    """One of them is a folder that is there and not listed."""
    accounts.source.deliver(1, folder=b"a%b*c")
    taken = b"a%b_c"
    accounts.destination.deliver(9, folder=taken)
    server = accounts.destination.server
    server.hears = lambda heard: (
        b"NO not such a name" if heard.verb == b"CREATE" and b'"%s"' % taken not in heard.rest else None
    )
    server.bend = lambda said: (
        b"" if said.response.startswith(b"* LIST") and taken in said.response else said.response
    )
    ran = accounts.run()
    assert (ran.copied, ran.failed) == (1, [])
    assert accounts.destination.letters(taken) == [1, 9]


def test_keywords_that_are_refused_with_a_message_and_once_alone_are_set_by_the_next_run(
    accounts: Accounts,
) -> None:
    """They were never set: the journal had taken them for done."""
    accounts.source.deliver(1, 2, flags=(b"$Label", b"\\Seen"))
    accounts.source.deliver(3, folder=WORK)
    server = accounts.destination.server
    server.hears = lambda heard: (
        b"NO no such flag"
        if heard.verb == b"APPEND" and b"$Label" in heard.rest
        else b"NO cannot be opened"
        if heard.verb == b"SELECT" and folder(INBOX)(heard) and accounts.destination.letters(WORK)
        else None
    )
    ran = accounts.run()
    assert (ran.copied, accounts.destination.flags(1)) == (3, {b"\\Seen"})
    server.hears = lambda _: None
    accounts.good()
    assert accounts.destination.flags(1) == accounts.destination.flags(2) == {b"$Label", b"\\Seen"}


LABEL = (b"$Label",)


def labels_refused(accounts: Accounts) -> None:
    """Have new labelled messages in two known folders, to a server that refuses messages with labels."""
    accounts.source.deliver(1)
    accounts.source.deliver(10, folder=WORK)
    accounts.good()
    accounts.source.deliver(2, flags=LABEL)
    accounts.source.deliver(11, 12, 13, flags=LABEL, folder=WORK)
    refusing = Refusing(b"APPEND", lambda heard: b"$Label" in heard.rest, b"NO no such flag")
    accounts.destination.server.hears = refusing


def unlabelled(accounts: Accounts) -> list[int]:
    return [number for number in (11, 12, 13) if not accounts.destination.flags(number, WORK)]


def test_keywords_of_copies_made_before_their_folder_was_put_off_are_set(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were never set: the journal had taken them for done."""
    monkeypatch.setattr(compare, "GROUP_FOLDERS", 1)
    labels_refused(accounts)
    there = accounts.destination
    asked_to_wait, cuts = iter([True]), iter(range(3))

    def hears(heard: Heard) -> bytes | None:
        """Ask to wait at the last message once the others have arrived, then hang up at each opening."""
        last = body_of(4)(heard) and next(asked_to_wait, False)
        end = time.monotonic() + 5
        while last and 12 not in there.letters(WORK) and time.monotonic() < end:
            time.sleep(0.01)
        opens = heard.verb in {b"SELECT", b"EXAMINE"} and folder(WORK)(heard)
        if opens and 12 in there.letters(WORK) and next(cuts, None) is not None:
            raise Drop
        return b"NO too busy, retry after 10 ms" if last else None

    accounts.source.server.hears = hears
    ran = accounts.run(limits=ONE_BY_ONE)
    assert any("tried once more" in warning.text for warning in ran.all(events.Warned))
    assert (ran.failed, there.letters(WORK)) == ([], [10, 11, 12, 13])
    accounts.good()
    assert unlabelled(accounts) == []


def test_keywords_of_copies_made_before_a_run_ended_early_are_set_by_the_next_one(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "GROUP_FOLDERS", 1)
    labels_refused(accounts)
    ran = accounts.run(limits=ONE_BY_ONE._replace(exit_when_over_bytes=len(letter(2)) + len(letter(11))))
    assert ran.outcome.stop is Stop.TRANSFER_EXCEEDED
    assert accounts.destination.letters(WORK)[:2] == [10, 11]
    accounts.good()
    assert unlabelled(accounts) == []


# -- the source


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_folder_that_is_replaced_while_others_are_copied_is_read_anew(
    accounts: Accounts, state: bool
) -> None:
    accounts.source.deliver(1, 2)
    accounts.source.deliver(*range(10, 40), folder=WORK)

    def replace(there: Folder) -> None:
        there.uidvalidity += 1

    at_opening(accounts.source.server, WORK, 2, replace)
    assert accounts.good(state=state, limits=ONE_BY_ONE).copied == 32
    assert accounts.destination.letters(WORK) == [*range(10, 40)]
    assert accounts.good(state=state).copied == 0


def refused_at_opening(name: bytes, number: int) -> Callable[[Heard], bytes | None]:
    """Refuse to open a folder the nth time."""
    times = iter(range(1, 1000))

    def hears(heard: Heard) -> bytes | None:
        asked = heard.verb in {b"SELECT", b"EXAMINE"} and folder(name)(heard)
        return b"NO not now" if asked and next(times) == number else None

    return hears


def cut_at_opening(name: bytes, numbers: range) -> Callable[[Heard], None]:
    """Hang up each time that a folder is opened for the nth time."""
    times = iter(range(1, 1000))

    def hears(heard: Heard) -> None:
        if heard.verb in {b"SELECT", b"EXAMINE"} and folder(name)(heard) and next(times) in numbers:
            raise Drop

    return hears


def test_a_folder_that_is_tried_once_more_has_not_brought_its_own_messages(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.deliver(1, 2, 3, folder=WORK)
    accounts.source.server.hears = cut_at_opening(WORK, range(2, 5))
    ran = accounts.good(selection=SelectionRules(skip_cross_duplicates=True))
    assert any("tried once more" in warning.text for warning in ran.all(events.Warned))
    assert accounts.destination.letters() == [1]
    assert accounts.destination.letters(WORK) == [2, 3]


def renumbered(there: Folder) -> None:
    there.uidvalidity += 1


@pytest.mark.parametrize("other_each_time", [True, False], ids=["other UIDs", "refused"])
def test_a_message_over_the_limit_whose_folder_does_not_open_again_costs_that_message(
    accounts: Accounts, other_each_time: bool
) -> None:
    """It ended the run before one message was copied, and each later run."""
    accounts.source.folder().add(letter(9, "x" * 5000))
    accounts.source.deliver(1, 2)
    accounts.source.deliver(3, folder=WORK)
    if other_each_time:
        accounts.source.server.opened = renumbered
    else:
        accounts.source.server.hears = refused_at_opening(INBOX, 2)
    ran = accounts.run(limits=Limits(append_bytes=1000, connections=1))
    assert ran.outcome.stop is Stop.DONE
    assert Reason.TOO_BIG in {failed.reason for failed in ran.failed}
    assert {1, 2} <= set(accounts.destination.letters())
    assert accounts.destination.letters(WORK) == [3]


def test_messages_that_others_have_the_uids_of_are_not_taken_for_them(accounts: Accounts) -> None:
    """The server says nothing of it; the first of a batch tells."""
    accounts.source.deliver(1, 2)
    accounts.source.deliver(*range(10, 20), folder=WORK)

    def turn(there: Folder) -> None:
        contents = [mail.content for mail in there.mails]
        for mail, content in zip(there.mails, [*contents[1:], contents[0]], strict=True):
            mail.content = content

    at_opening(accounts.source.server, WORK, 2, turn)
    accounts.good(limits=Limits(connections=1))
    assert accounts.destination.letters(WORK) == [*range(10, 20)]


def test_a_server_that_counts_line_ends_otherwise_is_believed_once_it_was_asked_again(
    accounts: Accounts,
) -> None:
    accounts.source.deliver(1, 2, 3)
    accounts.source.folder().add(LARGE)

    def more(found: re.Match[bytes]) -> bytes:
        content = accounts.source.folder().mails[int(found[1]) - 1].content
        more = content.count(b"\n") if int(found[1]) in (2, 4) else 0
        return b"UID %s RFC822.SIZE %d" % (found[1], len(content) + more)

    accounts.source.server.bend = lambda said: re.sub(rb"UID (\d+) RFC822\.SIZE \d+", more, said.response)
    assert accounts.good().copied == 4
    assert accounts.destination.server.contents() == accounts.source.server.contents()


@pytest.mark.parametrize("lists", [True, False], ids=["listed", "and no list either"])
def test_a_message_that_its_server_refuses_costs_that_message(accounts: Accounts, lists: bool) -> None:
    accounts.source.deliver(*range(1, 9))
    refusing = Refusing(b"UID FETCH", body_of(3))
    listing = Refusing(b"UID SEARCH", lambda _: refusing.times > 0)
    accounts.source.server.hears = lambda heard: refusing(heard) or (None if lists else listing(heard))
    ran = accounts.run(deletion=DELETE1)
    assert 3 in {failed.uid for failed in ran.failed}
    assert {failed.reason for failed in ran.failed} == {Reason.FETCH}
    everywhere = {*accounts.source.letters(), *accounts.destination.letters()}
    assert everywhere == set(range(1, 9))
    assert 3 in accounts.source.letters()


def test_a_body_that_came_short_and_does_not_come_again_is_no_copy(accounts: Accounts) -> None:
    accounts.source.deliver(*range(1, 5))
    refusing = Refusing(b"UID FETCH", body_of(3))

    def short(found: re.Match[bytes]) -> bytes:
        accounts.source.server.hears = refusing
        size = int(found[2]) - 5
        return b"%s{%d}\r\n%s" % (found[1], size, found[3][:size])

    accounts.source.server.bend = lambda said: re.sub(
        rb"(?s)(\A\* 3 FETCH .*BODY\[\] )\{(\d+)\}\r\n(.*)(?=\)\r\n\Z)", short, said.response
    )
    ran = accounts.run()
    assert [failed.uid for failed in ran.failed] == [3]
    assert accounts.destination.letters() == [1, 2, 4]


def test_a_large_message_that_vanishes_before_its_turn_is_no_failure(accounts: Accounts) -> None:
    accounts.source.deliver(1)
    accounts.source.folder().add(LARGE)
    accounts.source.folder().add(LARGE.replace(b"<70@", b"<71@"))
    accounts.source.deliver(2, folder=WORK)
    at_opening(accounts.source.server, INBOX, 2, lambda there: there.remove(there.mails[1:2]))
    accounts.source.server.bend = lambda said: (
        b"* 1 FETCH (UID 999 FLAGS ())\r\n" + said.response
        if re.match(rb"\* \d+ FETCH \(UID 3 FLAGS .* INTERNALDATE .*\"\)\r\n\Z", said.response)
        else said.response
    )
    ran = accounts.run(limits=Limits(connections=1))
    assert (ran.outcome.stop, ran.failed, ran.skipped(Skip.VANISHED)) == (Stop.DONE, [], 1)
    assert accounts.destination.letters() == [1, 71]


def test_many_large_messages_are_asked_about_in_parts(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "META_MESSAGES", 2)
    for number in range(70, 75):
        accounts.source.folder().add(LARGE.replace(b"<70@", b"<%d@" % number), (b"\\Flagged",))
    accounts.good(provider="none")
    assert accounts.destination.letters() == [*range(70, 75)]
    assert accounts.destination.folder().mails[4].flags == {b"\\Flagged"}


@pytest.mark.parametrize("dates", [True, False], ids=["dates", "no dates"])
def test_what_the_users_rules_cannot_change_is_a_failure_and_stays(accounts: Accounts, dates: bool) -> None:
    def louder(message: bytes) -> bytes:
        if b"<2@" in message or b"<71@" in message:
            raise ValueError("not this one")
        return message.replace(b"Subject: letter", b"Subject: LETTER")

    accounts.source.deliver(1, 2)
    accounts.source.folder().add(letter(5, extra="Date: Mon, 1 Jan 2024 10:00:00 +0200\r\n"))
    accounts.source.folder().add(LARGE)
    accounts.source.folder().add(LARGE.replace(b"<70@", b"<71@"))
    rules = ContentRules(rewrite=(louder,), dates_from_header=True, keep_dates=dates)
    ran = accounts.run(content=rules, deletion=DELETE1)
    assert {failed.reason for failed in ran.failed} == {Reason.TRANSFORM}
    assert accounts.source.letters() == [2, 71]
    assert accounts.destination.letters() == [1, 5, 70]
    there = {mail.content: mail.date for mail in accounts.destination.folder().mails}
    assert all(b"LETTER" in content for content in there)
    if dates:
        assert b" 1-Jan-2024 10:00:00 +0200" in there.values()


def test_a_command_of_the_user_that_fails_costs_each_message_and_changes_nothing(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    ran = accounts.run(content=ContentRules(pipe=("cat", "false")), deletion=DELETE1)
    assert [failed.reason for failed in ran.failed] == [Reason.TRANSFORM] * 2
    assert (accounts.source.letters(), accounts.destination.letters()) == ([1, 2], [])

"""Copies that are called otherwise than their originals, between two accounts in memory."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.engine.transfer.test_in_memory import INBOX, MIRROR, OLD, RECENT, Accounts, accounts, letter
from tests.servers.memory import BARE, RICH, Heard, in_set

from imapsync.plan.rules import ContentRules, IdentityRules, SelectionRules
from imapsync.terms import Reason

__all__ = ["accounts"]  # the fixture

pytestmark = pytest.mark.parametrize("accounts", [RICH, BARE], ids=["rich", "bare"], indirect=True)
#: As --regexmess, for the Message-Id and the text.
RENAMED = ContentRules(rewrite=(lambda message: message.replace(b"old.example", b"new.example"),))


def old(number: int) -> bytes:
    """Give a letter that RENAMED changes in Message-Id and text."""
    return letter(number, f"by old.example {number}").replace(b"@example.org", b"@old.example")


def nameless(text: str) -> bytes:
    """Give a message that nothing identifies."""
    return f"Subject: {text}\r\n\r\n{text}\r\n".encode()


def subjects(accounts: Accounts) -> list[bytes]:
    """Give the subjects of what lies on the destination, sorted."""
    there = accounts.destination.server.contents()[INBOX]
    return sorted(mail.split(b"Subject: ")[1].split(b"\r\n")[0] for mail in there)


def whole(accounts: Accounts) -> list[Heard]:
    """Note what the source is asked for whole from now on."""
    asked: list[Heard] = []

    def note(heard: Heard) -> None:
        if heard.verb == b"UID FETCH" and b"PEEK[]" in heard.rest and b"PEEK[]<0.16384>" not in heard.rest:
            asked.append(heard)

    accounts.source.server.hears = note
    return asked


def refuse(accounts: Accounts, uid: int, items: bytes, *, of: str = "destination", after: int = 0) -> None:
    """Refuse to FETCH such items of a message, alone or among others, but for the first times."""
    heard_of: list[Heard] = []

    def answer(heard: Heard) -> bytes | None:
        if heard.verb != b"UID FETCH" or not re.search(items, heard.rest):
            return None
        if in_set(uid, heard.rest.split(b" ")[0], 1000):
            heard_of.append(heard)
        return b"NO broken" if len(heard_of) > after and heard is heard_of[-1] else None

    getattr(accounts, of).server.hears = answer


# -- duplicates


@pytest.mark.parametrize("state", [True, False], ids=["journal", "no journal"])
def test_a_duplicate_of_an_original_that_the_options_rename_is_copied_in_no_run(
    accounts: Accounts, state: bool
) -> None:
    for number in (1, 1, 2):
        accounts.source.folder().add(old(number))
    assert accounts.good(state=state, content=RENAMED).copied == 2
    for _ in range(2):
        assert accounts.good(state=state, content=RENAMED).copied == 0
    assert accounts.destination.letters() == [1, 2]


# -- what is read


def test_one_message_without_an_id_does_not_make_all_be_read_whole(accounts: Accounts) -> None:
    rules = ContentRules(rewrite=(lambda message: message.replace(b"text", b"TEXT"),))
    accounts.source.deliver(*range(2, 61))
    accounts.source.folder().mails[0].content = nameless("a note")
    accounts.destination.deliver(99)
    asked = whole(accounts)
    accounts.good(state=False, content=rules, dry=True)
    assert len(asked) < 40


def test_messages_without_an_id_that_the_options_give_one_are_copied_once(accounts: Accounts) -> None:
    def identify(message: bytes) -> bytes:
        return message if b"Message-Id" in message else b"Message-Id: <%d@made>\r\n" % len(message) + message

    accounts.source.deliver(*range(1, 50))
    accounts.source.folder().add(nameless("a note"))
    rules = ContentRules(rewrite=(identify,))
    assert accounts.good(state=False, content=rules).copied == 50
    accounts.destination.deliver(99)
    assert accounts.good(state=False, content=rules).copied == 0


# -- a mirror beside a selection

SMALL = SelectionRules(max_size_bytes=1000)
LARGE = b"large\r\n" * 300
YOUNG = SelectionRules(max_age_days=30.0)


def test_a_mirror_leaves_the_copy_with_an_added_id_of_what_the_selection_leaves_out(
    accounts: Accounts,
) -> None:
    accounts.source.deliver(1)
    accounts.source.folder().add(nameless("large" * 300))
    assert accounts.good(state=False, content=ContentRules(add_header=True)).copied == 2
    accounts.destination.deliver(9)
    accounts.good(state=False, deletion=MIRROR, selection=SMALL)
    assert subjects(accounts) == [b"large" * 300, b"letter 1"]


def test_a_mirror_leaves_the_renamed_copy_of_what_the_selection_leaves_out(accounts: Accounts) -> None:
    accounts.source.folder().add(old(1) + LARGE)
    accounts.source.deliver(2)
    assert accounts.good(state=False, content=RENAMED).copied == 2
    accounts.destination.deliver(9)
    accounts.good(state=False, content=RENAMED, deletion=MIRROR, selection=SMALL)
    assert accounts.destination.letters() == [1, 2]


def test_a_mirror_leaves_what_another_domain_or_a_received_line_hides_of_the_selection(
    accounts: Accounts,
) -> None:
    rules = IdentityRules(headers=("Message-Id", "Received"), any_domain=True)
    for number in (1, 2):
        accounts.source.folder().add(letter(number) + LARGE)
    accounts.source.deliver(3)
    accounts.destination.folder().add(letter(1).replace(b"@example.org", b"@example.net") + LARGE)
    accounts.destination.folder().add(b"Received: by the server\r\n" + letter(2) + LARGE)
    accounts.destination.deliver(9)
    accounts.good(state=False, deletion=MIRROR, selection=SMALL, identity=rules)
    assert accounts.destination.letters() == [1, 2, 3]


def test_the_copy_of_what_is_selected_is_not_given_to_its_twin_that_is_left_out(accounts: Accounts) -> None:
    for domain, date in ((b"@a.example", OLD), (b"@b.example", RECENT)):
        accounts.source.folder().add(letter(1).replace(b"@example.org", domain), date=date)
    accounts.destination.deliver(1)
    rules = IdentityRules(any_domain=True)
    ran = accounts.good(state=False, deletion=MIRROR, selection=YOUNG, identity=rules)
    assert (ran.copied, accounts.destination.letters()) == (0, [1])


# -- what a server does not tell

#: Originals, copies that are called otherwise, and the options under which they are copies.
NAMED: dict[str, tuple[list[bytes], list[bytes], dict[str, Any]]] = {
    "added": (
        [nameless("one"), nameless("two")],
        [b"Message-Id: <%d@imapsync>\r\n" % n + nameless(text) for n, text in ((7, "one"), (8, "two"))],
        {},
    ),
    "renamed": (
        [old(1), old(2)],
        [old(n).replace(b"old.example", b"new.example") for n in (1, 2)],
        {"content": RENAMED},
    ),
    "domain": (
        [letter(1), letter(2)],
        [letter(n).replace(b"@example.org", b"@example.net") for n in (1, 2)],
        {"identity": IdentityRules(any_domain=True)},
    ),
}
IDS = rb"HEADER\.FIELDS \(MESSAGE-ID\)"


def test_one_message_whose_id_is_not_told_gives_no_folder_up(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    for text in ("a note", "another one"):
        accounts.source.folder().add(nameless(text))
    accounts.destination.deliver(7, 8, 9)
    accounts.destination.folder().add(b"Message-Id: <3@imapsync>\r\n" + nameless("a note"))
    refuse(accounts, 2, IDS)
    assert accounts.good(state=False).copied == 3
    expected = [b"a note", b"another one", *(b"letter %d" % number for number in (1, 2, 7, 8, 9))]
    assert subjects(accounts) == expected


@pytest.mark.parametrize("side", ["source", "destination"])
def test_what_is_not_told_again_holds_up_only_what_it_may_be(accounts: Accounts, side: str) -> None:
    rules = IdentityRules(headers=("Message-Id", "Received"), any_domain=True)
    accounts.source.folder().add(letter(1) + LARGE)
    accounts.source.folder().add(letter(2) + LARGE + LARGE)
    accounts.source.deliver(3)
    accounts.destination.folder().add(letter(1).replace(b"@example.org", b"@example.net") + LARGE)
    accounts.destination.folder().add(letter(2).replace(b"@example.org", b"@example.net") + LARGE + LARGE)
    accounts.destination.deliver(9)
    refuse(accounts, 2, rb"\(UID BODY\.PEEK\[HEADER", of=side)
    ran = accounts.run(state=False, identity=rules, deletion=MIRROR)
    assert [failure.uid for failure in ran.failed] == [2]
    assert accounts.destination.letters() == [1, 2, 3, 9]
    accounts.destination.server.hears = accounts.source.server.hears = lambda _: None
    accounts.good(state=False, identity=rules, deletion=MIRROR)
    assert accounts.destination.letters() == [1, 2, 3]


@pytest.mark.parametrize("told", [True, False], ids=["who it is is known", "and nobody knows who it is"])
def test_what_lies_there_and_cannot_be_read_holds_up_only_what_it_may_be(
    accounts: Accounts, *, told: bool
) -> None:
    accounts.source.folder().add(letter(1) + LARGE)
    accounts.source.deliver(2)
    accounts.destination.folder().add(letter(8) if told else nameless("a note"))
    refuse(accounts, 1, rb"PEEK\[\]<0", after=not told)
    ran = accounts.run(state=False)
    assert [failure.uid for failure in ran.failed] == ([] if told else [2])
    assert not ran.problems
    assert ran.copied == (2 if told else 1)


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("named", ["added", "renamed", "domain"])
def test_what_cannot_be_read_is_a_failure_and_not_copied_again(
    accounts: Accounts, side: str, named: str
) -> None:
    originals, copies, options = NAMED[named]
    for one, contents in ((accounts.source, originals), (accounts.destination, copies)):
        for content in contents:
            one.folder().add(content)
    refuse(accounts, 1, rb"BODY\.PEEK\[\](?!<0\.16384>)", of=side)
    ran = accounts.run(state=False, **options)
    assert ([failure.uid for failure in ran.failed], ran.copied) == ([1], 0)
    accounts.destination.server.hears = accounts.source.server.hears = lambda _: None
    assert accounts.good(state=False, **options).copied == 0


@pytest.mark.parametrize("named", ["added", "renamed", "domain"])
def test_what_is_gone_when_it_is_to_be_read_is_no_copy(accounts: Accounts, named: str) -> None:
    originals, copies, options = NAMED[named]
    for one, contents in ((accounts.source, originals), (accounts.destination, copies)):
        for content in contents:
            one.folder().add(content)
    there = accounts.destination.folder()

    def expunge(heard: Heard) -> None:
        if heard.verb == b"UID FETCH" and re.search(rb"BODY\.PEEK\[\](?!<0\.16384>)", heard.rest):
            there.remove(there.mails[:1] if there.mails[0].uid == 1 else [])

    accounts.destination.server.hears = expunge
    ran = accounts.run(state=False, **options)
    assert not [failure for failure in ran.failed if failure.reason is Reason.FETCH]
    assert len(there.mails) == 2


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize("named", ["added", "renamed", "domain"])
def test_a_mirror_leaves_what_cannot_be_read_beside_what_the_selection_leaves_out(
    accounts: Accounts, side: str, named: str
) -> None:
    originals, copies, options = NAMED[named]
    for one, contents in ((accounts.source, originals), (accounts.destination, copies)):
        for content in contents:
            one.folder().add(content + LARGE)
    refuse(accounts, 1, rb"BODY\.PEEK\[\](?!<0\.16384>)", of=side)
    accounts.good(state=False, deletion=MIRROR, selection=SMALL, **options)
    assert len(accounts.destination.folder().mails) == 2

"""Copies that are called otherwise than their originals, between two accounts in memory."""

from __future__ import annotations

import pytest
from tests.engine.transfer.test_in_memory import Accounts, accounts, letter
from tests.servers.memory import BARE, RICH, Heard

from imapsync.plan.rules import ContentRules

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


def whole(accounts: Accounts) -> list[Heard]:
    """Note what the source is asked for whole from now on."""
    asked: list[Heard] = []

    def note(heard: Heard) -> None:
        if heard.verb == b"UID FETCH" and b"PEEK[]" in heard.rest and b"PEEK[]<0.16384>" not in heard.rest:
            asked.append(heard)

    accounts.source.server.hears = note
    return asked


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

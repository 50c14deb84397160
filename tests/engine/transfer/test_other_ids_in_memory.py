"""Copies that are called otherwise than their originals, between two accounts in memory."""

from __future__ import annotations

import pytest
from tests.engine.transfer.test_in_memory import Accounts, accounts, letter
from tests.servers.memory import BARE, RICH

from imapsync.plan.rules import ContentRules

__all__ = ["accounts"]  # the fixture

pytestmark = pytest.mark.parametrize("accounts", [RICH, BARE], ids=["rich", "bare"], indirect=True)
#: As --regexmess, for the Message-Id and the text.
RENAMED = ContentRules(rewrite=(lambda message: message.replace(b"old.example", b"new.example"),))


def old(number: int) -> bytes:
    """Give a letter that RENAMED changes in Message-Id and text."""
    return letter(number, f"by old.example {number}").replace(b"@example.org", b"@old.example")


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

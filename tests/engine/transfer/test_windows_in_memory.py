"""What changes between the folder list and the opening of a folder, between two accounts in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.engine.transfer.test_copying_in_memory import Refusing, accounts, at_opening
from tests.engine.transfer.test_in_memory import INBOX, Accounts, letter
from tests.servers.memory import COUNTING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.memory import Folder

__all__ = ["accounts"]  # the fixture
DRAFTS = b"Drafts"


def put_back(there: Folder) -> None:
    """Bring the folder of before its last message back."""
    there.remove(there.mails[-1:])
    there.uidnext -= 1
    there.modseq -= 2


class Window(NamedTuple):
    """What happens at the opening on which side, and which letters are on the destination in the end."""

    side: int
    change: Callable[[Folder], object]
    there: list[int]
    refused: bytes = b"-"


WINDOWS = {
    "mail arrives on host1": Window(0, lambda there: there.add(letter(7)), [1, 2, 3, 4, 5, 7, 9]),
    "and it is not shown": Window(0, lambda there: there.add(letter(7)), [1, 2, 3, 4, 5, 7, 9], b"6:*"),
    "mail arrives on host2": Window(1, lambda there: there.add(letter(8)), [1, 2, 3, 4, 5, 8, 9]),
    "host1 is put back": Window(0, put_back, [1, 2, 3, 4, 9]),
    "host2 is put back": Window(1, put_back, [1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize("kind", WINDOWS)
def test_what_the_opening_tells_counts_and_not_the_list(accounts: Accounts, kind: str) -> None:
    window = WINDOWS[kind]
    for account in (accounts.source, accounts.destination):
        account.server.capabilities = COUNTING
    accounts.source.deliver(1, 2, 3, 4)
    accounts.good()
    accounts.good()
    accounts.source.deliver(5)
    accounts.destination.deliver(9)
    accounts.source.server.hears = Refusing(
        b"UID FETCH", lambda heard: heard.rest.startswith(window.refused), most=1
    )
    server = (accounts.source, accounts.destination)[window.side].server
    at_opening(server, INBOX, 1, window.change)
    accounts.run()
    server.opened = lambda _: None
    accounts.good()
    accounts.good()
    assert accounts.destination.letters() == window.there


def test_a_known_folder_whose_uids_no_longer_last_is_read_anew(accounts: Accounts) -> None:
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.source.deliver(3)
    accounts.source.server.code = b"UIDNOTSTICKY"
    accounts.run(dry=True)
    assert accounts.destination.letters() == [1, 2]
    accounts.good()
    accounts.good()
    assert accounts.destination.letters() == [1, 2, 3]


def test_a_draft_that_is_another_version_under_its_uid_is_copied(accounts: Accounts) -> None:
    """Its server was put back, and has given the UID again."""
    accounts.source.deliver(1, folder=DRAFTS, flags=(b"\\Draft",))
    accounts.good()
    accounts.good()
    accounts.source.folder(DRAFTS).mails[0].content = letter(1, "another text")
    accounts.source.deliver(2, folder=DRAFTS)
    accounts.good()
    assert letter(1, "another text") in [mail.content for mail in accounts.destination.folder(DRAFTS).mails]


def test_two_servers_that_never_change_are_not_opened(accounts: Accounts) -> None:
    opened: list[Folder] = []
    for account in (accounts.source, accounts.destination):
        account.server.capabilities = COUNTING
    accounts.source.deliver(1, 2)
    accounts.good()
    accounts.good()
    for account in (accounts.source, accounts.destination):
        account.server.opened = opened.append
    assert accounts.good().unchanged == 1
    assert opened == []

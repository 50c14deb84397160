"""An account opens its folders by itself, and meets each again before a message is changed by UID."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer

from imapsync.account import Account, SeenFolder
from imapsync.account.seen import FolderReplaced
from imapsync.terms import Side
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORK = MailboxName.from_text("Work")
FLAGS = b"(UID FLAGS)"


@asynccontextmanager
async def account(*script: tuple[str, bytes], writes: bool = False) -> AsyncIterator[Account]:
    """Log in to a server that expects these commands, and answers each with OK and a line before."""

    async def play(peer: Peer) -> None:
        await greet(peer)
        for command, told in script:
            await peer.expect(command)
            await peer.answer(b"OK done", *filter(None, told.split(b"|")))
        await peer.expect("LOGOUT")

    async with ScriptedServer(play) as server:
        account = Account(Side.SOURCE, writes=writes)
        account.take(await open_scripted(server))
        yield account
        await account.server.logout()


def opened(uidvalidity: int, exists: int = 2) -> bytes:
    return b"* %d EXISTS|* OK [UIDVALIDITY %d] x" % (exists, uidvalidity)


async def test_a_folder_is_opened_once_and_again_behind_another_one() -> None:
    async with account(
        ('EXAMINE "INBOX"', opened(1)),
        (r"UID FETCH 1 .*", b""),
        (r"UID FETCH 2 .*", b""),
        ('EXAMINE "Work"', opened(2)),
        (r"UID FETCH 1 .*", b""),
        ('EXAMINE "INBOX"', opened(1)),
        ("UID SEARCH .*", b"* SEARCH 1"),
    ) as source:
        inbox, work = SeenFolder(INBOX), SeenFolder(WORK)
        folder = await source.opened(inbox)
        for uid in (1, 2):
            await folder.fetch(UidSet.of([uid]), FLAGS).collect()
        await (await source.opened(work)).fetch(UidSet.of([1]), FLAGS).collect()
        assert list(await folder.search("ALL")) == [1]
    assert (inbox.uidvalidity, work.uidvalidity) == (1, 2)


async def test_a_folder_with_another_uidvalidity_is_not_the_one_that_was_met() -> None:
    async with account(
        ('EXAMINE "INBOX"', opened(1, 2)), ('EXAMINE "Work"', opened(5)), ('EXAMINE "INBOX"', opened(3, 7))
    ) as source:
        inbox = SeenFolder(INBOX)
        await source.opened(inbox)
        await source.opened(SeenFolder(WORK))
        with pytest.raises(FolderReplaced, match="folder INBOX was replaced") as raised:
            await source.opened(inbox)
        assert (raised.value.code, raised.value.side) == ("folder_replaced", Side.SOURCE)
        assert inbox.compared.messages == 2, "what was compared is what counts"
        inbox.begin()
        await source.opened(inbox)
        assert inbox.compared.uidvalidity == 3


async def test_a_message_is_changed_only_in_the_folder_that_was_met_a_moment_ago() -> None:
    async with account(
        ('SELECT "INBOX"', opened(1)),
        (r"UID STORE 2 \+FLAGS.SILENT \(\\Seen\)", b""),
        ('SELECT "Work"', opened(2)),
        ('SELECT "INBOX"', opened(1)),
        ("NOOP", b""),
        writes=True,
    ) as source:
        inbox = SeenFolder(INBOX)
        folder = await source.change(inbox)
        await folder.store(UidSet.of([2]), b"+FLAGS", [b"\\Seen"])
        await source.opened(SeenFolder(WORK))
        with pytest.raises(RuntimeError, match="not met"):
            folder.store(UidSet.of([2]), b"+FLAGS", [b"\\Seen"])
        await source.server.noop()

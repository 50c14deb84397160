"""Reading a real folder into columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.plan.builders import digest_of
from tests.engine.session.helpers import INBOX, open_account
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

from imapsync.account import Account, SeenFolder
from imapsync.account.index import IndexReader, recognise
from imapsync.plan.identity import UNIDENTIFIED, Identity
from imapsync.plan.index import FlagTable, MessageIndex
from imapsync.plan.match import PairingRules, duplicate_rows, match
from imapsync.plan.rules import DEFAULT_IDENTITY_HEADERS, SelectionRules
from imapsync.plan.selection import Selector
from imapsync.terms import Side
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTITY = Identity(DEFAULT_IDENTITY_HEADERS, b"k" * 32)
DATE = 1_600_000_000
RICH = b"From: a@example.org\r\nSubject: b\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
CONTENTS = [
    b"Message-Id: <1@example.org>\r\n\r\none\r\n",
    RICH + b"identified by its whole header\r\n",
    b"Subject: poor\r\n\r\none\r\n",
    b"Subject: poor\r\n\r\ntwo\r\n",
    b"Message-Id: <5@example.org>\r\n\r\n" + b"large " * 100 + b"\r\n",
]
MESSAGES = [
    NewMessage(content, ("\\Seen", "$Label") if number % 2 else (), DATE + number)
    for number, content in enumerate(CONTENTS)
]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot() as dovecot:
        dovecot.fill(dovecot.add_user("anna"), {"INBOX": MESSAGES})
        yield dovecot


async def account_of(server: Dovecot, user: str) -> Account:
    account = Account(Side.SOURCE, writes=False)
    account.take(await open_account(server, user))
    return account


async def read(server: Dovecot, reader: IndexReader, uids: bytes = b"1:*", at_least: int = 0) -> MessageIndex:
    account = await account_of(server, "anna")
    folder = await account.opened(SeenFolder(INBOX))
    index = await reader.read(reader.ask(folder, uids), FlagTable(), at_least=at_least)
    await reader.complete(folder, index)
    await account.server.logout()
    return index


async def test_all_columns_are_those_of_the_messages(server: Dovecot) -> None:
    index = await read(server, IndexReader(IDENTITY, flags=True, dates=True))
    assert [*index.uids] == [1, 2, 3, 4, 5]
    assert [*index.sizes] == [len(content) for content in CONTENTS]
    assert [*index.dates] == [message.internaldate for message in MESSAGES]
    assert [index.flag_table.flags(number) for number in index.flags] == [
        tuple(sorted(flag.encode() for flag in message.flags)) for message in MESSAGES
    ]
    assert [*index.digests] == [digest_of(IDENTITY, content) for content in CONTENTS]
    assert len({*index.digests}) == len(CONTENTS)


async def test_what_was_not_asked_for_stays_empty(server: Dovecot) -> None:
    index = await read(server, IndexReader(None, flags=False))
    assert len(index) == 5
    assert not index.digests
    assert not index.flags
    assert not index.dates


async def test_poor_messages_cost_a_second_question_only_where_there_are_some(server: Dovecot) -> None:
    account = await account_of(server, "anna")
    folder = await account.opened(SeenFolder(INBOX))
    reader = IndexReader(IDENTITY, flags=False)
    index = await reader.read(reader.ask(folder, b"1:5"), FlagTable())
    assert [digest == UNIDENTIFIED for digest in index.digests] == [False, True, True, True, False]
    assert await reader.complete(folder, index) == 3
    assert await reader.complete(folder, index) == 0
    await account.server.logout()


async def test_the_last_message_is_not_taken_for_a_new_one(server: Dovecot) -> None:
    assert len(await read(server, IndexReader(IDENTITY, flags=False), b"6:*", at_least=6)) == 0


async def test_several_answers_make_one_index_with_each_message_once(server: Dovecot) -> None:
    account = await account_of(server, "anna")
    folder = await account.opened(SeenFolder(INBOX))
    reader = IndexReader(IDENTITY, flags=True)
    index = MessageIndex()
    for uids in (b"4:5", b"1:3", b"2:4"):
        await reader.read(reader.ask(folder, uids), index.flag_table, into=index)
    assert [*index.uids] == [4, 5, 1, 2, 3]
    assert len(index.digests) == len(index.flags) == len(index.sizes) == 5
    await account.server.logout()


@pytest.mark.parametrize(
    ("rules", "left_out"),
    [
        pytest.param(SelectionRules(max_size_bytes=len(CONTENTS[1])), {2, 5}, id="by size"),
        pytest.param(SelectionRules(max_age_days=1), {1, 2}, id="by internal date"),
    ],
)
async def test_what_is_not_selected_is_counted_or_kept_apart(
    server: Dovecot, rules: SelectionRules, left_out: set[int]
) -> None:
    now = DATE + 2 + 86_400
    dropping = await read(server, IndexReader(IDENTITY, flags=False, selector=Selector(rules, now)))
    assert {*dropping.uids} == {1, 2, 3, 4, 5} - left_out
    assert {*dropping.dropped} == left_out
    assert dropping.seen == 5
    keeping = await read(
        server, IndexReader(IDENTITY, flags=False, selector=Selector(rules, now), keep_unselected=True)
    )
    assert {*keeping.uids} == {1, 2, 3, 4, 5}
    assert keeping.excluded == left_out


RECEIVED = b"Received: from imap by mx.example.org;\r\n Mon, 1 Jan 2024 00:00:00 +0000\r\n"
LONG = b"x" * 20_000


async def test_copies_are_recognised_whatever_a_server_did_to_them(server: Dovecot) -> None:
    """A Received line on top; a blank line before the header, so that the server sees none."""
    originals = [
        b"Message-Id: <10@example.org>\r\nReceived: by a\r\nSubject: x\r\n\r\none\r\n",
        b"Message-Id: <11@example.org>\r\nSubject: x\r\n\r\none\r\n",
        b"Message-Id: <12@example.org>\r\nSubject: x\r\n\r\none\r\n",
        b"Message-Id: <13@example.org>\r\nSubject: x\r\n\r\none\r\n",
    ]
    copies = [RECEIVED + originals[0], RECEIVED + originals[1], b"\r\n" + originals[2]]
    strangers = [RECEIVED + b"Message-Id: <14@example.org>\r\nSubject: x\r\n\r\nt\r\n", b"Subject: \r\n\r\n"]
    server.fill(
        server.add_user("bert"),
        {
            "Originals": [NewMessage(content) for content in originals],
            "Copies": [NewMessage(content) for content in (*strangers, *copies)],
        },
    )
    account = await account_of(server, "bert")
    reader = IndexReader(IDENTITY, flags=False)
    indexes = []
    for name in ("Originals", "Copies"):
        folder = await account.opened(SeenFolder(MailboxName.from_text(name)))
        index = await reader.read(reader.ask(folder, b"1:*"), FlagTable())
        await reader.complete(folder, index)
        indexes.append(index)
    source, destination = indexes
    rules = PairingRules(sync_duplicates=False, sizes_differ=True)
    matching = match(source, destination, rules)
    assert [source.uids[row] for row in matching.missing] == [1, 2, 4], "a blank line hides no header"
    assert await recognise(folder, IDENTITY, source, destination, matching)
    matching = match(source, destination, rules)
    assert [source.uids[row] for row in matching.missing] == [4]
    assert list(matching.partner) == [2, 3, 4, -1]
    assert not await recognise(folder, IDENTITY, source, destination, matching)
    await account.server.logout()


async def test_messages_without_message_id_are_duplicates_only_if_all_of_them_was_seen(
    server: Dovecot,
) -> None:
    head = b"From: scanner@example.org\r\nSubject: scan\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
    contents = [head + b"a", head + b"b", head + b"a", head + LONG + b"a", head + LONG + b"b"]
    server.fill(server.add_user("carl"), {"INBOX": [NewMessage(content + b"\r\n") for content in contents]})
    account = await account_of(server, "carl")
    folder = await account.opened(SeenFolder(INBOX))
    reader = IndexReader(IDENTITY, flags=False)
    index = await reader.read(reader.ask(folder, b"1:*"), FlagTable())
    await reader.complete(folder, index)
    assert [index.uids[row] for row in duplicate_rows(index)] == [3]
    await account.server.logout()

"""What real servers tell about their folders, by each way of asking."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import greet, open_account, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

from imapsync.account.folders import discover, layout_of, refresh, status_items
from imapsync.plan.folders import Layout
from imapsync.session.errors import ProtocolViolation
from imapsync.session.folders import MAX_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from imapsync.account.folders import FolderView, Listing

MESSAGE = NewMessage(b"Message-Id: <1@example.org>\r\n\r\ntext\r\n")

#: A namespace for all, and one for the folders of others, both seen by everybody.
SHARED = """
namespace public {
  type = public
  separator = .
  prefix = Public.
  location = maildir:%h/../public
  subscriptions = no
  list = yes
}
namespace others {
  type = shared
  separator = .
  prefix = Users.%%u.
  location = maildir:%%h/Maildir
  subscriptions = no
  list = children
}
"""


@pytest.fixture(scope="module")
def plain() -> Iterator[Dovecot]:
    with Dovecot(special_use={"Gesendet": r"\Sent", "Trash": r"\Trash"}) as server:
        yield server


@pytest.fixture(scope="module")
def dotted() -> Iterator[Dovecot]:
    with Dovecot(separator=".", prefix="INBOX.", extra_config=SHARED) as server:
        yield server


@pytest.fixture(scope="module")
def old() -> Iterator[Dovecot]:
    without = [
        "NAMESPACE",
        "LIST-STATUS",
        "LIST-EXTENDED",
        "SPECIAL-USE",
        "CONDSTORE",
        "QRESYNC",
        "STATUS=SIZE",
    ]
    with Dovecot(without=without, separator=".", prefix="INBOX.") as server:
        yield server


async def seen(server: Dovecot, user: str, *, sizes: bool = False, numbers: bool = True) -> Listing:
    session = await open_account(server, user)
    try:
        return await discover(session, sizes=sizes, numbers=numbers)
    finally:
        await session.logout()


def messages(view: Listing) -> dict[str, int | None]:
    return {each.folder.name: each.status.messages if each.status else None for each in view.folders}


def commands(server: Dovecot, user: str, *lines: bytes) -> None:
    with server.client(user) as client:
        for line in lines:
            client.command(line)


async def test_one_question_tells_folders_numbers_subscriptions_and_uses(plain: Dovecot) -> None:
    user = plain.add_user("one")
    plain.fill(user, {"INBOX": [MESSAGE] * 3, "Gesendet": [MESSAGE], "work/a": [], "Entw&APw-rfe": [MESSAGE]})
    commands(plain, user, b"SUBSCRIBE work/a")
    view = await seen(plain, user, sizes=True)
    assert view.layout == Layout("", "/")
    counts = messages(view)
    assert {name: counts[name] for name in ("INBOX", "Gesendet", "work/a", "Entwürfe")} == {
        "INBOX": 3, "Gesendet": 1, "work/a": 0, "Entwürfe": 1,
    }  # fmt: skip
    folders = view.by_name()
    assert "\\sent" in folders["Gesendet"].folder.attributes
    assert folders["work/a"].folder.subscribed
    assert not folders["INBOX"].folder.subscribed
    assert folders["Entwürfe"].folder.wire_name == "Entw&APw-rfe"
    assert folders["Entwürfe"].mailbox.raw == b"Entw&APw-rfe"
    status = folders["INBOX"].status
    assert status is not None
    assert (status.size, status.uidnext) == (3 * len(MESSAGE.content), 4)
    assert status.uidvalidity
    assert status.highestmodseq


async def test_parents_without_messages_are_listed_and_not_asked(plain: Dovecot) -> None:
    user = plain.add_user("parent")
    plain.fill(user, {"shelf/book": [MESSAGE]})
    view = (await seen(plain, user)).by_name()
    assert not view["shelf"].folder.selectable
    assert view["shelf"].status is None
    assert view["shelf/book"].folder.selectable


async def test_a_subscription_without_a_folder_is_no_folder(plain: Dovecot, old: Dovecot) -> None:
    for server, name in ((plain, "ghost"), (old, "INBOX.ghost")):
        user = server.add_user("ghost")
        commands(server, user, *(f"{verb} {name}".encode() for verb in ("CREATE", "SUBSCRIBE", "DELETE")))
        assert list((await seen(server, user)).by_name()) == ["INBOX"]


async def test_names_only(plain: Dovecot) -> None:
    user = plain.add_user("names")
    plain.fill(user, {"INBOX": [MESSAGE], "a": []})
    view = await seen(plain, user, numbers=False)
    assert all(each.status is None for each in view.folders)
    assert {"INBOX", "a"} <= set(view.by_name())


async def test_namespaces_of_others_and_the_public_one_are_told_apart(dotted: Dovecot) -> None:
    user = dotted.add_user("anna")
    dotted.fill(user, {"INBOX.work.a": [MESSAGE], "Public.news": [MESSAGE]})
    view = await seen(dotted, user)
    assert view.layout == Layout("INBOX.", ".", ("Users.", "Public."))
    assert messages(view)["INBOX.work.a"] == 1
    foreign = {name for name in view.by_name() if view.layout.is_foreign(name)}
    assert "Public.news" in foreign
    assert not any(name.startswith("INBOX") for name in foreign)


async def test_a_server_without_any_extension_tells_the_same(old: Dovecot) -> None:
    user = old.add_user("old")
    old.fill(user, {"INBOX": [MESSAGE] * 2, "INBOX.work.a": [MESSAGE], "INBOX.&AOk-t&AOk-": []})
    commands(old, user, b"SUBSCRIBE INBOX.work.a")
    view = await seen(old, user, sizes=True)
    assert view.layout == Layout("INBOX.", ".")
    counts = messages(view)
    assert counts["INBOX"] == 2
    assert counts["INBOX.work.a"] == 1
    assert counts["INBOX.été"] == 0
    assert [name for name, each in view.by_name().items() if each.folder.subscribed] == ["INBOX.work.a"]
    status = view.by_name()["INBOX"].status
    assert status is not None
    assert (status.highestmodseq, status.size) == (None, None), "what is not announced is not asked for"


async def test_more_folders_than_one_window_of_questions(old: Dovecot) -> None:
    user = old.add_user("many")
    names = [f"INBOX.f{number:03}" for number in range(230)]
    commands(old, user, *(b"CREATE " + name.encode() for name in names))
    view = await seen(old, user)
    counts = messages(view)
    assert [counts[name] for name in names] == [0] * len(names)


async def test_numbers_are_renewed_for_the_same_folders(plain: Dovecot) -> None:
    user = plain.add_user("renewed")
    plain.fill(user, {"a": [], "b": []})
    session = await open_account(plain, user)
    before = (await discover(session)).by_name()
    plain.fill(user, {"b": [MESSAGE]})
    wanted = [before["a"], before["b"]]
    after = await refresh(session, wanted, sizes=True)
    assert [each.folder for each in after] == [each.folder for each in wanted]
    assert [each.status.messages for each in after if each.status] == [0, 1]
    assert status_items(session, sizes=False) == ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ")
    await session.logout()


async def scripted(
    script: Callable[[Peer], Awaitable[None]], capabilities: bytes = b"IMAP4rev1", *, sizes: bool = False
) -> Listing:
    """Discover what a scripted server tells after its greeting."""

    async def play(peer: Peer) -> None:
        await greet(peer, capabilities)
        await script(peer)
        await peer.until_closed()

    async with ScriptedServer(play) as server:
        session = await open_scripted(server)
        try:
            return await asyncio.wait_for(discover(session, sizes=sizes), 60)
        finally:
            session.abort()


async def test_raw_utf8_names_keep_their_bytes_and_names_that_read_alike_stay_two_folders() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect('LIST "" "?\\*"?')
        await peer.answer(
            b"OK",
            b'* LIST () "/" INBOX',
            b'* LIST () "/" "caf\xc3\xa9"',
            b'* LIST () "/" caf&AOk-',
            b'* LIST () "/" "caf\xe9"',
        )
        await peer.expect('LSUB "" "?\\*"?')
        await peer.answer(b"OK", b'* LSUB () "/" caf&AOk-')
        for _ in range(4):
            line = await peer.read_line()
            peer.tag = line.split()[0]
            if line.rstrip().endswith(b"}"):
                await peer.send(b"+ go on")
                await peer.read_line()
            await peer.answer()

    view = await scripted(script)
    raws = {each.folder.name: each.mailbox.raw for each in view.folders}
    assert len(raws) == len(view.by_name()) == 4
    assert raws["café"] == b"caf\xc3\xa9"
    assert raws["caf&AOk-"] == b"caf&AOk-"
    assert b"caf\xe9" in raws.values()
    assert [name for name, each in view.by_name().items() if each.folder.subscribed] == ["caf&AOk-"]


async def test_a_status_that_is_refused_leaves_only_that_folder_without_numbers() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*")
        await peer.answer(b"OK", b'* LIST () "/" INBOX', b'* LIST () "/" b', b'* LIST (\\Noselect) "/" c')
        await peer.expect("LSUB.*")
        await peer.answer()
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"NO [SERVERBUG] broken")
        await peer.expect('STATUS "?b"? .*')
        await peer.answer(b"OK", b"* STATUS b (MESSAGES 5 UIDNEXT 6 UIDVALIDITY 7)")

    assert messages(await scripted(script)) == {"INBOX": None, "b": 5, "c": None}


async def test_an_inbox_that_is_listed_twice_is_one_folder_with_the_numbers_of_either() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(
            b"OK",
            b'* LIST () "/" INBOX',
            b'* LIST () "/" Inbox',
            b"* STATUS INBOX (MESSAGES 5 UIDNEXT 6 UIDVALIDITY 7)",
        )

    view = await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")
    assert messages(view) == {"INBOX": 5}


async def test_a_server_that_announces_list_status_and_does_not_do_it_is_asked_folder_by_folder() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(b"OK", b'* LIST () "/" Inbox')
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"OK", b"* STATUS Inbox (MESSAGES 5)")

    assert messages(await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")) == {"INBOX": 5}


async def test_what_is_refused_beyond_a_plain_list_is_done_without() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("NAMESPACE")
        await peer.answer(b"BAD unknown command")
        await peer.expect('LIST "" "[*]" RETURN .*')
        await peer.answer(b"BAD too many arguments")
        await peer.expect('LIST "" "[*]"')
        await peer.answer(b"OK", b'* LIST () "." INBOX', b'* LIST () "." INBOX.a')
        await peer.expect("LSUB.*")
        await peer.answer(b"NO not supported")
        for name in ("INBOX", "INBOX.a"):
            await peer.expect(f'STATUS "{name}" .*')
            await peer.answer(b"OK", b"* STATUS %b (MESSAGES 5)" % name.encode())

    view = await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS NAMESPACE")
    assert messages(view) == {"INBOX": 5, "INBOX.a": 5}
    assert view.layout == Layout("INBOX.", ".")
    assert not view.subscriptions_known
    assert [note.partition(" ")[0] for note in view.notes] == ["NAMESPACE", "it", "LSUB"]


async def test_an_inbox_that_is_not_listed_is_asked_for() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(b"OK", b'* LIST () "/" a', b"* STATUS a (MESSAGES 1)")
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"OK", b"* STATUS INBOX (MESSAGES 2)")

    view = await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")
    assert messages(view) == {"INBOX": 2, "a": 1}


async def test_an_account_without_an_inbox_has_none() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(b"OK", b'* LIST () "/" a', b"* STATUS a (MESSAGES 1)")
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"NO none")

    assert messages(await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")) == {"a": 1}


@pytest.mark.parametrize(
    "lines",
    [
        (b'* LIST (\\Noselect) "/" INBOX', b'* LIST () "/" Inbox'),
        (b'* LIST (\\HasNoChildren) "/" INBOX', b'* LIST (\\NoSelect) "/" INBOX'),
    ],
)
async def test_one_of_two_answers_about_a_folder_denies_it(lines: tuple[bytes, ...]) -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(b"OK", *lines, b"* STATUS INBOX (MESSAGES 5)")

    assert messages(await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")) == {"INBOX": 5}


@pytest.mark.parametrize("attribute", [b"\\NoSelect", b"\\NOSELECT", b"NoSelect", b"\\NonExistent"])
async def test_folders_without_messages_in_any_spelling(attribute: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*RETURN .*STATUS.*")
        await peer.answer(
            b"OK", b'* LIST () "/" INBOX', b'* LIST (%b) "/" a' % attribute, b"* STATUS INBOX (MESSAGES 5)"
        )

    view = await scripted(script, b"IMAP4rev1 LIST-EXTENDED LIST-STATUS")
    assert [each.folder.name for each in view.folders if each.folder.selectable] == ["INBOX"]


async def test_a_name_that_no_command_can_carry_is_listed_and_not_asked_for() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*")
        odd = b'* LIST () "/" {3}\r\na\nb'
        await peer.answer(b"OK", b'* LIST () "/" INBOX', odd, b'* LIST () "/" ""')
        await peer.expect("LSUB.*")
        await peer.answer()
        await peer.expect('STATUS "INBOX" .*')
        await peer.answer(b"OK", b"* STATUS INBOX (MESSAGES 5)")

    assert messages(await scripted(script)) == {"INBOX": 5, "a\nb": None, "": None}


@pytest.mark.parametrize(
    ("line", "count", "reason"),
    [
        pytest.param(b'* LIST () "/" f%d\r\n', MAX_FOLDERS + 2, "50000 folders", id="too many"),
        pytest.param(b'* LIST () "/" ' + b"n" * 50_000 + b"%d\r\n", 200, "8 MiB", id="too long"),
        pytest.param(b"* LIST (\\" + b"X" * 50_000 + b'%d) "/" f\r\n', 200, "8 MiB", id="attributes"),
    ],
)
async def test_a_list_without_end_is_ended(line: bytes, count: int, reason: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.expect("LIST.*")
        with contextlib.suppress(ConnectionError):
            for start in range(0, count, 100):
                numbers = range(start, min(start + 100, count))
                await peer.send(b"".join(line % number for number in numbers)[:-2])
            await peer.until_closed()

    with pytest.raises(ProtocolViolation, match=reason):
        await scripted(script)


def views_of(*names: tuple[str, str]) -> list[FolderView]:
    from imapsync.account.folders import FolderView
    from imapsync.plan.folders import Folder
    from imapsync.wire.mailbox import MailboxName

    return [FolderView(Folder(name, name, separator=sep), MailboxName.from_text(name)) for name, sep in names]


@pytest.mark.parametrize(
    ("folders", "layout"),
    [
        pytest.param([], Layout("", "/"), id="nothing is listed"),
        pytest.param([("INBOX", "."), ("a.b", ".")], Layout("", "."), id="separator of INBOX"),
        pytest.param([("INBOX", ""), ("a.b", ".")], Layout("", "."), id="separator of another folder"),
        pytest.param([("INBOX", "."), ("INBOX.a", ".")], Layout("INBOX.", "."), id="all are below INBOX"),
        pytest.param(
            [("INBOX", "."), ("INBOX.a", "."), ("b", ".")], Layout("", "."), id="not all are below INBOX"
        ),
        pytest.param([("INBOX", "")], Layout("", "/"), id="only a flat INBOX"),
        pytest.param(
            [("INBOX", ""), ("a.b", ""), ("a.c", ""), ("x/y", "")], Layout("", "."), id="no separators told"
        ),
    ],
)
def test_a_layout_is_guessed_without_namespace(folders: list[tuple[str, str]], layout: Layout) -> None:
    assert layout_of(views_of(*folders), None) == layout

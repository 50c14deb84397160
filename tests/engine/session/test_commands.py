"""Each command against a real Dovecot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, greet, open_account, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

from imapsync.session.errors import AskedToWait, CommandRefused
from imapsync.session.session import Message
from imapsync.terms import Side
from imapsync.wire.errors import EncodingRefused
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.responses import Filtered, NamespaceEntry
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from imapsync.wire.responses import ListEntry

pytestmark = pytest.mark.servers
SEEN = "\\Seen"


def folder(text: str) -> MailboxName:
    return MailboxName.from_text(text)


def mails(count: int, flags: tuple[str, ...] = ()) -> list[NewMessage]:
    return [
        NewMessage(
            f"Message-Id: <{number}@x>\r\nSubject: s{number}\r\n\r\nbody\r\n".encode(), flags, 10**9 + number
        )
        for number in range(count)
    ]


async def test_folders_with_any_name(dovecot: Dovecot) -> None:
    dovecot.add_user("folders")
    names = ["Entwürfe/2020", "a b", 'say "hi" \\o', "R&D", "日本", "100%", "NIL", "-"]
    async with await open_account(dovecot, "folders") as session:
        for name in names:
            await session.create(folder(name))
            await session.subscribe(folder(name))
        await session.unsubscribe(folder("-"))
        await session.rename(folder("a b"), folder("c d"))
        await session.delete(folder("NIL"))
        expected = {"INBOX", *names, "Entwürfe", "c d"} - {"a b", "NIL"}
        listed = await session.list_folders(
            returns=("SUBSCRIBED", "CHILDREN"), status=("MESSAGES", "UIDNEXT")
        )
        assert {entry.name.text for entry in listed} == expected
        by_name: dict[str, ListEntry] = {entry.name.text: entry for entry in listed}
        assert b"\\subscribed" in by_name["R&D"].attributes
        assert b"\\subscribed" not in by_name["-"].attributes
        assert by_name["R&D"].separator == "/"
        status = by_name["R&D"].status
        assert status is not None
        assert (status.messages, status.uidnext) == (0, 1)
        assert by_name["Entwürfe"].status is None
        assert {entry.name.text for entry in await session.list_folders()} == expected
        several = await session.list_folders((b"INBOX", b"R*"), returns=("CHILDREN",))
        assert {entry.name.text for entry in several} == {"INBOX", "R&D"}
        subscribed = await session.list_folders(select=("SUBSCRIBED",))
        assert "R&D" in {entry.name.text for entry in subscribed}
        lsub = {
            entry.name.text
            for entry in await session.list_subscribed()
            if b"\\noselect" not in entry.attributes
        }
        assert "R&D" in lsub
        assert "-" not in lsub


async def test_namespaces_and_special_use() -> None:
    with Dovecot(prefix="INBOX.", separator=".", special_use={"Sent": "\\Sent"}) as server:
        server.add_user("anna")
        async with await open_account(server, "anna") as session:
            prefix = MailboxName(b"INBOX.", "INBOX.")
            assert (await session.namespaces()).personal == (NamespaceEntry(prefix, "."),)
            await session.create(folder("INBOX.Sent"))
            listed = await session.list_folders(returns=("SPECIAL-USE",))
            assert b"\\sent" in next(entry for entry in listed if entry.name.text == "INBOX.Sent").attributes


async def test_many_commands_in_flight(dovecot: Dovecot) -> None:
    dovecot.add_user("flight")
    dovecot.fill("flight", {f"f{number}": mails(number) for number in range(30)})
    async with await open_account(dovecot, "flight") as session:
        await session.noop()
        before = session.counters.round_trips
        answers = [session.status(folder(f"f{number}"), ("MESSAGES", "SIZE")) for number in range(30)]
        assert [(await answer).messages for answer in answers] == list(range(30))
        assert session.counters.round_trips == before + 1
        # Answers may be awaited in any order, twice, or never.
        assert (await answers[3]).messages == 3
        session.noop()


async def test_select_tells_the_state(dovecot: Dovecot) -> None:
    dovecot.add_user("select")
    dovecot.fill("select", {"INBOX": mails(3, (SEEN, "own")), "other": mails(1)})
    async with await open_account(dovecot, "select") as session:
        selected = await session.select(INBOX, condstore=True)
        assert selected.exists == session.exists == 3
        assert selected.uidnext == 4
        assert selected.uidvalidity
        assert selected.highestmodseq
        assert b"own" in selected.flags
        assert selected.permanent_flags is not None
        assert b"\\*" in selected.permanent_flags
        assert not selected.read_only
        assert session.selected == selected
        examined = await session.select(folder("other"), read_only=True)
        assert examined.read_only
        assert examined.exists == 1
        with pytest.raises(CommandRefused) as caught:
            await session.select(folder("missing"))
        assert (caught.value.code, caught.value.verb, caught.value.status) == ("select", "SELECT", "NO")
        assert session.selected is None
        await session.unselect()


@pytest.mark.parametrize("without", [[], ["UNSELECT"]])
async def test_unselect_never_expunges(without: list[str]) -> None:
    with Dovecot(without=without) as server:
        server.add_user("anna")
        server.fill("anna", {"INBOX": mails(2, ("\\Deleted",))})
        async with await open_account(server, "anna") as session:
            await session.select(INBOX)
            await session.unselect()
            assert session.selected is None
            assert (await session.status(INBOX, ("MESSAGES",))).messages == 2


async def test_qresync_brings_what_changed(dovecot: Dovecot) -> None:
    dovecot.add_user("qresync")
    dovecot.fill("qresync", {"INBOX": mails(5)})
    async with await open_account(dovecot, "qresync") as session:
        assert "QRESYNC" in await session.enable("QRESYNC")
        assert "QRESYNC" in session.enabled
        before = await session.select(INBOX)
        await session.store(UidSet.of([2]), b"+FLAGS", [b"\\Deleted"])
        await session.expunge(UidSet.of([2]))
        assert session.exists == 4
        await session.store(UidSet.of([4]), b"+FLAGS", [b"\\Flagged"])
        await session.unselect()
        assert before.uidvalidity
        assert before.highestmodseq
        state = (before.uidvalidity, before.highestmodseq)
        # A FETCH that is already in flight behind the SELECT takes nothing from it.
        selecting = session.select(INBOX, qresync=state)
        stream = session.fetch(UidSet.of([1, 3, 4, 5]), b"(UID FLAGS)")
        after = await selecting
        assert after.vanished == UidSet.of([2])
        assert [(record.uid, record.flags) for record in after.changed] == [(4, (b"\\Flagged",))]
        assert [record.uid for record in await stream.collect()] == [1, 3, 4, 5]
        gone: list[UidSet] = []
        changes = session.fetch(
            b"1:*", b"(UID FLAGS)", changedsince=before.highestmodseq, vanished=True, on_vanished=gone.append
        )
        assert [record.uid for record in await changes.collect()] == [4]
        assert gone == [UidSet.of([2])]


async def test_search_by_people(dovecot: Dovecot) -> None:
    dovecot.add_user("search")
    extra = NewMessage(b"Subject: =?utf-8?q?M=C3=BCller?=\r\n\r\nx\r\n", (SEEN,))
    dovecot.fill("search", {"INBOX": [*mails(4), extra]})
    async with await open_account(dovecot, "search") as session:
        await session.select(INBOX)
        assert await session.search("ALL") == UidSet.of(range(1, 6))
        assert await session.search('SUBJECT "Müller"') == UidSet.of([5])
        assert await session.search("OR (SEEN) (HEADER Message-Id 2@x)") == UidSet.of([3, 5])
        assert not await session.search("SUBJECT nothing")
        with pytest.raises(CommandRefused):
            await session.search("NONSENSE")
        with pytest.raises(EncodingRefused):
            session.search('SUBJECT "open')


async def test_plain_searches_in_flight_are_told_apart() -> None:
    with Dovecot(without=["ESEARCH"]) as server:
        server.add_user("anna")
        server.fill("anna", {"INBOX": mails(6)})
        async with await open_account(server, "anna") as session:
            await session.select(INBOX)
            fetching = session.fetch(UidSet.of(range(1, 7)), b"(UID BODY.PEEK[])")
            answers = [session.search(f"UID {number}") for number in range(1, 7)]
            assert [list(await answer) for answer in answers] == [[number] for number in range(1, 7)]
            assert len(await fetching.collect()) == 6


async def test_store_expunge_copy_move(dovecot: Dovecot) -> None:
    dovecot.add_user("store")
    dovecot.fill("store", {"INBOX": mails(6), "to": []})
    async with await open_account(dovecot, "store") as session:
        selected = await session.select(INBOX, condstore=True)
        await session.store(UidSet.of([1, 2]), b"+FLAGS", [b"\\Seen", b"$Own"])
        assert selected.highestmodseq
        refused = await session.store(
            UidSet.of([1, 3]), b"FLAGS", [b"\\Flagged"], unchangedsince=selected.highestmodseq
        )
        assert refused == UidSet.of([1])
        records = await session.fetch(UidSet.of(range(1, 7)), b"(UID FLAGS)").collect()
        assert [set(record.flags or ()) for record in records[:3]] == [
            {b"\\Seen", b"$Own"},
            {b"\\Seen", b"$Own"},
            {b"\\Flagged"},
        ]
        copied = await session.copy(UidSet.of([1, 2]), folder("to"))
        assert copied is not None
        assert (copied.source, copied.target) == ((1, 2), (1, 2))
        moved = await session.move(UidSet.of([3]), folder("to"))
        assert moved is not None
        assert (moved.source, moved.target) == ((3,), (3,))
        assert session.exists == 5
        await session.store(UidSet.of([4, 5]), b"+FLAGS", [b"\\Deleted"])
        await session.expunge(UidSet.of([4]))
        assert session.exists == 4
        await session.expunge()
        assert session.exists == 3
        with pytest.raises(CommandRefused):
            await session.copy(UidSet.of([1]), folder("missing"))


async def test_sieve_files_or_refuses(dovecot: Dovecot) -> None:
    dovecot.add_user("sieve")
    dovecot.fill("sieve", {"INBOX": mails(3), "filed": []})
    async with await open_account(dovecot, "sieve") as session:
        assert session.has("FILTER=SIEVE")
        await session.select(INBOX)
        with pytest.raises(CommandRefused) as caught:
            await session.filter_sieve(UidSet.of([1, 2, 3]))
        assert "not accessible" in caught.value.server_text
        dovecot.set_sieve("sieve", 'require "fileinto"; if header :is "subject" "s1" { fileinto "filed"; }')
        assert await session.filter_sieve(UidSet.of([1, 2, 3])) == [Filtered(2, "OK", "")]
        records = await session.fetch(UidSet.of([2]), b"(UID FLAGS)").collect()
        assert records[0].flags is not None
        assert b"\\Deleted" in records[0].flags
        assert (await session.status(folder("filed"), ("MESSAGES",))).messages == 1


async def test_identification(dovecot: Dovecot) -> None:
    dovecot.add_user("ident")
    async with await open_account(dovecot, "ident") as session:
        await session.noop()
        assert session.server_id["name"] == "Dovecot"


async def test_access_lists() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer, b"IMAP4rev1 ACL LITERAL+")
        await peer.expect('GETACL "INBOX"')
        await peer.answer(b"OK", b'* ACL INBOX anna lrswipkxtecda "group team" lr')
        await peer.expect('SETACL "INBOX" "group team" lr')
        await peer.answer()
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        assert await session.get_acl(INBOX) == (("anna", "lrswipkxtecda"), ("group team", "lr"))
        await session.set_acl(INBOX, "group team", "lr")


async def test_create_with_special_use() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(r'CREATE "Sent" \(USE \(\\Sent\)\)')
        await peer.answer(b"NO [ALREADYEXISTS] there")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        with pytest.raises(CommandRefused) as caught:
            await session.create(folder("Sent"), b"\\Sent")
        assert caught.value.response_code == "ALREADYEXISTS"
        assert caught.value.code == "folder_create"


@pytest.mark.parametrize(
    ("answer", "code", "retryable"),
    [
        (b"NO [OVERQUOTA] no room", "overquota", False),
        (b"NO Quota exceeded (mailbox for user is full)", "overquota", False),
        (b"NO message contains a virus", "virus", False),
        (b"NO [TRYCREATE] none", "append", False),
        (b"BAD what", "append", False),
    ],
)
async def test_refusals_have_codes(answer: bytes, code: str, retryable: bool) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(r'APPEND "INBOX" \{1\+\}')
        await peer.read(3)
        await peer.answer(answer)
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server, Side.DESTINATION) as session:
        with pytest.raises(CommandRefused) as caught:
            await session.append(INBOX, [Message(b"x")])
        assert (caught.value.code, caught.value.retryable) == (code, retryable)
        assert caught.value.server_text in answer.decode()


@pytest.mark.parametrize(
    ("side", "answer"),
    [
        (Side.DESTINATION, b"NO [UNAVAILABLE] later"),
        (Side.SOURCE, b"NO [OVERQUOTA] so much a day"),
    ],
)
async def test_a_refusal_for_now_is_none_of_the_message(side: Side, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect(r'APPEND "INBOX" \{1\+\}')
        await peer.read(3)
        await peer.answer(answer)

    async with ScriptedServer(script) as server, await open_scripted(server, side) as session:
        with pytest.raises(AskedToWait) as caught:
            await session.append(INBOX, [Message(b"x")])
        assert (caught.value.code, caught.value.wait_s, caught.value.side) == ("throttled", None, side)
        assert caught.value.server_text in answer.decode()


async def test_a_server_that_asks_to_wait_before_it_answers_what_came_first_is_waited_for() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("NOOP")
        await peer.expect('EXAMINE "INBOX"')
        await peer.answer(b"NO [THROTTLED] retry after 100 ms")
        await peer.until_closed()

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        first = session.noop()
        with pytest.raises(AskedToWait) as caught:
            await session.select(INBOX, read_only=True)
        assert caught.value.wait_s == 0.1
        with pytest.raises(AskedToWait):
            await first


async def test_unsolicited_news_are_followed() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect('SELECT "INBOX"')
        await peer.answer(
            b"OK", b"* 7 EXISTS", b"* OK [UIDVALIDITY 9]", b"* OK [HIGHESTMODSEQ 0]", b"* OK [NOMODSEQ]"
        )
        await peer.expect("NOOP")
        await peer.answer(
            b"OK",
            b"* 9 EXISTS",
            b"* 2 EXPUNGE",
            b"* VANISHED 4:5",
            b"* CAPABILITY IMAP4rev1 NEW",
            b"* 1 FETCH (FLAGS ())",
        )
        await peer.expect("NOOP")
        await peer.answer(b"OK", b"* OK [CAPABILITY IMAP4rev1 NEWER] hm", b"* 5 XNEWS", b"* NO beware")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        selected = await session.select(INBOX)
        assert (selected.exists, selected.uidvalidity, selected.uidnext, selected.highestmodseq) == (
            7,
            9,
            None,
            None,
        )
        assert selected.permanent_flags is None
        await session.noop()
        assert session.exists == 6
        assert session.has("NEW")
        await session.noop()
        assert session.has("NEWER")
        assert not session.has("NEW")


async def test_uid_pairs_that_do_not_fit_are_not_believed() -> None:
    answers = [
        b"OK [APPENDUID 5 1:4294967295] done",
        b"OK [APPENDUID x 7] done",
        b"OK [APPENDUID 5] done",
        b"OK [APPENDUID 5 (7)] done",
        b"OK done",
        b"OK [APPENDUID 5 7] done",
    ]

    async def script(peer: Peer) -> None:
        await greet(peer)
        for answer in answers:
            await peer.expect(r'APPEND "INBOX" \{1\+\}')
            await peer.read(3)
            await peer.answer(answer)
        await peer.expect('UID COPY 1 "to"')
        await peer.answer(b"OK [COPYUID 5 1 1:4294967295] done")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        uids = [(await session.append(INBOX, [Message(b"x")])).uids for _ in answers]
        assert uids == [None] * 5 + [(7,)]
        assert await session.copy(UidSet.of([1]), folder("to")) is None


async def test_status_of_folders_whose_names_read_alike() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        for _ in range(3):
            await peer.expect(".*")
            if b"{" in peer.lines[-1]:
                assert await peer.read_line() == "ä (MESSAGES)\r\n".encode()
        await peer.send(b"* STATUS other (MESSAGES 3)", b"* STATUS &AOQ- (MESSAGES 2)")
        await peer.send("* STATUS ä (MESSAGES 1)".encode())
        await peer.send(b"a2 OK done", b"a3 OK done", b"a4 OK done")
        await peer.expect('STATUS "&APY-" .*')
        await peer.answer(b"OK", "* STATUS ö (MESSAGES 4)".encode())
        await peer.expect("LOGOUT")

    names = [MailboxName.from_wire(raw) for raw in ("ä".encode(), b"&AOQ-", b"other")]
    assert names[0].text == names[1].text
    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        answers = [session.status(name, ("MESSAGES",)) for name in names]
        assert [(await answer).messages for answer in answers] == [1, 2, 3]
        # A server that spells the name otherwise is understood when nothing else can be meant.
        assert (await session.status(folder("ö"), ("MESSAGES",))).messages == 4

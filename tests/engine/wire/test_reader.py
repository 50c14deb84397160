"""The receiving machine: tables of bytes, every way of cutting them, and its limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.wire.helpers import read_bytewise, read_pieces, read_whole

from imapsync.wire.errors import LimitExceeded, ProtocolError
from imapsync.wire.limits import Bounds
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.parser import parse
from imapsync.wire.reader import Reader
from imapsync.wire.responses import (
    BodyChunk,
    BodyStart,
    Capabilities,
    Code,
    Continuation,
    Enabled,
    Exists,
    Expunge,
    Fetch,
    Filtered,
    Flags,
    ListEntry,
    MailboxStatus,
    NamespaceEntry,
    Namespaces,
    Recent,
    Response,
    Search,
    ServerId,
    Status,
    StatusItems,
    Tagged,
    Unknown,
    Unreadable,
    Vanished,
)
from imapsync.wire.uidset import UidSet


def name(raw: bytes, text: str | None = None) -> MailboxName:
    return MailboxName(raw, raw.decode() if text is None else text)


TABLE: list[tuple[bytes, Response]] = [
    # Status, tags, continuation.
    (b"* OK ready\r\n", Status("OK", None, "ready")),
    (b"* OK\r\n", Status("OK", None, "")),
    (b"* ok lower case\r\n", Status("OK", None, "lower case")),
    (b"* PREAUTH hello {12}\r\n", Status("PREAUTH", None, "hello {12}")),
    (b"* BYE [ALERT] too many\r\n", Status("BYE", Code("ALERT"), "too many")),
    (b"* OK [UIDNEXT 45] next\r\n", Status("OK", Code("UIDNEXT", (b"45",)), "next")),
    (b"* OK [UIDVALIDITY 3]\r\n", Status("OK", Code("UIDVALIDITY", (b"3",)), "")),
    (
        b"* OK [PERMANENTFLAGS (\\Seen \\* odd])] ok\r\n",
        Status("OK", Code("PERMANENTFLAGS", ((b"\\Seen", b"\\*", b"odd]"),)), "ok"),
    ),
    (b"* NO [BADCHARSET (UTF-8)] no\r\n", Status("NO", Code("BADCHARSET", ((b"UTF-8",),)), "no")),
    (b"* OK [broken text\r\n", Status("OK", None, "[broken text")),
    (b'* OK [X "] strange\r\n', Status("OK", Code("X"), "strange")),
    (b"* OK [X (] strange\r\n", Status("OK", None, "[X (] strange")),
    (b"a1 OK [APPENDUID 5 7:9] done\r\n", Tagged(b"a1", "OK", Code("APPENDUID", (b"5", b"7:9")), "done")),
    (
        b"a1 OK [COPYUID 1 2,4 9:10] done\r\n",
        Tagged(b"a1", "OK", Code("COPYUID", (b"1", b"2,4", b"9:10")), "done"),
    ),
    (b"a1 NO [OVERQUOTA] full {3}\r\n", Tagged(b"a1", "NO", Code("OVERQUOTA"), "full {3}")),
    (b"a2 BAD \xff\r\n", Tagged(b"a2", "BAD", None, "\ufffd")),
    (b"+ go on\r\n", Continuation(b"go on")),
    (b"+\r\n", Continuation(b"")),
    (b"+ \r\n", Continuation(b"")),
    # Capabilities.
    (
        b"* CAPABILITY IMAP4rev1 idle AUTH=plain\r\n",
        Capabilities(frozenset({"IMAP4REV1", "IDLE", "AUTH=PLAIN"})),
    ),
    (b"* ENABLED qresync\r\n", Enabled(frozenset({"QRESYNC"}))),
    (b"* ID NIL\r\n", ServerId(())),
    (b'* ID ("name" "Dove\\"cot" "os" NIL)\r\n', ServerId((("name", 'Dove"cot'), ("os", "")))),
    # Mailbox data.
    (b"* 23 EXISTS\r\n", Exists(23)),
    (b"* 0 exists\r\n", Exists(0)),
    (b"* 5 RECENT\r\n", Recent(5)),
    (b"* 44 EXPUNGE\r\n", Expunge(44)),
    (b"* FLAGS (\\Seen $Label1)\r\n", Flags((b"\\Seen", b"$Label1"))),
    (b"* VANISHED (EARLIER) 41,43:116\r\n", Vanished(UidSet([(41, 41), (43, 116)]), earlier=True)),
    (b"* VANISHED 405\r\n", Vanished(UidSet([(405, 405)]), earlier=False)),
    (b"* SEARCH\r\n", Search(UidSet())),
    (b"* SEARCH 2 1 84 3\r\n", Search(UidSet([(1, 3), (84, 84)]))),
    (b"* SEARCH 2 5 (MODSEQ 917)\r\n", Search(UidSet([(2, 2), (5, 5)]), modseq=917)),
    (
        b'* ESEARCH (TAG "a5") UID COUNT 3 ALL 1,5:6 MODSEQ 9 MIN 1\r\n',
        Search(UidSet([(1, 1), (5, 6)]), tag=b"a5", matches=3, modseq=9),
    ),
    (b'* ESEARCH (TAG "a5") UID\r\n', Search(UidSet(), tag=b"a5")),
    # Folders.
    (
        b'* LIST (\\HasNoChildren) "/" INBOX\r\n',
        ListEntry(name(b"INBOX"), "/", frozenset({b"\\hasnochildren"})),
    ),
    (b'* LIST () "." inbox\r\n', ListEntry(name(b"INBOX"), ".", frozenset())),
    (b'* LIST () NIL "a b"\r\n', ListEntry(name(b"a b"), None, frozenset())),
    (b'* LIST () "\\\\" NIL\r\n', ListEntry(name(b"NIL"), "\\", frozenset())),
    (b'* LIST () "/" [Gmail]/All\r\n', ListEntry(name(b"[Gmail]/All"), "/", frozenset())),
    (b'* LIST () "/" "say \\"hi\\" \\\\"\r\n', ListEntry(name(b'say "hi" \\'), "/", frozenset())),
    (b'* LIST () "/" {6}\r\nEntw(\xfc\r\n', ListEntry(MailboxName(b"Entw(\xfc", "Entw(ü"), "/", frozenset())),
    (
        b'* LIST (\\Subscribed) "/" foo ("CHILDINFO" ("SUBSCRIBED"))\r\n',
        ListEntry(name(b"foo"), "/", frozenset({b"\\subscribed"})),
    ),
    (b'* LSUB () "/" foo\r\n', ListEntry(name(b"foo"), "/", frozenset(), subscribed_answer=True)),
    (
        b"* STATUS Entw&APw-rfe (MESSAGES 2 UIDNEXT 4 HIGHESTMODSEQ 7 SIZE 99 X 1)\r\n",
        MailboxStatus(
            MailboxName(b"Entw&APw-rfe", "Entwürfe"),
            StatusItems(messages=2, uidnext=4, highestmodseq=7, size=99),
        ),
    ),
    (b'* STATUS "b" ()\r\n', MailboxStatus(name(b"b"), StatusItems())),
    (b"* STATUS b (APPENDLIMIT 257890)\r\n", MailboxStatus(name(b"b"), StatusItems(append_limit=257890))),
    (b"* STATUS b (APPENDLIMIT NIL)\r\n", MailboxStatus(name(b"b"), StatusItems())),
    (
        b'* NAMESPACE (("" "/")("INBOX." "." "X-PARAM" ("FLAG1"))) NIL (("Shared/" "/"))\r\n',
        Namespaces(
            (NamespaceEntry(name(b""), "/"), NamespaceEntry(name(b"INBOX."), ".")),
            (),
            (NamespaceEntry(name(b"Shared/"), "/"),),
        ),
    ),
    # FETCH.
    (b"* 1 FETCH ()\r\n", Fetch(1)),
    (b"* 12 FETCH (FLAGS (\\Seen) UID 4827313)\r\n", Fetch(12, 4827313, (b"\\Seen",))),
    (
        b"* 4294967295 FETCH (UID 4294967295 MODSEQ (9223372036854775807))\r\n",
        Fetch(4294967295, 4294967295, modseq=9223372036854775807),
    ),
    (b"* 12 fetch (uid 5 flags ())\r\n", Fetch(12, 5, ())),
    # Blanks that nobody asked for.
    (b"*  12  FETCH  ( UID  5  FLAGS  ( ) )\r\n", Fetch(12, 5, ())),
    (b"*  3 FETCH  (UID  9 BODY[]  {2}\r\nxy )\r\n", Fetch(3, 9, body=b"xy", body_size=2, section=b"")),
    (b"*  OK  [UIDNEXT 45]  next\r\n", Status("OK", Code("UIDNEXT", (b"45",)), " next")),
    (b"a1  OK  done {5}\r\n", Tagged(b"a1", "OK", None, "done {5}")),
    (b'* LIST NIL "/" Work\r\n', ListEntry(name(b"Work"), "/", frozenset())),
    (
        b'* 2 FETCH (INTERNALDATE " 7-Jul-1996 02:44:25 -0700" RFC822.SIZE 3 MODSEQ (65402))\r\n',
        Fetch(2, None, None, 3, b" 7-Jul-1996 02:44:25 -0700", 65402),
    ),
    (b"* 3 FETCH (UID 9 BODY[] {5}\r\nab\r\nc)\r\n", Fetch(3, 9, body=b"ab\r\nc", body_size=5, section=b"")),
    (b"* 3 FETCH (UID 9 BODY[] ~{2}\r\n\0\0)\r\n", Fetch(3, 9, body=b"\0\0", body_size=2, section=b"")),
    (b"* 3 FETCH (UID 9 BODY[] {0}\r\n)\r\n", Fetch(3, 9, body=b"", body_size=0, section=b"")),
    (b"* 3 FETCH (RFC822.HEADER {2}\r\nxy)\r\n", Fetch(3, body=b"xy", body_size=2, section=b"HEADER")),
    (b"* 3 FETCH (BINARY[1.2] {2}\r\nxy)\r\n", Fetch(3, body=b"xy", body_size=2, section=b"1.2")),
    (b'* 3 FETCH (UID 9 BODY[] "short")\r\n', Fetch(3, 9, body=b"short", body_size=5, section=b"")),
    (b"* 3 FETCH (UID 9 BODY[] NIL)\r\n", Fetch(3, 9, section=b"")),
    (b"* 3 FETCH (BODY[]<10> {2}\r\nxy UID 9)\r\n", Fetch(3, 9, body=b"xy", body_size=2, section=b"")),
    (b"* 3 FETCH (RFC822 {2}\r\nxy UID 9)\r\n", Fetch(3, 9, body=b"xy", body_size=2, section=b"")),
    (
        b'* 3 FETCH (UID 9 BODY[HEADER.FIELDS ("Message-ID" X)] {4}\r\n\r\n\r\n)\r\n',
        Fetch(3, 9, body=b"\r\n\r\n", body_size=4, section=b"HEADER.FIELDS"),
    ),
    (
        b"* 3 FETCH (UID 9 ENVELOPE (NIL ((NIL NIL {3}\r\na(b NIL)) NIL) BODYSTRUCTURE ((())) FLAGS (x))\r\n",
        Fetch(3, 9, (b"x",)),
    ),
    (b'* 3 FETCH (UID 9 X-GM-LABELS (\\Inbox "a b"))\r\n', Fetch(3, 9, labels=(b"\\Inbox", b"a b"))),
    (
        b"* 3 FETCH (FLAGS ([a NIL) X-GM-LABELS NIL)\r\n",
        Fetch(3, None, (b"[a", b"NIL"), labels=()),
    ),
    # Extensions and the unknown.
    (b'* 5 FILTERED (TAG "a9") UID 7 OK\r\n', Filtered(7, "OK", "")),
    (b'* 5 FILTERED (TAG "a9") UID 7 NO (ERRORS "x")\r\n', Filtered(7, "NO", "")),
    (b"* FILTERED (TAG x) UID 7 OK\r\n", Filtered(7, "OK", "")),
    (b"* XSOMETHING 1 (2 {1}\r\n)) NIL\r\n", Unknown("XSOMETHING", (b"1", (b"2", b")"), None))),
]


@pytest.mark.parametrize(("raw", "expected"), TABLE, ids=[repr(raw[:30]) for raw, _ in TABLE])
def test_each_response_however_it_is_cut(raw: bytes, expected: Response) -> None:
    assert read_whole(raw) == [expected]
    assert read_bytewise(raw) == [expected]


@pytest.mark.parametrize(("raw", "expected"), TABLE, ids=[repr(raw[:30]) for raw, _ in TABLE])
def test_an_incomplete_response_is_not_an_answer_yet(raw: bytes, expected: Response) -> None:
    assert read_whole(raw[:-1]) == []
    assert read_whole(raw + b"* OK ne") == [expected]


@given(st.lists(st.sampled_from(TABLE), max_size=8), st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_sequences_in_pieces_of_any_size(rows: list[tuple[bytes, Response]], sizes: list[int]) -> None:
    raw = b"".join(row[0] for row in rows)
    pieces, position, turn = [], 0, 0
    while position < len(raw):
        pieces.append(raw[position : position + sizes[turn % len(sizes)]])
        position += len(pieces[-1])
        turn += 1
    assert read_pieces(pieces) == [row[1] for row in rows]


#: What cannot be read although its framing is whole, and what it seems to be.
ODD: list[tuple[bytes, str]] = [
    (b"*\r\n", ""),
    (b"* \r\n", ""),
    (b"\r\n", ""),
    (b"hello\r\n", ""),
    (b"a1 MAYBE\r\n", ""),
    (b")\r\n", ""),
    (b"* 1 FETCH UID 5)\r\n", "FETCH"),
    (b"* 1 FETCH (UID)\r\n", "FETCH"),
    (b"* 1 FETCH ((UID) 5)\r\n", "FETCH"),
    (b'* LIST () "/\r\n', "LIST"),
    (b"* LIST\r\n", "LIST"),
    (b"* LIST (NIL) NIL x\r\n", "LIST"),
    (b"* STATUS a x\r\n", "STATUS"),
    (b"* SEARCH a\r\n", "SEARCH"),
    (b"* SEARCH 1 NIL\r\n", "SEARCH"),
    (b"* SEARCH 99999999999\r\n", "SEARCH"),
    (b"* SEARCH 0\r\n", "SEARCH"),
    (b"* VANISHED 1:*\r\n", "VANISHED"),
    (b"* ESEARCH ALL 0\r\n", "ESEARCH"),
    (b"* FLAGS\r\n", "FLAGS"),
    (b"* ID\r\n", "ID"),
    (b"* X )\r\n", "X"),
    (b"* X " + b"(" * 200 + b")" * 200 + b"\r\n", "X"),
    (b"* 4294967296 EXISTS\r\n", "EXISTS"),
]


@pytest.mark.parametrize(("raw", "what"), ODD, ids=[repr(raw[:30]) for raw, _ in ODD])
def test_one_odd_response_costs_itself_and_not_the_connection(raw: bytes, what: str) -> None:
    for responses in (read_whole(raw + b"* 3 EXISTS\r\n"), read_bytewise(raw + b"* 3 EXISTS\r\n")):
        odd, after = responses
        assert isinstance(odd, Unreadable)
        assert odd.name == what
        assert odd.line == raw.rstrip(b"\r\n")
        assert odd.why
        assert after == Exists(3)


def test_a_parenthesis_that_never_comes_costs_that_response() -> None:
    odd, after = read_whole(b"* 1 FETCH (UID 5\r\n* 3 EXISTS\r\n")
    assert odd == Unreadable("FETCH", b"* 1 FETCH (UID 5", "a closing parenthesis is missing")
    assert after == Exists(3)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"* 1 FETCH (UID 5 FLAGS (a)\r\n)\r\n", Fetch(1, 5, (b"a",))),
        (
            b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc\r\n)\r\n",
            Fetch(1, 5, body=b"abc", body_size=3, section=b"", mended=True),
        ),
        (
            b"* 1 FETCH (BODY[] {3}\r\nabc UID 5\r\n)\r\n",
            Fetch(1, 5, body=b"abc", body_size=3, section=b""),
        ),
        (b"* 1 FETCH (UID 5 FLAGS (a\r\n ) )\r\n", Fetch(1, 5, (b"a",))),
        (b'* LIST () "/" x (a (b\r\n))\r\n', ListEntry(name(b"x"), "/", frozenset())),
    ],
)
def test_a_stray_line_end_before_the_last_parenthesis_costs_nothing(raw: bytes, expected: Response) -> None:
    for cut in (read_whole, read_bytewise):
        assert cut(raw + b"* 3 EXISTS\r\n") == [expected, Exists(3)]


#: Literals may hold line ends of their own.
WITHOUT_LITERALS = [row for row in TABLE if b"}\r\n" not in row[0]]


@pytest.mark.parametrize(
    ("raw", "expected"), WITHOUT_LITERALS, ids=[repr(raw[:30]) for raw, _ in WITHOUT_LITERALS]
)
def test_a_bare_line_feed_ends_a_line(raw: bytes, expected: Response) -> None:
    bare = raw.replace(b"\r\n", b"\n")
    assert read_whole(bare + b"* 3 EXISTS\n") == [expected, Exists(3)]
    assert read_bytewise(bare) == [expected]


def test_a_literal_after_a_bare_line_feed_is_whole() -> None:
    raw = b"* 3 FETCH (UID 9 BODY[] {7}\nab\r\nc\nd)\n* 3 EXISTS\n"
    expected = [Fetch(3, 9, body=b"ab\r\nc\nd", body_size=7, section=b""), Exists(3)]
    assert read_whole(raw) == expected
    assert read_bytewise(raw) == expected


#: A word in the wrong place costs what it should have told.
LENIENT: list[tuple[bytes, Response]] = [
    (b"* 1 FETCH (UID 5 RFC822.SIZE NIL FLAGS ())\r\n", Fetch(1, 5, ())),
    (b"* 1 FETCH (UID NIL RFC822.SIZE 7)\r\n", Fetch(1, size=7)),
    (b"* 1 FETCH (UID x)\r\n", Fetch(1)),
    (b"* 1 FETCH (UID 5 FLAGS 7)\r\n", Fetch(1, 5)),
    (b"* 1 FETCH (UID 5 FLAGS NIL)\r\n", Fetch(1, 5, ())),
    (b"* 1 FETCH (UID 5 INTERNALDATE NIL)\r\n", Fetch(1, 5, internaldate=b"")),
    (b"* 1 FETCH (UID 4294967296)\r\n", Fetch(1)),
    (b"* 1 FETCH (MODSEQ (9223372036854775808))\r\n", Fetch(1)),
    (b"* 1 FETCH (RFC822.SIZE 99999999999999999999)\r\n", Fetch(1)),
    (b"* STATUS a (MESSAGES NIL UIDNEXT 5)\r\n", MailboxStatus(name(b"a"), StatusItems(uidnext=5))),
    (b"* STATUS a (MESSAGES x)\r\n", MailboxStatus(name(b"a"), StatusItems())),
    (b"* STATUS a (UIDNEXT 3 MESSAGES)\r\n", MailboxStatus(name(b"a"), StatusItems(uidnext=3))),
    (b"* STATUS a (HIGHESTMODSEQ 9223372036854775808)\r\n", MailboxStatus(name(b"a"), StatusItems())),
    (b"* FLAGS (\\Seen NIL (x) a)\r\n", Flags((b"\\Seen", b"a"))),
    (b'* ID ("name" "x" "os")\r\n', ServerId((("name", "x"),))),
    (b"* ID (a)\r\n", ServerId(())),
    (b"* ID ((a) b)\r\n", ServerId((("", "b"),))),
    (b"* NAMESPACE x\r\n", Namespaces()),
    (b'* NAMESPACE (("" "/"))\r\n', Namespaces((NamespaceEntry(name(b""), "/"),))),
    (b'* NAMESPACE ((NIL ".") x) NIL NIL\r\n', Namespaces((NamespaceEntry(name(b""), "."),))),
    # RFC 9586 and RFC 9394.
    (b"* 25996 UIDFETCH (FLAGS (\\Seen))\r\n", Fetch(0, 25996, (b"\\Seen",))),
    (b"* 7 UIDFETCH (UID 7 FLAGS () X (a))\r\n", Fetch(0, 7, ())),
    (b"* 7 UIDFETCH (BODY[] {2}\r\nxy)\r\n", Fetch(0, 7, body=b"xy", body_size=2, section=b"")),
    (b'* ESEARCH (TAG "a") UID PARTIAL (-1:-100 200:250,252:300)\r\n',
     Search(UidSet([(200, 250), (252, 300)]), b"a")),
    (b'* ESEARCH (TAG "a") UID PARTIAL (1:100 NIL)\r\n', Search(UidSet(), b"a")),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), LENIENT, ids=[repr(raw[:30]) for raw, _ in LENIENT])
def test_a_word_in_the_wrong_place_costs_what_it_should_have_told(raw: bytes, expected: Response) -> None:
    assert read_whole(raw) == [expected]
    assert read_bytewise(raw) == [expected]


def test_a_large_body_of_uidfetch_comes_in_chunks() -> None:
    raw = b"* 70 UIDFETCH (BODY[] {30}\r\n%b)\r\n" % (b"y" * 30)
    assert read_whole(raw, Bounds(inline_bytes=10)) == [
        BodyStart(0, 70, 30),
        BodyChunk(b"y" * 30),
        Fetch(0, 70, body=None, body_size=30, section=b""),
    ]


def test_a_large_body_comes_in_chunks_and_is_never_held() -> None:
    limits = Bounds(inline_bytes=1000, buffer_bytes=1)
    body = bytes(range(256)) * 2000
    raw = b"* 7 FETCH (FLAGS (x) UID 70 BODY[] {%d}\r\n%b RFC822.SIZE 5)\r\n* 9 EXISTS\r\n" % (
        len(body),
        body,
    )
    expected = [
        BodyStart(7, 70, len(body)),
        BodyChunk(body),
        Fetch(7, 70, (b"x",), 5, body=None, body_size=len(body), section=b""),
        Exists(9),
    ]
    assert read_whole(raw, limits) == expected
    assert read_pieces((raw[index : index + 997] for index in range(0, len(raw), 997)), limits) == expected


def test_a_body_between_the_buffer_and_the_inline_limit_is_collected() -> None:
    body = b"z" * 700_000
    raw = b"* 7 FETCH (UID 70 BODY[] {%d}\r\n%b)\r\n" % (len(body), body)
    assert read_whole(raw) == [Fetch(7, 70, body=body, body_size=len(body), section=b"")]


def test_uid_after_a_streamed_body_is_still_told() -> None:
    raw = b"* 7 FETCH (BODY[] {30}\r\n%b UID 70)\r\n" % (b"y" * 30)
    assert read_whole(raw, Bounds(inline_bytes=10)) == [
        BodyStart(7, None, 30),
        BodyChunk(b"y" * 30),
        Fetch(7, 70, body=None, body_size=30, section=b""),
    ]


def test_a_line_longer_than_the_buffer_is_read() -> None:
    numbers = range(1, 200_000, 2)
    raw = b"* SEARCH " + b" ".join(b"%d" % number for number in numbers) + b"\r\n* 1 EXISTS\r\n"
    assert len(raw) > 2 * Bounds().buffer_bytes
    assert read_whole(raw) == [Search(UidSet.of(numbers)), Exists(1)]
    # Cut so that CR and LF come apart at every position around the end.
    for cut in range(len(raw) - 18, len(raw) - 12):
        assert read_pieces([raw[:cut], raw[cut:]])[1] == Exists(1)


def test_long_flag_lists_with_bodies_at_the_edge_of_the_buffer() -> None:
    flags = b" ".join(b"keyword%d" % index for index in range(9000))
    body = b"b" * 60_000
    one = b"* 7 FETCH (UID 70 FLAGS (%b) BODY[] {%d}\r\n%b)\r\n" % (flags, len(body), body)
    responses = read_whole(one * 5)
    assert responses == [Fetch(7, 70, tuple(flags.split()), body=body, body_size=len(body), section=b"")] * 5


@pytest.mark.parametrize(
    ("raw", "limits"),
    [
        (b"* SEARCH " + b"1 " * 60_000, Bounds(line_bytes=100, set_bytes=100_000)),
        (b"* CAPABILITY " + b"x " * 60_000, Bounds(line_bytes=100_000)),
        (b"* OK " + b"x" * 200 + b"\r\n", Bounds(line_bytes=100)),
        (b"* LIST () NIL {2000}\r\n", Bounds(inline_bytes=1000)),
        (b"* 1 FETCH (ENVELOPE {2000}\r\n", Bounds(inline_bytes=1000)),
        (b"* 1 FETCH (BODY[] {9999999999999999999}\r\n", Bounds(inline_bytes=10**20, response_bytes=1000)),
        (b"* X" + b" {1}\r\nx" * 50 + b"\r\n", Bounds(literals=20)),
        (b"* X" + b" {9}\r\nxxxxxxxxx" * 50 + b"\r\n", Bounds(response_bytes=300)),
    ],
)
def test_each_limit_holds(raw: bytes, limits: Bounds) -> None:
    with pytest.raises(LimitExceeded):
        read_whole(raw, limits)


def test_no_announced_size_is_allocated_before_it_comes() -> None:
    reader = Reader()
    reader.feed(b"* 1 FETCH (UID 1 BODY[] {9000000000000000000}\r\nabc")
    assert reader.next() == BodyStart(1, 1, 9_000_000_000_000_000_000)
    assert reader.next() == BodyChunk(b"abc")
    assert reader.next() is None


def test_buffered_tells_whether_anything_waits() -> None:
    reader = Reader()
    assert not reader.buffered
    reader.feed(b"a1 OK x\r\n* ")
    assert isinstance(reader.next(), Tagged)
    assert reader.buffered
    reader.feed(b"1 EXISTS\r\n")
    assert reader.next() == Exists(1)
    assert not reader.buffered


@pytest.mark.parametrize("step", [1000, 4096, 65_536])
def test_bytes_left_from_earlier_are_never_read(step: int) -> None:
    one = b"* 1 FETCH (UID 1 BODY[HEADER] {100}\r\n%b)\r\n" % (b"h" * 100)
    raw = one * 10_000
    responses = read_pieces(raw[index : index + step] for index in range(0, len(raw), step))
    assert responses == [Fetch(1, 1, body=b"h" * 100, body_size=100, section=b"HEADER")] * 10_000


def test_feeding_more_than_fits_is_our_own_mistake() -> None:
    reader = Reader()
    with pytest.raises(ValueError, match="free part"):
        reader.feed(bytes(1 << 20))


@pytest.mark.parametrize("parts", [[5], [b"* X {5}"], [b"* X {5}", b"abcde"], [b"* X {5}", b"abcde", 3]])
def test_parts_that_no_reader_makes(parts: list[bytes | int]) -> None:
    with pytest.raises(ProtocolError):
        parse(parts)


def test_the_flag_list_cache_stays_bounded() -> None:
    raw = b"".join(b"* 1 FETCH (FLAGS (k%d))\r\n" % number for number in range(5000))
    assert [response.flags for response in read_whole(raw) if isinstance(response, Fetch)] == [
        (b"k%d" % number,) for number in range(5000)
    ]

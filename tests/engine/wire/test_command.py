"""The sending side: exact bytes, refusals, and the round trip through the lexer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.wire.helpers import read_whole

from imapsync.terms import is_nameable_flag
from imapsync.wire.command import Command, LiteralMode, encode_flags
from imapsync.wire.errors import EncodingRefused
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.responses import Unknown
from imapsync.wire.uidset import UidSet

PLUS, MINUS, SYNC = LiteralMode.PLUS, LiteralMode.MINUS, LiteralMode.SYNCHRONIZING


def sent(command: Command) -> list[bytes]:
    return command.segments(b"t")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"INBOX", b"INBOX"),
        (b"", b'""'),
        (b"NIL", b'"NIL"'),
        (b"nil", b'"nil"'),
        (b"a b", b'"a b"'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
        (b"a]b", b"a]b"),
        (b"a(b", b'"a(b"'),
        (b"50%", b'"50%"'),
        (b"a*", b'"a*"'),
        (b"{5}", b'"{5}"'),
        (b"tab\there", b'"tab\there"'),
        (b"\xc3\xa4", b"{2+}\r\n\xc3\xa4"),
        (b"x" * 1001, b"x" * 1001),
        (b"x " * 501, b"{1002+}\r\n" + b"x " * 501),
    ],
)
def test_astring_takes_the_plainest_form(value: bytes, expected: bytes) -> None:
    assert sent(Command(b"X", PLUS).astring(value)) == [b"t X " + expected + b"\r\n"]


def test_login_with_literals_by_what_the_server_allows() -> None:
    password = "pässword".encode()
    assert sent(Command(b"LOGIN", PLUS).astring(b"u").string(password)) == [
        b"t LOGIN u {9+}\r\n" + password + b"\r\n"
    ]
    assert sent(Command(b"LOGIN", MINUS).astring(b"u").string(password)) == [
        b"t LOGIN u {9+}\r\n" + password + b"\r\n"
    ]
    assert sent(Command(b"LOGIN", SYNC).astring(b"u").string(password)) == [
        b"t LOGIN u {9}\r\n",
        password + b"\r\n",
    ]


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        (b"INBOX", b'"INBOX"'),
        (b"[Gmail]/Spam", b'"[Gmail]/Spam"'),
        (b"a}b~c<d", b'"a}b~c<d"'),
        (b"NIL", b'"NIL"'),
        (b"", b'""'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
    ],
)
def test_no_mailbox_is_an_atom_that_a_server_may_end_early(name: bytes, encoded: bytes) -> None:
    assert sent(Command(b"SELECT", PLUS).mailbox(MailboxName(name, "x"))) == [
        b"t SELECT " + encoded + b"\r\n"
    ]


def test_a_mailbox_of_eight_bits_is_a_literal() -> None:
    name = MailboxName.from_wire("é".encode())
    assert sent(Command(b"SELECT", PLUS).mailbox(name)) == [b"t SELECT {2+}\r\n\xc3\xa9\r\n"]


def test_append_of_several_messages() -> None:
    def command(mode: LiteralMode) -> Command:
        return (
            Command(b"APPEND", mode)
            .mailbox(MailboxName.from_text("Entwürfe"))
            .message(b"one", (b"\\Seen", b"$x"), b"17-Jul-1996 02:44:25 -0700")
            .message(b"two")
        )

    head = b't APPEND "Entw&APw-rfe" (\\Seen $x) "17-Jul-1996 02:44:25 -0700" '
    assert sent(command(PLUS)) == [head + b"{3+}\r\none {3+}\r\ntwo\r\n"]
    assert sent(command(SYNC)) == [head + b"{3}\r\n", b"one {3}\r\n", b"two\r\n"]


def test_literal_minus_ends_at_4096_bytes() -> None:
    assert len(sent(Command(b"APPEND", MINUS).message(b"x" * 4096))) == 1
    assert len(sent(Command(b"APPEND", MINUS).message(b"x" * 4097))) == 2
    assert len(sent(Command(b"APPEND", PLUS).message(b"x" * 4097))) == 1


def test_messages_with_nul_go_as_literal8_where_binary_is_known() -> None:
    assert sent(Command(b"APPEND", PLUS, binary=True).message(b"a\0")) == [b"t APPEND ~{2+}\r\na\0\r\n"]
    assert sent(Command(b"APPEND", PLUS, binary=True).message(b"ab")) == [b"t APPEND {2+}\r\nab\r\n"]
    assert sent(Command(b"APPEND", PLUS).message(b"a\0")) == [b"t APPEND {2+}\r\na\0\r\n"]


@pytest.mark.parametrize("mode", LiteralMode)
def test_streamed_message_leaves_room_for_its_bytes(mode: LiteralMode) -> None:
    mark = b"{99+}" if mode is PLUS else b"{99}"
    command = (
        Command(b"APPEND", mode)
        .astring(b"a")
        .streamed_message(99, (b"\\Seen",), b" 1-Jan-2020 00:00:00 +0000")
    )
    assert sent(command) == [b't APPEND a (\\Seen) " 1-Jan-2020 00:00:00 +0000" ' + mark + b"\r\n", b"\r\n"]


def test_dates_are_repaired_or_refused() -> None:
    assert sent(Command(b"APPEND", PLUS).message(b"", internaldate=b"1-jan-2020 1:02:03 GMT")) == [
        b't APPEND "01-Jan-2020 01:02:03 +0000" {0+}\r\n\r\n'
    ]
    with pytest.raises(EncodingRefused):
        Command(b"APPEND", PLUS).message(b"", internaldate=b'x" (\\Seen')


def test_sets_numbers_and_phrases() -> None:
    command = Command(b"UID FETCH", PLUS).numbers(UidSet.of([1, 2, 3, 9])).phrase(b"(UID FLAGS)").number(7)
    assert sent(command) == [b"t UID FETCH 1:3,9 (UID FLAGS) 7\r\n"]
    assert sent(Command(b"UID FETCH", PLUS).numbers(b"5:*")) == [b"t UID FETCH 5:*\r\n"]


def test_list_patterns_and_pairs() -> None:
    assert sent(Command(b"LIST", PLUS).string(b"").list_pattern(b"*")) == [b't LIST "" "*"\r\n']
    assert sent(Command(b"LIST", PLUS).string(b"").list_patterns([b"INBOX", b"Arch/*"])) == [
        b't LIST "" ("INBOX" "Arch/*")\r\n'
    ]
    assert sent(Command(b"ID", PLUS).pairs([("name", 'x"y')])) == [b't ID ("name" "x\\"y")\r\n']
    assert sent(Command(b"ID", PLUS).pairs([])) == [b"t ID NIL\r\n"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNSEEN", b"UNSEEN"),
        ("  FROM  anna   UNSEEN ", b"FROM anna UNSEEN"),
        ('OR (FROM "a b") (NOT (SEEN))', b'OR (FROM "a b") (NOT (SEEN))'),
        ('HEADER X-Y "say \\"hi\\""', b'HEADER X-Y "say \\"hi\\""'),
        ("SUBJECT Müller", b"CHARSET UTF-8 SUBJECT {7+}\r\nM\xc3\xbcller"),
        ('(SUBJECT "Müller x")', b"CHARSET UTF-8 (SUBJECT {9+}\r\nM\xc3\xbcller x)"),
    ],
)
def test_search_criteria_of_people(text: str, expected: bytes) -> None:
    assert sent(Command(b"UID SEARCH", PLUS).search_criteria(text)) == [b"t UID SEARCH " + expected + b"\r\n"]


@pytest.mark.parametrize(
    "text", ["", "  ", 'FROM "x', "(SEEN", "SEEN)", "SEEN {5}", 'FROM "a\r\nb"', "FROM a\0"]
)
def test_search_criteria_that_cannot_be_sent(text: str) -> None:
    with pytest.raises(EncodingRefused):
        Command(b"UID SEARCH", PLUS).search_criteria(text)


@pytest.mark.parametrize("injection", [b"\r", b"\n", b"\0", b"a\r\nb NOOP"])
@pytest.mark.parametrize("method", ["astring", "string", "phrase", "numbers", "list_pattern"])
def test_no_value_becomes_a_command(method: str, injection: bytes) -> None:
    with pytest.raises(EncodingRefused):
        getattr(Command(b"X", PLUS), method)(b"a" + injection)


@pytest.mark.parametrize(
    "flag", [b"", b"\\Recent", b"\\recent", b"a b", b"a(b", b'a"', b"a\r\n", b"\xe4", b"a\\b", b"{5}"]
)
def test_flags_that_cannot_be_set(flag: bytes) -> None:
    assert not is_nameable_flag(flag)
    with pytest.raises(EncodingRefused):
        encode_flags((flag,))


def test_other_refusals() -> None:
    with pytest.raises(EncodingRefused):
        Command(b"X", PLUS).number(-1)
    with pytest.raises(EncodingRefused):
        Command(b"X", PLUS).numbers(UidSet())
    with pytest.raises(EncodingRefused):
        Command(b"ID", PLUS).pairs([("name", "a\r\nb")])


def test_the_flag_cache_stays_bounded() -> None:
    for number in range(10_000):
        assert encode_flags((b"k%d" % number,)) == b"(k%d)" % number


_sendable = st.binary(max_size=60).filter(lambda value: not set(value) & {0, 10, 13})
_flags = st.lists(st.from_regex(rb"\\?[A-Za-z0-9$_.\]-]{1,10}", fullmatch=True), max_size=5).filter(
    lambda flags: all(is_nameable_flag(flag) for flag in flags)
)


@given(st.sampled_from(["astring", "string"]), _sendable)
def test_what_is_encoded_is_read_back(method: str, value: bytes) -> None:
    command = getattr(Command(b"X", PLUS), method)(value)
    raw = b"* " + command.segments(b"")[0].lstrip()
    assert read_whole(raw) == [Unknown("X", (value,))]


@given(_sendable, _flags, st.binary(max_size=200), st.sampled_from(LiteralMode))
def test_an_append_is_read_back(
    mailbox: bytes, flags: list[bytes], content: bytes, mode: LiteralMode
) -> None:
    command = Command(b"APPEND", mode).mailbox(MailboxName.from_wire(mailbox)).message(content, tuple(flags))
    raw = b"* " + b"".join(command.segments(b"")).lstrip()
    raw_name = MailboxName.from_wire(mailbox).raw
    shown = tuple(b"NIL" if flag.upper() == b"NIL" else flag for flag in flags)
    [response] = read_whole(raw)
    assert isinstance(response, Unknown)
    values = tuple(
        tuple(b"NIL" if item is None else item for item in value) if isinstance(value, tuple) else value
        for value in response.arguments
    )
    assert values == ((raw_name, shown, content) if flags else (raw_name, content))


def test_labels_are_quoted_and_google_s_own_are_not() -> None:
    labels = [b"\\Inbox", b"Work", b'a "b" \\c', b"caf\xc3\xa9"]
    stored = Command(b"UID STORE", PLUS).numbers(b"1:2").phrase(b"+X-GM-LABELS").labels(labels)
    assert sent(stored) == [
        b't UID STORE 1:2 +X-GM-LABELS (\\Inbox "Work" "a \\"b\\" \\\\c" {5+}\r\ncaf\xc3\xa9)\r\n'
    ]


@pytest.mark.parametrize("label", [b"\\two words", b"\\", b"line\r\nend", b"zero\0"])
def test_a_label_that_could_be_something_else_is_refused(label: bytes) -> None:
    with pytest.raises(EncodingRefused):
        Command(b"UID STORE", PLUS).labels([label])

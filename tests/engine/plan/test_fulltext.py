"""The content hash sees every byte but those that servers are known to change."""

from __future__ import annotations

import pytest

from imapsync.plan.fulltext import HEADER_BYTES, FullText

MAIL = (
    b"Received: from a by b\r\nMessage-Id: <1@x>\r\nSubject: a long\r\n subject\r\nX-Other: \xc3\x80\r\n"
    b"\r\nfirst line\r\n\r\n  second  line\r\n"
)


def digest(message: bytes, size: int = 1 << 30) -> int:
    text = FullText()
    for at in range(0, len(message), size):
        text.update(message[at : at + size])
    return text.digest()


SAME = {
    "line feeds alone": MAIL.replace(b"\r\n", b"\n"),
    "doubled carriage returns": MAIL.replace(b"\r\n", b"\r\r\n"),
    "a last line without its end": MAIL[:-2],
    "empty lines at the end": MAIL + b"\r\n\r\n",
    "Received and Return-Path on top": b"Return-Path: <a@x>\r\nReceived: from b\r\n by c\r\n" + MAIL,
    "without any Received": MAIL.partition(b"\r\n")[2],
    "unfolded": MAIL.replace(b"long\r\n subject", b"long subject"),
    "folded with a tab": MAIL.replace(b"long\r\n subject", b"long\r\n\tsubject"),
    "munged": MAIL.replace(b"\xc3\x80", b"XX"),
    "capitals of a name": MAIL.replace(b"X-Other", b"x-oTHER"),
    "notes of an mbox": b"Status: RO\r\nX-UID: 7\r\nContent-Length: 9\r\n" + MAIL,
    "another order": b"X-Other: \xc3\x80\r\n" + MAIL.replace(b"X-Other: \xc3\x80\r\n", b""),
}
DIFFERENT = {
    "a letter": MAIL.replace(b"first", b"fIrst"),
    "a space more": MAIL.replace(b"  second  line", b"  second   line"),
    "a space less in front": MAIL.replace(b"  second", b" second"),
    "a blank for a tab": MAIL.replace(b"  second", b" \tsecond"),
    "a line end less": MAIL.replace(b"first line\r\n\r\n", b"first line\r\n"),
    "two lines in one": MAIL.replace(b"first line\r\n\r\n", b"first line"),
    "a field less": MAIL.replace(b"X-Other: \xc3\x80\r\n", b""),
    "a field more": b"X-New: 1\r\n" + MAIL,
    "another value": MAIL.replace(b"a long", b"A long"),
    "a field that became text": MAIL.replace(b"X-Other: \xc3\x80\r\n\r\n", b"\r\nX-Other: \xc3\x80\r\n\r\n"),
    "cut off": MAIL[:-8],
    "more at the end": MAIL + b".",
    "nothing": b"",
}


@pytest.mark.parametrize("name", SAME)
def test_what_servers_change_does_not_count(name: str) -> None:
    assert digest(SAME[name]) == digest(MAIL)


@pytest.mark.parametrize("name", DIFFERENT)
def test_everything_else_counts(name: str) -> None:
    assert digest(DIFFERENT[name]) != digest(MAIL)


def test_each_single_changed_byte_of_the_text_is_seen() -> None:
    begin = MAIL.index(b"first")
    for at in range(begin, len(MAIL.rstrip())):
        if MAIL[at : at + 1] != b"\r":
            changed = MAIL[:at] + bytes([MAIL[at] ^ 1]) + MAIL[at + 1 :]
            assert digest(changed) != digest(MAIL), at


ODD = [
    MAIL,
    b"",
    b"\r\n",
    b"\r\n\r\n\r\n",
    b"\r\ntext alone\r\n",
    b"no field\r\nno header\r\n",
    b"Subject: s\r\nodd\r\n\r\ntext\r\n",
    b"Subject: header alone\r\n",
    b"Subject: many ends\r\n\r\na" + b"\r\n" * 9000 + b"b",
]


@pytest.mark.parametrize("message", ODD)
def test_the_pieces_in_which_a_message_comes_make_no_difference(message: bytes) -> None:
    assert len({digest(message, size) for size in (1, 2, 3, 7, 64, 1 << 20)}) == 1


def test_odd_messages_are_different_ones() -> None:
    assert len({digest(message) for message in ODD}) == len(ODD) - 2  # those of line ends alone say nothing


@pytest.mark.parametrize("nothing", [b"\0", b"\x80"])
def test_nul_is_left_out_or_another_octet_in_some_servers(nothing: bytes) -> None:
    assert digest(b"Subject: s\r\n\r\na" + nothing + b"b\r\n") == digest(b"Subject: s\r\n\r\nab\r\n")


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_header_without_end_is_cut_at_the_same_byte_and_not_held(end: bytes) -> None:
    line = b"x" * 1000 + end
    message = line * 3000
    other = message[:-3] + b"y" + message[-2:]
    sizes = (997, 65536, 1 << 22)
    assert len({digest(message, size) for size in sizes}) == 1
    assert digest(message) == digest(message.replace(b"\r", b""))
    assert digest(other) != digest(message)
    text = FullText()
    for at in range(0, len(message), 65536):
        text.update(message[at : at + 65536])
        assert len(text._begin) <= HEADER_BYTES

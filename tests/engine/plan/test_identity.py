"""Who a message is, whatever two servers do to its header."""

from __future__ import annotations

import re
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plan.builders import digest_of

from imapsync.plan.header import split_message
from imapsync.plan.identity import (
    CONTENT_PREFIX_BYTES,
    TEXT_BYTES,
    UNIDENTIFIED,
    Identity,
    proves_sameness,
)
from imapsync.plan.rules import DEFAULT_IDENTITY_HEADERS

KEY = b"k" * 32
IDENTITY = Identity(DEFAULT_IDENTITY_HEADERS, KEY)
MESSAGE_ID = b"Message-Id: <1@example.org>\r\n"
HEADER = (
    b"Received: from a by b;\r\n\tMon, 1 Jan 2024\r\n"
    b"Received: from c by a;\r\n Sun, 31 Dec 2023\r\n" + MESSAGE_ID + b"Subject: hello\r\n\r\n"
)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(HEADER.replace(b"\r\n", b"\n"), id="bare LF"),
        pytest.param(HEADER.replace(b"\r\n\t", b" ").replace(b"\r\n ", b"  "), id="unfolded"),
        pytest.param(HEADER.replace(b"by", b"by\r\n  "), id="folded elsewhere"),
        pytest.param(HEADER.replace(b"Message-Id", b"MESSAGE-ID").replace(b"Recei", b"recei"), id="capitals"),
        pytest.param(HEADER.replace(b"Message-Id:", b"Message-Id :"), id="a blank before the colon"),
        pytest.param(HEADER.replace(b"Subject: hello\r\n", b""), id="only the fields that were asked for"),
        pytest.param(MESSAGE_ID + HEADER.replace(MESSAGE_ID, b""), id="order of fields"),
        pytest.param(HEADER.replace(b"hello", b"other"), id="what does not identify"),
        pytest.param(HEADER.replace(b"Subject", b"Resent-Message-Id:\r\nSubject"), id="an empty other field"),
        pytest.param(HEADER[:-2], id="no empty line at the end"),
        pytest.param(b"garbage\r\n" + HEADER, id="a line that is no field"),
    ],
)
def test_the_same_message(other: bytes) -> None:
    assert IDENTITY.of_header(other) == IDENTITY.of_header(HEADER) != UNIDENTIFIED


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(HEADER.replace(b"<1@", b"<2@"), id="another Message-Id"),
        pytest.param(HEADER.replace(b"2023", b"2022"), id="another way"),
        pytest.param(HEADER.replace(b"from a by b", b"from c by d"), id="another Received line"),
        pytest.param(re.sub(rb"Message-Id.*\r\n", b"", HEADER), id="no Message-Id"),
        pytest.param(
            b"Received: from c by a; Sun, 31 Dec 2023\r\nReceived: from a by b; Mon, 1 Jan 2024\r\n"
            b"Message-Id: <1@example.org>\r\n",
            id="order of Received lines",
        ),
    ],
)
def test_another_message(other: bytes) -> None:
    assert IDENTITY.of_header(other) != IDENTITY.of_header(HEADER)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\r\n",
        b"\r\nMessage-Id: <in the text>\r\n",
        b"Subject: x\r\n\r\n",
        b"Message-Id: \r\n\r\n",
        b"Message-Id\r\n",
    ],
)
def test_no_identifying_header(header: bytes) -> None:
    assert IDENTITY.of_header(header) == UNIDENTIFIED


def test_what_follows_the_empty_line_is_not_header() -> None:
    assert IDENTITY.of_header(HEADER + b"Message-Id: <2@example.org>\r\n") == IDENTITY.of_header(HEADER)


def test_the_choice_of_headers_counts_not_its_spelling_or_order() -> None:
    one, other = Identity(("Message-Id", "Subject"), KEY), Identity((" subject:", "MESSAGE-ID"), KEY)
    assert one.of_header(HEADER) == other.of_header(HEADER) != IDENTITY.of_header(HEADER)


def test_digests_cannot_be_foreseen_without_the_key() -> None:
    assert Identity(DEFAULT_IDENTITY_HEADERS, b"x" * 32).of_header(HEADER) != IDENTITY.of_header(HEADER)
    long = Identity(DEFAULT_IDENTITY_HEADERS, b"k" * 100)
    assert long.of_header(HEADER) == Identity(DEFAULT_IDENTITY_HEADERS, b"k" * 64).of_header(HEADER)


NAMES = st.sampled_from(["Message-Id", "received", "X-Other", "RECEIVED"])
VALUES = st.lists(st.text("ab<>@:ü", min_size=1, max_size=4), min_size=1, max_size=4)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=5), st.lists(st.sampled_from([" ", "\r\n ", "\t", "\r\n\t "]))
)
def test_any_folding_gives_one_digest(fields: list[tuple[str, list[str]]], blanks: list[str]) -> None:
    plain = "".join(f"{name}: {' '.join(words)}\r\n" for name, words in fields)
    before = cycle(blanks or [""])
    folded = "".join(
        f"{name}:" + "".join(next(before) + word for word in words) + "\r\n" for name, words in fields
    )
    assert IDENTITY.of_header(folded.encode()) == IDENTITY.of_header(plain.encode())
    assert 0 <= IDENTITY.of_header(plain.encode()) < 1 << 64


def test_messages_without_identifying_headers_are_told_apart_by_all_they_have() -> None:
    rich = b"From: a\r\nSubject: b\r\nDate: c\r\n\r\n"
    assert digest_of(IDENTITY, rich + b"one") != digest_of(IDENTITY, rich + b"two")
    assert digest_of(IDENTITY, rich + b"one") != digest_of(IDENTITY, rich.replace(b"b", b"x") + b"one")
    assert digest_of(IDENTITY, b"") != UNIDENTIFIED


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(b"Subject: b\r\nFrom: \xe4\r\n\r\none\r\ntwo\xf6\r\n", id="as it is"),
        pytest.param(b"Subject: b\nFrom: \xe4\n\none\ntwo\xf6\n", id="bare LF"),
        pytest.param(b"Subject: b\r\nFrom: X\r\n\r\none\r\ntwo\xf6\r\n", id="munged"),
        pytest.param(b"Subject: b\r\nFrom: \xe4\r\n\r\none\r\ntwo\xf6", id="the last line end"),
        pytest.param(b"Received: by a;\r\n b\r\nSubject: b\r\nFrom: X\r\n\r\none two\xf6", id="Received"),
        pytest.param(b"Subject: b\r\nFrom: X\r\nStatus: RO\r\nX-UID: 7\r\n\r\none two\xf6", id="mbox"),
    ],
)
def test_a_message_without_identifying_headers_stays_itself(other: bytes) -> None:
    munged = b"Subject: b\r\nFrom: X\r\n\r\none\r\ntwo\xf6\r\n"
    assert IDENTITY.of_content(other) == IDENTITY.of_content(munged)


def test_lines_that_a_server_adds_push_no_text_out_of_sight() -> None:
    message = b"Subject: b\r\n\r\n" + b"x" * 100_000
    added = b"".join(b"Received: by hop %d; %s\r\n" % (n, b"r" * 500) for n in range(10)) + message
    digest = IDENTITY.of_content(message[:CONTENT_PREFIX_BYTES])
    assert IDENTITY.of_content(added[:CONTENT_PREFIX_BYTES]) == digest


@pytest.mark.parametrize(
    ("content", "proven"),
    [
        (b"Subject: b\r\n\r\none", True),
        (b"Subject: b\r\n\r\n\xf6", True),
        (b"", True),
        (b"Subject: \xf6\r\n\r\none", False),
        (b"Received: by a\r\nSubject: b\r\n\r\none", False),
        (b"Subject: b\r\n\r\n" + b"x" * (TEXT_BYTES + 1), False),
        (b"Subject: b\r\n\r\n" + b"\r\n" * (CONTENT_PREFIX_BYTES // 2), False),
    ],
)
def test_what_proves_that_two_messages_are_the_same(content: bytes, proven: bool) -> None:
    assert proves_sameness(content[:CONTENT_PREFIX_BYTES]) is proven


def test_messages_that_may_differ_are_counted() -> None:
    digest = IDENTITY.of_content(b"Subject: b\r\n\r\none")
    assert IDENTITY.another(digest, 0) == digest
    assert len({IDENTITY.another(digest, number) for number in range(5)}) == 5


def test_messages_that_cannot_be_read_are_nobody() -> None:
    places = (b"host1 1", b"host1 2", b"host2 1")
    assert len({IDENTITY.of_nothing(place) for place in places} | {UNIDENTIFIED}) == 4


def test_received_lines_that_a_server_added_are_taken_off_again() -> None:
    added = b"Received: from imap by me;\r\n now\r\n" + HEADER
    assert IDENTITY.of_header(added) != IDENTITY.of_header(HEADER)
    assert IDENTITY.before_received(added)[0] == IDENTITY.of_header(HEADER)
    assert IDENTITY.before_received(b"Received: by me\r\n" + added)[1] == IDENTITY.of_header(HEADER)
    assert IDENTITY.before_received(MESSAGE_ID) == []
    assert Identity(("Message-Id",), KEY).before_received(added) == []


def test_where_a_message_came_along_does_not_tell_what_it_is() -> None:
    received = b"Received: from a by b; Mon, 1 Jan 2024\r\nMessage-Id:\r\n\r\n"
    assert IDENTITY.of_header(received) == UNIDENTIFIED
    assert Identity(("Received",), KEY).of_header(received) != UNIDENTIFIED


@pytest.mark.parametrize(
    "field", [b"Message-Id: <%s@example.org>\r\n", b"Message-Id: <1@x>\r\nReceived: by %s\r\n"]
)
def test_characters_that_are_not_ascii_do_not_count(field: bytes) -> None:
    """Cyrus' munge8bit puts an X in place of each."""
    assert IDENTITY.of_header(field % b"\xe4\xf6") == IDENTITY.of_header(field % b"XX") != UNIDENTIFIED
    assert IDENTITY.of_header(field % b"\xe4\xf6") != IDENTITY.of_header(field % b"X")


def test_a_message_has_the_identity_of_its_header() -> None:
    assert digest_of(IDENTITY, HEADER + b"text") == IDENTITY.of_header(HEADER)


@pytest.mark.parametrize(
    ("message", "header", "text"),
    [
        (b"A: b\r\n\r\ntext", b"A: b\r\n", b"text"),
        (b"A: b\n\ntext", b"A: b\n", b"text"),
        (b"A: b\r\n\r\nx\n\ny", b"A: b\r\n", b"x\n\ny"),
        (b"A: b\n\nx\r\n\r\ny", b"A: b\n", b"x\r\n\r\ny"),
        (b"\r\ntext", b"", b"text"),
        (b"\ntext", b"", b"text"),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"", b"", b""),
    ],
)
def test_where_the_header_ends(message: bytes, header: bytes, text: bytes) -> None:
    assert split_message(message) == (header, text)


_WHOLE = b"Message-Id: <a@b>\r\nFrom: J\xf6rg\r\nSubject: one\r\n\r\nfirst line\r\nsecond \0 line\r\n"


@pytest.mark.parametrize(
    "shown",
    [
        _WHOLE.replace(b"\r\n", b"\n"),
        _WHOLE.replace(b"first line\r\n", b"first line\r\r\n"),
        _WHOLE.removesuffix(b"\r\n"),
        _WHOLE.replace(b"\0", b"\x80"),
        _WHOLE.replace(b"\0", b""),
        _WHOLE.replace(b"J\xf6rg", b"JXrg"),
        _WHOLE.replace(b"Subject: one", b"SUBJECT:\r\n one"),
        b"Received: by here\r\nX-Virus: none\r\n" + _WHOLE,
    ],
)
def test_what_a_server_makes_of_a_message_says_the_same(shown: bytes) -> None:
    assert IDENTITY.of_message(shown) == IDENTITY.of_message(_WHOLE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_WHOLE, _WHOLE.replace(b"second", b"another")),
        (_WHOLE, _WHOLE.replace(b"Subject: one", b"Subject: two")),
        (_WHOLE, _WHOLE + b"and more\r\n"),
        (b"a: b\r\n\r\n" + b"x" * 900_000 + b"y", b"a: b\r\n\r\n" + b"x" * 900_000 + b"z"),
        (b"Only words\r\nand words\r\n", b"Only words\r\nand others\r\n"),
        (b"X-Only: a field\r\n\r\n", b"X-Only: another\r\n\r\n"),
        (b"\r\nno header", b"\r\nno headers"),
    ],
)
def test_another_text_is_another_message(one: bytes, other: bytes) -> None:
    assert IDENTITY.of_message(one) != IDENTITY.of_message(other)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("message", [_WHOLE, _WHOLE.replace(b"\r\n", b"\n"), b"\r\nno header", b"", b"a: b"])
def test_a_message_in_pieces_is_the_same(message: bytes, size: int) -> None:
    whole = IDENTITY.whole()
    for at in range(0, len(message), size):
        whole.update(message[at : at + size])
    assert whole.digest() == IDENTITY.of_message(message)


def test_a_message_that_servers_cut_differently_is_known_by_either_digest() -> None:
    message = MESSAGE_ID + b"Subject: b\r\n\r\none"
    assert IDENTITY.wherever_cut(b"\r\n" + message) == (
        IDENTITY.of_header(MESSAGE_ID), IDENTITY.of_content(b"\r\n" + message)
    )  # fmt: skip
    assert IDENTITY.wherever_cut(b"\r\none")[0] == UNIDENTIFIED


def received(number: int) -> bytes:
    return b"Received: from a%d by b; Mon, 1 Jan 2024\r\n" % number


def test_either_kind_of_folding_is_undone() -> None:
    plain = IDENTITY.of_header(b"Received: a b\r\nMessage-Id: <1@a>\r\n\r\n")
    assert IDENTITY.of_header(b"Received: a\r\n b\r\nMessage-Id: <1@a>\r\n\r\n") == plain
    assert IDENTITY.of_header(b"Received: a\r\n\tb\r\nMessage-Id: <1@a>\r\n\r\n") == plain


def test_every_field_counts_where_all_were_asked_for() -> None:
    every = Identity((" all ", "Subject"), KEY)
    assert every.headers == ()
    one = every.of_header(b"Subject: a\r\nX-Odd: b\r\n\r\n")
    assert one not in (UNIDENTIFIED, every.of_header(b"Subject: a\r\nX-Odd: c\r\n\r\n"))
    assert one == every.of_header(b"X-Odd: b\r\nSubject: a\r\n\r\n")


def test_received_lines_identify_only_where_nothing_else_was_asked_for() -> None:
    alone = Identity(("Received",), KEY)
    assert alone.of_header(received(1)) not in (UNIDENTIFIED, alone.of_header(received(2)))
    assert alone.of_header(b"Message-Id: <1@a>\r\n\r\n") == UNIDENTIFIED
    assert IDENTITY.of_header(received(1)) == UNIDENTIFIED


def test_fields_that_shall_not_count_are_left_out_by_name_and_value() -> None:
    skipping = Identity(
        DEFAULT_IDENTITY_HEADERS,
        KEY,
        skip=(lambda field: field.startswith(b"received: from x"), lambda field: b"never" in field),
    )
    with_x = b"Received:  from x by y \r\n" + MESSAGE_ID
    assert skipping.of_header(with_x) == IDENTITY.of_header(MESSAGE_ID) != IDENTITY.of_header(with_x)
    other = received(1) + MESSAGE_ID
    assert skipping.of_header(other) == IDENTITY.of_header(other)


def test_our_own_message_ids_are_one_with_and_without_brackets() -> None:
    bare, bracketed = b"Message-Id: 77@imapsync\r\n", b"Message-Id: <77@imapsync>\r\n"
    assert IDENTITY.of_header(bare) == IDENTITY.of_header(bracketed)
    assert IDENTITY.of_header(b"Message-Id: <77@a>\r\n") != IDENTITY.of_header(b"Message-Id: 77@a\r\n")


def test_another_domain_of_the_message_id_and_another_way_may_be_the_same_message() -> None:
    here = received(1) + b"Message-ID: <abc@one.example>\r\nSubject: s\r\n\r\n"
    there = received(2) + b"message-id: <abc@two.example>\r\n\r\n"
    assert IDENTITY.without_domain(here) == IDENTITY.without_domain(there) != UNIDENTIFIED
    assert IDENTITY.without_domain(here) != IDENTITY.without_domain(there.replace(b"abc", b"abd"))
    fields = Identity(("Message-Id", "In-Reply-To"), KEY)
    answers = b"In-Reply-To: <x@%b.example>\r\nMessage-Id: <abc@one.example>\r\n\r\n"
    assert fields.without_domain(answers % b"one") != fields.without_domain(answers % b"two")
    assert IDENTITY.without_domain(received(1)) == UNIDENTIFIED


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(received(9) + b"Subject: s\r\nFrom: a\r\n\r\ntext", id="a Received line more"),
        pytest.param(b"Status: RO\r\nSubject: s\r\nFrom: a\r\n\r\ntext", id="an mbox's note"),
        pytest.param(b"From: a\r\nSubject: s\r\n\r\ntext", id="another order"),
        pytest.param(b"SUBJECT: S\r\nFROM: A\r\n\r\ntext", id="other capitals in the header"),
        pytest.param(b"Subject: s\nFrom: a\n\nte\nxt\n", id="other line ends"),
        pytest.param(b"Subject: s\r\nFrom: a\r\nX-Other: y\r\n\r\ntext", id="a field that says nothing"),
    ],
)
def test_a_message_says_the_same(shown: bytes) -> None:
    assert IDENTITY.of_message(shown) == IDENTITY.of_message(b"Subject: s\r\nFrom: a\r\n\r\ntext")


def test_a_line_of_the_header_that_is_no_field_is_text_wherever_it_stands() -> None:
    assert IDENTITY.of_message(b"Subject: s\r\nodd\r\n\r\ntext") == IDENTITY.of_message(
        b"Subject: s\r\n\r\noddtext"
    )
    assert IDENTITY.of_message(b"Subject: s\r\n\r\ntext") != IDENTITY.of_message(b"Subject: s\r\n\r\ntexT")


def test_fields_that_say_something_are_looked_at_alone_and_else_all() -> None:
    odd, other = (b"X-Odd: %d\r\n\r\ntext" % number for number in (1, 2))
    assert IDENTITY.of_message(odd) != IDENTITY.of_message(other)
    assert IDENTITY.of_message(b"Subject: s\r\n" + odd) == IDENTITY.of_message(b"Subject: s\r\n" + other)


@pytest.mark.parametrize("lines", [10, 2_000, 8_000])
def test_a_long_header_in_pieces_is_the_header_in_one(lines: int) -> None:
    message = b"".join(b"X-%d: v\r\n" % number for number in range(lines)) + b"\r\ntext"
    whole = IDENTITY.whole()
    for start in range(0, len(message), 1_000):
        whole.update(message[start : start + 1_000])
    pieces = whole.digest()
    if lines < 8_000:
        assert pieces == IDENTITY.of_message(message)
    assert pieces


@pytest.mark.parametrize(
    ("message", "header", "text"),
    [
        (b"\r\nx", b"", b"x"),
        (b"\nx", b"", b"x"),
        (b"a\n\nb\r\n\r\nc", b"a\n", b"b\r\n\r\nc"),
        (b"a\r\n\r\nb\n\nc", b"a\r\n", b"b\n\nc"),
        (b"a\r\n\r\n", b"a\r\n", b""),
        (b"a\n\n", b"a\n", b""),
        (b"a\r\nb", b"a\r\nb", b""),
    ],
)
def test_header_and_text_are_cut_at_the_first_empty_line_of_either_kind(
    message: bytes, header: bytes, text: bytes
) -> None:
    assert split_message(message) == (header, text)


def test_text_up_to_the_bound_proves_sameness_and_one_byte_more_does_not() -> None:
    assert proves_sameness(b"Subject: s\r\n\r\n" + b"x" * TEXT_BYTES)
    assert not proves_sameness(b"Subject: s\r\n\r\n" + b"x" * (TEXT_BYTES + 1))


def test_where_nothing_says_much_all_fields_count_but_those_that_servers_add() -> None:
    odd = IDENTITY.of_message(b"X-Odd: 1\r\n\r\ntext")
    assert IDENTITY.of_message(b"Received: from a by b\r\nX-Odd: 1\r\n\r\ntext") == odd
    assert IDENTITY.of_message(b"X-Odd: 1\r\nline\r\n\r\ntext") == IDENTITY.of_message(
        b"X-Odd: 1\r\n\r\nlinetext"
    )

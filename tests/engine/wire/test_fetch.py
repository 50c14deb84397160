"""The fast way through FETCH gives what the general way gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.wire.helpers import read_bytewise, read_whole

from imapsync.wire.fetch import FAST_FETCH
from imapsync.wire.parser import parse

_flag = st.from_regex(rb"\\?[!#-'+-Z^-z|}~]{1,9}", fullmatch=True)
_number = st.integers(0, 2**32 - 1).map(lambda value: b"%d" % value)
_items = st.lists(
    st.one_of(
        _number.map(lambda value: b"UID " + value),
        st.lists(_flag, max_size=5).map(lambda flags: b"FLAGS (" + b" ".join(flags) + b")"),
        st.sampled_from(
            [b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"', b'INTERNALDATE ""', b"INTERNALDATE NIL"]
        ),
        _number.map(lambda value: b"RFC822.SIZE " + value),
        st.integers(0, 2**63 - 1).map(lambda value: b"MODSEQ (%d)" % value),
        st.sampled_from([b"FLAGS (nil)", b"flags (x)", b"X-OTHER (1 2)", b"UID 5 ", b"FLAGS ( a  b )"]),
    ),
    max_size=6,
)
_section = st.sampled_from(
    [b"BODY[]", b"BODY[HEADER]", b"BODY[HEADER.FIELDS (DATE FROM)]", b"BODY[]<0>", b"body[1.2]"]
)


@given(_number, _items, st.none() | st.tuples(_section, st.binary(max_size=80)), _items)
def test_fast_and_general_parsers_agree(
    sequence: bytes, items: list[bytes], body: tuple[bytes, bytes] | None, after: list[bytes]
) -> None:
    head = b"* " + sequence + b" FETCH (" + b" ".join(items)
    parts: list[bytes | int]
    if body is None:
        parts = [head + b")"]
        raw = head + b")\r\n"
    else:
        head += (b" " if items else b"") + body[0] + b" {%d}" % len(body[1])
        tail = b"".join(b" " + item for item in after) + b")"
        parts = [head, body[1], tail]
        raw = head + b"\r\n" + body[1] + tail + b"\r\n"
    general = parse(parts)
    assert read_whole(raw) == [general]
    assert read_bytewise(raw) == [general]


def test_the_fast_way_takes_what_servers_send_in_bulk() -> None:
    for raw in (
        b'* 1 FETCH (UID 1 FLAGS (\\Seen $Own) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 1)\r\n',
        b"* 1 FETCH (FLAGS () UID 1 MODSEQ (5))\r\n",
        b"* 1 FETCH (UID 1 BODY[] {5}\r\n",
        b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID RECEIVED)] {5}\r\n",
    ):
        assert FAST_FETCH.match(raw) is not None, raw

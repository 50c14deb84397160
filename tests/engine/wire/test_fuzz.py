"""Whatever a server sends: responses or ProtocolError, in bounded time, never anything else."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from tests.engine.wire.helpers import read_pieces
from tests.engine.wire.test_reader import TABLE

from imapsync.wire.errors import ProtocolError
from imapsync.wire.limits import Bounds

_LIMITS = Bounds(inline_bytes=2000, line_bytes=100_000, set_bytes=100_000)
_fragments = st.sampled_from([
    b"* ", b"1 ", b"FETCH ", b"(", b")", b"UID ", b"FLAGS ", b"BODY[] ", b"BODY[", b"]", b"{3}\r\n",
    b"{3+}\r\n", b"~{1}\r\n", b"{99999}\r\n", b"\r\n", b"\r", b"\n", b'"', b"\\", b"NIL", b" ", b"OK ", b"[",
    b"a1 ", b"LIST ", b"STATUS ", b"SEARCH ", b"ESEARCH ", b"VANISHED ", b"NAMESPACE ", b"ID ", b"FILTERED ",
    b"&AOQ-", b"\xff", b"\0", b"4294967296", b"+ ", b"<0>",
])  # fmt: skip


def read(pieces: list[bytes]) -> None:
    with suppress(ProtocolError):
        read_pieces(pieces, _LIMITS)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_random_bytes(pieces: list[bytes]) -> None:
    read(pieces)


@given(st.lists(_fragments, max_size=40))
def test_imap_words_in_any_order(fragments: list[bytes]) -> None:
    read([b"".join(fragments) + b"\r\n"])
    read([b"* " + b"".join(fragments) + b"\r\n"])
    read(fragments)


@given(st.sampled_from(TABLE), st.integers(0, 200), st.binary(max_size=3), st.integers(0, 3))
def test_valid_responses_with_an_injury(row: tuple[bytes, object], at: int, put: bytes, cut: int) -> None:
    raw = row[0]
    at %= len(raw)
    read([raw[:at] + put + raw[at + cut :] + b"* OK x\r\n"])

"""Folder lists as no mailbox has them: thousands, markup, control characters, depth, names of paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.hostile.conftest import Pair
    from tests.servers.hostile import Twist

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def adding(lines: bytes) -> Callable[[], tuple[Twist, None]]:
    """Put more LIST responses before the first."""

    def make() -> tuple[Twist, None]:
        done = False

        def twist(response: bytes) -> bytes:
            nonlocal done
            if done or not response.startswith(b"* LIST "):
                return response
            done = True
            return lines + response

        return twist, None

    return make


def literal(name: bytes) -> bytes:
    return b'* LIST () "/" {%d}\r\n%b\r\n' % (len(name), name)


LISTS = {
    "2,000 folders": b"".join(b'* LIST (\\HasNoChildren) "/" "f%d"\r\n' % number for number in range(2_000)),
    "markup": b"".join(
        map(literal, (b"<script>alert(1)</script>", b"&lt;b&gt;", b"' onload='x", b"{{7*7}}", b"%n%s"))
    ),
    "control characters": b"".join(map(literal, (b"\x1b[31mred\x07", b"a\tb", b"bell\x07", b"del\x7f"))),
    "line ends in names": b"".join(map(literal, (b"a\r\nA1 DELETE INBOX", b"b\nc", b"d\re"))),
    "zero byte in name": literal(b"a\x00b"),
    "bytes that are no text": b"".join(
        map(literal, (b"\xff\xfe\xfd", b"caf\xe9", b"&broken", b"&AAA-", b"&2D3cAA-"))
    ),
    "bidirectional": literal("\u202egnp.exe\u202c".encode("utf-16-be")),
    "depth of 5,000": literal(b"/".join([b"d"] * 5_000)),
    "name of 1 MB": literal(b"n" * 1_000_000),
    "paths": b"".join(
        map(literal, (b"../../etc/passwd", b"/etc/passwd", b".", b"..", b"//", b"a//b", b"~root"))
    ),
    "empty name": b'* LIST () "/" ""\r\n',
    "separator of two": b'* LIST () "//" x\r\n',
    "no separator": b"* LIST () NIL flat\r\n",
    "inbox in many cases": b"".join(map(literal, (b"inbox", b"InBox", b"INBOX/", b"iNBOX/a"))),
    "a thousand times the same": literal(b"same") * 1_000,
    "attributes": b"* LIST (" + b"\\X " * 10_000 + b'\\Y) "/" many\r\n',
}


@pytest.mark.parametrize("names", LISTS, ids=lambda name: name.replace(" ", "_").replace(",", ""))
def test_source_lists(names: str, pair: Pair) -> None:
    """The folders that are not there cannot be read; those that are there arrive."""
    # Making two thousand folders is honest work, and takes an honest server its time.
    patience = ("--timeout1", "30", "--timeout2", "30")
    pair.run_twisted(adding(LISTS[names]), "--errorsmax", "100000", *patience)
    assert pair.missing() == 0


@pytest.mark.parametrize("names", LISTS, ids=lambda name: name.replace(" ", "_").replace(",", ""))
def test_destination_lists(names: str, pair: Pair) -> None:
    pair.run_twisted(adding(LISTS[names]), before_destination=True)

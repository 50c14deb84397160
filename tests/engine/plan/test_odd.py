"""Which messages a server may take and never show again."""

from __future__ import annotations

import pytest

from imapsync.plan.odd import is_odd

HEADERS: dict[str, tuple[bytes, bool]] = {
    "fields": (b"Subject: a\r\nFrom: b\r\n\r\ntext\r\n", False),
    "no text": (b"Subject: a\r\n\r\n", False),
    "a folded field": (b"Subject: a\r\n b\r\n\tc\r\nFrom: b\r\n\r\n", False),
    "an empty field": (b"Subject:\r\n\r\n", False),
    "a blank before the colon": (b"Subject : a\r\n\r\n", False),
    "8-bit values": (b"Subject: \xe4\r\n\r\n", False),
    "lines in the text that are no fields": (b"Subject: a\r\n\r\nno field\r\n", False),
    "nothing": (b"", True),
    "no header": (b"\r\ntext\r\n", True),
    "no empty line": (b"Subject: a\r\n", True),
    "no line": (b"Subject: a", True),
    "words": (b"Just words\r\nand more\r\n", True),
    "a line that is no field": (b"Subject: a\r\nwords\r\nFrom: b\r\n\r\n", True),
    "a name with a blank": (b">From anna Mon 00:00:00\r\nSubject: a\r\n\r\n", True),
    "an 8-bit name": (b"S\xe4: a\r\n\r\n", True),
    "a folded line at first": (b" b\r\nSubject: a\r\n\r\n", True),
    "bare line feeds": (b"Subject: a\n\ntext\n", True),
    "a bare line feed between fields": (b"Subject: a\nFrom: b\r\n\r\n", True),
    "a bare carriage return": (b"Subject: a\rb\r\n\r\n", True),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_odd_is_what_does_not_begin_with_a_header(kind: str) -> None:
    message, odd = HEADERS[kind]
    assert is_odd(message) is odd

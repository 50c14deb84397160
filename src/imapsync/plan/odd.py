"""Messages that a server may take and never show again. Pure."""

from __future__ import annotations

import re

#: A line that is neither a field nor the going on of one (RFC 5322 §2.2).
_NO_FIELD = re.compile(rb"\n(?![ \t]|[!-9;-~]+[ \t]*:)")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")


def is_odd(message: bytes) -> bool:
    """Tell whether a message does not begin with a header that every server can read.

    message: its beginning. It has no header, no empty line behind it, a line in it that is no field, or lines
    that do not end with CRLF.
    """
    end = message.find(b"\r\n\r\n")
    if end < 0 or _FIELD.match(message) is None or _NO_FIELD.search(message, 0, end) is not None:
        return True
    lines = message.count(b"\r\n", 0, end)
    return message.count(b"\n", 0, end) != lines or message.count(b"\r", 0, end) != lines

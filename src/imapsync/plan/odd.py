"""Messages that a server may take and never show again. Pure."""

from __future__ import annotations

import re

#: One field after the other, each with the lines that go on with it (RFC 5322 §2.2).
_FIELDS = re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\r\n]*+\r\n(?:[ \t][^\r\n]*+\r\n)*+)++")


def is_odd(message: bytes) -> bool:
    """Tell whether a message does not begin with a header that every server can read.

    message: its beginning. It has no header, no empty line behind it, a line in it that is no field, or lines
    that do not end with CRLF.
    """
    fields = _FIELDS.match(message)
    return fields is None or not message.startswith(b"\r\n", fields.end())

"""Turns the lines and literals of one response into nested values (RFC 3501 §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from imapsync.wire.errors import LimitExceeded, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.wire.responses import Value

#: One token after optional spaces. A body section keeps its brackets, spaces inside included. Atoms are read
#: generously: whatever is not a space, parenthesis or quote start, since servers send '[', ']', '%' and 8-bit names bare.
_TOKEN = re.compile(
    rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|~?(\{\d{1,19}\+?\})\Z'
    rb'|((?:BODY|BINARY)(?:\.SIZE)?\[(?:"[^"]*"|[^\]"])*\](?:<\d+>)?)'
    rb'|([^ ()"](?:[^ (){]|\{(?!\d+\+?\}\Z))*))',
    re.IGNORECASE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)

#: The parts of a response: a line, a literal, a line, a literal, …, a line. Lines have no CRLF; each but the last ends
#: with its literal's {n}. A literal that was handed out in chunks is its length.
Parts: TypeAlias = "Sequence[bytes | int]"


def lex(parts: Parts, start: int, nesting_limit: int) -> tuple[Value, ...]:
    """Give the values of a response from offset `start` of its first line.

    Atoms and strings become bytes, NIL (the atom) None, lists tuples, streamed literals their length as int.
    Raises ProtocolError for unbalanced parentheses or quotes, LimitExceeded for deeper nesting than allowed.
    """
    stack: list[list[Value]] = []
    values: list[Value] = []
    index = 0
    while True:
        line = parts[index]
        if not isinstance(line, bytes):
            raise ProtocolError("a literal where a line is expected")
        position, end = start, len(line)
        literal_follows = False
        while position < end:
            match = _TOKEN.match(line, position)
            if match is None:
                if line[position:].strip(b" "):
                    raise ProtocolError(f"unreadable response at {line[position : position + 40]!r}")
                break
            position = match.end()
            group = match.lastindex
            if group == 6:
                atom = match[6]
                values.append(None if atom in (b"NIL", b"nil", b"Nil") else atom)
            elif group == 3:
                text = match[3]
                values.append(_ESCAPE.sub(rb"\1", text) if b"\\" in text else text)
            elif group == 1:
                if len(stack) >= nesting_limit:
                    raise LimitExceeded("lists nested too deeply")
                stack.append(values)
                values = []
            elif group == 2:
                if not stack:
                    raise ProtocolError("a closing parenthesis too many")
                closed, values = values, stack.pop()
                values.append(tuple(closed))
            elif group == 5:
                values.append(match[5])
            else:
                literal_follows = True
        if not literal_follows:
            break
        if index + 2 >= len(parts):
            raise ProtocolError("a literal is announced and missing")
        values.append(parts[index + 1])
        index += 2
        start = 0
    if stack:
        raise ProtocolError("a closing parenthesis is missing")
    return tuple(values)

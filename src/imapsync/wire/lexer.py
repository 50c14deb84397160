"""Turns the lines and literals of one response into nested values (RFC 3501 §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from imapsync.wire.errors import LimitExceeded, ProtocolError, Unbalanced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.wire.responses import Value

#: One token after optional spaces. A body section keeps its brackets, spaces inside included. Atoms are read
#: generously: whatever is not a space, parenthesis or quote start, since servers send '[', ']', '%' and 8-bit
#: names bare.
_TOKEN = re.compile(
    rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|~?(\{\d{1,19}\+?\})\Z'
    rb'|((?:BODY|BINARY)(?:\.SIZE)?\[(?:"[^"]*"|[^\]"])*\](?:<\d+>)?)'
    rb'|([^ ()"](?:[^ (){]|\{(?!\d+\+?\}\Z))*))',
    re.IGNORECASE | re.DOTALL,
)
_OPEN, _CLOSE, _QUOTED, _SECTION, _ATOM = 1, 2, 3, 5, 6
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)

#: The parts of a response: a line, a literal, a line, a literal, …, a line. Lines have no CRLF; each but the
#: last ends with its literal's {n}. A literal that was handed out in chunks is its length.
Parts: TypeAlias = "Sequence[bytes | int]"


def lex(parts: Parts, start: int, nesting_limit: int) -> tuple[Value, ...]:
    """Give the values of a response from offset `start` of its first line.

    Atoms and strings become bytes, NIL (the atom) None, lists tuples, streamed literals their length as int.
    Raises ProtocolError for unbalanced parentheses or quotes, LimitExceeded for deeper nesting than allowed.
    """
    tree = _Tree(nesting_limit)
    for index in range(0, len(parts), 2):
        line = parts[index]
        if not isinstance(line, bytes):
            raise ProtocolError("a literal where a line is expected")
        if not _lex_line(tree, line, start):
            return tree.close_all()
        tree.values += parts[index + 1 : index + 2]
        start = 0
    raise ProtocolError("a literal is announced and missing")


class _Tree:
    """Values under construction: the innermost open list and those around it."""

    def __init__(self, nesting_limit: int) -> None:
        self.values: list[Value] = []
        self._around: list[list[Value]] = []
        self._nesting_limit = nesting_limit

    def open(self) -> None:
        if len(self._around) >= self._nesting_limit:
            raise LimitExceeded("lists nested too deeply")
        self._around.append(self.values)
        self.values = []

    def close(self) -> None:
        if not self._around:
            raise ProtocolError("a closing parenthesis too many")
        closed, self.values = self.values, self._around.pop()
        self.values.append(tuple(closed))

    def close_all(self) -> tuple[Value, ...]:
        if self._around:
            raise Unbalanced("a closing parenthesis is missing")
        return tuple(self.values)


def _lex_line(tree: _Tree, line: bytes, position: int) -> bool:
    """Add the values of one line; tell whether a literal follows it."""
    end = len(line)
    while position < end:
        match = _TOKEN.match(line, position)
        if match is None:
            if line[position:].strip(b" "):
                raise ProtocolError(f"unreadable response at {line[position : position + 40]!r}")
            return False
        position = match.end()
        group = match.lastindex
        if group == _ATOM:
            atom = match[_ATOM]
            tree.values.append(None if atom.upper() == b"NIL" else atom)
        elif group == _QUOTED:
            text = match[_QUOTED]
            tree.values.append(_ESCAPE.sub(rb"\1", text) if b"\\" in text else text)
        elif group == _OPEN:
            tree.open()
        elif group == _CLOSE:
            tree.close()
        elif group == _SECTION:
            tree.values.append(match[_SECTION])
        else:
            return True
    return False

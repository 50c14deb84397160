"""What --debugimap prints: one line per command segment and response, without secrets and without mail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.session.redact import Redactor
from imapsync.wire.responses import BodyChunk, BodyStart, Continuation, Fetch, Tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.wire.responses import Response

#: A traced line is cut here.
_MAX_LINE = 2000
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n")
_MASK = "***"


class Trace:
    """Hands readable lines to a callback: "C: a1 NOOP", "S: a1 OK done"."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        #: What is masked wherever it appears.
        self.redactor = Redactor()

    def sent(self, segment: bytes, tag: bytes, verb: str, *, secret: bool) -> None:
        """Note bytes sent; of a secret command only tag and verb, of literals only the length."""
        if secret:
            self._line(f"C: {tag.decode('ascii')} {verb} {_MASK}")
            return
        self._line("C: " + _without_literals(segment).decode("utf-8", "replace").rstrip("\r\n"))

    def received(self, response: Response) -> None:
        """Note a response."""
        if isinstance(response, Fetch) and response.body is not None:
            self._line(f"S: {response._replace(body=None)!r}")
        elif isinstance(response, BodyChunk):
            self._line(f"S: {len(response.content)} bytes of a body")
        elif isinstance(response, BodyStart):
            self._line(f"S: a body of {response.size} bytes of message {response.uid or response.sequence}")
        elif isinstance(response, Tagged):
            code = f"[{response.code.name}] " if response.code else ""
            self._line(
                f"S: {response.tag.decode('ascii', 'replace')} {response.status} {code}{response.text}"
            )
        elif isinstance(response, Continuation):
            self._line("S: +")
        else:
            self._line(f"S: {response!r}")

    def note(self, text: str) -> None:
        """Note something that happened to the connection."""
        self._line(f"-- {text}")

    def _line(self, text: str) -> None:
        text = self.redactor.clean(text)
        self._write("".join(char if char.isprintable() else "?" for char in text[:_MAX_LINE]))


def _without_literals(segment: bytes) -> bytes:
    """Cut non-synchronizing literals out of a segment."""
    if len(segment) > _MAX_LINE and _LITERAL.search(segment) is None:
        return b"... %d bytes of a literal" % len(segment)
    pieces: list[bytes] = []
    position = 0
    while len(pieces) < 10 and (match := _LITERAL.search(segment, position)) is not None:
        pieces.append(segment[position : match.end()].rstrip(b"\r\n"))
        position = match.end() + int(match[1])
    rest = segment[position : position + _MAX_LINE]
    return b"...".join([*pieces, rest]) if len(pieces) < 10 else b"...".join(pieces)

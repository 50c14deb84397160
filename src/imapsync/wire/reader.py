"""The receiving machine: bytes in, responses out (RFC 3501 §7). However the input is cut, they are the same.

`next()` has three outcomes: a response, None ("I need more bytes"), or ProtocolError, after which the reader
is dead: the server announced or sent more than a limit allows. A response that cannot be read although its
lines and literals are whole is an Unreadable, and what follows it is read as ever. A line ends with CRLF or,
from some servers, with LF alone.

The receive buffer is the reader's own, so that a transport writes into it without a copy: get_buffer(), then
advance().
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.wire.errors import LimitExceeded, ProtocolError, Unbalanced
from imapsync.wire.fetch import FAST_FETCH, fetch_of, section_of
from imapsync.wire.limits import DEFAULT_LIMITS, FEW_NUMBERS, Bounds
from imapsync.wire.parser import is_free_text, name_of, parse
from imapsync.wire.responses import BodyChunk, BodyStart, Fetch, Unreadable

if TYPE_CHECKING:
    from imapsync.wire.responses import Response

#: A literal up to this is waited for in the buffer and copied once; larger ones are collected as they come.
_WHOLE_LITERAL_BYTES = 64 * 1024
#: The buffer is packed when less than this is free, so that reads stay large.
_LEAST_FREE_BYTES = 64 * 1024
_LITERAL_MARK = re.compile(rb"\{(\d{1,19})\+?\}\Z")
#: What of a FETCH line must come right before a literal for it to be a body that may be streamed.
_BODY_MARK = re.compile(
    rb"((?:BODY|BINARY)\[[^\]]*\](?:<\d+>)?|RFC822(?:\.TEXT|\.HEADER)?) *~?\{\d+\+?\}\Z", re.IGNORECASE
)
_FETCH_HEAD = re.compile(rb"\* +(\d{1,10}) +(UID)?FETCH +\(", re.IGNORECASE)
#: What a stray line end leaves of a response: the parentheses that it lacked.
_ONLY_CLOSES = re.compile(rb"[ )]*\)[ )]*\Z")
#: Lines of numbers, one for each message of a folder.
_SET_HEAD = re.compile(rb"\* +(?:E?SEARCH|VANISHED)\b", re.IGNORECASE)
_SET_HEAD_BYTES = 32
_FETCH_UID = re.compile(rb"[ (]UID +(\d{1,10})[ )]", re.IGNORECASE)


class Reader:
    """Reads a server's side of one connection."""

    def __init__(self, limits: Bounds = DEFAULT_LIMITS) -> None:
        self.limits = limits
        #: Numbers that one answer may tell: who tells more than there are messages is not believed.
        self.most_numbers = FEW_NUMBERS
        self._whole_bytes = min(_WHOLE_LITERAL_BYTES, limits.inline_bytes, limits.buffer_bytes // 2)
        self._least_free = min(_LEAST_FREE_BYTES, limits.buffer_bytes // 4)
        self._buffer = bytearray(limits.buffer_bytes)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        #: Up to here the line at _start is known to hold no line end.
        self._scanned = 0
        #: The response under way: complete lines and literals.
        self._parts: list[bytes | int] = []
        #: Beginning of a line that outgrew the buffer.
        self._long_line = bytearray()
        self._held_bytes = 0
        #: The literal under way.
        self._literal: list[bytes] = []
        self._literal_left = 0
        self._in_literal = self._streaming = False
        self._dead = False
        #: A response that ended with a parenthesis open, until the next line is seen.
        self._unclosed: list[bytes | int] = []

    def get_buffer(self) -> memoryview:
        """Give the free part of the receive buffer; valid until advance()."""
        if self._start == self._end:
            self._start = self._end = self._scanned = 0
        elif len(self._buffer) - self._end < self._least_free:
            self._pack()
        return self._view[self._end :]

    def advance(self, count: int) -> None:
        """Note that `count` bytes were written to get_buffer()."""
        self._end += count

    def feed(self, received: bytes) -> None:
        """Copy bytes in; at most what get_buffer() has room for, so call next() until None before."""
        room = self.get_buffer()
        if len(received) > len(room):
            raise ValueError("feed() takes no more than the free part of the buffer")
        room[: len(received)] = received
        self.advance(len(received))

    @property
    def buffered(self) -> bool:
        """Whether received bytes wait, be it a part of a response."""
        return self._start < self._end or bool(
            self._parts or self._long_line or self._in_literal or self._unclosed
        )

    def next(self) -> Response | None:
        """Give the next response, or None when more bytes are needed; ProtocolError kills the reader."""
        if self._dead:
            raise ProtocolError("the connection broke the protocol before")
        try:
            return self._next()
        except ProtocolError:
            self._dead = True
            raise

    def _next(self) -> Response | None:
        while True:
            if self._in_literal:
                chunk = self._read_literal()
                if chunk is not None or self._in_literal:
                    return chunk
            line_feed = self._buffer.find(b"\n", self._scanned, self._end)
            if line_feed < 0:
                self._keep_line()
                return None
            if not self._parts and not self._long_line and not self._unclosed:
                match = FAST_FETCH.match(self._buffer, self._start, line_feed + 1)
                if match is not None:
                    if match[9] is None:
                        self._start = self._scanned = line_feed + 1
                        return fetch_of(match, None, None)
                    length = int(match[9])
                    end = line_feed + 1 + length
                    if length <= self._whole_bytes and end - self._start < self._least_free * 2:
                        if end > self._end:
                            return None
                        # Never beyond _end: older bytes lie there.
                        if end + 3 <= self._end and self._buffer.startswith(b")\r\n", end, end + 3):
                            body = bytes(self._view[line_feed + 1 : end])
                            self._start = self._scanned = end + 3
                            return fetch_of(match, body, length)
            response = self._take_line(line_feed) if not self._unclosed else self._close(line_feed)
            if response is not None:
                return response

    def _close(self, line_feed: int) -> Response | None:
        """End a response that lacked a parenthesis: a next line of nothing else belongs to it.

        So a stray line end costs nothing, or a doubt when it comes right after a literal; without such a line
        the response is unreadable.
        """
        parts, self._unclosed = self._unclosed, []
        line = bytes(self._view[self._start : line_feed]).removesuffix(b"\r")
        if self._long_line or _ONLY_CLOSES.match(line) is None or not isinstance(parts[-1], bytes):
            return _unreadable(parts, "a closing parenthesis is missing")
        self._start = self._scanned = line_feed + 1
        parts[-1] += line
        response = self._parsed(parts, closing=True)
        if isinstance(response, Fetch) and parts[-1] == line and len(parts) > 1:
            return response._replace(mended=True)
        return response

    def _parsed(self, parts: list[bytes | int], *, closing: bool = False) -> Response | None:
        """Give the value of a framed response; None when the next line may bring what it lacks."""
        try:
            return parse(parts, self.limits.nesting, self.most_numbers)
        except Unbalanced as error:
            if closing or name_of(parts[0] if isinstance(parts[0], bytes) else b"") == "":
                return _unreadable(parts, str(error))
            self._unclosed = parts
            return None
        except ProtocolError as error:
            return _unreadable(parts, str(error))

    def _take_line(self, line_feed: int) -> Response | None:
        """Add the line to the response under way; give the response if the line ends it."""
        line = bytes(self._view[self._start : line_feed])
        if self._long_line:
            line = bytes(self._long_line) + line
            self._long_line.clear()
        line = line.removesuffix(b"\r")
        if len(line) > self.limits.line_bytes:
            self._allow_line(line[:_SET_HEAD_BYTES], len(line))
        self._start = self._scanned = line_feed + 1
        self._hold(len(line))
        self._parts.append(line)
        mark = _LITERAL_MARK.search(line) if line.endswith(b"}") else None
        if mark is None or (len(self._parts) == 1 and is_free_text(line)):
            parts, self._parts, self._held_bytes = self._parts, [], 0
            return self._parsed(parts)
        return self._begin_literal(int(mark[1]), line)

    def _begin_literal(self, length: int, line: bytes) -> BodyStart | None:
        if len(self._parts) >= 2 * self.limits.literals:
            raise LimitExceeded("too many literals in one response")
        self._literal_left = length
        self._in_literal = True
        if length <= self.limits.inline_bytes:
            self._hold(length)
            return None
        head = _FETCH_HEAD.match(self._lines())
        body = _BODY_MARK.search(line)
        if head is None or body is None:
            raise LimitExceeded(f"a literal of {length} bytes outside a message body")
        uid = _FETCH_UID.search(self._lines())
        self._streaming = True
        section = section_of(body[1]) or b""
        if head[2]:
            return BodyStart(0, int(head[1]), length, section)
        return BodyStart(int(head[1]), None if uid is None else int(uid[1]), length, section)

    def _read_literal(self) -> BodyChunk | None:
        """Take what has come of the literal; give it when it is streamed."""
        taken = min(self._literal_left, self._end - self._start)
        content = bytes(self._view[self._start : self._start + taken])
        self._start = self._scanned = self._start + taken
        self._literal_left -= taken
        done = not self._literal_left
        self._in_literal = not done
        if self._streaming:
            if done:
                self._streaming = False
                self._parts.append(self._streamed_length())
            return BodyChunk(content) if content else None
        self._literal.append(content)
        if done:
            self._parts.append(self._literal[0] if len(self._literal) == 1 else b"".join(self._literal))
            self._literal.clear()
        return None

    def _streamed_length(self) -> int:
        line = self._parts[-1]
        mark = _LITERAL_MARK.search(line) if isinstance(line, bytes) else None
        return int(mark[1]) if mark else 0

    def _keep_line(self) -> None:
        """No line end yet: remember how far we looked, and set aside a line that fills the buffer."""
        length = len(self._long_line) + self._end - self._start
        if length > self.limits.line_bytes:
            begun = self._long_line or self._view[self._start : self._end]
            self._allow_line(bytes(begun[:_SET_HEAD_BYTES]), length)
        if self._start == 0 and self._end == len(self._buffer):
            self._long_line += self._view[: self._end]
            self._start = self._end = self._scanned = 0
            return
        self._scanned = self._end
        if self._end == len(self._buffer):
            self._pack()

    def _allow_line(self, head: bytes, length: int) -> None:
        """Refuse a line that is longer than usual, but one that tells of many numbers."""
        if length > self.limits.set_bytes or _SET_HEAD.match(head) is None:
            raise LimitExceeded("a response line is too long")

    def _hold(self, count: int) -> None:
        """Count bytes of the response under way against its limit."""
        self._held_bytes += count
        if self._held_bytes > self.limits.response_bytes:
            raise LimitExceeded("a response is too large")

    def _lines(self) -> bytes:
        return b" ".join(part for part in self._parts if isinstance(part, bytes))[:65536]

    def _pack(self) -> None:
        """Move the unread bytes to the front of the buffer."""
        count = self._end - self._start
        self._view[:count] = self._view[self._start : self._end]
        self._scanned -= self._start
        self._start, self._end = 0, count


def _unreadable(parts: list[bytes | int], why: str) -> Unreadable:
    line = parts[0] if isinstance(parts[0], bytes) else b""
    return Unreadable(name_of(line), line, why)

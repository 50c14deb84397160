"""The sending side: the only maker of bytes for the wire.

Each value goes out in the plainest form that carries it exactly: atom, quoted string or literal (RFC 3501
§4). CR, LF and NUL are refused outside literals, so that no value can become a command. Literals are
announced as the server allows: non-synchronizing with LITERAL+, up to 4096 bytes with LITERAL- (RFC 7888),
else the command is cut into segments and each further segment is sent after the server's "+".
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Self

from imapsync.terms import is_nameable_flag
from imapsync.wire.dates import exact_date_time
from imapsync.wire.errors import EncodingRefused
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync.wire.mailbox import MailboxName

#: RFC 7888 §5: the most a non-synchronizing literal may have under LITERAL-.
LITERAL_MINUS_BYTES = 4096
#: A quoted string above this goes as a literal: command lines stay short (RFC 7162 §4 advises 8192).
_MAX_QUOTED_BYTES = 1000

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+\Z")
_ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+\Z")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*\Z")
_ESCAPED = re.compile(rb'(["\\])')
#: Our own fixed phrases (FETCH items, STATUS items, RETURN options): printable and free of literals.
_PHRASE = re.compile(rb"[ -z|}~]*\Z")
_NUMBER_SET = re.compile(rb"[0-9:,*]+\Z")
#: Criteria a user wrote: quoted strings, parentheses, words.
_CRITERION = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([()])|([^\s()"]+))', re.DOTALL)

_MAX_KNOWN_FLAG_LISTS = 4096
_known_flag_lists: dict[tuple[bytes, ...], bytes] = {}


class LiteralMode(enum.Enum):
    """How literals may be sent, by what the server announced."""

    SYNCHRONIZING = "synchronizing"
    MINUS = "LITERAL-"
    PLUS = "LITERAL+"

    @classmethod
    def of(cls, capabilities: frozenset[str]) -> LiteralMode:
        """Choose by capability names."""
        if "LITERAL+" in capabilities:
            return cls.PLUS
        return cls.MINUS if "LITERAL-" in capabilities else cls.SYNCHRONIZING


class Command:
    """A command under construction; each method adds one argument and gives the command back.

    verb: our own constant. binary: the server has BINARY (RFC 3516), bodies with NUL go as literal8.
    """

    __slots__ = ("_binary", "_done", "_mode", "_parts", "_space", "verb")

    def __init__(self, verb: bytes, mode: LiteralMode, *, binary: bool = False) -> None:
        self.verb = verb
        self._mode = mode
        self._binary = binary
        #: Segments that end with a synchronizing literal's announcement.
        self._done: list[bytes] = []
        self._parts: list[bytes] = [b" ", verb]
        #: What separates the next argument from the one before.
        self._space = b" "

    def phrase(self, fixed: bytes) -> Self:
        """Add one of our own phrases, such as b"(UID FLAGS)"."""
        if _PHRASE.match(fixed) is None:
            raise EncodingRefused(f"not a plain phrase: {fixed[:60]!r}")
        self._parts += (self._space, fixed)
        return self

    def number(self, value: int) -> Self:
        """Add a number."""
        if value < 0:
            raise EncodingRefused(f"not a number that IMAP has: {value}")
        self._parts += (b" ", b"%d" % value)
        return self

    def numbers(self, value: UidSet | bytes) -> Self:
        """Add a set of UIDs or sequence numbers; bytes for sets with '*'."""
        raw = value.encode() if isinstance(value, UidSet) else value
        if _NUMBER_SET.match(raw) is None:
            raise EncodingRefused(f"not a sequence set: {raw[:60]!r}")
        self._parts += (b" ", raw)
        return self

    def string(self, value: bytes) -> Self:
        """Add a string: quoted, or a literal when it cannot be quoted."""
        if len(value) <= _MAX_QUOTED_BYTES and _QUOTABLE.match(value) is not None:
            self._parts += (self._space, b'"', _ESCAPED.sub(rb"\\\1", value), b'"')
            return self
        _refuse_controls(value)
        return self._literal(value, self._space)

    def astring(self, value: bytes) -> Self:
        """Add an astring: an atom where possible, else a string."""
        if _ASTRING.match(value) is not None and value.upper() != b"NIL":
            self._parts += (b" ", value)
            return self
        return self.string(value)

    def mailbox(self, name: MailboxName) -> Self:
        """Add a mailbox by its exact bytes, never as an atom: some servers end those at `[ ] } ~ <`."""
        return self.string(name.raw)

    def list_pattern(self, pattern: bytes) -> Self:
        """Add a LIST pattern: a string in which * and % are wildcards."""
        return self.string(pattern)

    def list_patterns(self, patterns: Iterable[bytes]) -> Self:
        """Add several LIST patterns in parentheses (RFC 5258)."""
        self._parts.append(self._space + b"(")
        self._space = b""
        for pattern in patterns:
            self.string(pattern)
            self._space = b" "
        self._parts.append(b")")
        return self

    def flags(self, flags: Iterable[bytes]) -> Self:
        """Add a parenthesised flag list."""
        self._parts += (b" ", encode_flags(tuple(flags)))
        return self

    def labels(self, labels: Iterable[bytes]) -> Self:
        r"""Add a parenthesised list of Gmail labels; those with a backslash are Google's own (`\Inbox`)."""
        self._parts.append(self._space + b"(")
        self._space = b""
        for label in labels:
            if not label.startswith(b"\\"):
                self.string(label)
            elif is_nameable_flag(label):
                self._parts += (self._space, label)
            else:
                raise EncodingRefused(f"not a label that can be set: {label[:60]!r}")
            self._space = b" "
        self._parts.append(b")")
        return self

    def pairs(self, fields: Iterable[tuple[str, str]]) -> Self:
        """Add a list of quoted pairs, as ID takes it; no literals (RFC 2971 wants short strings)."""
        quoted = []
        for text in (text for pair in fields for text in pair):
            raw = text.encode("ascii", "replace")[:1024]
            if _QUOTABLE.match(raw) is None:
                raise EncodingRefused("control characters in ID")
            quoted.append(b'"' + _ESCAPED.sub(rb"\\\1", raw) + b'"')
        self._parts += (b" ", b"(" + b" ".join(quoted) + b")" if quoted else b"NIL")
        return self

    def message(
        self, content: bytes, flags: tuple[bytes, ...] = (), internaldate: bytes | None = None
    ) -> Self:
        """Add one message of APPEND: its flags, its date-time (readable, see dates) if any, its content."""
        self._options(flags, internaldate)
        mark = b" ~" if self._binary and b"\0" in content else b" "
        return self._literal(content, mark)

    def streamed_message(
        self, size: int, flags: tuple[bytes, ...] = (), internaldate: bytes | None = None
    ) -> Self:
        """Add the options of one message whose `size` bytes follow from elsewhere; ends the segment."""
        self._options(flags, internaldate)
        self._parts.append(b" {%d+}\r\n" % size if self._mode is LiteralMode.PLUS else b" {%d}\r\n" % size)
        self._done.append(b"".join(self._parts))
        self._parts = []
        return self

    def search_criteria(self, text: str) -> Self:
        """Add SEARCH criteria that a person wrote, such as 'OR FROM "Müller" UNSEEN', with their CHARSET.

        EncodingRefused when quotes or parentheses do not match or a word cannot be sent.
        """
        tokens = _split_criteria(text)
        if not tokens:
            raise EncodingRefused("empty search criteria")
        if not text.isascii():
            self.phrase(b"CHARSET UTF-8")
        for kind, token in tokens:
            if kind == "(":
                self._parts.append(self._space + b"(")
                self._space = b""
                continue
            if kind == ")":
                self._parts.append(b")")
            elif kind == "word" and token.isascii():
                self.phrase(token.encode())
            else:
                self.string(token.encode())
            self._space = b" "
        return self

    def segments(self, tag: bytes) -> list[bytes]:
        """Give the bytes: the first to send now, each further one after a continuation request."""
        segments = [*self._done, b"".join((*self._parts, b"\r\n"))]
        segments[0] = tag + segments[0]
        return segments

    def _options(self, flags: tuple[bytes, ...], internaldate: bytes | None) -> None:
        if flags:
            self._parts += (b" ", encode_flags(flags))
        if internaldate is not None:
            exact = exact_date_time(internaldate)
            if exact is None:
                raise EncodingRefused(f"not a date-time: {internaldate[:60]!r}")
            self._parts += (b' "', exact, b'"')

    def _literal(self, content: bytes, mark: bytes) -> Self:
        size = len(content)
        mode = self._mode
        if mode is LiteralMode.PLUS or (mode is LiteralMode.MINUS and size <= LITERAL_MINUS_BYTES):
            self._parts += (b"%s{%d+}\r\n" % (mark, size), content)
            return self
        self._parts.append(b"%s{%d}\r\n" % (mark, size))
        self._done.append(b"".join(self._parts))
        self._parts = [content]
        return self


def encode_flags(flags: tuple[bytes, ...]) -> bytes:
    r"""Give a parenthesised flag list. \Recent is the server's own and refused (RFC 3501 §2.3.2)."""
    encoded = _known_flag_lists.get(flags)
    if encoded is None:
        for flag in flags:
            if not is_nameable_flag(flag):
                raise EncodingRefused(f"not a flag that can be set: {flag[:60]!r}")
        encoded = b"(" + b" ".join(flags) + b")"
        if len(_known_flag_lists) >= _MAX_KNOWN_FLAG_LISTS:
            _known_flag_lists.clear()
        _known_flag_lists[flags] = encoded
    return encoded


def _refuse_controls(value: bytes) -> None:
    if b"\r" in value or b"\n" in value or b"\0" in value:
        raise EncodingRefused("CR, LF or NUL where IMAP has no room for them")


def _split_criteria(text: str) -> list[tuple[str, str]]:
    """Split criteria into ("word", …), ("string", …), ("(", ""), (")", "")."""
    tokens: list[tuple[str, str]] = []
    position, depth = 0, 0
    text = text.rstrip()
    while position < len(text):
        match = _CRITERION.match(text, position)
        if match is None:
            raise EncodingRefused("an unmatched quote in the search criteria")
        position = match.end()
        quoted, parenthesis, word = match.groups()
        if quoted is not None:
            tokens.append(("string", re.sub(r"\\(.)", r"\1", quoted)))
        elif parenthesis:
            depth += 1 if parenthesis == "(" else -1
            if depth < 0:
                raise EncodingRefused("an unmatched parenthesis in the search criteria")
            tokens.append((parenthesis, ""))
        else:
            tokens.append(("word", word))
    if depth:
        raise EncodingRefused("an unmatched parenthesis in the search criteria")
    return tokens

"""Mailbox names: modified UTF-7 (RFC 3501 §5.1.3) to text and back, never losing the server's bytes."""

from __future__ import annotations

import binascii
from typing import NamedTuple

#: Printable US-ASCII, the characters that stand for themselves.
_DIRECT = frozenset(range(0x20, 0x7F))


class MailboxName(NamedTuple):
    """A folder's name: `raw`, the exact bytes this server knows it by, and `text`, what people read.

    Two names of one server are the same when `raw` is. Names that are not valid modified UTF-7 (raw UTF-8,
    stray '&') keep their bytes and get the most helpful text.
    """

    raw: bytes
    text: str

    @classmethod
    def from_wire(cls, raw: bytes) -> MailboxName:
        """Give the name the server sent. INBOX is case-insensitive (RFC 3501 §5.1) and becomes "INBOX"."""
        if raw.upper() == b"INBOX":
            return cls(b"INBOX", "INBOX")
        return cls(raw, decode_mailbox(raw))

    @classmethod
    def from_text(cls, text: str) -> MailboxName:
        """Give the name to create or open on a server for this text."""
        if text.upper() == "INBOX":
            return cls(b"INBOX", "INBOX")
        return cls(encode_mailbox(text), text)

    @property
    def is_sendable(self) -> bool:
        """Whether a command can carry it: servers list empty names, and ones with CR, LF or NUL."""
        return bool(self.raw) and not any(octet in self.raw for octet in (b"\r", b"\n", b"\0"))

    def __str__(self) -> str:
        return self.text


def encode_mailbox(text: str) -> bytes:
    """Give the modified UTF-7 of a text; canonical: the shortest form that RFC 3501 allows."""
    if text.isascii() and "&" not in text and text.isprintable():
        return text.encode("ascii")
    encoded = bytearray()
    pending: list[str] = []
    for char in text:
        if ord(char) in _DIRECT:
            if pending:
                encoded += _shift_out(pending)
            encoded += b"&-" if char == "&" else char.encode("ascii")
        else:
            pending.append(char)
    if pending:
        encoded += _shift_out(pending)
    return bytes(encoded)


def decode_mailbox(raw: bytes) -> str:
    """Give the text of a mailbox name.

    What is not canonical modified UTF-7 is read as UTF-8 when it is that, else byte by byte as Latin-1, so
    that every name has a text; only MailboxName.raw goes back to the server.
    """
    if b"&" not in raw and raw.isascii():
        return raw.decode("ascii")
    text = _decode_strict(raw)
    if text is not None:
        return text
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _shift_out(pending: list[str]) -> bytes:
    utf16 = "".join(pending).encode("utf-16-be", "surrogatepass")
    pending.clear()
    encoded = binascii.b2a_base64(utf16, newline=False).rstrip(b"=").replace(b"/", b",")
    return b"&" + encoded + b"-"


def _decode_strict(raw: bytes) -> str | None:
    """Decode modified UTF-7, None when a shift is broken or a byte is outside US-ASCII."""
    if not raw.isascii():
        return None
    pieces = raw.split(b"&")
    text = [pieces[0].decode("ascii")]
    for piece in pieces[1:]:
        shifted, dash, direct = piece.partition(b"-")
        if not dash:
            return None
        if not shifted:
            text.append("&")
        else:
            padded = shifted.replace(b",", b"/") + b"=" * (-len(shifted) % 4)
            try:
                text.append(binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be"))
            except (binascii.Error, UnicodeDecodeError):
                return None
        text.append(direct.decode("ascii"))
    return "".join(text)

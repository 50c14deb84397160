"""A message cut into header and text, a header into fields, and what servers do to both. Pure."""

from __future__ import annotations

import re

#: A line end inside a folded field (RFC 5322 §2.2.3).
FOLD = re.compile(rb"\r?\n(?=[ \t])")
#: Cyrus puts an X in place of each character of a header that is not ASCII.
MUNGED = bytes(range(128)) + b"X" * 128
RECEIVED = b"received"
#: Fields that a server adds to what it stores or gives: its own Received line, and an mbox's notes.
ADDED_FIELDS = frozenset(
    {RECEIVED, b"return-path", b"status", b"x-status", b"x-keywords", b"x-uid", b"x-uidl", b"x-imapbase",
     b"x-imap", b"content-length", b"lines"}
)  # fmt: skip

#: The Message-Ids that --addheader gives; they were written without < and > once.
_OWN_ID = re.compile(rb"\s*message-id\s*:\s*<?\d+@imapsync>?\s*\Z", re.IGNORECASE)


def split_message(message: bytes) -> tuple[bytes, bytes]:
    """Cut a message into header and text at the first empty line (CRLF or bare LF)."""
    if message.startswith((b"\r\n", b"\n")):
        return b"", message[2:] if message[:1] == b"\r" else message[1:]
    at = message.find(b"\r\n\r\n")
    bare = message.find(b"\n\n", 0, at if at >= 0 else len(message))
    if bare >= 0:
        return message[: bare + 1], message[bare + 2 :]
    if at >= 0:
        return message[: at + 2], message[at + 4 :]
    return message, b""


def fields_of(header: bytes) -> list[bytes]:
    """Split a header into unfolded fields and whatever else stands in it, a line each."""
    return [line.rstrip(b"\r") for line in FOLD.sub(b"", header).split(b"\n") if line.strip()]


def name_of(field: bytes) -> bytes:
    """Give the name of a field in lower case, b"" for a line that has no colon."""
    name, colon, _ = field.partition(b":")
    return name.strip().lower() if colon else b""


def is_field(line: bytes) -> bool:
    """Tell whether a line of a header is a field."""
    name = name_of(line)
    return bool(name) and len(name.split()) == 1


def is_own_id(field: bytes) -> bool:
    """Tell whether a field is a Message-Id that --addheader has given."""
    return _OWN_ID.match(field) is not None

"""The content hash of --verify=content: all that a message says, but for what servers change. Pure.

Unlike `identity.WholeMessage`, which recognises a copy, this is to notice a single other byte: white space of
the text counts, and so does every field of the header. What does not count:

* how lines end, a carriage return without its line feed (Courier drops it), empty lines at the end;
* NUL, which servers leave out or give as 0x80 (Dovecot);
* of the header: folding and white space (pymap folds), capitals of field names, the order of fields, which
  character it is that is not ASCII (Cyrus' munge8bit), where the header of a message ends that has none;
* the fields that servers add: Received, Return-Path, the notes of an mbox (`header.ADDED_FIELDS`).
"""

from __future__ import annotations

from hashlib import sha256

from imapsync.plan.header import ADDED_FIELDS, MUNGED, fields_of, is_field, name_of

#: A longer header ends here. Counted without carriage returns, so that both sides cut at the same byte.
HEADER_BYTES = 1024 * 1024
_BLOCK = b"\n" * 4096


class FullText:
    """SHA-256 of a message that comes in pieces of any size; holds no more than its header."""

    __slots__ = ("_begin", "_begun", "_ends", "_hash", "_in_text")

    def __init__(self) -> None:
        self._hash = sha256()
        self._begin = bytearray()
        self._in_text = False
        self._begun = False  # anything of the text was seen
        self._ends = 0  # line ends that count once something follows them

    def update(self, piece: bytes) -> None:
        """Take the next piece of the message."""
        piece = bytes(piece).translate(None, b"\r")
        if self._in_text:
            self._text(piece)
            return
        looked = max(0, len(self._begin) - 1)
        self._begin += piece
        end = 0 if self._begin.startswith(b"\n") else self._begin.find(b"\n\n", looked, HEADER_BYTES)
        if end >= 0 or len(self._begin) > HEADER_BYTES:
            self._end_header(end if end >= 0 else HEADER_BYTES)

    def digest(self) -> int:
        """Give the digest as a number; nothing may come after."""
        if not self._in_text:
            self._end_header(len(self._begin))
        return int.from_bytes(self._hash.digest(), "big")

    def _end_header(self, end: int) -> None:
        header, rest = bytes(self._begin[:end]), bytes(self._begin[end:])
        self._in_text, self._begin = True, bytearray()
        lines = fields_of(header.replace(b"\0", b"\x80").translate(MUNGED))
        cut = next((at for at, line in enumerate(lines) if not is_field(line)), len(lines))
        fields = sorted(_squeezed(line) for line in lines[:cut] if name_of(line) not in ADDED_FIELDS)
        self._hash.update(b"\n".join(fields) + b"\n\n")
        self._text(b"\n".join(line for line in lines[cut:] if name_of(line) not in ADDED_FIELDS))
        self._text(rest)

    def _text(self, piece: bytes) -> None:
        piece = piece.translate(None, b"\0\x80")
        if not self._begun:
            piece = piece.lstrip(b"\n")
        told = piece.rstrip(b"\n")
        if told:
            self._begun = True
            while self._ends:
                self._hash.update(_BLOCK[: self._ends])
                self._ends -= min(self._ends, len(_BLOCK))
            self._hash.update(told)
        if self._begun:
            self._ends += len(piece) - len(told)


def _squeezed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + b"".join(value.split())

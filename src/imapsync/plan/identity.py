"""Who a message is: a short digest of the headers that identify it, the same on both sides.

Two servers give the same message with other folding, other spacing, and sometimes other capitals in field
names, another order of fields, or another character in place of each that is not ASCII (Cyrus' munge8bit);
the digest does not see those. It is keyed, so that nobody can write mails whose digests collide on purpose;
within one process, and with a journal's key for ever, equal messages have equal digests.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

from imapsync.plan.header import (
    ADDED_FIELDS,
    FOLD,
    MUNGED,
    RECEIVED,
    fields_of,
    is_field,
    is_own_id,
    name_of,
    split_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

#: 64 bits: among 500,000 messages of a folder the chance of any accidental collision is below one in 10^8.
DIGEST_BYTES = 8
#: What is read of a message whose identifying headers are missing.
CONTENT_PREFIX_BYTES = 16_384
#: What of its text counts: less than is read, so that lines added to the header push none of it out.
TEXT_BYTES = 8_192
#: "No identity": the headers that should identify are not there. Real digests are never 0.
UNIDENTIFIED = 0

#: What of a header counts as content, beside the text; where nothing of it is there, all fields do.
_CONTENT_FIELDS = frozenset({b"subject", b"from", b"to", b"cc", b"date"})
#: A longer header ends here.
_HEADER_BYTES = 1024 * 1024
#: What counts in no text: white space, and NUL, which servers leave out or give as 0x80 (Dovecot).
_UNTOLD = b" \t\r\n\v\f\0\x80"

#: In place of a header's name: all of them.
ALL_HEADERS = "ALL"
_DOMAIN = re.compile(rb"@[^@>\s]*(?=>?\s*\Z)")
#: How the Message-Ids end that --addheader gives. They were written without < and > once.
_OWN_ID_END = b"@imapsync>"


class _Everything:
    """Holds every name."""

    def __contains__(self, name: object) -> bool:
        return True


class Identity:
    """Makes digests for one choice of headers (--useheader, --skipheader) and one key.

    The digests are integers of `DIGEST_BYTES` bytes, 0 for a message without any of the headers. The header
    ALL stands for every field. skip: tests of fields, as ``name: value``, that do not count. any_domain: what
    differs from its partner in the domain of the Message-Id only may be the same (`without_domain`).
    """

    __slots__ = ("_alone", "_key", "_names", "_skip", "any_domain", "headers")

    def __init__(
        self,
        headers: Sequence[str],
        key: bytes,
        *,
        skip: Sequence[Callable[[bytes], bool]] = (),
        any_domain: bool = False,
    ) -> None:
        self.headers = () if ALL_HEADERS in (name.strip().upper() for name in headers) else tuple(headers)
        self._names: Container[bytes] = (
            tuple(sorted({name.strip().rstrip(":").lower().encode("utf-8") for name in self.headers}))
            if self.headers
            else _Everything()
        )
        self._skip = tuple(skip)
        self.any_domain = any_domain
        self._key = key[:64]
        # Where a message came along tells little of what it is, unless nothing else is to be looked at.
        self._alone = self._names == (RECEIVED,)

    def of_header(self, header: bytes) -> int:
        """Give the digest of a header block (all of it or only the identifying fields).

        0 when none is in it, or none but Received, which does not tell one message from another.
        """
        if not header.isascii():
            header = header.translate(MUNGED)
        if b"\n " in header or b"\n\t" in header:
            header = FOLD.sub(b"", header)
        names = self._names
        telling = self._alone
        found = []
        for line in header.split(b"\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                if line in (b"", b"\r"):
                    break
                continue
            lowered = name.rstrip().lower()
            if lowered in names:
                squeezed = b"".join(value.split())
                if squeezed and not self._skips(lowered, value):
                    if squeezed[-len(_OWN_ID_END) :] == _OWN_ID_END:
                        squeezed = squeezed.lstrip(b"<")[:-1]
                    found.append(lowered + b":" + squeezed)
                    telling = telling or lowered != RECEIVED
        if not found or not telling:
            return UNIDENTIFIED
        if len(found) > 1:
            found.sort(key=_field_name)  # stable: Received lines keep their order
        return self._digest(b"\n".join(found))

    def _skips(self, name: bytes, value: bytes) -> bool:
        return bool(self._skip) and any(rule(name + b": " + value.strip()) for rule in self._skip)

    def without_domain(self, header: bytes) -> int:
        """Give the digest of a header block with the Message-Id cut at its "@", and without Received lines.

        A message that a server stored under a Message-Id of its own domain has it, too (Domino). It is no
        proof of anything. 0 as for `of_header`.
        """
        cut = [
            _DOMAIN.sub(b"", field) if name_of(field) == b"message-id" else field
            for field in fields_of(header)
            if name_of(field) != RECEIVED
        ]
        return self.of_header(b"\n".join(cut))

    def before_received(self, header: bytes) -> list[int]:
        """Give the digests that a message may have had before servers added Received lines on top of it.

        The latest first; none where Received is not looked at.
        """
        if RECEIVED not in self._names:
            return []
        fields = fields_of(header)
        digests = []
        while at := [n for n, field in enumerate(fields) if name_of(field) == RECEIVED]:
            del fields[at[0]]
            digests.append(self.of_header(b"\n".join(fields)))
        return digests

    def of_content(self, content: bytes) -> int:
        """Give the digest of a message without identifying headers.

        content: its first CONTENT_PREFIX_BYTES. Fields that servers add, white space and the place where the
        header ends do not count.
        """
        header, text = split_message(content)
        kept = [field for field in fields_of(header.translate(MUNGED)) if name_of(field) not in ADDED_FIELDS]
        squeezed = b"".join(b"".join(kept).split()) + b"".join(text.split())[:TEXT_BYTES]
        return self._digest(b"\0" + squeezed)

    def wherever_cut(self, content: bytes) -> tuple[int, int]:
        """Give the digests that servers may give a message which they cut into header and text differently.

        content: its first CONTENT_PREFIX_BYTES.
        """
        return self.of_header(split_message(content.lstrip(b"\r\n"))[0]), self.of_content(content)

    def of_nothing(self, place: bytes) -> int:
        """Give a digest for a message that cannot be read: no message of another place has it."""
        return self._digest(b"\0\0" + place)

    def another(self, digest: int, number: int) -> int:
        """Give the digest of the `number`-th message, from 0, that has a digest and may yet be another."""
        return digest if not number else self._digest(b"\0\0\0%d %d" % (digest, number))

    def of_message(self, message: bytes) -> int:
        """Give the digest of what a message says, for those that nothing else tells apart. Never 0."""
        whole = self.whole()
        whole.update(message)
        return whole.digest()

    def whole(self) -> WholeMessage:
        """Begin the digest of a message that comes in pieces."""
        return WholeMessage(self._key)

    def _digest(self, text: bytes) -> int:
        digest = int.from_bytes(blake2b(text, digest_size=DIGEST_BYTES, key=self._key).digest(), "little")
        return digest or 1


class WholeMessage:
    """Digest of all that a message says, however its lines end and whatever servers add to its header.

    White space does not count, nor where the header ends: a line of it that is no field is text, and so is
    what follows, because some servers put the empty line before it (pymap).
    """

    __slots__ = ("_begin", "_hash", "_in_text")

    def __init__(self, key: bytes) -> None:
        self._hash = blake2b(b"\1", digest_size=DIGEST_BYTES, key=key)
        self._begin = b""
        self._in_text = False

    def update(self, piece: bytes) -> None:
        """Take the next piece of the message."""
        if self._in_text:
            self._hash.update(piece.translate(None, _UNTOLD))
            return
        self._begin += piece
        header, text = split_message(self._begin)
        if text or len(header) > _HEADER_BYTES:
            self._end_header(header, text)

    def digest(self) -> int:
        """Give the digest, never 0; nothing may come after."""
        if not self._in_text:
            self._end_header(*split_message(self._begin))
        return int.from_bytes(self._hash.digest(), "little") or 1

    def _end_header(self, header: bytes, text: bytes) -> None:
        self._in_text, self._begin = True, b""
        lines = fields_of(header.replace(b"\0", b"\x80").translate(MUNGED))
        end = next((at for at, line in enumerate(lines) if not is_field(line)), len(lines))
        fields = [line for line in lines[:end] if name_of(line) not in ADDED_FIELDS and not is_own_id(line)]
        telling = [line for line in fields if name_of(line) in _CONTENT_FIELDS] or fields
        self._hash.update(b"\n".join(sorted(b"".join(line.lower().split()) for line in telling)) + b"\n\n")
        self.update(b"".join(line for line in lines[end:] if name_of(line) not in ADDED_FIELDS))
        self.update(text)


def proves_sameness(content: bytes) -> bool:
    """Tell whether two messages with this `of_content` and the same size are the same but for white space.

    content: the first CONTENT_PREFIX_BYTES. Not when there is more of it than was looked at, or when it has
    what the digest does not see.
    """
    header, text = split_message(content)
    if len(content) >= CONTENT_PREFIX_BYTES or len(b"".join(text.split())) > TEXT_BYTES:
        return False
    return header.isascii() and ADDED_FIELDS.isdisjoint(map(name_of, fields_of(header)))


def _field_name(field: bytes) -> bytes:
    return field.partition(b":")[0]

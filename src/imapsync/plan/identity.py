"""Who a message is: a short digest of the headers that identify it, the same on both sides.

Two servers give the same message with other folding, other spacing, and sometimes other capitals in field
names or another order of fields; the digest does not see those. It is keyed, so that nobody can write mails
whose digests collide on purpose; within one process, and with a journal's key for ever, equal messages have
equal digests.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: 64 bits: among 500,000 messages of a folder the chance of any accidental collision is below one in 10^8.
DIGEST_BYTES = 8
#: What is hashed of the text of a message whose header says too little.
BODY_PREFIX_BYTES = 16_384
#: A header with fewer fields than this, or without Date, does not tell one message from another.
MIN_TELLING_FIELDS = 3
#: "No identity": the headers that should identify are not there. Real digests are never 0.
UNIDENTIFIED = 0

_FOLD = re.compile(rb"\r?\n(?=[ \t])")


class Identity:
    """Makes digests for one choice of headers (--useheader) and one key.

    The digests are integers of `DIGEST_BYTES` bytes, 0 for a message without any of the headers.
    """

    __slots__ = ("_key", "_names", "headers")

    def __init__(self, headers: Sequence[str], key: bytes) -> None:
        self.headers = tuple(headers)
        self._names = tuple(sorted({name.strip().rstrip(":").lower().encode("utf-8") for name in headers}))
        self._key = key[:64]

    def of_header(self, header: bytes) -> int:
        """Give the digest of a header block (all of it or only the identifying fields).

        0 when none is in it.
        """
        if b"\n " in header or b"\n\t" in header:
            header = _FOLD.sub(b"", header)
        names = self._names
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
                if squeezed:
                    found.append(lowered + b":" + squeezed)
        if not found:
            return UNIDENTIFIED
        if len(found) > 1:
            found.sort(key=_field_name)  # stable: Received lines keep their order
        return self._digest(b"\n".join(found))

    def of_unidentified(self, header: bytes, text_prefix: bytes) -> int:
        """Give the digest of a message without identifying headers: of its whole header, and text if needed.

        `text_prefix` is the first `BODY_PREFIX_BYTES` of the text; it counts only when `says_too_little`.
        """
        squeezed = b"\n".join(
            b"".join(line.split()) for line in _FOLD.sub(b"", header).split(b"\n") if line.strip()
        )
        if says_too_little(header):
            squeezed += b"\n\n" + b"".join(text_prefix[:BODY_PREFIX_BYTES].split())
        return self._digest(b"\0" + squeezed)

    def _digest(self, text: bytes) -> int:
        digest = int.from_bytes(blake2b(text, digest_size=DIGEST_BYTES, key=self._key).digest(), "little")
        return digest or 1


def says_too_little(header: bytes) -> bool:
    """Tell whether a whole header is too poor to identify a message, so that its text has to help."""
    names = {
        line.partition(b":")[0].strip().lower()
        for line in _FOLD.sub(b"", header).split(b"\n")
        if b":" in line
    }
    return len(names) < MIN_TELLING_FIELDS or b"date" not in names


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


def _field_name(field: bytes) -> bytes:
    return field.partition(b":")[0]

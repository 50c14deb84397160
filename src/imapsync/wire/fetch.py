"""FETCH responses: a fast way for the shapes that servers send by the hundred thousand, and the general one.

Both give equal values for equal bytes (a test proves it); the fast one declines, by giving None, whatever it
does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.wire.errors import ProtocolError
from imapsync.wire.responses import Fetch
from imapsync.wire.uidset import MAX_LONG_NUMBER, MAX_NUMBER

if TYPE_CHECKING:
    from imapsync.wire.responses import Value

#: The items of bulk answers in any order, then the end or one body literal. Each repetition overwrites its
#: groups; numbers near their limits are left to the general way. 1 sequence, 2 "UID" if it is one (RFC 9586),
#: 3 UID, 4 FLAGS, 5 INTERNALDATE, 6 RFC822.SIZE, 7 MODSEQ, 8 body section, 9 literal length.
_ITEM = (
    rb"UID (\d{1,9})|FLAGS \(([^()\[\"{\r\n]*)\)|INTERNALDATE \"([^\"\\\r\n]*)\""
    rb"|RFC822\.SIZE (\d{1,18})|MODSEQ \((\d{1,18})\)"
)
FAST_FETCH = re.compile(
    rb"\* (\d{1,9}) (UID)?FETCH \((?:(?:" + _ITEM + rb")(?: |(?=\)\r\n)))*"
    rb"(?:\)\r\n|BODY\[([^\]\r\n\"{]*)\](?:<\d{1,19}>)? \{(\d{1,19})\}\r\n)"
)

#: Flag lists repeat: one tuple serves all messages that have the same ones. Bounded, a server may invent
#: keywords.
_MAX_FLAG_LISTS = 4096
_flag_lists: dict[bytes, tuple[bytes, ...]] = {}

_SECTION = re.compile(rb"(?:BODY|BINARY)\[([^\]]*)", re.IGNORECASE)
#: What the items of RFC 822 days are today (RFC 3501 §6.4.5).
_RFC822_SECTIONS = {b"RFC822": b"", b"RFC822.HEADER": b"HEADER", b"RFC822.TEXT": b"TEXT"}


def flag_tuple(raw: bytes) -> tuple[bytes, ...]:
    """Split a flag list as it is on the wire; the same tuple for the same bytes."""
    flags = _flag_lists.get(raw)
    if flags is None:
        if len(_flag_lists) >= _MAX_FLAG_LISTS:
            _flag_lists.clear()
        flags = tuple(b"NIL" if flag.upper() == b"NIL" else flag for flag in raw.split(b" ") if flag)
        _flag_lists[raw] = flags
    return flags


def section_kind(raw: bytes) -> bytes:
    """Give which part a section is, without its arguments: b"HEADER.FIELDS (TO)" is b"HEADER.FIELDS"."""
    return raw.partition(b" ")[0].upper() if raw else raw


def section_of(item: bytes) -> bytes | None:
    """Give the section that a FETCH item such as b"BODY[TEXT]<0>" stands for, None when it is no body."""
    match = _SECTION.match(item)
    return section_kind(match[1]) if match is not None else _RFC822_SECTIONS.get(item.upper())


def fetch_of(match: re.Match[bytes], body: bytes | None, body_size: int | None) -> Fetch:
    """Make the value of a FAST_FETCH match and its body."""
    number, is_uid, uid, flags, date, size, modseq, section, _ = match.groups()
    if is_uid is not None:
        number, uid = b"0", number
    return Fetch(
        int(number),
        None if uid is None else int(uid),
        None if flags is None else flag_tuple(flags),
        None if size is None else int(size),
        date,
        None if modseq is None else int(modseq),
        body,
        body_size,
        None if section is None else section_kind(section),
    )


def parse_fetch(sequence: int, values: tuple[Value, ...]) -> Fetch:
    """Make the value of any FETCH response from its lexed arguments.

    Items that we do not use are passed over; one that is not what it should be (NIL where a number belongs)
    counts as not sent, so that it costs itself and not the message.
    """
    if len(values) != 1 or not isinstance(values[0], tuple) or len(values[0]) % 2:
        raise ProtocolError("FETCH without a list of pairs")
    items = values[0]
    uid = size = modseq = body_size = section = None
    flags: tuple[bytes, ...] | None = None
    labels: tuple[bytes, ...] | None = None
    date: bytes | None = None
    body: bytes | None = None
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, bytes):
            raise ProtocolError("a FETCH item without a name")
        name = key.upper()
        if name == b"UID":
            uid = _number(value, MAX_NUMBER)
        elif name == b"FLAGS":
            flags = _atoms(value)
        elif name == b"INTERNALDATE":
            date = value if isinstance(value, bytes) else b""
        elif name == b"RFC822.SIZE":
            size = _number(value, MAX_LONG_NUMBER)
        elif name == b"MODSEQ":
            modseq = _number(value[0] if isinstance(value, tuple) and value else value, MAX_LONG_NUMBER)
        elif name == b"X-GM-LABELS":
            labels = _atoms(value)
        elif (part := section_of(name)) is not None:
            section = part
            body = value if isinstance(value, bytes) else None
            body_size = len(value) if isinstance(value, bytes) else value if isinstance(value, int) else None
    return Fetch(sequence, uid, flags, size, date, modseq, body, body_size, section, labels)


def _number(value: Value, most: int) -> int | None:
    number = int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < 20 else -1
    return number if 0 <= number <= most else None


def _atoms(value: Value) -> tuple[bytes, ...] | None:
    if value is None:
        return ()
    if not isinstance(value, tuple):
        return None
    return tuple(
        item if isinstance(item, bytes) else b"NIL" for item in value if not isinstance(item, (tuple, int))
    )

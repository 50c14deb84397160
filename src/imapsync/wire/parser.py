"""Turns one framed response into its value: the general way, for every response."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imapsync.wire.errors import ProtocolError
from imapsync.wire.fetch import parse_fetch
from imapsync.wire.lexer import lex
from imapsync.wire.limits import DEFAULT_LIMITS, MAX_MESSAGES
from imapsync.wire.mailbox import MailboxName
from imapsync.wire.responses import (
    Capabilities,
    Code,
    Continuation,
    Enabled,
    Exists,
    Expunge,
    Filtered,
    Flags,
    ListEntry,
    MailboxStatus,
    NamespaceEntry,
    Namespaces,
    Recent,
    Search,
    ServerId,
    Status,
    StatusItems,
    Tagged,
    Unknown,
    Vanished,
)
from imapsync.wire.uidset import MAX_LONG_NUMBER, MAX_NUMBER, UidSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imapsync.wire.lexer import Parts
    from imapsync.wire.responses import Response, Value

_STATUSES = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})
#: Blanks are read generously where one belongs: some servers send two.
_HEAD = re.compile(rb"\* +(?:(\d{1,10}) +)?([^ \r\n\[(]+) *")
_TAGGED = re.compile(rb"([!-~]+) +(OK|NO|BAD)(?: +(.*))?\Z", re.IGNORECASE | re.DOTALL)
#: A response code; parenthesised arguments may hold a ']' (keywords of some servers do).
_CODE = re.compile(rb"\[([^\s\]]+)(?: ((?:\([^()]*\)|[^\]()])*))?\](?: |\Z)", re.DOTALL)
#: Lines of free text: what looks like a literal at their end is only text.
_FREE_TEXT = re.compile(
    rb"(?:\+|\* +(?:OK|NO|BAD|BYE|PREAUTH)\b|(?!\* )[!-~]+ +(?:OK|NO|BAD)\b)", re.IGNORECASE
)


_OF_NUMBERS = frozenset({"SEARCH", "ESEARCH", "VANISHED"})
#: Words of such an answer that are no numbers, at most.
_FRAME_WORDS = 12


def is_free_text(line: bytes) -> bool:
    """Tell whether a response line is text that cannot announce a literal: status, tagged or continuation."""
    return _FREE_TEXT.match(line) is not None


def parse(
    parts: Parts, nesting_limit: int = DEFAULT_LIMITS.nesting, most_numbers: int = MAX_MESSAGES
) -> Response:
    """Give the value of a framed response (see lexer.Parts); ProtocolError when it is not IMAP.

    most_numbers: what tells of more is not even looked into: it is not about messages that there are.
    """
    line = parts[0]
    if not isinstance(line, bytes):
        raise ProtocolError("a response starts with a literal")
    if line.startswith(b"+"):
        return Continuation(line[2:] if line.startswith(b"+ ") else line[1:])
    if not line.startswith(b"* "):
        return _parse_tagged(line)
    head = _HEAD.match(line)
    if head is None:
        raise ProtocolError(f"unreadable response {line[:60]!r}")
    name = head[2].decode("ascii", "replace").upper()
    if head[1] is not None:
        return _parse_numbered(int(head[1]), name, parts, head.end(), nesting_limit)
    if name in _STATUSES:
        code, text = parse_text(line[head.end() :])
        return Status(name, code, text)
    if name in _OF_NUMBERS and line.count(b" ") + line.count(b",") > most_numbers + _FRAME_WORDS:
        raise ProtocolError(f"{name} of more numbers than there are messages")
    return _parse_values(name, lex(parts, head.end(), nesting_limit))


def name_of(line: bytes) -> str:
    """Give what an untagged response line seems to be, in capitals, such as "FETCH"; "" when it is none."""
    head = _HEAD.match(line)
    return "" if head is None else head[2].decode("ascii", "replace").upper()


def parse_text(raw: bytes) -> tuple[Code | None, str]:
    """Split the text of a status response into its response code, if any, and the words for people."""
    match = _CODE.match(raw)
    if match is None:
        return None, raw.decode("utf-8", "replace")
    try:
        arguments = lex([match[2] or b""], 0, DEFAULT_LIMITS.nesting)
    except ProtocolError:
        arguments = ()
    name = match[1].decode("ascii", "replace").upper()
    return Code(name, arguments), raw[match.end() :].decode("utf-8", "replace")


def capability_names(values: Sequence[Value]) -> frozenset[str]:
    """Give capability names in capitals."""
    return frozenset(value.decode("ascii", "replace").upper() for value in values if isinstance(value, bytes))


def number(value: Value) -> int:
    """Read a 63-bit number; ValueError for anything else."""
    if not isinstance(value, bytes) or not value.isdigit() or len(value) > 19:
        raise ValueError
    result = int(value)
    if result > MAX_LONG_NUMBER:
        raise ValueError
    return result


def message_number(value: Value) -> int:
    """Read a 32-bit number; ValueError for anything else."""
    result = number(value)
    if result > MAX_NUMBER:
        raise ValueError
    return result


def _parse_tagged(line: bytes) -> Tagged:
    match = _TAGGED.match(line)
    if match is None:
        raise ProtocolError(f"unreadable response {line[:60]!r}")
    code, text = parse_text(match[3] or b"")
    return Tagged(match[1], match[2].decode().upper(), code, text)


def _parse_numbered(sequence: int, name: str, parts: Parts, start: int, nesting_limit: int) -> Response:
    if sequence > MAX_NUMBER:
        raise ProtocolError(f"a message number beyond 32 bits: {sequence}")
    if name == "EXISTS":
        if sequence > MAX_MESSAGES:
            raise ProtocolError(f"a folder of {sequence} messages")
        return Exists(sequence)
    if name == "EXPUNGE":
        return Expunge(sequence)
    if name == "RECENT":
        return Recent(sequence)
    values = lex(parts, start, nesting_limit)
    if name == "FETCH":
        return parse_fetch(sequence, values)
    if name == "UIDFETCH":
        return parse_fetch(0, values)._replace(uid=sequence)
    return _parse_values(name, values) if name == "FILTERED" else Unknown(name, values)


def _parse_values(name: str, values: tuple[Value, ...]) -> Response:
    parser = _PARSERS.get(name)
    if parser is None:
        return Unknown(name, values)
    try:
        return parser(values)
    except (ValueError, TypeError, IndexError):
        raise ProtocolError(f"unexpected arguments of {name}") from None


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return value


def _tuple(value: Value) -> tuple[Value, ...]:
    if not isinstance(value, tuple):
        raise TypeError
    return value


def _separator(value: Value) -> str | None:
    return None if value is None or value == b"" else _bytes(value).decode("utf-8", "replace")


def _parse_list(values: tuple[Value, ...]) -> ListEntry:
    # NIL where a folder has no attributes is what some servers call an empty list; a folder is one without.
    listed = values[0] if isinstance(values[0], tuple) else ()
    attributes = frozenset(_bytes(value).lower() for value in listed)
    # An unquoted name NIL is a folder called NIL, not an absent name.
    raw = b"NIL" if values[2] is None else _bytes(values[2])
    return ListEntry(MailboxName.from_wire(raw), _separator(values[1]), attributes)


def _parse_lsub(values: tuple[Value, ...]) -> ListEntry:
    return _parse_list(values)._replace(subscribed_answer=True)


def _told(value: Value) -> int | None:
    """Read a number; None for what is none, as if it had not been told."""
    try:
        return number(value)
    except ValueError:
        return None


_STATUS_FIELDS = {
    b"MESSAGES": "messages",
    b"UIDNEXT": "uidnext",
    b"UIDVALIDITY": "uidvalidity",
    b"UNSEEN": "unseen",
    b"HIGHESTMODSEQ": "highestmodseq",
    b"SIZE": "size",
    b"APPENDLIMIT": "append_limit",
}


def _parse_status(values: tuple[Value, ...]) -> MailboxStatus:
    raw = b"NIL" if values[0] is None else _bytes(values[0])
    items = _tuple(values[-1])
    found: dict[str, int] = {}
    for key, value in zip(items[::2], items[1::2], strict=False):
        field = _STATUS_FIELDS.get(_bytes(key).upper())
        if field is not None and (told := _told(value)) is not None:
            found[field] = told
    return MailboxStatus(MailboxName.from_wire(raw), StatusItems(**found))


def _parse_namespace(values: tuple[Value, ...]) -> Namespaces:
    def group(value: Value) -> tuple[NamespaceEntry, ...]:
        entries = value if isinstance(value, tuple) else ()
        return tuple(
            NamespaceEntry(MailboxName(raw, MailboxName.from_wire(raw).text), _separator(entry[1]))
            for entry in entries
            if isinstance(entry, tuple) and len(entry) >= 2
            for raw in [b"" if entry[0] is None else _bytes(entry[0])]
        )

    return Namespaces(*map(group, (*values, None, None, None)[:3]))


def _parse_search(values: tuple[Value, ...]) -> Search:
    modseq = None
    if values and isinstance(values[-1], tuple):
        modseq = number(values[-1][1])
        values = values[:-1]
    numbers = UidSet.of(filter(None, map(message_number, values)))
    if values and not numbers:
        raise ValueError  # there is no message 0; beside others it costs itself
    return Search(numbers, modseq=modseq)


def _parse_esearch(values: tuple[Value, ...]) -> Search:
    tag: bytes | None = None
    index = 0
    if values and isinstance(values[0], tuple):
        tag = _bytes(values[0][1])
        index = 1
    numbers, count, modseq = UidSet(), None, None
    while index < len(values):
        key = _bytes(values[index]).upper()
        index += 1
        if key == b"UID":
            continue
        value = values[index]
        index += 1
        if key == b"ALL":
            numbers = UidSet.parse(_bytes(value))
        elif key == b"PARTIAL":
            # RFC 9394 §3.1: PARTIAL (range set), the set NIL when nothing is in the range.
            partial = _tuple(value)[1]
            numbers = UidSet() if partial is None else UidSet.parse(_bytes(partial))
        elif key == b"COUNT":
            count = message_number(value)
        elif key == b"MODSEQ":
            modseq = number(value)
    return Search(numbers, tag, count, modseq)


def _parse_vanished(values: tuple[Value, ...]) -> Vanished:
    earlier = isinstance(values[0], tuple)
    return Vanished(UidSet.parse(_bytes(values[-1])), earlier)


def _parse_id(values: tuple[Value, ...]) -> ServerId:
    if values[0] is None:
        return ServerId(())
    texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else "" for item in _tuple(values[0])]
    return ServerId(tuple(zip(texts[::2], texts[1::2], strict=False)))


def _parse_filtered(values: tuple[Value, ...]) -> Filtered:
    """Read Pigeonhole's `* n FILTERED (TAG "x") UID 5 OK`; a string after NO tells what went wrong."""
    words = [value for value in values if not isinstance(value, tuple)]
    uid = message_number(words[1])
    status = _bytes(words[2]).decode("ascii", "replace").upper()
    text = b" ".join(word for word in words[3:] if isinstance(word, bytes)).decode("utf-8", "replace")
    return Filtered(uid, status, text)


_PARSERS: dict[str, Callable[[tuple[Value, ...]], Response]] = {
    "CAPABILITY": lambda values: Capabilities(capability_names(values)),
    "ENABLED": lambda values: Enabled(capability_names(values)),
    "FLAGS": lambda values: Flags(tuple(flag for flag in _tuple(values[0]) if isinstance(flag, bytes))),
    "LIST": _parse_list,
    "LSUB": _parse_lsub,
    "XLIST": _parse_list,
    "STATUS": _parse_status,
    "NAMESPACE": _parse_namespace,
    "SEARCH": _parse_search,
    "ESEARCH": _parse_esearch,
    "VANISHED": _parse_vanished,
    "ID": _parse_id,
    "FILTERED": _parse_filtered,
}

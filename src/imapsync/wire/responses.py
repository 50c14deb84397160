"""The values a server's bytes are turned into; immutable, and cheap to make by the hundred thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.uidset import UidSet

#: What the lexer makes: an atom, number or string as bytes, NIL as None, a parenthesised list as a tuple, a
#: literal that was handed out in chunks as its length.
Value: TypeAlias = "bytes | int | tuple[Value, ...] | None"


class Code(NamedTuple):
    """A response code such as [APPENDUID 1 2]: its name in capitals and its arguments, lexed."""

    name: str
    arguments: tuple[Value, ...] = ()


class Status(NamedTuple):
    """An untagged OK, NO, BAD, BYE or PREAUTH (RFC 3501 §7.1)."""

    status: str
    code: Code | None
    text: str


class Tagged(NamedTuple):
    """The end of a command."""

    tag: bytes
    status: str
    code: Code | None
    text: str


class Continuation(NamedTuple):
    """A line that starts with '+': the server wants the next part of a command."""

    text: bytes


class Capabilities(NamedTuple):
    """An untagged CAPABILITY, in capitals."""

    names: frozenset[str]


class Enabled(NamedTuple):
    """An untagged ENABLED (RFC 5161), in capitals."""

    names: frozenset[str]


class Exists(NamedTuple):
    """Number of messages in the selected mailbox."""

    messages: int


class Expunge(NamedTuple):
    """The message with this sequence number is gone."""

    sequence: int


class Recent(NamedTuple):
    r"""Number of messages with the \Recent flag."""

    messages: int


class Flags(NamedTuple):
    """The flags defined in the selected mailbox."""

    flags: tuple[bytes, ...]


class Search(NamedTuple):
    """SEARCH or ESEARCH (RFC 4731): the matching numbers; tag: of the command, ESEARCH only."""

    numbers: UidSet
    tag: bytes | None = None
    matches: int | None = None
    modseq: int | None = None


class Vanished(NamedTuple):
    """VANISHED (RFC 7162): UIDs that are gone; `earlier` when it answers a question about the past."""

    uids: UidSet
    earlier: bool


class ListEntry(NamedTuple):
    r"""One folder of LIST or LSUB.

    attributes: in lower case with the backslash, such as b"\\noselect". separator: None for a flat name.
    status: from the STATUS that came with it (LIST-STATUS, RFC 5819), None when there was none.
    """

    name: MailboxName
    separator: str | None
    attributes: frozenset[bytes]
    subscribed_answer: bool = False
    status: StatusItems | None = None


class StatusItems(NamedTuple):
    """What STATUS told about a folder; None for what it did not tell.

    append_limit: the largest message that may be appended there, in bytes; NIL is no limit (RFC 7889 §4).
    """

    messages: int | None = None
    uidnext: int | None = None
    uidvalidity: int | None = None
    unseen: int | None = None
    highestmodseq: int | None = None
    size: int | None = None
    append_limit: int | None = None


class MailboxStatus(NamedTuple):
    """An untagged STATUS."""

    name: MailboxName
    items: StatusItems


class NamespaceEntry(NamedTuple):
    """A namespace: its prefix as sent by the server and its separator."""

    prefix: MailboxName
    separator: str | None


class Namespaces(NamedTuple):
    """NAMESPACE (RFC 2342)."""

    personal: tuple[NamespaceEntry, ...] = ()
    other_users: tuple[NamespaceEntry, ...] = ()
    shared: tuple[NamespaceEntry, ...] = ()


class ServerId(NamedTuple):
    """ID (RFC 2971)."""

    fields: tuple[tuple[str, str], ...]


class Filtered(NamedTuple):
    """FILTERED of Pigeonhole's FILTER=SIEVE: what the Sieve script did with one message."""

    uid: int
    status: str
    text: str


class Fetch(NamedTuple):
    """One message of FETCH; None for what the server did not send.

    sequence: 0 in a UIDFETCH (RFC 9586), which has none. flags: as sent. internaldate: as sent, between the
    quotes, b"" when the server has none. body: the (only) body section asked for.
    body_size: its length; body is None with a body_size when it was larger than the inline limit and went out
    as BodyStart and BodyChunk events; both are None when it was NIL (the message is gone) or not asked for.
    section: which part the body is, without its arguments: b"" the whole message, b"HEADER.FIELDS" and so on.
    labels: Gmail's X-GM-LABELS. mended: a stray line end followed a literal: that may belong to the literal.
    """

    sequence: int
    uid: int | None = None
    flags: tuple[bytes, ...] | None = None
    size: int | None = None
    internaldate: bytes | None = None
    modseq: int | None = None
    body: bytes | None = None
    body_size: int | None = None
    section: bytes | None = None
    labels: tuple[bytes, ...] | None = None
    mended: bool | None = None


class BodyStart(NamedTuple):
    """A body larger than the inline limit begins; BodyChunk events follow, then its Fetch."""

    sequence: int
    uid: int | None
    size: int
    section: bytes = b""


class BodyChunk(NamedTuple):
    """The next bytes of the body that began with BodyStart."""

    content: bytes


class Unreadable(NamedTuple):
    """A response whose framing is whole and whose words are not IMAP; nobody knows what it should have told.

    name: what it seems to be, in capitals, such as "FETCH" or "SEARCH", "" when not even that can be told.
    line: its first line. why: what is wrong with it.
    """

    name: str
    line: bytes
    why: str


class Unknown(NamedTuple):
    """An untagged response that we have no use for: its name and its lexed arguments."""

    name: str
    arguments: tuple[Value, ...]


Response = (
    Status
    | Tagged
    | Continuation
    | Capabilities
    | Enabled
    | Exists
    | Expunge
    | Recent
    | Flags
    | Search
    | Vanished
    | ListEntry
    | MailboxStatus
    | Namespaces
    | ServerId
    | Filtered
    | Fetch
    | BodyStart
    | BodyChunk
    | Unreadable
    | Unknown
)

"""What happens during a run, as values.

The engine's layers make these and hand them to a sink, any callable that takes one event
(:data:`Sink`). :class:`imapsync.report.collector.Collector` is the sink of the command line: it
counts, prints and writes. Events are facts in the past tense; nothing here decides anything.

Named tuples where a field's name allows it (``count`` is taken), because making a dataclass takes ten times
as long, and a run that only logs in pays for all of them. Cheap on purpose too: what happens to many messages
is one event a batch, never one a message. Names of folders are ``str`` as people read them (decoded from
modified UTF-7, the server's own separator); sizes are bytes; times are seconds since the epoch; uids are of
the side named.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from imapsync.terms import Reason, Side


class Phase(enum.StrEnum):
    """What the run does now; the words of the progress file."""

    CONNECTING = "connecting"
    LISTING = "listing"
    COMPARING = "comparing"
    COPYING = "copying"
    WAITING = "waiting"
    FLAGS = "flags"
    DELETING = "deleting"
    FILTERING = "filtering"
    VERIFYING = "verifying"
    DONE = "done"


class Skip(enum.StrEnum):
    """Why a selected message was not copied although nothing failed."""

    PRESENT = "present"  # its copy is already on the destination
    DUPLICATE = "duplicate"  # the same identity was already seen in this source folder
    CROSS_DUPLICATE = "cross_duplicate"  # copied in another folder (--skipcrossduplicates)
    SIZE = "size"  # --maxsize, --minsize
    LINE_LENGTH = "line_length"  # --maxlinelength
    PATTERN = "pattern"  # --skipmess
    REMOVED_BY_USER = "removed_by_user"  # the journal knows that it was on host2 and was deleted there
    VANISHED = "vanished"  # expunged on the source between listing and copying
    DRY = "dry"  # would be copied without --dry


class PhaseChanged(NamedTuple):
    """The run turned to another kind of work."""

    phase: Phase


class Connected(NamedTuple):
    """A server answered."""

    side: Side
    host: str
    port: int
    encryption: str  # "tls", "starttls" or "none"
    greeting: str = ""  # the server's own words
    protocol: str = ""  # for example "TLSv1.3"


class CertificateSeen(NamedTuple):
    """The certificate that the server showed.

    `trusted`: an authority or the fingerprint that the user gave vouches for it. `note`: why it was accepted:
    ca, fingerprint, remembered, first_use or any; empty when it was not.
    """

    side: Side
    subject: str
    issuer: str
    expires: str  # ISO 8601
    fingerprint: str  # SHA-256, hexadecimal
    trusted: bool
    note: str = ""


class LoggedIn(NamedTuple):
    """The account opened."""

    side: Side
    user: str
    mechanism: str
    capabilities: tuple[str, ...] = ()
    server: str = ""  # what the server says of itself by ID


class Reconnected(NamedTuple):
    """A lost connection was made again; the work goes on."""

    side: Side
    cause: str


class WaitBegan(NamedTuple):
    """A server asked to be left alone. `until`: epoch seconds; `words`: its own."""

    side: Side | None
    until: float
    seconds: float
    words: str


class WaitEnded(NamedTuple):
    """The wait is over; the run goes on with what it was at."""


class FolderTotals(NamedTuple):
    """One line of a folder listing. `messages` or `size_bytes` is None when it was not asked for."""

    name: str
    messages: int | None = None
    size_bytes: int | None = None
    selected: bool = True  # the run works on it
    mapped_to: str = ""  # its name on the other side, "" when there is none
    special_use: str = ""  # as announced (RFC 6154), for example "\\Sent"
    selectable: bool = True


class FoldersListed(NamedTuple):
    """All folders of a side, at the start or (`at_end`) after the work."""

    side: Side
    folders: tuple[FolderTotals, ...]
    separator: str = ""
    prefix: str = ""
    at_end: bool = False


class WorkPlanned(NamedTuple):
    """More messages to copy are known. Amounts add up over the run."""

    messages: int
    size_bytes: int


class FolderStarted(NamedTuple):
    """Work on a folder pair begins; `total` folder pairs in all, `position` counts from 1."""

    source: str
    destination: str
    position: int
    total: int


class Foreseen(NamedTuple):
    """What a run would meet that has not begun.

    renamed: folders that get another name, (source, destination). limit_bytes: the largest message that the
    destination takes, None where it does not say; too_large: how many are larger.
    """

    renamed: tuple[tuple[str, str], ...]
    limit_bytes: int | None = None
    too_large: int | None = None


class FolderCompared(NamedTuple):
    """Both sides of a folder pair were read and matched."""

    source: str
    destination: str
    source_messages: int  # selected messages on the source
    destination_messages: int
    identified: int  # source messages with an identity
    unidentified: int = 0  # without the headers that identify; they are copied once
    source_duplicates: int = 0
    destination_duplicates: int = 0
    to_copy: int = 0
    missing_source: int = 0  # destination messages that are not on the source
    unchanged: bool = False  # known from the journal, nothing had to be read


class FolderFinished(NamedTuple):
    """All is done for a folder pair."""

    source: str
    destination: str


class MessagesCopied(NamedTuple):
    """A batch arrived (or, in a dry run, would be copied).

    `sizes` and `source_uids` run in parallel, and so does `destination_uids` unless it is empty because the
    server does not tell them. `dates`: the first and the last internal date of the batch, where it is known.
    """

    source: str
    destination: str
    source_uids: Sequence[int]
    sizes: Sequence[int]
    destination_uids: Sequence[int] = ()
    dates: tuple[int, int] | None = None


class PartSent(NamedTuple):
    """So many bytes of a large message have gone out; it may still fail, or be sent anew."""

    source: str
    uid: int
    size_bytes: int


@dataclass(frozen=True)
class MessagesSkipped:
    """Selected messages that need or get no copy."""

    source: str
    count: int
    why: Skip
    size_bytes: int = 0
    uids: Sequence[int] = ()  # named in the log when given; leave empty for PRESENT
    planned: bool = False  # they were counted in a WorkPlanned before this was known


class MessageFailed(NamedTuple):
    """One selected message did not arrive: the row of the failures list. Counts as an error."""

    folder: str
    uid: int
    reason: Reason
    server_text: str = ""
    remedy: str = ""  # a code; empty: the one that goes with the reason
    message_id: str | None = None
    subject: str | None = None
    date: str | None = None  # ISO 8601
    size_bytes: int | None = None
    side: Side = Side.DESTINATION
    uidvalidity: int = 0  # under which the UID counts; 0: not known


class CopyLost(NamedTuple):
    """A message told by MessagesCopied turned out not to be there; a MessageFailed says so to people."""

    source: str
    uid: int
    size_bytes: int


@dataclass(frozen=True)
class FlagsChanged:
    """Flags were set on messages that already were on a side."""

    side: Side
    folder: str
    count: int


@dataclass(frozen=True)
class MessagesDeleted:
    """Messages were deleted (or marked, when `expunged` is false; or would be, in a dry run)."""

    side: Side
    folder: str
    count: int
    expunged: bool = True
    duplicates: bool = False  # --delete2duplicates


@dataclass(frozen=True)
class CopiesDoubted:
    """So many copies vanished from the destination together: nobody knows whether that was on purpose."""

    count: int


class FolderCreated(NamedTuple):
    """A folder was made on the destination."""

    name: str


class FolderDeleted(NamedTuple):
    """A folder was removed."""

    side: Side
    name: str


class FolderSubscribed(NamedTuple):
    """A destination folder was subscribed."""

    name: str


@dataclass(frozen=True)
class FilterRan:
    """The user's Sieve script ran on `count` copied messages; `moved` of them left the folder."""

    folder: str
    count: int
    moved: int = 0


class Problem(NamedTuple):
    """Something failed that is not one message (a folder, a connection, our own state). An error."""

    reason: Reason
    text: str  # a sentence; server words are part of it, never a secret
    side: Side | None = None
    folder: str = ""
    details: Mapping[str, str] = MappingProxyType({})


class Warned(NamedTuple):
    """Worth a line in the log, not an error."""

    text: str
    side: Side | None = None


class Noted(NamedTuple):
    """A line for the log."""

    text: str
    side: Side | None = None


class VerifyMismatch(NamedTuple):
    """What `--verify` found. `kind`: one of `FAULTS`, or size, date, flags, deleted_by_user.

    date: ISO 8601, of the header, else when it arrived; size_bytes: of the original.
    """

    folder: str
    uid: int
    kind: str
    expected: str = ""
    found: str = ""
    message_id: str | None = None
    subject: str | None = None
    date: str | None = None
    size_bytes: int | None = None


#: Kinds of VerifyMismatch that count as errors: the message is not proven to be on the destination.
FAULTS = ("missing", "content", "unproven")


class ContentsRead(NamedTuple):
    """So many messages of a source folder were read whole, and their copies, to be compared."""

    folder: str
    messages: int
    size_bytes: int


class Verified(NamedTuple):
    """What was found of a folder pair.

    checked: source messages that were looked up; equal, different: those with a copy that is the same, or
    not in everything. extra: messages of the destination folder that are no copy of these. left_out: source
    messages that the options leave out. unproven: those of which nobody can say. refused: a folder could not
    be read, and nothing of the pair was looked up. dates: the first and the last internal date of what was
    looked up, None when there was nothing.
    """

    source: str
    destination: str
    checked: int
    equal: int
    different: int = 0
    extra: int = 0
    left_out: int = 0
    unproven: int = 0
    refused: bool = False
    dates: tuple[int, int] | None = None


Event = (
    PhaseChanged
    | Connected
    | CertificateSeen
    | LoggedIn
    | Reconnected
    | WaitBegan
    | WaitEnded
    | FoldersListed
    | WorkPlanned
    | FolderStarted
    | Foreseen
    | FolderCompared
    | FolderFinished
    | MessagesCopied
    | PartSent
    | MessagesSkipped
    | CopyLost
    | MessageFailed
    | FlagsChanged
    | MessagesDeleted
    | CopiesDoubted
    | FolderCreated
    | FolderDeleted
    | FolderSubscribed
    | FilterRan
    | Problem
    | Warned
    | Noted
    | VerifyMismatch
    | ContentsRead
    | Verified
)

Sink = Callable[[Event], None]
"""Takes events. Never raises for what an event holds; called from one thread."""

"""The words that all parts share: sides, reasons, the numbers of a folder, what became of a copy, records.

This file stands below everything and imports nothing of ours.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple


class Side(enum.StrEnum):
    """Which account: mail goes from the source (host1) to the destination (host2)."""

    SOURCE = "source"
    DESTINATION = "destination"


class Reason(enum.StrEnum):
    """Why a message did not arrive, or why a step failed; the codes of the JSON report."""

    AUTHENTICATION = "authentication"
    LOGIN_DROPPED = "login_dropped"
    NOT_CONNECTED = "not_connected"
    TOKEN_UNAVAILABLE = "token_unavailable"
    TOKEN_REFUSED = "token_refused"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_CLOCK = "token_clock"
    TOKEN_AUDIENCE = "token_audience"
    TOKEN_SCOPE = "token_scope"
    MAILBOX_NOT_GRANTED = "mailbox_not_granted"
    CONNECTION = "connection"
    ADDRESS_AVOIDED = "address_avoided"
    TLS = "tls"
    STARTTLS_MISSING = "starttls_missing"
    PLAINTEXT_REFUSED = "plaintext_refused"
    CERTIFICATE_CHANGED = "certificate_changed"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    FOLDER_CREATE = "folder_create"
    FOLDER_DELETE = "folder_delete"
    FOLDER_MISSING = "folder_missing"
    SUBFOLDER1_MISSING = "subfolder1_missing"
    SELECT = "select"
    APPEND = "append"
    NOT_STORED = "not_stored"
    FETCH = "fetch"
    DOUBTFUL = "doubtful"
    FLAGS = "flags"
    DELETE = "delete"
    OVERQUOTA = "overquota"
    VIRUS = "virus"
    TOO_BIG = "too_big"
    FILTER = "filter"
    DELIVERY = "delivery"
    TRANSFORM = "transform"
    TRANSFER_EXCEEDED = "transfer_exceeded"
    BRAKE_SOURCE_EMPTY = "brake_source_empty"
    BRAKE_DELETE = "brake_delete"
    BRAKE_VANISHED = "brake_vanished"
    SOURCE_INCOMPLETE = "source_incomplete"
    FOLDER_REPLACED = "folder_replaced"
    VERIFY = "verify"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    PARKED = "parked"
    SIGNAL = "signal"
    PID_FILE = "pid_file"
    NO_INPUT = "no_input"
    OUTPUT = "output"
    USAGE = "usage"
    JOURNAL = "journal"
    INTERNAL = "internal"


#: RFC 3501 §9: flag-keyword is an atom; servers take ']' in one.
_NAMEABLE = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+\Z")


def is_nameable_flag(flag: bytes) -> bool:
    r"""Tell whether a command can name a flag to set it; nobody but the server sets \Recent.

    There are others: Dovecot shows what a Maildir's dovecot-keywords holds, be it `50%off` or 8-bit.
    """
    return _NAMEABLE.match(flag) is not None and flag.lower() != b"\\recent"


class Numbers(NamedTuple):
    """What one look at a folder told, by STATUS or SELECT; 0 (messages, size: -1) for what it did not tell.

    modseq: HIGHESTMODSEQ (RFC 7162 §3.1). size: bytes of all messages (RFC 8438).
    """

    uidvalidity: int = 0
    uidnext: int = 0
    messages: int = -1
    modseq: int = 0
    size: int = -1


class Held(NamedTuple):
    """How many messages there are, or have gone.

    in_bins: those of them in Trash and Junk, which people empty.
    """

    messages: int = 0
    in_bins: int = 0


#: No message.
NONE_HELD = Held()


class Copy(enum.IntEnum):
    """What stands in place of a destination UID when a source message has no copy to point to."""

    #: A later run had seen the copy, then the user removed it: not copied again, and the original may go.
    REMOVED = 0
    #: Left out as a duplicate of another message of its folder.
    DUPLICATE = -1
    #: Gone since the last run, and seen alive by a later run than the one that made it; not judged yet.
    VANISHED = -2
    #: Gone before any later run saw it alive; not judged yet.
    UNSEEN = -3
    #: Gone together with more than half of all copies: an accident until somebody says otherwise.
    DOUBTED = -4
    #: Gone unseen and found nowhere else: no proof, so the original stays.
    KEPT = -5
    #: Gone unseen, and not yet looked for elsewhere.
    MISSED = -6


#: Marks of copies that are gone in whatever way; none of them is copied again.
GONE = frozenset({Copy.REMOVED, Copy.VANISHED, Copy.UNSEEN, Copy.DOUBTED, Copy.KEPT, Copy.MISSED})
#: Marks that the end of a run still has to judge.
UNJUDGED = frozenset({Copy.VANISHED, Copy.UNSEEN})


class Pair(NamedTuple):
    """A source message and its copy (a destination UID, or a `Copy`).

    flags: the journal's number of the flags that the source had when the copy got them. digest, size: who the
    message is, as its source tells; 0 when it was never asked.
    """

    source_uid: int
    copy: int
    flags: int = 0
    digest: int = 0
    size: int = 0


class FolderRecord(NamedTuple):
    """A folder pair as the journal knows it.

    source, destination: the numbers under which everything was compared; never newer ones. source_uidnext 0:
    the first comparison did not come to its end, only pairs are known. destination.messages -1: somebody else
    put messages there meanwhile. destination_seen: copies below this UID were seen alive by a later run than
    the one that made them. copies: how many copies were alive, or had vanished without being judged. settled:
    everything selected had arrived and everything doomed was deleted, so equal numbers mean that nothing is
    to be done. rules: fingerprint of the options under which that was so. looked_at: when the last pairs were
    held against the messages themselves, epoch seconds.
    """

    id: int
    source_name: str
    destination_name: str
    source: Numbers
    destination: Numbers
    removed: int = 0
    copies: int = 0
    destination_seen: int = 0
    settled: bool = False
    rules: str = ""
    looked_at: int = 0

    @property
    def begun(self) -> bool:
        """Whether only the beginning of a first comparison is known."""
        return self.source.uidnext == 0

"""Everything one run needs to know, as one value made by the command line."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.rules import (
    ContentRules,
    DeletionRules,
    FlagRules,
    FolderRules,
    IdentityRules,
    LabelRules,
    SelectionRules,
)
from imapsync.session.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.credentials import Credentials
    from imapsync.terms import Side
    from imapsync.transfer.outcome import Outcome


class Mode(Enum):
    """How far a run goes."""

    SYNC = "sync"
    CONNECT = "connect"  # --justconnect: no login
    LOGIN = "login"  # --justlogin
    FOLDERS = "folders"  # --justfolders
    SIZES = "sizes"  # --justfoldersizes
    VERIFY = "verify"  # --verify: read both sides, write nothing


class Limits(NamedTuple):
    """Bounds on speed, connections and patience; None means unbounded."""

    connections: int = 3  # --connections: at most this many a side
    messages_per_second: float | None = None  # --maxmessagespersecond
    bytes_per_second: float | None = None  # --maxbytespersecond
    bytes_after: int = 0  # --maxbytesafter
    max_sleep_s: float = 2.0  # --maxsleep
    exit_when_over_bytes: int | None = None  # --exitwhenover
    append_bytes: int | None = None  # --appendlimit
    max_wait_s: float = 3600.0  # --maxwait: how long servers may ask us to wait, in all
    max_lost_s: float = 300.0  # --maxlost: how long a lost server is tried
    errors_max: int = 50  # --errorsmax


class Delivery(NamedTuple):
    """Where INBOX's messages are delivered by LMTP (--lmtp2), and to whom (--lmtpuser2)."""

    endpoint: Endpoint
    recipient: str


class Settings(NamedTuple):
    """One run: two endpoints, the rules, the limits; to programs the front door's `Options`.

    `destination` may be None for CONNECT, LOGIN, FOLDERS and SIZES: then only the source is looked at.
    """

    source: Endpoint = Endpoint("")
    destination: Endpoint | None = None
    source_credentials: Credentials | None = None  # None only for CONNECT
    destination_credentials: Credentials | None = None
    send_id: bool = True  # --noid makes it False
    source_trace: Callable[[str], None] | None = None  # --debugimap1: gets redacted wire lines
    destination_trace: Callable[[str], None] | None = None  # --debugimap2
    mode: Mode = Mode.SYNC
    verify_content: bool = False  # --verify=content: what messages say is compared, too
    dry: bool = False
    folders: FolderRules = FolderRules()
    selection: SelectionRules = SelectionRules()
    identity: IdentityRules = IdentityRules()
    content: ContentRules = ContentRules()
    flags: FlagRules = FlagRules()
    labels: LabelRules = LabelRules()
    deletion: DeletionRules = DeletionRules()
    limits: Limits = Limits()
    sizes_at_start: bool = True  # --nofoldersizes makes it False
    sizes_at_end: bool = True  # --nofoldersizesatend makes it False
    state: str | None = None  # --state
    state_hosts: tuple[str | None, str | None] = (None, None)  # --statehost1/2: in place of the addresses
    sieve_delivery: bool = False  # --sievedelivery2
    delivery: Delivery | None = None  # --lmtp2, --lmtpuser2: deliver into INBOX in place of appending
    provider: str = "auto"  # --provider: whose facts count for host1; "none": nobody's for either side
    report_to: tuple[Side, ...] = ()  # --emailreport1/2: the INBOX of these sides gets the report
    compose_report: Callable[[Outcome], bytes] | None = None  # gives it as a message

    @property
    def changes_source(self) -> bool:
        """Whether the user asked for any change of source messages."""
        return self.deletion.empties_source or bool(self.flags.set_on_source)

    @property
    def writes_source(self) -> bool:
        """Whether source folders are opened for writing: only when the user asked for changes there."""
        return (self.changes_source or bool(self.deletion.source_expunge)) and not self.dry

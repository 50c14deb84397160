"""What every step of a run shares: the settings, the two accounts, the journal, and the count of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapsync.account import Account
from imapsync.report import events
from imapsync.terms import NONE_HELD, Held, Reason, Side
from imapsync.transfer.company import Company
from imapsync.transfer.outcome import Stop
from imapsync.transfer.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.journal.journal import Journal
    from imapsync.plan.identity import Identity
    from imapsync.session.errors import SyncError
    from imapsync.transfer.settings import Settings
    from imapsync.wire.uidset import UidSet


class StopRun(Exception):  # noqa: N818 - not an error: the way out of any depth to the end of the run
    """Ends the run from any depth; what was done stays done."""

    def __init__(self, stop: Stop, error: Exception | None = None) -> None:
        super().__init__(stop.value)
        self.stop = stop
        self.error = error


@dataclass(slots=True)
class Run:
    """One run under way, with an account on each side."""

    settings: Settings
    sink: events.Sink
    clock: Callable[[], float]
    company: Company = field(default_factory=Company)
    source: Account = field(init=False)
    destination: Account = field(init=False)
    identity: Identity = field(init=False)
    patience: Patience = field(default_factory=Patience)
    journal: Journal | None = None
    #: (source folder, the name that the rules give it) -> its name on the destination, once that is settled.
    renamed: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Keywords of which the log says that copies go without them.
    told_keywords: set[bytes] = field(default_factory=set)
    started_at: float = 0.0
    errors: int = 0
    #: How many copies the journal knew of when the run began.
    copies_before: Held = NONE_HELD
    copied_bytes: int = 0
    copied_messages: int = 0
    incomplete_listing: bool = False
    #: What we moved from host1 is known by other headers than this run's: it cannot be told from the rest.
    moved_unknown: bool = False
    #: Messages came to host2 by LMTP, in this run or an earlier one: nobody knows which those are.
    delivered: bool = False
    #: Deliveries that were begun in this run, by the journal's names of messages.
    deliveries: set[int] = field(default_factory=set)
    folders_total: int = 0
    #: How many commands were given up because the connection broke each time: the next try goes further.
    given_up: int = 0
    #: Whether a folder pair over which the connection broke each time is tried once more at the end.
    postpones: bool = False
    #: With --retryfailed: which UIDs of each source folder are tried, and of no other.
    retried: dict[str, UidSet] | None = None

    def __post_init__(self) -> None:
        self.source = Account(Side.SOURCE, writes=self.settings.writes_source)
        self.destination = Account(Side.DESTINATION, writes=not self.dry)

    @property
    def accounts(self) -> tuple[Account, Account]:
        """Both sides: source, destination."""
        return self.source, self.destination

    @property
    def dry(self) -> bool:
        """Whether nothing may be changed."""
        return self.settings.dry

    def note(self, text: str) -> None:
        """Put a line into the log."""
        self.sink(events.Noted(text))

    def warn(self, text: str, side: Side | None = None) -> None:
        """Put a warning into the log."""
        self.sink(events.Warned(text, side))

    def problem(self, error: SyncError, text: str, *, folder: str = "", reason: Reason | None = None) -> None:
        """Report that something other than a message failed; ends the run when errors_max is reached."""
        self.sink(
            events.Problem(
                reason or reason_of(error),
                f"{text}: {error}" if text else str(error),
                side_of(error),
                folder,
                dict(error.details),
            )
        )
        self.count_error()

    def count_error(self) -> None:
        """Count one error; StopRun when there are as many as --errorsmax."""
        self.errors += 1
        if self.settings.limits.errors_max and self.errors >= self.settings.limits.errors_max:
            raise StopRun(Stop.ERRORS_MAX)


def reason_of(error: SyncError) -> Reason:
    """Give the report's code of a session error."""
    try:
        return Reason(error.code)
    except ValueError:
        return Reason.PROTOCOL


def side_of(error: SyncError) -> Side | None:
    """Give the report's side of a session error."""
    return error.side

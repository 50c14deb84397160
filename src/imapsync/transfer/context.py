"""What every step of a run shares: the settings, the two sessions, the journal, and the count of errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from imapsync.report import events
from imapsync.terms import Reason, Side
from imapsync.transfer.outcome import Stop
from imapsync.transfer.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.account import AccountView
    from imapsync.journal.journal import Journal
    from imapsync.plan.identity import Identity
    from imapsync.session.errors import SyncError
    from imapsync.session.session import Session
    from imapsync.transfer.settings import Settings


class StopRun(Exception):  # noqa: N818 - not an error: the way out of any depth to the end of the run
    """Ends the run from any depth; what was done stays done."""

    def __init__(self, stop: Stop, error: Exception | None = None) -> None:
        super().__init__(stop.value)
        self.stop = stop
        self.error = error


class Ends(Protocol):
    """A session on each side: those of the run, or those of a further lane of the copying."""

    @property
    def source(self) -> Session:
        """The session on host1."""

    @property
    def destination(self) -> Session:
        """The session on host2."""


@dataclass(slots=True)
class Run:
    """One run under way. The sessions change when a lost connection is made again."""

    settings: Settings
    sink: events.Sink
    clock: Callable[[], float]
    source: Session = field(init=False)
    destination: Session = field(init=False)
    source_view: AccountView = field(init=False)
    destination_view: AccountView = field(init=False)
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
    copies_before: int = 0
    copied_bytes: int = 0
    copied_messages: int = 0
    incomplete_listing: bool = False
    folders_total: int = 0

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

"""What became of each folder: a row of the report for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Event, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Folders with a row of their own; what lies beyond is in the totals only.
MAX_ROWS = 10_000
#: Left out because the user said so.
BY_RULE = (Skip.SIZE, Skip.LINE_LENGTH, Skip.PATTERN, Skip.DUPLICATE, Skip.CROSS_DUPLICATE)


@dataclass
class FolderRow:
    """One folder pair. source: its name on host1, destination: on host2; messages: selected ones of host1.

    dates: the first and the last internal date of the messages that were copied, or looked up by --verify.
    verified: whether it was; None where it was not asked for. different: exceptions. extra: messages of host2
    that are no copy of these. unproven: those of which a verification cannot tell.
    """

    source: str
    destination: str = ""
    messages: int = 0
    copied: int = 0
    copied_bytes: int = 0
    failed: int = 0
    different: int = 0
    extra: int = 0
    unproven: int = 0
    verified: bool | None = None
    dates: tuple[int, int] | None = None
    skipped: Counter[Skip] = field(default_factory=Counter)

    def meet(self, dates: tuple[int, int] | None) -> None:
        """Take in the first and the last date of further messages."""
        if dates is not None:
            known = self.dates or dates
            self.dates = min(known[0], dates[0]), max(known[1], dates[1])

    @property
    def left_out(self) -> int:
        """Messages that the rules of the run leave out."""
        return sum(self.skipped[why] for why in BY_RULE)


class FolderRows:
    """The rows of a run, in the order in which its folders were come to."""

    def __init__(self) -> None:
        self._rows: dict[str, FolderRow] = {}

    def __iter__(self) -> Iterator[FolderRow]:
        return iter(self._rows.values())

    def add(self, event: Event) -> None:
        """Count one event; most concern no folder."""
        if isinstance(event, events.FolderCompared):
            row = self._of(event.source)
            row.destination, row.messages = event.destination, event.source_messages
        elif isinstance(event, events.MessagesCopied):
            row = self._of(event.source)
            row.copied += len(event.sizes)
            row.copied_bytes += sum(event.sizes)
            row.meet(event.dates)
        elif isinstance(event, events.MessagesSkipped):
            self._of(event.source).skipped[event.why] += event.count
        elif isinstance(event, events.MessageFailed):
            self._of(event.folder).failed += 1
        elif isinstance(event, events.CopyLost):
            row = self._of(event.source)
            row.copied -= 1
            row.copied_bytes -= event.size_bytes
        elif isinstance(event, events.VerifyMismatch):
            self._of(event.folder).different += 1
        elif isinstance(event, events.Verified):
            self._verified(event)

    def _verified(self, event: events.Verified) -> None:
        row = self._of(event.source)
        row.destination, row.verified = event.destination, not event.refused
        row.extra, row.unproven = event.extra, event.unproven
        row.messages = max(row.messages, event.checked + event.unproven * event.refused)
        row.meet(event.dates)

    def _of(self, source: str) -> FolderRow:
        row = self._rows.get(source)
        if row is None:
            row = FolderRow(source)
            if len(self._rows) < MAX_ROWS:
                self._rows[source] = row
        return row

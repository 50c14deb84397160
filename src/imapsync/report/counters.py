"""Counts what the events say; the text report, the JSON report and the progress read from here."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, field

from imapsync.report import events
from imapsync.report.events import FAULTS, Event, MessageFailed, Phase, Problem, Skip, VerifyMismatch
from imapsync.report.rows import FolderRows
from imapsync.terms import Reason, Side

#: Most failures, problems and exceptions kept in full; beyond it they are counted only.
MAX_KEPT = 1_000


#: Why a message that was considered is rightly not on the destination.
_NOT_THERE = (Skip.REMOVED_BY_USER, Skip.VANISHED, Skip.PATTERN, Skip.LINE_LENGTH)

#: What can fail while all messages arrive.
_HARMLESS = (
    Reason.FLAGS,
    Reason.DELETE,
    Reason.FOLDER_DELETE,
    Reason.FILTER,
    Reason.JOURNAL,
)


@dataclass
class Totals:
    """What an account holds. None stands for "not asked"."""

    folders: int = 0
    messages: int | None = None
    size_bytes: int | None = None


@dataclass
class SideFacts:
    """What is known of one side."""

    totals: Totals | None = None
    totals_at_end: Totals | None = None
    listing: events.FoldersListed | None = None
    connected: events.Connected | None = None
    login: events.LoggedIn | None = None
    certificate: events.CertificateSeen | None = None
    reconnections: int = 0
    deleted: int = 0
    duplicates: int = 0
    unidentified: int = 0


@dataclass
class Counters:
    """All numbers of a run."""

    sides: dict[Side, SideFacts] = field(default_factory=lambda: {side: SideFacts() for side in Side})
    phase: Phase = Phase.CONNECTING
    waiting: events.WaitBegan | None = None
    phase_before: Phase = Phase.CONNECTING
    folder: str | None = None
    folders_total: int = 0
    folders_done: int = 0
    folders_created: int = 0
    folders_deleted: int = 0
    folders_subscribed: int = 0
    planned_messages: int = 0
    planned_bytes: int = 0
    transferred: int = 0
    transferred_bytes: int = 0
    #: What has gone out of large messages that have not arrived: (folder, UID) -> bytes.
    under_way: dict[tuple[str, int], int] = field(default_factory=dict)
    biggest_bytes: int = 0
    skipped: Counter[Skip] = field(default_factory=Counter)
    skipped_bytes: int = 0
    unplanned: int = 0  # skipped after having been planned
    unplanned_bytes: int = 0
    failed: int = 0
    failed_bytes: int = 0
    identified: int = 0
    only_on_destination: int = 0
    doubted: int = 0
    flags_changed: int = 0
    filtered: int = 0
    errors: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    failures: list[MessageFailed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    verified: int = 0
    verified_equal: int = 0
    verified_different: int = 0
    verified_extra: int = 0
    verified_left_out: int = 0
    unproven: int = 0
    compared_bytes: int = 0  # of host1, read whole to be compared
    mismatches: Counter[str] = field(default_factory=Counter)
    mismatch_list: list[VerifyMismatch] = field(default_factory=list)
    folders: FolderRows = field(default_factory=FolderRows)
    foreseen: events.Foreseen | None = None

    @property
    def messages_done(self) -> int:
        """Planned messages that are settled, whichever way."""
        return self.transferred + self.failed + self.unplanned

    @property
    def missing(self) -> int:
        """Wanted messages that are not on the destination as far as this run knows."""
        return max(0, self.planned_messages - self.transferred - self.unplanned) + self.mismatches["missing"]

    @property
    def faults(self) -> int:
        """Exceptions of a verification that are errors."""
        return sum(self.mismatches[kind] for kind in FAULTS)

    @property
    def proven(self) -> int:
        """Messages with an identity that are on the destination, when nothing is missing."""
        return max(0, self.identified - sum(self.skipped[why] for why in _NOT_THERE))

    @property
    def doubtful(self) -> bool:
        """Whether something failed that may have kept wanted messages away from the destination."""
        return any(count and reason not in _HARMLESS for reason, count in self.reasons.items())

    @property
    def skipped_total(self) -> int:
        """All messages that got no copy although nothing failed."""
        return sum(self.skipped.values())

    def add(self, event: Event) -> None:
        """Count one event."""
        _count(event, self)
        self.folders.add(event)


@functools.singledispatch
def _count(event: object, counters: Counters) -> None:
    """Events without a rule below are for the log only."""


@_count.register(events.PhaseChanged)
def _(event: events.PhaseChanged, counters: Counters) -> None:
    counters.phase = event.phase


@_count.register(events.Connected)
def _(event: events.Connected, counters: Counters) -> None:
    counters.sides[event.side].connected = event


@_count.register(events.CertificateSeen)
def _(event: events.CertificateSeen, counters: Counters) -> None:
    counters.sides[event.side].certificate = event


@_count.register(events.LoggedIn)
def _(event: events.LoggedIn, counters: Counters) -> None:
    counters.sides[event.side].login = event


@_count.register(events.Reconnected)
def _(event: events.Reconnected, counters: Counters) -> None:
    counters.sides[event.side].reconnections += 1


@_count.register(events.WaitBegan)
def _(event: events.WaitBegan, counters: Counters) -> None:
    if counters.waiting is None:
        counters.phase_before = counters.phase
    counters.waiting = event
    counters.phase = events.Phase.WAITING


@_count.register(events.WaitEnded)
def _(_event: events.WaitEnded, counters: Counters) -> None:
    counters.waiting = None
    counters.phase = counters.phase_before


@_count.register(events.FoldersListed)
def _(event: events.FoldersListed, counters: Counters) -> None:
    facts = counters.sides[event.side]
    chosen = [folder for folder in event.folders if folder.selected]
    messages = [folder.messages for folder in chosen if folder.messages is not None]
    sizes = [folder.size_bytes for folder in chosen if folder.size_bytes is not None]
    totals = Totals(
        len(chosen),
        sum(messages) if messages or not chosen else None,
        sum(sizes) if sizes or not chosen else None,
    )
    if event.at_end:
        facts.totals_at_end = totals
    else:
        if event.side is Side.SOURCE:
            counters.folders_total = len(chosen)
        facts.totals = totals
        facts.listing = event


@_count.register(events.WorkPlanned)
def _(event: events.WorkPlanned, counters: Counters) -> None:
    counters.planned_messages += event.messages
    counters.planned_bytes += event.size_bytes


@_count.register(events.FolderStarted)
def _(event: events.FolderStarted, counters: Counters) -> None:
    counters.folder = event.source
    counters.folders_total = max(counters.folders_total, event.total)


@_count.register(events.Foreseen)
def _(event: events.Foreseen, counters: Counters) -> None:
    counters.foreseen = event


@_count.register(events.FolderCompared)
def _(event: events.FolderCompared, counters: Counters) -> None:
    counters.identified += event.identified
    counters.folders_done += event.unchanged
    counters.only_on_destination += event.missing_source
    counters.sides[Side.SOURCE].unidentified += event.unidentified
    counters.sides[Side.SOURCE].duplicates += event.source_duplicates
    counters.sides[Side.DESTINATION].duplicates += event.destination_duplicates


@_count.register(events.FolderFinished)
def _(_event: events.FolderFinished, counters: Counters) -> None:
    counters.folders_done += 1


@_count.register(events.MessagesCopied)
def _(event: events.MessagesCopied, counters: Counters) -> None:
    counters.transferred += len(event.sizes)
    counters.transferred_bytes += sum(event.sizes)
    counters.biggest_bytes = max(counters.biggest_bytes, max(event.sizes, default=0))
    if counters.under_way:
        for uid in event.source_uids:
            counters.under_way.pop((event.source, uid), None)


@_count.register(events.PartSent)
def _(event: events.PartSent, counters: Counters) -> None:
    counters.under_way[event.source, event.uid] = event.size_bytes


@_count.register(events.CopyLost)
def _(event: events.CopyLost, counters: Counters) -> None:
    counters.transferred -= 1
    counters.transferred_bytes -= event.size_bytes


@_count.register(events.MessagesSkipped)
def _(event: events.MessagesSkipped, counters: Counters) -> None:
    counters.skipped[event.why] += event.count
    counters.skipped_bytes += event.size_bytes
    if event.planned:
        counters.unplanned += event.count
        counters.unplanned_bytes += event.size_bytes


@_count.register(events.MessageFailed)
def _(event: events.MessageFailed, counters: Counters) -> None:
    counters.under_way.pop((event.folder, event.uid), None)
    counters.failed += 1
    counters.failed_bytes += event.size_bytes or 0
    counters.errors += 1
    counters.reasons[event.reason] += 1
    if len(counters.failures) < MAX_KEPT:
        counters.failures.append(event)


@_count.register(events.FlagsChanged)
def _(event: events.FlagsChanged, counters: Counters) -> None:
    counters.flags_changed += event.count


@_count.register(events.MessagesDeleted)
def _(event: events.MessagesDeleted, counters: Counters) -> None:
    counters.sides[event.side].deleted += event.count


@_count.register(events.CopiesDoubted)
def _(event: events.CopiesDoubted, counters: Counters) -> None:
    counters.doubted = event.count


@_count.register(events.FolderCreated)
def _(_event: events.FolderCreated, counters: Counters) -> None:
    counters.folders_created += 1


@_count.register(events.FolderDeleted)
def _(_event: events.FolderDeleted, counters: Counters) -> None:
    counters.folders_deleted += 1


@_count.register(events.FolderSubscribed)
def _(_event: events.FolderSubscribed, counters: Counters) -> None:
    counters.folders_subscribed += 1


@_count.register(events.FilterRan)
def _(event: events.FilterRan, counters: Counters) -> None:
    counters.filtered += event.count


@_count.register(events.Problem)
def _(event: events.Problem, counters: Counters) -> None:
    counters.errors += 1
    counters.reasons[event.reason] += 1
    if len(counters.problems) < MAX_KEPT:
        counters.problems.append(event)


@_count.register(events.Verified)
def _(event: events.Verified, counters: Counters) -> None:
    counters.verified += event.checked
    counters.verified_equal += event.equal
    counters.verified_different += event.different
    counters.verified_extra += event.extra
    counters.verified_left_out += event.left_out
    counters.unproven += event.unproven


@_count.register(events.ContentsRead)
def _(event: events.ContentsRead, counters: Counters) -> None:
    counters.compared_bytes += event.size_bytes


@_count.register(events.VerifyMismatch)
def _(event: events.VerifyMismatch, counters: Counters) -> None:
    counters.mismatches[event.kind] += 1
    if event.kind in FAULTS:
        counters.errors += 1
        counters.reasons[Reason.VERIFY] += 1
    if len(counters.mismatch_list) < MAX_KEPT:
        counters.mismatch_list.append(event)

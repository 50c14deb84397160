"""The end of the text log: statistics, failures, the verdict, the exit line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapsync.report.document import CONTENT, HEADERS
from imapsync.report.events import Skip
from imapsync.report.lines import HOST
from imapsync.report.remedies import remedy_text
from imapsync.report.safe import human_bytes, printable
from imapsync.terms import Side

if TYPE_CHECKING:
    from imapsync.report.counters import Counters, Totals

_METHODS = {
    HEADERS: "headers (identity, size, date, flags)",
    CONTENT: "content (SHA-256 of all that each message says, on both sides) and headers",
}
#: Most failures listed in the text; the JSON report holds more.
MAX_LISTED = 100


@dataclass(frozen=True)
class RunFacts:
    """What the statistics need besides the counters. Times in seconds since the epoch."""

    started_at: float
    ended_at: float
    dry: bool
    peak_memory_bytes: int
    cpu_s: float


def statistics(counters: Counters, facts: RunFacts) -> list[str]:
    """Give the statistics block."""
    seconds = max(facts.ended_at - facts.started_at, 0.0)
    per_second = counters.transferred / seconds if seconds else 0.0
    bandwidth = counters.transferred_bytes / seconds if seconds else 0.0
    source, destination = counters.sides[Side.SOURCE], counters.sides[Side.DESTINATION]
    rows: list[tuple[str, str]] = [
        ("Transfer started on", _moment(facts.started_at)),
        ("Transfer ended on", _moment(facts.ended_at)),
        ("Transfer time", f"{seconds:.1f} sec"),
        ("Folders synced", f"{counters.folders_done}/{counters.folders_total} synced"),
        ("Folders created on host2", str(counters.folders_created)),
        ("Folders deleted", str(counters.folders_deleted)),
        ("Messages transferred", f"{counters.transferred}{_would(facts, counters)}"),
        ("Messages skipped", str(counters.skipped_total)),
        ("Messages found duplicate on host1", str(source.duplicates)),
        ("Messages found duplicate on host2", str(destination.duplicates)),
        ("Messages found crossduplicate on host2", str(counters.skipped[Skip.CROSS_DUPLICATE])),
        ("Messages void (noheader) on host1", str(source.unidentified)),
        ("Messages found in host1 not in host2", f"{counters.missing} messages"),
        ("Messages found in host2 not in host1", f"{counters.only_on_destination} messages"),
        ("Messages deleted on host1", str(source.deleted)),
        ("Messages deleted on host2", str(destination.deleted)),
        ("Messages with flags changed", str(counters.flags_changed)),
        ("Messages not copied because of an error", str(counters.failed)),
        (
            "Total bytes transferred",
            f"{counters.transferred_bytes} ({human_bytes(counters.transferred_bytes)})",
        ),
        ("Total bytes skipped", f"{counters.skipped_bytes} ({human_bytes(counters.skipped_bytes)})"),
        ("Message rate", f"{per_second:.1f} messages/s"),
        ("Average bandwidth rate", f"{bandwidth / 1024:.1f} KiB/s"),
        ("Reconnections to host1", str(source.reconnections)),
        ("Reconnections to host2", str(destination.reconnections)),
        ("Memory consumption at the peak", human_bytes(facts.peak_memory_bytes)),
        ("CPU time", f"{facts.cpu_s:.2f} sec"),
        (
            "Biggest message transferred",
            f"{counters.biggest_bytes} bytes ({human_bytes(counters.biggest_bytes)})",
        ),
    ]
    rows.extend(_differences(counters))
    return ["++++ Statistics", *(f"{label:<50}: {value}" for label, value in rows)]


def _would(facts: RunFacts, counters: Counters) -> str:
    return f" (could be {counters.skipped[Skip.DRY]} without --dry)" if facts.dry else ""


def _differences(counters: Counters) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    source, destination = counters.sides[Side.SOURCE], counters.sides[Side.DESTINATION]
    for label, left, right in (
        ("Start difference host2 - host1", source.totals, destination.totals),
        ("Final difference host2 - host1", source.totals_at_end, destination.totals_at_end),
    ):
        text = _difference(left, right)
        if text:
            rows.append((label, text))
    return rows


def _difference(source: Totals | None, destination: Totals | None) -> str:
    if source is None or destination is None or source.messages is None or destination.messages is None:
        return ""
    text = f"{destination.messages - source.messages} messages"
    if source.size_bytes is not None and destination.size_bytes is not None:
        size = destination.size_bytes - source.size_bytes
        text += f", {size} bytes ({human_bytes(size)})"
    return text


def failures(counters: Counters) -> list[str]:
    """Give the list of what failed, each with what to do; empty when nothing did."""
    if not counters.errors:
        return []
    lines = ["++++ Listing of the errors"]
    for problem in counters.problems[:MAX_LISTED]:
        host = f"{HOST[problem.side]} " if problem.side is not None else ""
        folder = f"folder [{printable(problem.folder)}] " if problem.folder else ""
        lines.append(f"{host}{folder}{problem.reason.value}: {printable(problem.text)}")
        lines.append(f"  What to do: {remedy_text(problem.reason)}")
    for failure in counters.failures[:MAX_LISTED]:
        subject = f" subject [{printable(failure.subject, 80)}]" if failure.subject else ""
        date = f" of {printable(failure.date, 40)}" if failure.date else ""
        size = "" if failure.size_bytes is None else f" {failure.size_bytes} bytes"
        words = f": {printable(failure.server_text)}" if failure.server_text else ""
        lines.append(
            f"folder [{printable(failure.folder)}] uid {failure.uid}{size}{date}{subject}: "
            f"{failure.reason.value}{words}"
        )
        lines.append(f"  What to do: {remedy_text(failure.reason)}")
    listed = min(len(counters.problems), MAX_LISTED) + min(len(counters.failures), MAX_LISTED)
    if counters.errors > listed + counters.faults:
        lines.append(f"and {counters.errors - listed - counters.faults} more")
    return lines


def verdict(counters: Counters, *, complete: bool, dry: bool, method: str = HEADERS) -> list[str]:
    """Say whether all wanted messages are on host2; `complete` is false when the run stopped early.

    method: how they were looked up, where they were.
    """
    lines: list[str] = []
    if counters.verified or counters.unproven:
        exceptions = sum(counters.mismatches.values())
        lines.append(
            f"Verified {counters.verified} messages of host1: {counters.verified_equal} are equal on host2, "
            f"{exceptions} exceptions."
        )
        lines.append(
            f"Verified by {_METHODS[method]}: {counters.mismatches['missing']} missing, "
            f"{counters.verified_extra} extra on host2, {counters.verified_different} different, "
            f"{counters.verified_left_out} left out on purpose, "
            f"{counters.mismatches['deleted_by_user']} removed on host2 by the user, "
            f"{counters.unproven} that cannot be proven."
        )
    unidentified = counters.sides[Side.SOURCE].unidentified
    if dry:
        lines.append(
            f"With --dry nothing was changed; {counters.skipped[Skip.DRY]} messages would be copied."
        )
    elif complete and not counters.missing and not counters.doubtful and counters.doubted:
        lines.append(
            f"{counters.doubted} copies have vanished from host2 together since an earlier run: host2 is not"
            " complete unless that was on purpose (--maxvanished2); --recopydeleted copies them again."
        )
    elif complete and not counters.missing and not counters.doubtful and counters.mismatches:
        lines.append(
            f"All messages of host1 are on host2 or were removed there, with the"
            f" {sum(counters.mismatches.values())} exceptions above."
        )
    elif complete and not counters.missing and not counters.doubtful:
        lines.append(f"The sync looks good, all {counters.proven} identified messages in host1 are on host2.")
    elif complete and not counters.missing and counters.faults:
        lines.append(
            f"Not all of host1 is proven on host2: {counters.mismatches['content']} messages say something"
            f" else there, {counters.mismatches['unproven']} could not be compared."
        )
    elif complete and not counters.missing:
        lines.append(
            "The sync is not finished, there are folders that could not be worked on; see the errors above."
        )
    elif complete:
        lines.append(
            f"The sync is not finished, there are {counters.missing} messages in host1 that are not on host2."
        )
    else:
        lines.append("The sync is not finished: the run ended before its work was done.")
    removed = counters.skipped[Skip.REMOVED_BY_USER]
    if removed:
        lines.append(
            f"{removed} messages of host1 were deleted on host2 by the user and are not copied again."
        )
    if unidentified:
        lines.append(
            f"There are {unidentified} unidentified messages on host1, recognised by all of their headers."
        )
    elif complete:
        lines.append("There is no unidentified message on host1.")
    return lines


def error_count(counters: Counters) -> str:
    """Give the line that wrappers grep."""
    return f"Detected {counters.errors} errors"


def exit_line(number: int, name: str, meaning: str, *, errors: tuple[int, int], pid: int) -> str:
    """Give the last line of the verdict. `errors`: how many there were, how many there may be."""
    counted = f"{errors[0]}/{errors[1]} nb_errors/max_errors"
    return f"Exiting with return value {number} ({name}: {meaning}) {counted} PID {pid}"


def _moment(seconds: float) -> str:
    return time.strftime("%A %d %B %Y-%m-%d %H:%M:%S %z %Z", time.localtime(seconds)).rstrip()

"""What a person at a terminal sees of a run: how far the account is, what fails, and a table at the end.

Needs rich (the extra ``imapsync[tty]``), and is loaded on a terminal only. The log file gets every line as
ever; the terminal gets bars that are drawn anew twice a second, and above them what somebody has to know.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from imapsync.report import events
from imapsync.report.lines import lines_of
from imapsync.report.progress import Progress
from imapsync.report.safe import human_bytes, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from imapsync.report.counters import Counters
    from imapsync.report.events import Event
    from imapsync.report.rows import FolderRow

#: Failures and warnings shown as they happen; a server that refuses everything would push all else away.
MOST_SHOWN = 30
#: Folders in the table at the end: those with something to tell come first.
MOST_ROWS = 40
_STYLES = {
    events.MessageFailed: "red",
    events.Problem: "red",
    events.CopyLost: "red",
    events.Warned: "yellow",
    events.Reconnected: "yellow",
    events.WaitBegan: "yellow",
}
_PHASES = {
    "connecting": "connecting",
    "listing": "reading the folder lists",
    "comparing": "comparing",
    "copying": "copying",
    "deleting": "deleting",
    "done": "done",
}


class Screen:
    """Draws on standard output while a run works. `title` says which accounts."""

    def __init__(self, counters: Counters, title: str, console: Console | None = None) -> None:
        self._counters = counters
        self._title = printable(title)
        self._progress = Progress("", 0, counters, time.time, time.monotonic)
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, get_renderable=self._draw
        )
        self._shown = 0

    def begin(self) -> None:
        """Take the terminal."""
        self._live.start(refresh=True)

    def take(self, event: Event) -> None:
        """Show what an event means for somebody who watches; most are in the numbers only."""
        style = _STYLES.get(type(event))
        if style is None:
            return
        self._shown += 1
        if self._shown <= MOST_SHOWN:
            self.say(*lines_of(event), style=style)
        elif self._shown == MOST_SHOWN + 1:
            self.say("Further warnings and failures are in the log and in the report", style=style)

    def say(self, *lines: str, style: str = "") -> None:
        """Put lines above the bars."""
        for line in lines:
            self._console.print(Text(line, style=style), soft_wrap=True)

    def tick(self) -> None:
        """Draw the present state."""
        self._live.refresh()

    def end(self, rows: Iterable[FolderRow]) -> None:
        """Give the terminal back, with the table of what became of each folder."""
        self._live.stop()
        table = folder_table(list(rows), self._console.width)
        if table.row_count:
            self._console.print(table)

    def _draw(self) -> RenderableType:
        facts = self._progress.document(time.monotonic())
        done, total = int(str(facts["messages_done"])), int(str(facts["messages_total"]))
        account = Table.grid(padding=(0, 1), expand=True)
        account.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        account.add_column(width=max(10, min(40, self._console.width // 4)))
        account.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(total=max(total, 1), completed=done, pulse=not total)
        account.add_row(Text(self._title, style="bold"), bar, Text(_count(done, total)))
        folder = Table.grid(padding=(0, 1), expand=True)
        folder.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        folder.add_column(justify="right", no_wrap=True)
        folder.add_row(Text(self._where(facts), style="dim"), Text(self._pace(facts)))
        return Group(account, folder)

    def _where(self, facts: dict[str, object]) -> str:
        if "waiting_until" in facts:
            clock = time.strftime("%H:%M:%S", time.localtime(float(str(facts["waiting_until"]))))
            return f"waiting until {clock}, as {facts['waiting_for'] or 'a server'} asked"
        phase = _PHASES.get(str(facts["phase"]), str(facts["phase"]))
        folder = printable(str(facts["folder"] or ""))
        place = f"folder {facts['folders_done']}/{facts['folders_total']}" if facts["folders_total"] else ""
        return "  ".join(part for part in (phase, place, folder) if part)

    def _pace(self, facts: dict[str, object]) -> str:
        failures = int(str(facts["failures"]))
        rate = float(str(facts["bytes_per_second"]))
        parts = [f"{failures} failed"] if failures else []
        parts += [f"{human_bytes(int(rate))}/s"] if rate else []
        eta = facts["eta_seconds"]
        if eta is not None:
            ends = time.strftime("%H:%M", time.localtime(time.time() + int(str(eta))))
            parts.append(f"{_span(int(str(eta)))} left, until {ends}")
        return "  ".join(parts)


def folder_table(rows: list[FolderRow], width: int) -> Table:
    """Give the table at the end of a run; folders with failures first, then those with new mail."""
    table = Table(expand=False, box=None, pad_edge=False, header_style="bold")
    table.add_column("folder", no_wrap=True, overflow="ellipsis", max_width=max(16, width - 52))
    for name in ("messages", "copied", "there", "left out", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(rows, key=lambda row: (-row.failed, -row.copied))
    for row in ordered[:MOST_ROWS]:
        table.add_row(
            Text(printable(row.source)),
            f"{row.messages:,}",
            f"{row.copied:,}",
            f"{row.skipped[events.Skip.PRESENT]:,}",
            f"{row.left_out:,}",
            Text(f"{row.failed:,}", style="red" if row.failed else ""),
        )
    further = len(ordered) - MOST_ROWS
    if further > 0:
        table.add_row(Text(f"and {further} further folders", style="dim"))
    if len(ordered) > 1:
        table.add_section()
        totals = (
            sum(row.messages for row in ordered),
            sum(row.copied for row in ordered),
            sum(row.skipped[events.Skip.PRESENT] for row in ordered),
            sum(row.left_out for row in ordered),
            sum(row.failed for row in ordered),
        )
        table.add_row(Text("all", style="bold"), *(Text(f"{total:,}", style="bold") for total in totals))
    return table


def _count(done: int, total: int) -> str:
    return f"{done:,}/{total:,} messages" if total else ""


def _span(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"

"""What a person at a terminal sees of a run: how far the account is, what fails, and a table at the end.

Needs rich (the extra ``imapsync[tty]``), and is loaded on a terminal only. The log file gets every line as
ever; the terminal gets bars that are drawn anew twice a second, and above them what somebody has to know.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.control import Control
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.segment import ControlType
from rich.table import Table
from rich.text import Text

from imapsync.report import events
from imapsync.report.lines import lines_of
from imapsync.report.progress import Progress
from imapsync.report.safe import printable

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
#: Bars that are wider are no better to read.
MOST_COLUMNS = 100
#: Left free at the end of a line: a terminal writes ^C there, and a line that it breaks for it is not erased.
ECHO_COLUMNS = 2
#: Lines that are drawn anew: the account, the folder.
DRAWN_LINES = 2
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
    "flags": "setting flags",
    "filtering": "running the Sieve script",
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
        self._shown = 0
        self._place = (0, 0)
        self._columns = MOST_COLUMNS
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, get_renderable=self._draw
        )

    def begin(self) -> None:
        """Take the terminal."""
        self._live.start(refresh=True)

    def take(self, event: Event) -> None:
        """Show what an event means for somebody who watches; most are in the numbers only."""
        if isinstance(event, events.FolderStarted):
            self._place = (event.position, event.total)
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
        self._take_back_broken()
        for line in lines:
            self._console.print(Text(line, style=style))

    def tick(self) -> None:
        """Draw the present state."""
        self._take_back_broken()
        self._live.refresh()

    def end(self, rows: Iterable[FolderRow]) -> None:
        """Give the terminal back, with the table of what became of each folder."""
        self._live.stop()
        table = folder_table(list(rows), self._console.width)
        if table.row_count:
            self._console.print("", table, "", sep="\n")

    def _take_back_broken(self) -> None:
        """Erase the rows that a terminal has made of our lines because its window got narrower."""
        rows = DRAWN_LINES * (-(-self._columns // self._console.width) - 1)
        self._columns = min(self._columns, self._console.width)
        row_up = Control(
            ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)
        )
        self._console.control(*[row_up] * rows)

    def _draw(self) -> RenderableType:
        facts = self._progress.document(time.monotonic())
        done, total = int(str(facts["messages_done"])), int(str(facts["messages_total"]))
        self._columns = max(1, min(self._console.width - ECHO_COLUMNS, MOST_COLUMNS))
        account = Table.grid(padding=(0, 1), expand=True)
        account.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        account.add_column(width=max(10, self._columns // 4))
        account.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(total=max(total, 1), completed=done, pulse=not total)
        account.add_row(Text(self._title, style="bold"), bar, Text(_count(done, total)))
        folder = Table.grid(padding=(0, 1), expand=True)
        folder.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        folder.add_column(justify="right", no_wrap=True)
        folder.add_row(Text(self._where(facts), style="dim"), Text(self._pace(facts)))
        # Each line is drawn to its end, so that it is known how a narrower window breaks it.
        return Constrain(Padding(Group(account, folder), expand=True), self._columns)

    def _where(self, facts: dict[str, object]) -> str:
        if "waiting_until" in facts:
            clock = time.strftime("%H:%M:%S", time.localtime(float(str(facts["waiting_until"]))))
            return f"waiting until {clock}, as {facts['waiting_for'] or 'a server'} asked"
        phase = _PHASES.get(str(facts["phase"]), str(facts["phase"]))
        position, total = self._place
        place = f"folder {position}/{total}" if total else ""
        return "  ".join(part for part in (phase, place, printable(str(facts["folder"] or ""))) if part)

    def _pace(self, facts: dict[str, object]) -> str:
        failures = int(str(facts["failures"]))
        rate = float(str(facts["bytes_per_second"]))
        parts = [f"{failures} failed"] if failures else []
        parts += [_rate(rate)] if rate else []
        least, most = facts["eta_least_seconds"], facts["eta_most_seconds"]
        if least is not None and least == most:
            ends = time.strftime("%H:%M", time.localtime(time.time() + int(str(most))))
            parts.append(f"{_span(int(str(most)))} left, until {ends}")
        elif least is not None:
            parts.append(f"{_span(int(str(least)))} to {_span(int(str(most)))} left")
        return "  ".join(parts)


def folder_table(rows: list[FolderRow], width: int) -> Table:
    """Give the table at the end of a run; folders with failures first, then those with new mail."""
    ordered = sorted(rows, key=lambda row: (-row.failed, -row.copied))
    cells = [_cells(row) for row in ordered]
    totals = [sum(column) for column in zip(*cells, strict=True)]
    # What a run left undone has a column when there is any.
    columns = list(_COLUMNS if totals and totals[-1] else _COLUMNS[:-1])
    table = Table(expand=False, box=None, pad_edge=False, header_style="bold")
    most = max(16, width - sum(len(name) + 2 for name in columns) - 4)
    table.add_column("folder", no_wrap=True, overflow="ellipsis", max_width=most)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row, numbers in zip(ordered[:MOST_ROWS], cells, strict=False):
        table.add_row(Text(printable(row.source)), *map(_number, columns, numbers))
    further = len(ordered) - MOST_ROWS
    if further > 0:
        table.add_row(Text(f"and {further} further folders", style="dim"))
    if len(ordered) > 1:
        table.add_section()
        table.add_row("all", *(f"{total:,}" for total in totals[: len(columns)]), style="bold")
    return table


_COLUMNS = ("messages", "copied", "there", "left out", "failed", "not done")


def _cells(row: FolderRow) -> tuple[int, ...]:
    """Give the numbers of a row, in the order of the columns."""
    undone = row.messages - row.copied - row.failed - row.skipped.total()
    there = row.skipped[events.Skip.PRESENT]
    return row.messages, row.copied, there, row.left_out, row.failed, max(0, undone)


def _number(column: str, number: int) -> Text:
    bad = number and column in ("failed", "not done")
    return Text(f"{number:,}", style="red" if bad else "")


def _rate(bytes_per_second: float) -> str:
    kib = bytes_per_second / 1024
    return f"{kib:.0f} KiB/s" if kib < 1000 else f"{kib / 1024:.1f} MiB/s"


def _count(done: int, total: int) -> str:
    return f"{done:,}/{total:,} messages" if total else ""


def _span(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"

"""Results as numbers people compare: medians, rates, ratios, targets; as a text table and in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.lane import Run
    from bench.scenarios import Scenario

YARDSTICK = "mbsync"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Cell:
    """What one engine did in one row: timed ``runs``, and one ``watched`` through counting proxies."""

    engine: str
    runs: tuple[Run, ...]
    watched: Run | None = None
    note: str = ""

    @property
    def wall_s(self) -> float | None:
        """Median wall time of the runs, good or not."""
        return median(run.cost.wall_s for run in self.runs) if self.runs else None

    @property
    def cpu_s(self) -> float:
        """Median CPU seconds, user and system, of the engine alone."""
        return median(run.cost.cpu_s for run in self.runs)

    @property
    def peak_mib(self) -> float:
        """The largest peak of the runs."""
        return max(run.cost.peak_mib for run in self.runs)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong in any run, each once."""
        runs = (*self.runs, *([self.watched] if self.watched else []))
        seen = dict.fromkeys(problem for run in runs for problem in run.problems)
        return (*seen, *([self.note] if self.note else []))


@dataclass(frozen=True, slots=True)
class Row:
    """A scenario, the cells of its engines, and how much mail a first run moves."""

    scenario: Scenario
    cells: tuple[Cell, ...]
    messages: int
    size_bytes: int

    def ratio(self, cell: Cell) -> float | None:
        """Wall time relative to mbsync in the same row."""
        base = next((other.wall_s for other in self.cells if other.engine == YARDSTICK), None)
        return cell.wall_s / base if base and cell.wall_s is not None else None

    def misses(self, cell: Cell) -> list[str]:
        """Return the targets that a cell of our engine misses, in words; empty when all are met."""
        target, found = self.scenario.target, []
        ratio = self.ratio(cell)
        if cell.problems:
            found.append("not exact")
        if cell.wall_s is None:
            return found
        if target.ratio is not None and ratio is not None and ratio > target.ratio:
            found.append(f"ratio {ratio:.2f} > {target.ratio}")
        if target.wall_s is not None and cell.wall_s > target.wall_s:
            found.append(f"{cell.wall_s:.2f} s > {target.wall_s} s")
        if target.peak_mib is not None and cell.peak_mib > target.peak_mib:
            found.append(f"{cell.peak_mib:.0f} MiB > {target.peak_mib:.0f} MiB")
        if target.link_share is not None and (share := self.link_share(cell)) < target.link_share:
            found.append(f"{share:.0%} of the link < {target.link_share:.0%}")
        return found

    def link_share(self, cell: Cell) -> float:
        """Share of the source link's capacity used during the copy, without start and end of the run."""
        rates = [run.counters[0].bulk_bytes_per_second for run in cell.runs if run.counters]
        return (
            median(rates) * 8 / self.scenario.bits_per_second
            if rates and self.scenario.bits_per_second
            else 0.0
        )


HEADINGS = ("", "engine", "wall s", "CPU s", "MiB", "msg/s", "MB/s", "wire MB", "turns", "/mbsync", "result")


def lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Return the table as rows of words under HEADINGS."""
    return [_line(row, cell) for row in rows for cell in row.cells]


def _line(row: Row, cell: Cell) -> tuple[str, ...]:
    result = "; ".join(cell.problems) or "exact"
    if cell.wall_s is None:
        return (row.scenario.key, cell.engine, *("-",) * (len(HEADINGS) - 3), result)
    moves_all = row.scenario.kind.value == "first"
    ratio = row.ratio(cell)
    links = cell.watched.counters if cell.watched else ()
    wire = sum(link.to_server_bytes + link.from_server_bytes for link in links)
    return (
        row.scenario.key,
        cell.engine,
        f"{cell.wall_s:.2f}",
        f"{cell.cpu_s:.2f}",
        f"{cell.peak_mib:.0f}",
        f"{row.messages / cell.wall_s:,.0f}" if moves_all else "",
        f"{row.size_bytes / MB / cell.wall_s:,.0f}" if moves_all else "",
        f"{wire / MB:.2f}" if links else "",
        "+".join(str(link.turns) for link in links),
        f"{ratio:.2f}" if ratio is not None else "",
        result,
    )


def as_text(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    table = [HEADINGS, *lines(rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    text = []
    for line in table:
        cells = [
            word.ljust(width) if column in (0, 1, len(HEADINGS) - 1) else word.rjust(width)
            for column, (word, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    return "\n".join(text)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the table for the page."""
    head = "| " + " | ".join(HEADINGS) + " |"
    rule = "|" + "".join(
        " --- |" if column in (0, 1, len(HEADINGS) - 1) else " ---: |" for column in range(len(HEADINGS))
    )
    return "\n".join([head, rule, *("| " + " | ".join(line) + " |" for line in lines(rows))])

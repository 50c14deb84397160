"""docs/performance.md: the words of performance.md.in around the tables and pictures of a results file."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from bench import table
from bench.pictures import draw

if TYPE_CHECKING:
    from bench.results import Results
    from bench.table import Row

WORDS = Path(__file__).with_name("performance.md.in")


def write(results: Results, folder: Path) -> Path:
    """Write the page and its pictures into ``folder`` and return the page's path."""
    if results.points:
        draw(results.points, folder)
    page = folder / "performance.md"
    machine = results.machine
    page.write_text(
        Template(WORDS.read_text()).substitute(
            overview=overview(results.rows),
            details=table.as_markdown(results.rows),
            scenarios="\n".join(f"* **{row.scenario.key}** {row.scenario.title}" for row in results.rows),
            machine=f"{machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB; {machine.system}",
            versions="; ".join([*machine.engines.values(), machine.server, machine.openssl]),
            commit=machine.commit,
            date=machine.date,
        )
    )
    return page


def overview(rows: tuple[Row, ...]) -> str:
    """Return wall / CPU seconds and peak memory, an engine a column, and the targets."""
    engines = list(dict.fromkeys(cell.engine for row in rows for cell in row.cells))
    head = ["scenario", *engines, "ours / mbsync", "target", "met"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        cells = {cell.engine: cell for cell in row.cells}
        words = [f"{row.scenario.key} {row.scenario.title}"]
        for engine in engines:
            cell = cells.get(engine)
            words.append(_brief(cell) if cell else "-")
        ours = cells.get("ours")
        ratio = row.ratio(ours) if ours else None
        missed = row.misses(ours) if ours else []
        words += [
            f"{ratio:.2f}" if ratio is not None else "-",
            _target(row),
            "; ".join(missed) or "yes" if ours else "-",
        ]
        lines.append("| " + " | ".join(words) + " |")
    return "\n".join(lines)


def _brief(cell: table.Cell) -> str:
    if cell.wall_s is None:
        return "; ".join(cell.problems) or "-"
    text = f"{cell.wall_s:.2f} / {cell.cpu_s:.2f}, {cell.peak_mib:.0f} MiB"
    return f"{text} ({'; '.join(cell.problems)})" if cell.problems else text


def _target(row: Row) -> str:
    target = row.scenario.target
    words = []
    if target.ratio is not None:
        words.append(f"<= {target.ratio} x")
    if target.wall_s is not None:
        words.append(f"< {target.wall_s} s")
    if target.peak_mib is not None:
        words.append(f"<= {target.peak_mib:.0f} MiB")
    if target.link_share is not None:
        words.append(f">= {target.link_share:.0%} of the link")
    return ", ".join(words) or "-"

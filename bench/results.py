"""Results as a file: written after each benchmark, read again to make the page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.servers.proxy import Counters

from bench.curves import Point
from bench.lane import Run
from bench.machine import Machine
from bench.measure import Cost
from bench.scenarios import SCENARIOS
from bench.table import Cell, Row

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Results:
    """One benchmark: where, the rows, the points of the curves."""

    machine: Machine
    rows: tuple[Row, ...]
    points: tuple[Point, ...]

    def save(self, path: Path) -> None:
        """Write the file: every run, medians, ratios to mbsync, missed targets."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "machine": asdict(self.machine),
            "rows": [_row_json(row) for row in self.rows],
            "points": [asdict(point) for point in self.points],
        }
        path.write_text(json.dumps(document, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read a file that save() wrote; rows of scenarios that no longer exist are left out."""
        document = json.loads(path.read_text())
        known = {scenario.key: scenario for scenario in SCENARIOS}
        return cls(
            machine=Machine(**document["machine"]),
            rows=tuple(
                Row(
                    known[row["scenario"]],
                    tuple(_cell(cell) for cell in row["cells"]),
                    row["messages"],
                    row["size_bytes"],
                )
                for row in document["rows"]
                if row["scenario"] in known
            ),
            points=tuple(
                Point(**{**point, "problems": tuple(point["problems"])}) for point in document["points"]
            ),
        )


def merged(older: Results, newer: Results) -> Results:
    """Return the older results with what the newer ones measured again in its place."""
    rows = {row.scenario.key: row for row in newer.rows}
    points = {(point.curve, point.engine) for point in newer.points}
    again = [*rows, "curves"] if points else list(rows)
    commit = older.machine.commit
    if newer.machine.commit != commit:
        commit += f" ({', '.join(again)}: {newer.machine.commit})"
    return Results(
        replace(newer.machine, commit=commit, engines=older.machine.engines | newer.machine.engines),
        tuple(rows.get(row.scenario.key, row) for row in older.rows),
        tuple(point for point in older.points if (point.curve, point.engine) not in points) + newer.points,
    )


def _row_json(row: Row) -> dict[str, object]:
    return {
        "scenario": row.scenario.key,
        "title": row.scenario.title,
        "messages": row.messages,
        "size_bytes": row.size_bytes,
        "cells": [
            {
                "engine": cell.engine,
                "wall_s": cell.wall_s,
                "ratio_to_mbsync": row.ratio(cell),
                "misses": row.misses(cell) if cell.engine == "ours" else [],
                "note": cell.note,
                "runs": [_run_json(run) for run in cell.runs],
                "watched": _run_json(cell.watched) if cell.watched else None,
            }
            for cell in row.cells
        ],
    }


def _run_json(run: Run) -> dict[str, object]:
    cost = asdict(run.cost)
    if run.good:
        cost["output"] = ""
    return {"cost": cost, "problems": run.problems, "links": [link._asdict() for link in run.counters]}


def _cell(cell: dict[str, Any]) -> Cell:
    watched = _run(cell["watched"]) if cell["watched"] else None
    return Cell(cell["engine"], tuple(_run(run) for run in cell["runs"]), watched, cell["note"])


def _run(run: dict[str, Any]) -> Run:
    return Run(Cost(**run["cost"]), tuple(run["problems"]), tuple(Counters(**link) for link in run["links"]))

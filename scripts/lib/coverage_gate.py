"""Judges how many branches of each part the tests have taken; python coverage_gate.py FOLDER STAGE...

The folder has a file of coverage data for each stage of tests. Ends with 1 if a part that the stages can
judge is below its number, and shows what was not taken of it.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import NamedTuple

from coverage import Coverage


class Part(NamedTuple):
    """A folder, how many per cent of its branches have to be taken (0: just told), and by which stages."""

    folder: str
    least: float
    stages: frozenset[str]


UNIT = frozenset({"unit"})
#: Where a wrong branch loses mail or breaks a task.
PARTS = (
    Part("src/imapsync/wire", 98, UNIT),
    Part("src/imapsync/plan", 100, UNIT),
    Part("src/imapsync/journal", 100, UNIT),
    Part("src/imapsync/transfer", 92, UNIT | {"servers"}),
    Part("imageroot/pypkg/imapsync_tasks", 95, UNIT | {"servers"}),
)


def main(folder: Path, stages: set[str]) -> int:
    """Print a line for each part that the stages with data can judge; give the exit code."""
    stages = {stage for stage in stages if (folder / stage).exists()}
    data = [str(folder / stage) for stage in sorted(stages)]
    measured = Coverage(data_file=str(folder / "all"))
    measured.combine(data, strict=True, keep=True)
    failed = 0
    for part in PARTS:
        if not part.stages <= stages:
            continue
        files = f"{part.folder}/*"
        measured.json_report(include=[files], outfile=str(folder / "part.json"))
        totals = json.loads((folder / "part.json").read_text())["totals"]
        taken, branches = totals["covered_branches"], totals["num_branches"]
        enough = taken * 100 >= part.least * branches and (part.least < 100 or not totals["missing_lines"])
        print(
            f"{part.folder:32} {taken * 100 / branches:6.2f} % of {branches} branches",
            "" if enough else "FAILED",
        )
        if not enough:
            failed = 1
            table = io.StringIO()
            measured.report(include=[files], show_missing=True, skip_covered=True, file=table)
            print(table.getvalue())
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), set(sys.argv[2:])))

"""The command line of the benchmarks: ``scripts/bench [--quick] [SCENARIO...]``.

Without arguments: every row, the curves, and docs/performance.md made anew from them.
"""

from __future__ import annotations

import argparse
import signal
import sys
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from bench import curves, document, engines, machine, table
from bench.results import Results, merged
from bench.run import run_row
from bench.scenarios import SCENARIOS, select
from bench.stage import Stage

FOLDER = machine.REPOSITORY / "bench" / "results"
DOCS = machine.REPOSITORY / "docs"
CURVES = "curves"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    keys = " ".join(scenario.key for scenario in SCENARIOS)
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Compare IMAP synchronisers, side by side."
    )
    add = parser.add_argument
    add("scenarios", nargs="*", metavar="SCENARIO", help=f"rows to run ({keys} {CURVES}); default all")
    add(
        "--quick",
        action="store_true",
        help="rows that take seconds, one round, under 3 minutes; page not rewritten",
    )
    add("--rounds", type=int, help="timed runs of each engine in each row (default 3, quick 1)")
    add("--engines", help="comma separated, of " + ",".join(engines.known()))
    add(
        "--engine",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="also compare this command; placeholders: {host1} {port1} {user1} {passfile1} {cert1} "
        "{sha256_1}, the same with 2, {state} {work}",
    )
    add("--no-wire", action="store_true", help="leave out the untimed runs that count bytes and turns")
    add(
        "--document",
        type=Path,
        nargs="+",
        metavar="RESULTS.json",
        help="only rewrite docs/performance.md from results files, later rows in place of earlier ones",
    )
    return parser.parse_args()


def main() -> int:
    """Run what was asked; exit code 1 when our engine was not exact somewhere."""
    options = _arguments()
    # Servers, proxies and a gigabyte of mail go away by with-blocks: a polite end has to unwind them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.document:
        print(document.write(reduce(merged, map(Results.load, options.document)), DOCS))
        return 0
    try:
        results = _measure(options)
    except ValueError as error:
        _say(f"scripts/bench: {error}")
        return 2
    path = FOLDER / datetime.now(UTC).strftime("%Y%m%d-%H%M%S.json")
    results.save(path)
    print(table.as_text(results.rows))
    print(f"\nresults: {path}")
    if not (options.quick or options.scenarios):
        print(f"page: {document.write(results, DOCS)}")
    ours = [(row, cell) for row in results.rows for cell in row.cells if cell.engine == "ours"]
    for row, cell in ours:
        if missed := row.misses(cell):
            print(f"target missed: {row.scenario.key}: {'; '.join(missed)}")
    return 1 if any(cell.problems for _, cell in ours) else 0


def _measure(options: argparse.Namespace) -> Results:
    known = engines.known()
    # A slow engine alone takes longer than the three minutes of a quick run.
    default = [name for name, engine in known.items() if not (options.quick and engine.slow)]
    names = options.engines.split(",") if options.engines else default
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no engine {unknown[0]}; there are {', '.join(known)}")
    chosen = [known[name] for name in names] + [engines.Template.parse(text) for text in options.engine]
    wanted = [word for word in options.scenarios if word != CURVES]
    scenarios = select(wanted, quick=options.quick) if wanted or not options.scenarios else ()
    with_curves = CURVES in options.scenarios or not (options.quick or options.scenarios)
    described = machine.describe(chosen)
    rounds = options.rounds or (1 if options.quick else 3)
    watch = not (options.no_wire or options.quick)
    with Stage() as stage:
        rows = tuple(run_row(stage, row, chosen, rounds=rounds, watch=watch, say=_say) for row in scenarios)
        points: list[curves.Point] = []
        if with_curves:
            for scenario in SCENARIOS:
                stage.forget(scenario.corpus)
            # Programs that cannot keep up with the smallest point only cost time here.
            fast = [engine for engine in chosen if not engine.slow]
            points = curves.by_round_trip(stage, fast, curves.ROUND_TRIPS_S, _say)
            points += curves.by_size(stage, fast, curves.SIZES, _say)
    return Results(described, rows, tuple(points))


if __name__ == "__main__":
    sys.exit(main())

"""Runs rows: engines in turns, so that what else happens on the machine hits all of them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.lane import Lane, LaneBrokenError, Run
from bench.network import Route
from bench.scenarios import Kind
from bench.table import Cell, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.engines import Engine
    from bench.scenarios import Scenario
    from bench.stage import Stage

Say = "Callable[[str], None]"


def run_row(
    stage: Stage,
    scenario: Scenario,
    engines: Sequence[Engine],
    *,
    rounds: int,
    watch: bool,
    say: Callable[[str], None],
) -> Row:
    """Run a scenario with each engine ``rounds`` times; ``watch`` adds a run with counting proxies."""
    stage.load(scenario.corpus)
    lanes: list[Lane] = []
    runs: dict[str, list[Run]] = {}
    notes: dict[str, str] = {}
    watched: dict[str, Run] = {}
    try:
        for engine in _takers(scenario, engines):
            lane = Lane(stage, scenario, engine)
            runs[engine.name] = []
            lanes.append(lane)
            try:
                lane.open()
            except LaneBrokenError as broken:
                notes[engine.name] = str(broken).split("\n", 1)[0]
                say(f"{scenario.key} {engine.name}: {broken}")
        for turn in range(rounds):
            for lane in lanes:
                name = lane.engine.name
                if name in notes or any(run.cost.timed_out for run in runs[name]):
                    continue
                if turn and lane.engine.slow:
                    continue
                run = lane.run(route_of(scenario))
                runs[name].append(run)
                say(_progress(scenario, name, turn, run))
        for lane in lanes:
            name = lane.engine.name
            if name in notes:
                continue
            if watch and not lane.engine.slow and not any(run.cost.timed_out for run in runs[name]):
                watched[name] = lane.run(route_of(scenario, watched=True))
            if scenario.kind is not Kind.LOGIN and (problems := lane.source_problems()):
                notes[name] = "; ".join(problems)
    finally:
        for lane in lanes:
            lane.close()
    return Row(
        scenario,
        tuple(Cell(name, tuple(runs[name]), watched.get(name), notes.get(name, "")) for name in runs),
        stage.messages_of[scenario.corpus.name],
        stage.bytes_of[scenario.corpus.name],
    )


def route_of(scenario: Scenario, *, watched: bool = False) -> Route:
    """Give the network of a row; what is watched goes through counting proxies."""
    return Route(
        scenario.rtt_s, scenario.bits_per_second, scenario.destination_bits_per_second, watched=watched
    )


def _takers(scenario: Scenario, engines: Sequence[Engine]) -> list[Engine]:
    return [
        engine
        for engine in engines
        if engine.name not in scenario.without and (engine.logs_in or scenario.kind is not Kind.LOGIN)
    ]


def _progress(scenario: Scenario, name: str, turn: int, run: Run) -> str:
    cost = run.cost
    text = f"{scenario.key} {name} #{turn + 1}: {cost.wall_s:.2f} s, "
    text += f"CPU {cost.cpu_s:.2f} s, {cost.peak_mib:.0f} MiB"
    if run.good:
        return text
    return f"{text}: {', '.join(run.problems)}\n{cost.output}"

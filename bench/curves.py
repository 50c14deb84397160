"""Cost against mailbox size and against round-trip time: measured points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.corpus import small
from bench.lane import Lane, LaneBrokenError
from bench.network import Route
from bench.scenarios import Kind, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.engines import Engine
    from bench.stage import Stage

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 250_000, 500_000)
MESSAGE_BYTES = 2048
ROUND_TRIPS_S = (0.0, 0.01, 0.025, 0.05, 0.1, 0.2)
PATIENCE_S = 240
"""An engine that needs longer for one point, or would need half of it for the next, gets no larger one."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured point of a curve."""

    curve: str
    engine: str
    x: float
    wall_s: float
    cpu_s: float
    peak_mib: float
    problems: tuple[str, ...]


def by_size(
    stage: Stage, engines: Sequence[Engine], sizes: Iterable[int], say: Callable[[str], None]
) -> list[Point]:
    """Measure first run and idle run of one folder of each size, until an engine loses our patience."""
    points: list[Point] = []
    tired: set[str] = set()
    for size in sizes:
        if len(tired) == len(engines):
            break
        corpus = small(f"curve-{size}", size, 1, MESSAGE_BYTES)
        stage.load(corpus)
        for engine in engines:
            if engine.name in tired:
                continue
            for kind in (Kind.FIRST, Kind.AGAIN):
                scenario = Scenario(
                    f"n{size}-{kind.value}", f"{size} messages", corpus, kind, limit_s=PATIENCE_S
                )
                points += (found := _point(stage, scenario, engine, f"size-{kind.value}", size))
                say("\n".join(map(str, found)))
                if not found or found[0].problems:
                    break
            if not found or found[0].problems or _foreseen_s(points, engine) > PATIENCE_S / 2:
                tired.add(engine.name)
        stage.forget(corpus)
    return points


def by_round_trip(
    stage: Stage, engines: Sequence[Engine], trips: Iterable[float], say: Callable[[str], None]
) -> list[Point]:
    """Measure first run and idle run of 500 messages in 5 folders at each round-trip time to the source."""
    points: list[Point] = []
    corpus = small("curve-500", 500, 5)
    stage.load(corpus)
    for trip in trips:
        for engine in engines:
            for kind in (Kind.FIRST, Kind.AGAIN):
                key = f"t{round(trip * 1000)}-{kind.value}"
                scenario = Scenario(key, key, corpus, kind, rtt_s=trip, limit_s=PATIENCE_S)
                points += (found := _point(stage, scenario, engine, f"trip-{kind.value}", trip * 1000))
                say("\n".join(map(str, found)))
    stage.forget(corpus)
    return points


def _foreseen_s(points: Sequence[Point], engine: Engine) -> float:
    """Give what the next first run would take if it grew as the last one did over the one before."""
    seconds = [p.wall_s for p in points if p.engine == engine.name and p.curve == f"size-{Kind.FIRST.value}"]
    return seconds[-1] * seconds[-1] / seconds[-2] if len(seconds) > 1 else 0.0


def _point(stage: Stage, scenario: Scenario, engine: Engine, curve: str, x: float) -> list[Point]:
    lane = Lane(stage, scenario, engine)
    try:
        lane.open()
        run = lane.run(Route(scenario.rtt_s))
    except LaneBrokenError:
        return []
    finally:
        lane.close()
    cost = run.cost
    return [Point(curve, engine.name, x, cost.wall_s, cost.cpu_s, cost.peak_mib, run.problems)]

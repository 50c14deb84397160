"""A run that was stopped after any step of its dialogue is made up for by the next one.

Each scenario is played once undisturbed. Then it is played again for every step that was said and stopped
there, by SIGKILL and by SIGTERM, before and after the engine hears the answer; the next run must end as the
undisturbed one did, exit code included, and one more must change nothing. What a stop leaves behind decides
what the next run does, so what was left behind before is not tried twice. Findings: artifacts/rules/stops.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.engine.rules.scenarios import FEW, SCENARIOS
from tests.engine.rules.stopping import EVERY_WAY, How, StopAfter
from tests.servers.commands import Watch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.scenarios import Scenario
    from tests.engine.rules.world import Saved, World

pytestmark = pytest.mark.servers
FINDINGS = Path(__file__).parents[3] / "artifacts" / "rules" / "stops"
KILLS = tuple(how for how in EVERY_WAY if how.signal is signal.SIGKILL)
#: Steps that a run may say more than its undisturbed twin, which depends on how the two sides interleave.
_MORE_STEPS = 3


class End(NamedTuple):
    """How a run ended, and what both accounts hold then: {side: {folder: [(name, flags, date)]}}."""

    code: int
    there: dict[int, dict[str, list[tuple[str, tuple[str, ...], int]]]]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FEW)
def test_stopped_after_every_step(make_world: MakeWorld, name: str) -> None:
    _play(make_world, SCENARIOS[name], KILLS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_stopped_in_every_way_after_every_step(make_world: MakeWorld, name: str) -> None:
    _play(make_world, SCENARIOS[name], EVERY_WAY)


def _play(make_world: MakeWorld, scenario: Scenario, ways: Iterable[How]) -> None:
    world = make_world(scenario.lacks1, scenario.lacks2)
    scenario.before(world, scenario)
    start = world.save()
    whole = Watch()
    undisturbed = _run(world, scenario, whole)
    steps = len(whole.steps)
    again = _run(world, scenario)
    findings: list[dict[str, Any]] = []
    if symptoms := _symptoms(undisturbed, again):
        findings.append({"stopped": "never", "run": "the next", "symptoms": symptoms})
    seen: set[str] = set()
    for how in ways:
        for number in range(1, steps + _MORE_STEPS):
            watch = StopAfter(number, how)
            world.restore(start)
            stopped = world.run(*scenario.options, state=scenario.state, watch=watch, begun=watch.begun)
            left = json.dumps([_numbered(world, start), world.known()], default=str)
            if watch.stopped_at is None or left in seen:
                continue
            seen.add(left)
            step = watch.stopped_at
            told = {
                "side": step.side,
                "step": f"{number}: {step.text}",
                "stopped": how.name,
                "code": stopped.code,
            }
            for run, wanted in (("the next", undisturbed), ("the one after", again)):
                if symptoms := _symptoms(wanted, _run(world, scenario)):
                    findings.append({**told, "run": run, "symptoms": symptoms})
    FINDINGS.mkdir(parents=True, exist_ok=True)
    report = FINDINGS / f"{scenario.name}.json"
    report.write_text(
        json.dumps({"options": scenario.options, "steps": steps, "findings": findings}, indent=1)
    )
    assert not findings, json.dumps(findings[:5], indent=1)


def _run(world: World, scenario: Scenario, watch: Watch | None = None) -> End:
    ran = world.run(*scenario.options, state=scenario.state, watch=watch)
    there = {
        side: {
            folder: sorted((name, flags, date) for _, name, flags, date in rows)
            for folder, (_, rows) in world.look(side).items()
        }
        for side in (1, 2)
    }
    return End(ran.code, there)


def _numbered(world: World, start: Saved) -> list[object]:
    """Give what lies where with its UIDs. The UIDVALIDITY of a new folder is another one each time."""
    return [
        {
            folder: (numbers if start.has(side, folder) else "", rows)
            for folder, (numbers, rows) in found.items()
        }
        for side in (1, 2)
        for found in [world.look(side)]
    ]


def _symptoms(wanted: End, got: End) -> list[str]:
    symptoms = []
    nowhere = _names(wanted) - _names(got)
    if nowhere:
        symptoms.append(f"NOWHERE: {' '.join(sorted(nowhere))}")
    for side in (1, 2):
        for folder in sorted({*wanted.there[side], *got.there[side]}):
            right, found = wanted.there[side].get(folder), got.there[side].get(folder)
            if right != found:
                symptoms.append(f"host{side} {folder}: {_short(found)} in place of {_short(right)}")
    if wanted.code != got.code:
        symptoms.append(f"exit code {got.code} in place of {wanted.code}")
    return symptoms


def _names(end: End) -> set[str]:
    return {row[0] for folders in end.there.values() for rows in folders.values() for row in rows}


def _short(rows: list[tuple[str, tuple[str, ...], int]] | None) -> str:
    if rows is None:
        return "no folder"
    return " ".join(name + "".join(flags) for name, flags, _ in rows) or "nothing"

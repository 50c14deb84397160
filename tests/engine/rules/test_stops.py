"""A run that was stopped after any step of its dialogue is made up for by the next one.

Each scenario is played once undisturbed, one step at a time. Then it is played again, and killed at each
moment between two steps at which what a kill leaves behind is not what an earlier one leaves; and it is
played and sent SIGTERM after each step. The next run must end as the undisturbed one did, exit code included,
and one more must change nothing. What a stop leaves behind decides what the next run does, so what was left
behind before is not tried twice. Findings: artifacts/rules/stops.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.engine.rules.scenarios import FEW, SCENARIOS
from tests.engine.rules.stopping import EndAfter, KillAt, StepByStep
from tests.engine.rules.world import USERS
from tests.engine.rules.zygote import Zygote
from tests.servers.base import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.engine.rules.conftest import MakeWorld
    from tests.engine.rules.scenarios import Scenario
    from tests.engine.rules.world import Saved, World

pytestmark = pytest.mark.servers
FINDINGS = Path(__file__).parents[3] / "artifacts" / "rules" / "stops"
#: Steps that a run may say more than its undisturbed twin, which depends on how the two sides interleave.
_MORE_STEPS = 3


class End(NamedTuple):
    """How a run ended, and what there is then.

    there: {side: {folder: [(name, flags, date)]}}. left: the same and the journal, with all UIDs: a text that
    decides what the next run does. The UIDVALIDITY of a new folder is another one each time, and is left out.
    """

    code: int
    there: dict[int, dict[str, list[tuple[str, tuple[str, ...], int]]]]
    left: str


class Stop(NamedTuple):
    """A way to stop a run: what it is called, and the watch that does it."""

    name: str
    watch: KillAt | EndAfter


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Start engines whose branches are not counted: thousands would tell the same again and again."""
    with Zygote(((user, DEFAULT_PASSWORD) for user in USERS.values()), measured=False) as process:
        yield process


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FEW)
def test_killed_at_every_moment(make_world: MakeWorld, name: str) -> None:
    _play(make_world, SCENARIOS[name], ends=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_or_ended_at_every_moment(make_world: MakeWorld, name: str) -> None:
    _play(make_world, SCENARIOS[name], ends=True)


def _play(make_world: MakeWorld, scenario: Scenario, *, ends: bool) -> None:
    world = make_world(scenario.lacks1, scenario.lacks2)
    scenario.before(world, scenario)
    start = world.save()
    moments: dict[str, tuple[int, bool]] = {}
    whole = StepByStep(lambda step, heard: moments.setdefault(world.traces(), (step.number, heard)))
    undisturbed = _run(world, scenario, start, whole)
    again = _run(world, scenario, start)
    findings: list[dict[str, Any]] = []
    if symptoms := _symptoms(undisturbed, again):
        findings.append({"stopped": "never", "run": "the next", "symptoms": symptoms})
    seen, ended = set[str](), {undisturbed.left}
    for stop in _stops(moments.values(), len(whole.steps) + _MORE_STEPS if ends else 0):
        world.restore(start)
        stopped = _run(world, scenario, start, stop.watch)
        step = stop.watch.stopped_at
        if step is None or stopped.left in seen:
            continue
        seen.add(stopped.left)
        told = {"stopped": stop.name, "side": step.side, "step": step.text, "code": stopped.code}
        following = _run(world, scenario, start)
        if symptoms := _symptoms(undisturbed, following):
            findings.append({**told, "run": "the next", "symptoms": symptoms})
        if following.left in ended:
            continue
        ended.add(following.left)
        if symptoms := _symptoms(again, _run(world, scenario, start)):
            findings.append({**told, "run": "the one after", "symptoms": symptoms})
    FINDINGS.mkdir(parents=True, exist_ok=True)
    report = FINDINGS / f"{scenario.name}.json"
    numbers = {"steps": len(whole.steps), "kills": len(moments), "left": len(seen)}
    report.write_text(json.dumps({"options": scenario.options, **numbers, "findings": findings}, indent=1))
    assert not findings, json.dumps(findings[:5], indent=1)


def _stops(moments: Iterable[tuple[int, bool]], ends: int) -> Iterator[Stop]:
    for number, heard in moments:
        when = "after" if heard else "before"
        yield Stop(f"killed {when} the answer to step {number}", KillAt(number, heard=heard))
    for number in range(1, ends):
        yield Stop(f"ended after the answer to step {number}", EndAfter(number))


def _run(world: World, scenario: Scenario, start: Saved, watch: StepByStep | EndAfter | None = None) -> End:
    begun = watch.begun if watch is not None else None
    ran = world.run(*scenario.options, state=scenario.state, watch=watch, begun=begun)
    looks = {side: world.look(side) for side in (1, 2)}
    there = {
        side: {
            folder: sorted((name, flags, date) for _, name, flags, date in rows)
            for folder, (_, rows) in look.items()
        }
        for side, look in looks.items()
    }
    left = [
        {
            folder: (numbers if start.has(side, folder) else "", rows)
            for folder, (numbers, rows) in look.items()
        }
        for side, look in looks.items()
    ]
    return End(ran.code, there, json.dumps([left, world.known()], default=str))


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

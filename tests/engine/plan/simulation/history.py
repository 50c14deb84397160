"""Live through several runs, with things happening in between, and hold each end against the law."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.engine.plan.simulation.law import BrokenLawError
from tests.engine.plan.simulation.run import Run
from tests.engine.plan.simulation.servers import Server
from tests.engine.plan.simulation.world import FILED, SYNCED, World

from imapsync.plan.belief import LOOK_AGAIN_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.engine.plan.simulation.options import Options


class Event(NamedTuple):
    """Something happens in run `run` before its step `step` (or after the run, when it has fewer)."""

    run: int
    step: int
    kind: str
    first: int = 0
    second: int = 0


class Servers(NamedTuple):
    """What the two servers can do. bins: whether Archive is Trash there."""

    condstore1: bool = True
    condstore2: bool = True
    uidplus1: bool = True
    uidplus2: bool = True
    size_bias: int = 0
    qresync1: bool = False
    bins: bool = False


class History(NamedTuple):
    """options: those of each run; the last ones are those of the two undisturbed runs at the end, too."""

    options: Sequence[Options]
    events: Sequence[Event]
    servers: Servers = Servers()


def live(history: History) -> World:
    """Live through a history; raises BrokenLawError."""
    able = history.servers
    world = World(
        Server(SYNCED, condstore=able.condstore1, uidplus=able.uidplus1, qresync=able.qresync1),
        Server((*SYNCED, FILED), condstore=able.condstore2, uidplus=able.uidplus2, size_bias=able.size_bias),
        bins=able.bins,
    )
    marks = any(options.setflag1 for options in history.options)
    duplicates = any(options.duplicates for options in history.options)
    for number, options in enumerate(history.options):
        events = sorted(
            (event for event in history.events if event.run == number), key=lambda event: event.step
        )
        _one_run(world, options, events, duplicates=duplicates)
    empties = any(options.deletion.empties_source for options in history.options)
    _come_to_rest(world, history.options[-1], duplicates=duplicates, marks=marks, empties=empties)
    return world


def _one_run(world: World, options: Options, events: list[Event], *, duplicates: bool) -> None:
    waiting = events[::-1]
    while waiting and waiting[-1].step == 0:
        world.happen(waiting.pop())
    world.begin_run(options.maxvanished2)
    run = Run(world, options)
    for step, _ in enumerate(run.steps(), 1):
        while waiting and waiting[-1].step <= step:
            world.happen(waiting.pop())
        if world.killed:
            break
    world.sessions = []
    if not world.killed:
        _check(world, options, run, duplicates=duplicates)
    world.killed = False
    while waiting:
        world.happen(waiting.pop())
    world.now += 3_600


def _check(world: World, options: Options, run: Run, *, duplicates: bool) -> None:
    world.law.nothing_twice(duplicates=duplicates)
    if run.complete and not (options.unseen and world.law.hid):  # a search can hide what it likes
        missing = _missing(world, options, run)
        if missing:
            raise BrokenLawError(f"exit code 0, and these have no copy: {missing}")


def _missing(world: World, options: Options, run: Run) -> list[str]:
    return world.law.missing(
        lambda stored: (
            run.reader.wants(stored)
            and stored.mail.content not in world.law.brought_back
            and not (options.unseen and stored.mail.content in world.law.unfound)
            and (
                not options.unseen
                or (run.reader.finds(stored) and stored.mail.content not in world.law.reflagged)
            )
        ),
        remembers=options.journal,
    )


def _come_to_rest(world: World, options: Options, *, duplicates: bool, marks: bool, empties: bool) -> None:
    world.hides = None
    world.law.unfound.clear()
    world.law.brought_back.clear()
    last = options._replace(maxdelete2=10**6, maxvanished2=None)
    changed: list[int] = []
    complete = True
    for _ in range(3):
        world.now += 2 * LOOK_AGAIN_S
        world.begin_run(None)
        run = Run(world, last)
        for _ in run.steps():
            pass
        world.sessions = []
        _check(world, last, run, duplicates=duplicates)
        changed.append(run.copied + run.deleted)
        complete = run.complete
    if complete and changed[-1]:
        raise BrokenLawError("a third undisturbed run still changes something")
    flags_follow = not marks and not empties and not last.unseen
    other = world.law.other_flags(run.reader.wants)
    if flags_follow and complete and other:
        raise BrokenLawError(f"flags differ: {other}")

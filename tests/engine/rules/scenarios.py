r"""A hundred situations in which a run may be stopped: histories, kinds of servers, options.

Every way of changing accounts meets every history at least once; the kinds of servers, and whether there is a
journal, go round. What marks and deletes on the source meets poor servers more often.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.rules.world import World

INBOX = ("--folder", "INBOX", "--search1", "UNSEEN", "--setflag1", "\\Seen", "--noresyncflags")
OPTIONS: dict[str, tuple[str, ...]] = {
    "copy": (),
    "delete1": ("--delete1",),
    "older": ("--delete1older", "30"),
    "noexpunge": ("--delete1", "--noexpunge1"),
    "delete2": ("--delete2", "--maxdelete2", "50"),
    "inbox": INBOX,
    "inboxdelete": (*INBOX, "--delete1"),
    "inboxolder": (*INBOX, "--delete1older", "30"),
    "twins": ("--syncduplicates",),
    "twinsdelete": ("--syncduplicates", "--delete1"),
}
#: What source and destination lack.
SERVERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "full": (frozenset(), frozenset()),
    "nouidplus1": (frozenset({"UIDPLUS"}), frozenset()),
    "nocondstore": (frozenset({"CONDSTORE", "QRESYNC"}), frozenset()),
    "noqresync": (frozenset({"QRESYNC"}), frozenset()),
    "nomultiappend": (frozenset(), frozenset({"MULTIAPPEND"})),
    "noliteral": (frozenset(), frozenset({"LITERAL+", "MULTIAPPEND"})),
    "nouidplus2": (frozenset(), frozenset({"UIDPLUS"})),
    "bare": (
        frozenset({"UIDPLUS", "CONDSTORE", "QRESYNC", "LITERAL+", "MULTIAPPEND"}),
        frozenset({"UIDPLUS", "CONDSTORE", "QRESYNC", "LITERAL+", "MULTIAPPEND"}),
    ),
}
#: A date that no deletion by age reaches.
RECENT = 2_000_000_000


class Scenario(NamedTuple):
    """A situation; `before` brings it about."""

    name: str
    options: tuple[str, ...]
    state: bool
    lacks1: frozenset[str]
    lacks2: frozenset[str]
    before: Callable[[World, Scenario], None]


def _first(world: World, _: Scenario) -> None:
    world.deliver(1, "INBOX", 1, world.letter(2, flags=("\\Flagged",)), world.letter(3, internaldate=RECENT))
    world.deliver(1, "A", 4)


def _present(world: World, _: Scenario) -> None:
    """Somebody copied a part with another tool."""
    world.deliver(1, "INBOX", world.letter(1, flags=("\\Flagged",)), 2, 3)
    world.deliver(2, "INBOX", 1, world.letter(2, flags=("\\Answered",)), 9)
    world.deliver(1, "A", 4)


def _news(world: World, scenario: Scenario) -> None:
    _first(world, scenario)
    world.run(*scenario.options, state=scenario.state)
    world.deliver(1, "INBOX", 5, 6)
    world.expunge(1, "A", 4)
    world.expunge(1, "INBOX", 2)


def _draft(world: World, scenario: Scenario) -> None:
    world.deliver(1, "INBOX", 1, 2)
    world.run(*_keeping(scenario), state=scenario.state)
    world.edit(1, "INBOX", 1, "another text")


def _moved(world: World, scenario: Scenario) -> None:
    """Move a message out and back; a run sees it outside."""
    world.deliver(1, "INBOX", 1, 2)
    world.run(*_keeping(scenario), state=scenario.state)
    world.move(1, "INBOX", 1, "A")
    world.run(*_keeping(scenario), state=scenario.state)
    world.move(1, "A", 1, "INBOX")


def _flags(world: World, scenario: Scenario) -> None:
    world.deliver(1, "INBOX", 1, 2, 3)
    world.run(*_keeping(scenario), state=scenario.state)
    world.flag(1, "INBOX", 1, r"+FLAGS (\Flagged)")
    world.flag(2, "INBOX", 2, r"+FLAGS (\Answered)")
    world.flag(1, "INBOX", 3, r"+FLAGS ($Label)")
    world.deliver(1, "INBOX", 4)


def _twins(world: World, scenario: Scenario) -> None:
    world.deliver(1, "INBOX", 1, 1, 2)
    world.run(*_keeping(scenario), state=scenario.state)
    world.deliver(1, "INBOX", 2, 3, 3)


def _keeping(scenario: Scenario) -> tuple[str, ...]:
    """Give the options of an earlier run that left the source alone."""
    return tuple(word for word in scenario.options if word.startswith("--sync"))


HISTORIES = (_first, _present, _news, _draft, _moved, _flags, _twins)


def _all() -> dict[str, Scenario]:
    found: dict[str, Scenario] = {}

    def add(options: str, history: Callable[[World, Scenario], None], servers: str, state: bool) -> None:
        name = f"{options}-{history.__name__.strip('_')}-{servers}-{'state' if state else 'nostate'}"
        found[name] = Scenario(name, OPTIONS[options], state, *SERVERS[servers], history)

    kinds = list(SERVERS)
    for number, (options, history) in enumerate(product(OPTIONS, HISTORIES)):
        add(options, history, kinds[number % len(kinds)], number % 3 != 2)
    changing = ("delete1", "older", "inboxolder", "delete2", "noexpunge")
    for number, (options, servers) in enumerate(product(changing, ("nouidplus1", "bare", "full"))):
        add(options, _first, servers, number % 2 == 0)
        add(options, _news, servers, number % 2 == 1)
    for options, servers in product(OPTIONS, ("full", "noliteral")):
        if len(found) < 100:
            add(options, _flags, servers, True)
    return found


SCENARIOS = _all()
#: What the usual test run takes: a copy, a move, a mirror, and twins. The slow tests take all.
FEW = (
    "copy-first-full-state",
    "delete1-first-nouidplus1-state",
    "delete2-news-full-state",
    "twinsdelete-twins-noliteral-state",
)

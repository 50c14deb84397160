"""The rows of the table: what is synchronised, over which network, and which run is measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from bench.corpus import large, realistic, small

if TYPE_CHECKING:
    from bench.corpus import Corpus

MB = 1_000_000
TOO_SLOW = ("offlineimap3",)
"""Left out of the rows that it needs more than five minutes for, or has no way to run."""
PLAIN_DESTINATION = ("MULTIAPPEND", "LITERAL+", "LITERAL-", "UIDPLUS")


class Kind(Enum):
    """Which run is measured."""

    FIRST = "first"
    """The first run into an empty account."""
    AGAIN = "again"
    """A run after which nothing has changed."""
    CHANGED = "changed"
    """A run after some mail has arrived and some flags have changed on the source."""
    LOGIN = "login"
    """Log in to both sides and leave."""


@dataclass(frozen=True, slots=True)
class Target:
    """What our engine has to reach: at most ``ratio`` times the wall time of mbsync, and limits."""

    ratio: float | None = None
    wall_s: float | None = None
    peak_mib: float | None = None
    link_share: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row. ``limit_s`` ends a run that takes too long; engines in ``without`` are left out of the row."""

    key: str
    title: str
    corpus: Corpus
    kind: Kind = Kind.FIRST
    rtt_s: float = 0.0
    bits_per_second: int = 0
    destination_bits_per_second: int = 0
    disable_on_destination: tuple[str, ...] = ()
    keep_state: bool = True
    new_messages: int = 0
    flag_changes: int = 0
    target: Target = Target()
    limit_s: int = 300
    without: tuple[str, ...] = ()
    quick: bool = False


FIVE_THOUSAND = small("small-5000", 5000, 20)
TWENTY_THOUSAND = small("small-20000", 20_000, 1)
FIFTY_THOUSAND = small("small-50000", 50_000, 1)
FORTY_LARGE = large("large-40", 40, 20 * MB)
FIVE_HUNDRED = small("small-500", 500, 5)
ONE_HUGE = large("huge-1", 1, 100 * MB)
ONE = small("one", 1, 1)
REALISTIC = realistic()
MANY_LARGE = realistic("realistic-20000", 20_000, large_every=100)
SOME_LARGE = realistic("realistic-400", 400, large_every=100)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "S1", "first sync, 5,000 small messages, 20 folders", FIVE_THOUSAND, target=Target(0.7), quick=True
    ),
    Scenario(
        "S1p",
        "S1, destination without MULTIAPPEND, LITERAL+, UIDPLUS",
        FIVE_THOUSAND,
        disable_on_destination=PLAIN_DESTINATION,
        target=Target(1.0),
    ),
    Scenario(
        "S2",
        "nothing changed since S1",
        FIVE_THOUSAND,
        Kind.AGAIN,
        target=Target(3.0, wall_s=0.3),
        quick=True,
    ),
    Scenario(
        "S2n",
        "nothing changed since S1, engine without its state",
        FIVE_THOUSAND,
        Kind.AGAIN,
        keep_state=False,
        without=("mbsync", *TOO_SLOW),
        target=Target(wall_s=0.6),
        quick=True,
    ),
    Scenario(
        "S3",
        "S1, then 50 new messages and 200 flag changes",
        FIVE_THOUSAND,
        Kind.CHANGED,
        new_messages=50,
        flag_changes=200,
        target=Target(2.5),
        quick=True,
    ),
    Scenario("S4", "40 messages of 20 MB", FORTY_LARGE, target=Target(1.0, peak_mib=64)),
    Scenario("S5/20k", "one folder, 20,000 small messages", TWENTY_THOUSAND, target=Target(0.2)),
    Scenario(
        "S5/50k",
        "one folder, 50,000 small messages",
        FIFTY_THOUSAND,
        target=Target(0.1),
        limit_s=400,
        without=TOO_SLOW,
    ),
    Scenario(
        "S5n",
        "nothing changed since S5/50k",
        FIFTY_THOUSAND,
        Kind.AGAIN,
        target=Target(3.0, wall_s=0.4),
        limit_s=400,
        without=TOO_SLOW,
    ),
    Scenario(
        "S6",
        "500 small messages, 50 ms round trip to the source",
        FIVE_HUNDRED,
        rtt_s=0.05,
        target=Target(0.6),
        quick=True,
    ),
    Scenario(
        "S6n",
        "nothing changed since S6",
        FIVE_HUNDRED,
        Kind.AGAIN,
        rtt_s=0.05,
        target=Target(0.4),
        quick=True,
    ),
    Scenario("S7", "one message of 100 MB", ONE_HUGE, target=Target(1.2, peak_mib=64), quick=True),
    Scenario(
        "S8", "log in to both, leave", ONE, Kind.LOGIN, target=Target(wall_s=0.2, peak_mib=40), quick=True
    ),
    Scenario("S9", "2,000 realistic messages, 38 odd folders", REALISTIC, target=Target(0.8), quick=True),
    Scenario(
        "S9b",
        "S9, 20 Mbit/s and 80 ms round trip to the source",
        REALISTIC,
        rtt_s=0.08,
        bits_per_second=20 * MB,
        target=Target(link_share=0.95),
    ),
    Scenario(
        "S10",
        "20,000 realistic messages, one in a hundred of 1 to 25 MB",
        MANY_LARGE,
        target=Target(1.0, peak_mib=64),
        limit_s=900,
        without=TOO_SLOW,
    ),
    Scenario(
        "S10s",
        "400 of S10's messages, 5 Mbit/s to the destination",
        SOME_LARGE,
        destination_bits_per_second=5 * MB,
        target=Target(peak_mib=64),
        limit_s=600,
        without=TOO_SLOW,
    ),
)


def select(words: list[str], *, quick: bool) -> tuple[Scenario, ...]:
    """Return the rows named on the command line (``S5`` stands for all that begin so with a ``/``), or all.

    Raises ValueError for a name that stands for nothing.
    """
    if not words:
        return tuple(scenario for scenario in SCENARIOS if scenario.quick or not quick)
    chosen: list[Scenario] = []
    for word in words:
        found = [
            s
            for s in SCENARIOS
            if s.key.lower() == word.lower() or s.key.lower().startswith(f"{word.lower()}/")
        ]
        if not found:
            raise ValueError(f"no scenario {word}; there are {' '.join(s.key for s in SCENARIOS)}")
        chosen += [scenario for scenario in found if scenario not in chosen]
    return tuple(chosen)

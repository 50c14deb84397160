"""A history from a few bytes: one draw costs far less than fifty; zeros are the simplest history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.engine.plan.simulation.history import Event, History, Servers
from tests.engine.plan.simulation.options import Options
from tests.engine.plan.simulation.world import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 3
EVENTS = 9
#: Steps before this one are before the run; a run has about 45.
BETWEEN = 14
STEPS = 56
_RARE = (False, False, False, True)
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "journal": (True, True, True, False),
    "delete1": _RARE,
    "older": _RARE,
    "delete2": _RARE,
    "duplicates": _RARE,
    "unseen": _RARE,
    "small": _RARE,
    "noexpunge1": _RARE,
    "recopy": _RARE,
    "together": (False, True),
    "setflag1": ("", "", "\\Seen", "\\Flagged"),
    "maxdelete2": (None, None, 5, 1000),
    "maxvanished2": (None, None, None, None, 0, 9),
}
_SERVERS: dict[str, tuple[Any, ...]] = {
    "condstore1": (True, True, False),
    "condstore2": (True, True, False),
    "uidplus1": (True, True, True, False),
    "uidplus2": (True, True, True, False),
    "size_bias": (0, 0, 0, 7),
    "qresync1": (False, True),
    "bins": (False, False, True),
}
LENGTH = 2 * len(_OPTIONS) + len(_SERVERS) + 2 + 5 * EVENTS


def history_of(tape: bytes) -> History:
    """Read a history of up to three runs, whose options may change once; it begins with mail."""
    left = iter(tape)
    changes_at = next(left) % (RUNS + 1)  # 0 and RUNS: never
    mail = [Event(0, 0, "deliver", number, number // 2) for number in range(next(left) % 4 + 1)]
    servers = Servers(**_chosen(_SERVERS, left))
    before, after = (_options(left) for _ in range(2))
    options = [after if 0 < changes_at <= number else before for number in range(RUNS)]
    events = [event for _ in range(EVENTS) if (event := _event(left)) is not None]
    return History(options, mail + events, servers)


def _options(tape: Iterator[int]) -> Options:
    """Read options; --delete2 with a search of the source alone is refused."""
    options = Options(**_chosen(_OPTIONS, tape))
    return options._replace(unseen=False) if options.delete2 else options


def _chosen(choices: dict[str, tuple[Any, ...]], tape: Iterator[int]) -> dict[str, Any]:
    return {name: values[next(tape) % len(values)] for name, values in choices.items()}


def _event(tape: Iterator[int]) -> Event | None:
    kind, run, step, first, second = (next(tape) for _ in range(5))
    if not kind % (len(KINDS) + 1):
        return None
    return Event(
        run % RUNS, max(0, step % STEPS - BETWEEN), KINDS[kind % (len(KINDS) + 1) - 1], first % 8, second % 8
    )

"""Nothing is lost, doubled or deleted without right, whatever happens to both accounts at whatever moment."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.engine.plan.simulation.history import Event, History, Servers, live
from tests.engine.plan.simulation.options import Options
from tests.engine.plan.simulation.tape import LENGTH, history_of
from tests.engine.plan.simulation.world import BrokenLawError

TAPES = st.binary(min_size=LENGTH, max_size=LENGTH)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("half", range(2))
@pytest.mark.xfail(
    raises=(BrokenLawError, BaseExceptionGroup),
    reason="what was moved and then filed; duplicates of what left; a store lost in a run",
)
def test_a_hundred_thousand_histories(half: int) -> None:
    """Two halves, for two processors."""

    @given(TAPES)
    @settings(
        max_examples=50_000,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def lives(tape: bytes) -> None:
        live(history_of(bytes([tape[0] ^ half]) + tape[1:]))

    lives()


NOTHING, DELETE1, DELETE2 = Options(), Options(delete1=True), Options(delete2=True)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(
            History([NOTHING, NOTHING], [Event(0, 0, "deliver"), Event(1, 0, "edit")]),
            id="a draft is edited to a text of equal size",
        ),
        pytest.param(
            History([DELETE1], [Event(0, 0, "deliver"), Event(0, 11, "edit")]),
            id="a draft is edited while its first version is moved",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1],
                [Event(0, 0, "deliver", 1), Event(1, 0, "deliver_lookalike", 0, 1), Event(1, 0, "hide")],
            ),
            id="a message is hidden while one that looks like it arrives",
        ),
        pytest.param(
            History(
                [NOTHING, Options(delete2=True, together=True, maxdelete2=1000)],
                [Event(0, 0, "deliver"), Event(1, 0, "hide")],
            ),
            id="a message is hidden while another folder is open",
        ),
        pytest.param(
            History(
                [NOTHING], [Event(0, 0, "deliver", 1), *[Event(0, 13, "move_here")] * 2], Servers(size_bias=7)
            ),
            id="a message moves out and back and host2 counts sizes otherwise",
        ),
        pytest.param(
            History([DELETE1, DELETE2], [Event(0, 0, "deliver"), Event(1, 0, "renumber")]),
            id="host1 renumbers what one run has moved before the next mirrors",
        ),
        pytest.param(
            History([DELETE1, DELETE2], [Event(0, 0, "deliver")]),
            id="what one run has moved is extra for the next",
        ),
    ],
)
def test_histories_that_went_wrong_once(history: History) -> None:
    live(history)

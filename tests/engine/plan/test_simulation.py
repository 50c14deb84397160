"""Nothing is lost, doubled or deleted without right, whatever happens to both accounts at whatever moment."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.engine.plan.simulation.history import Event, History, Servers, live
from tests.engine.plan.simulation.options import Options
from tests.engine.plan.simulation.tape import LENGTH, history_of

TAPES = st.binary(min_size=LENGTH, max_size=LENGTH)


def search(first: int, histories: int, *, same_each_time: bool) -> None:
    """Live through so many histories that begin with this byte, and shrink one that breaks a law."""

    @given(TAPES)
    @settings(
        max_examples=histories,
        database=None,
        derandomize=same_each_time,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def lives(tape: bytes) -> None:
        live(history_of(bytes([tape[0] ^ first]) + tape[1:]))

    lives()


def test_a_thousand_histories() -> None:
    search(0, 1_000, same_each_time=True)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("half", range(2))
def test_a_hundred_thousand_histories(half: int) -> None:
    """Two halves, for two processors: others in each run of the tests."""
    search(half, 50_000, same_each_time=False)


NOTHING, DELETE1, DELETE2, OLDER = (
    Options(),
    Options(delete1=True),
    Options(delete2=True),
    Options(older=True),
)
ALONE = Options(journal=False)


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
            History([DELETE1, DELETE2], [Event(0, 0, "deliver", 1), Event(1, 0, "renumber", 1, 1)]),
            id="host2 renumbers what one run has moved before the next mirrors",
        ),
        pytest.param(
            History([DELETE1, DELETE2], [Event(0, 0, "deliver"), Event(1, 0, "swap", 1)]),
            id="what one run has moved lies in a folder of another name when the next mirrors",
        ),
        pytest.param(
            History([DELETE1, DELETE2], [Event(0, 0, "deliver")]),
            id="what one run has moved is extra for the next",
        ),
        pytest.param(
            History(
                [ALONE, Options(journal=False, delete1=True)],
                [Event(0, 0, "deliver"), Event(1, 0, "deliver_lookalike"), Event(1, 0, "delete_here")],
            ),
            id="without a journal another message looks like the copy of one that left",
        ),
        pytest.param(
            History(
                [ALONE, NOTHING, DELETE1],
                [Event(0, 0, "deliver"), Event(1, 0, "deliver_lookalike"), Event(1, 0, "delete_here")],
            ),
            id="what a first comparison believed is moved by a later run",
        ),
        pytest.param(
            History(
                [ALONE, OLDER],
                [Event(0, 0, "deliver", 0, 1), Event(1, 0, "deliver_lookalike"), Event(1, 0, "delete_here")],
            ),
            id="what a first comparison believed grows old",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, NOTHING],
                [Event(0, 0, "deliver", 1), Event(1, 1, "hide"), Event(1, 4, "deliver_again", 0, 1)],
            ),
            id="a duplicate comes while the first is hidden",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver", 1),
                    Event(1, 0, "deliver_again", 0, 1),
                    Event(0, 0, "deliver_again", 0, 1),
                    Event(1, 0, "move_here"),
                ],
            ),
            id="a duplicate inherits the copy while another one comes",
        ),
        pytest.param(
            History(
                [NOTHING], [Event(0, 0, "deliver"), Event(0, 7, "deliver_again"), Event(0, 9, "delete_here")]
            ),
            id="a duplicate comes while the folder is compared and the first leaves",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [Event(0, 0, "deliver"), Event(1, 0, "lose_store"), Event(1, 0, "bring_there")],
                Servers(size_bias=7),
            ),
            id="a copy that was lost is brought back and host2 counts sizes otherwise",
        ),
        pytest.param(
            History(
                [NOTHING],
                [Event(0, 0, "deliver"), Event(0, 0, "deliver_lookalike"), Event(0, 8, "bring_there", 1)],
            ),
            id="one of two that look alike is brought to host2 just before both are copied",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "file_there"),
                    Event(2, 0, "move_here", 1),
                    Event(1, 0, "deliver_again"),
                ],
            ),
            id="a duplicate leaves and the copy of the other was filed",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(0, 17, "bring_there", 1, 1),
                    Event(0, 0, "deliver_there", 1),
                ],
            ),
            id="a copy is brought between the opening of its folder and its reading",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE1],
                [Event(0, 0, "deliver"), Event(0, 0, "deliver", 1), Event(1, 21, "lose_store")],
            ),
            id="host2 loses its store between two runs that move",
        ),
        pytest.param(
            History(
                [DELETE1, DELETE1],
                [Event(0, 0, "deliver"), Event(0, 0, "deliver", 1), Event(0, 31, "lose_store")],
            ),
            id="host2 loses its store while originals are deleted",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(1, 8, "delete_here"),
                    Event(1, 10, "lose_store"),
                ],
            ),
            id="host2 loses its store when a message has just left host1",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(2, 0, "lose_store"),
                    Event(0, 0, "move_here"),
                    Event(2, 0, "renumber"),
                ],
            ),
            id="host2 loses its store and host1 renumbers a folder",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(0, 0, "move_here"),
                    Event(0, 9, "restore"),
                    Event(0, 15, "move_here"),
                ],
            ),
            id="host1 is restored before the copying and gives the UID again",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(0, 22, "kill"),
                    Event(1, 4, "swap"),
                ],
            ),
            id="folders are swapped while a first comparison that was killed is made again",
        ),
        pytest.param(
            History(
                [DELETE2, DELETE2],
                [
                    Event(0, 0, "keep_copy"),
                    Event(0, 0, "deliver"),
                    Event(0, 13, "kill"),
                    Event(1, 0, "restore"),
                    Event(1, 0, "deliver"),
                ],
            ),
            id="host1 is restored after a first comparison that was killed, before the next mirrors",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [Event(0, 0, "deliver"), Event(0, 13, "kill"), Event(0, 7, "deliver_lookalike")],
            ),
            id="a message looks like one that a killed run had copied",
        ),
        pytest.param(
            History(
                [NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver_there"),
                    Event(0, 0, "remove_there"),
                    Event(0, 12, "renumber", 1),
                ],
            ),
            id="host2 renumbers a folder while messages are copied into it",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 9, "deliver_lookalike", 0, 1),
                    Event(0, 1, "hide"),
                    Event(1, 0, "swap"),
                ],
            ),
            id="a message is hidden and another comes between opening and reading",
        ),
        pytest.param(
            History([NOTHING, NOTHING], [Event(1, 6, "deliver"), Event(1, 15, "flag_here")]),
            id="a message that came between opening and reading is flagged",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "move_here"),
                    Event(2, 0, "move_here"),
                    Event(1, 0, "flag_here"),
                ],
            ),
            id="a message moves out, is flagged and moves back",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "edit"),
                    Event(2, 0, "move_here"),
                    Event(1, 0, "deliver_again"),
                ],
            ),
            id="a duplicate with other flags inherits a copy",
        ),
        pytest.param(
            History(
                [NOTHING, Options(together=True), NOTHING],
                [Event(0, 0, "deliver"), Event(1, 6, "swap"), Event(2, 0, "swap"), Event(1, 0, "edit")],
            ),
            id="folders are swapped while they are compared",
        ),
    ],
)
def test_histories_that_went_wrong_once(history: History) -> None:
    live(history)

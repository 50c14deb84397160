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
            History(
                [DELETE1, NOTHING, Options(delete1=True, together=True)],
                [
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "deliver"),
                    Event(1, 0, "deliver_lookalike"),
                    Event(2, 17, "bring_there", 1),
                    Event(1, 1, "lose_journal"),
                    Event(0, 27, "lose_store"),
                    Event(2, 16, "lose_store"),
                ],
                Servers(),
            ),
            id="a store that is lost during the copying holds another message in place of a confirmed copy",
        ),
        pytest.param(
            History(
                [OLDER],
                [
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "deliver", 0, 1),
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 40, "deliver_there"),
                    Event(0, 29, "restore", 4),
                    Event(0, 0, "keep_copy", 1),
                ],
            ),
            id="host2 is put back after the copying, and gives the UID of a copy to another message",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1, Options(delete2=True, maxdelete2=1000)],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy", 1),
                    Event(1, 0, "deliver"),
                    Event(1, 13, "restore", 1),
                    Event(1, 13, "deliver_there"),
                ],
            ),
            id="an original goes from a folder that is given up in the same run, and a mirror follows",
        ),
        pytest.param(
            History(
                [NOTHING, Options(delete1=True, noexpunge1=True), NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy", 1),
                    Event(1, 0, "deliver"),
                    Event(1, 13, "restore", 1),
                    Event(1, 13, "deliver_there"),
                ],
            ),
            id="an original is marked in a folder that is given up in the same run",
        ),
        pytest.param(
            History(
                [NOTHING, Options(journal=False, delete2=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "deliver_lookalike"),
                    Event(1, 0, "keep_copy", 1),
                    Event(1, 9, "remove_there"),
                    Event(1, 18, "restore", 1),
                ],
            ),
            id="a copy goes before it can be compared, comes back, and is not extra",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2, Options(delete2=True, recopy=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "keep_copy", 1),
                    Event(1, 0, "move_here"),
                    Event(1, 37, "edit"),
                    Event(2, 29, "restore", 1),
                ],
            ),
            id="host2 is put back during the copying, and a copy gets the UID of what was to be deleted",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE1],
                [
                    Event(0, 0, "keep_copy"),
                    Event(2, 0, "deliver"),
                    Event(2, 27, "restore"),
                    Event(2, 29, "deliver"),
                ],
            ),
            id="host1 is put back after the copying, and gives the UID of an original to another message",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 1, "hide"),
                    Event(1, 0, "flag_here", 1, 2),
                    Event(2, 0, "flag_here", 1, 2),
                ],
            ),
            id="a mark for deletion is set and taken back, and the first of the two runs was incomplete",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(1, 0, "restore"),
                    Event(0, 0, "deliver_lookalike", 0, 1),
                    Event(0, 0, "renumber", 0, 1),
                ],
            ),
            id="host1 comes back from before its UIDVALIDITY changed, and lacks what only host2 has now",
        ),
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
        pytest.param(
            History([NOTHING, DELETE1, DELETE2], [Event(0, 0, "deliver"), Event(0, 14, "file_there")]),
            id="a copy is filed before its original goes, and the next run mirrors",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "deliver"),
                    Event(1, 1, "hide"),
                    Event(0, 0, "deliver"),
                    Event(2, 6, "move_here", 3),
                ],
            ),
            id="a message is hidden while another one comes between opening and listing",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2], [Event(0, 0, "keep_copy"), Event(1, 4, "restore"), Event(0, 0, "deliver")]
            ),
            id="host1 is restored between its listing and its opening",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "deliver_lookalike"),
                    Event(0, 12, "lose_journal"),
                    Event(0, 1, "hide"),
                ],
                Servers(size_bias=7),
            ),
            id="a hidden message shows itself beside one that looks like it and host2 counts sizes otherwise",
        ),
        pytest.param(
            History(
                [Options(delete1=True, noexpunge1=True), Options(setflag1="\\Flagged")],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "edit"),
                    Event(1, 0, "file_there"),
                    Event(0, 17, "move_here", 1),
                    Event(0, 0, "deliver_lookalike"),
                ],
            ),
            id="our marks outlive the record of a folder whose copies are others",
        ),
        pytest.param(
            History(
                [Options(older=True, noexpunge1=True), NOTHING],
                [Event(0, 0, "deliver", 0, 1), Event(1, 0, "swap"), Event(1, 2, "swap")],
            ),
            id="a folder has its name again when it is opened, with our marks",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [Event(0, 0, "deliver"), Event(1, 10, "remove_there"), Event(1, 0, "bring_there")],
            ),
            id="what lies beside a copy stays when the copy is removed",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 1, "deliver_again", 2),
                    Event(1, 0, "move_here", 1),
                    Event(1, 0, "delete_here", 1),
                    Event(0, 0, "deliver_lookalike", 1),
                ],
            ),
            id="a duplicate inherits the copy of its own content",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(2, 0, "restore"),
                    Event(1, 0, "move_here"),
                ],
                Servers(condstore1=False),
            ),
            id="a backup brings a message back under its UID and nothing counts changes",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "restore"),
                    Event(0, 6, "move_here"),
                    Event(0, 0, "keep_copy"),
                ],
            ),
            id="a message leaves before it is read and a backup brings it back",
        ),
        pytest.param(
            History(
                [Options(delete2=True, small=True)] * 2,
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 0, 3),
                    Event(1, 0, "bring_there", 2),
                ],
            ),
            id="what is not selected is brought to host2",
        ),
        pytest.param(
            History(
                [NOTHING, Options(journal=False, delete2=True, small=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 1, "deliver_lookalike", 2, 1),
                    Event(0, 0, "deliver", 1, 3),
                ],
            ),
            id="messages that look alike are not selected",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, Options(delete1=True, together=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(1, 2, "deliver_lookalike", 1),
                    Event(2, 26, "move_here", 1),
                    Event(1, 2, "edit", 1),
                    Event(2, 31, "remove_there", 3),
                ],
                Servers(uidplus2=False),
            ),
            id="a message that looks like another takes its copy when nobody tells UIDs",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 8, "deliver_lookalike"),
                    Event(2, 10, "remove_there"),
                    Event(2, 8, "edit"),
                ],
            ),
            id="messages are compared that are gone on both sides",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 7, "move_here"),
                    Event(0, 15, "kill"),
                    Event(0, 0, "deliver_again"),
                ],
            ),
            id="the first of two duplicates leaves while a killed comparison is made again",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(1, 10, "lose_store"),
                    Event(0, 19, "deliver_again", 0, 1),
                ],
            ),
            id="one lost copy is found as the last copy of another original",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(2, 0, "lose_store"),
                    Event(1, 4, "renumber"),
                    Event(1, 4, "move_here"),
                ],
            ),
            id="host2 loses its store and host1 gives an empty folder another UIDVALIDITY",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(1, 0, "file_there"),
                    Event(2, 0, "lose_store"),
                ],
            ),
            id="host2 loses its store after one of two copies was filed",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 10, "bring_there"),
                    Event(1, 8, "move_here"),
                    Event(0, 0, "deliver_again"),
                    Event(1, 0, "remove_there"),
                ],
            ),
            id="a duplicate loses its original and its copy is brought back",
        ),
        pytest.param(
            History(
                [Options(delete2=True, recopy=True)] * 3,
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(1, 0, "lose_store"),
                    Event(2, 0, "bring_there", 2, 1),
                    Event(0, 1, "hide", 2),
                    Event(0, 0, "deliver_again"),
                ],
            ),
            id="a hidden message is to be copied again",
        ),
        pytest.param(
            History(
                [NOTHING, *[Options(delete2=True, recopy=True, maxdelete2=5)] * 2],
                [
                    Event(0, 0, "deliver"),
                    Event(2, 12, "cut"),
                    Event(1, 13, "lose_store"),
                    Event(2, 9, "bring_there"),
                ],
            ),
            id="a connection is lost while removed copies are to be made again",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "keep_copy"),
                    Event(1, 1, "delete_here"),
                    Event(0, 0, "delete_here", 1),
                    Event(1, 0, "restore"),
                ],
            ),
            id="two backups leave all numbers as they were",
        ),
        pytest.param(
            History(
                [NOTHING] * 3,
                [
                    Event(0, 0, "deliver"),
                    Event(1, 4, "move_here"),
                    Event(1, 4, "deliver_again", 0, 1),
                    Event(1, 4, "deliver_lookalike", 0, 1),
                    Event(2, 20, "move_here"),
                ],
            ),
            id="the first of two equal messages leaves before it is copied and a third looks like them",
        ),
        pytest.param(
            History(
                [NOTHING] * 3,
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver"),
                    Event(0, 0, "move_here"),
                    Event(1, 2, "delete_here"),
                    Event(2, 6, "deliver"),
                    Event(2, 16, "flag_here"),
                ],
            ),
            id="a message that came between opening and reading gets a flag after it is copied",
        ),
        pytest.param(
            History(
                [NOTHING] * 3,
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(0, 1, "edit"),
                    Event(1, 4, "restore"),
                    Event(2, 0, "edit", 0, 1),
                ],
            ),
            id="an edited draft gets the UID and the numbers of another version that a backup took away",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, Options(duplicates=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver_lookalike"),
                    Event(1, 0, "deliver_lookalike", 3, 1),
                    Event(1, 0, "lose_store"),
                    Event(1, 1, "lose_journal"),
                    Event(2, 0, "keep_copy", 1),
                    Event(2, 30, "restore", 1),
                ],
            ),
            id="host2 is put back between two copies and tells one UID twice",
        ),
        pytest.param(
            History(
                [Options(setflag1="\\Seen"), NOTHING, Options(journal=False, unseen=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(0, 7, "deliver_again"),
                    Event(1, 11, "lose_store"),
                    Event(2, 9, "restore"),
                ],
            ),
            id="a backup makes a message unread again after the search",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "keep_copy"),
                    Event(0, 0, "deliver_lookalike"),
                    Event(1, 4, "restore"),
                    Event(1, 5, "edit", 0, 1),
                ],
            ),
            id="a draft gets the UID and the numbers of a message that was none and that a backup took away",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2],
                [
                    Event(0, 0, "keep_copy"),
                    Event(0, 0, "deliver"),
                    Event(1, 0, "restore"),
                    Event(1, 0, "lose_journal"),
                ],
            ),
            id="nobody knows any longer that host1 was put back",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "deliver"),
                    Event(1, 0, "deliver_lookalike"),
                    Event(1, 0, "deliver_again", 2),
                    Event(1, 14, "delete_here", 2),
                    Event(1, 19, "kill"),
                ],
            ),
            id="the first of two duplicates leaves, and the run is killed before it is done",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, Options(journal=False, delete1=True)],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "keep_copy"),
                    Event(2, 7, "edit"),
                    Event(2, 11, "restore"),
                ],
            ),
            id="a message is gone when it is compared and there again when it is copied",
        ),
        pytest.param(
            History(
                [NOTHING, ALONE, DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(1, 0, "swap", 1),
                    Event(2, 0, "deliver_lookalike", 0, 1),
                    Event(2, 13, "bring_there", 1, 1),
                ],
            ),
            id="a true copy is brought beside one that only looks like the original",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE2, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver", 1),
                    Event(1, 10, "swap", 1),
                    Event(2, 0, "swap", 1),
                ],
            ),
            id="a mirror meets a folder of host2 under the name of another",
        ),
        pytest.param(
            History(
                [NOTHING, NOTHING, DELETE2],
                [
                    Event(0, 0, "keep_copy"),
                    Event(1, 0, "deliver"),
                    Event(2, 0, "file_there"),
                    Event(2, 0, "restore"),
                ],
            ),
            id="host1 is put back after a copy was filed in another folder",
        ),
        pytest.param(
            History(
                [NOTHING, Options(journal=False, small=True)],
                [Event(0, 0, "deliver", 0, 3), Event(1, 0, "flag_here")],
            ),
            id="what is not selected is flagged",
        ),
        pytest.param(
            History(
                [NOTHING, DELETE1],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver_lookalike", 0, 1),
                    Event(0, 0, "bring_there", 0, 1),
                    Event(0, 18, "remove_there", 1),
                ],
            ),
            id="a message that only looked like the copy is removed",
        ),
        pytest.param(
            History(
                [DELETE2],
                [
                    Event(0, 0, "deliver"),
                    Event(0, 0, "deliver_again"),
                    Event(0, 0, "deliver_lookalike"),
                    Event(0, 14, "delete_here"),
                ],
                Servers(uidplus2=False),
            ),
            id="one of two equal messages goes before its copy is found, and another looks like them",
        ),
    ],
)
def test_histories_that_went_wrong_once(history: History) -> None:
    live(history)

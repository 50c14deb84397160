"""How an account is watched: what is believed of IDLE, how long rests and pauses are."""

from __future__ import annotations

import pytest

from imapsync.plan import watching
from imapsync.plan.watching import Ears, Seen, Trouble, Way, pause_s

POLL_S = 60.0


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        (None, Seen(1, 5, 4), True),
        (Seen(1, 5, 4), Seen(1, 5, 4), False),
        (Seen(1, 5, 4), Seen(1, 6, 4), True),  # one came, one went
        (Seen(1, 5, 4), Seen(1, 5, 3), False),
        (Seen(1, 5, 4), Seen(2, 5, 4), True),
        (Seen(1, None, 4), Seen(1, None, 5), True),
        (Seen(1, None, 4), Seen(1, None, 3), False),
        (Seen(1, 5, 4), Seen(1, None, 5), True),
        (Seen(None, 5, 4), Seen(None, 5, 4), False),
        (Seen(1, None, 3), Seen(1, None, 3), False),
        (Seen(1, None, 3), Seen(1, 9, 3), False),
        (Seen(1, None, 3), Seen(1, 9, 4), True),
    ],
)
def test_what_is_news(before: Seen | None, now: Seen, news: bool) -> None:
    assert now.has_news(before) is news


@pytest.mark.parametrize(
    ("history", "offered", "way"),
    [
        ("", False, Way.POLL),
        ("", True, Way.IDLE),
        ("quiet quiet quiet", True, Way.IDLE),
        ("lie", True, Way.IDLE),  # it may have come between rest and look
        ("lie lie", True, Way.POLL),
        ("lie quiet lie", True, Way.POLL),
        ("lie told lie", True, Way.IDLE),
        ("told lie lie", True, Way.POLL),
        ("lie lie told", True, Way.IDLE),
    ],
)
def test_idle_is_believed_as_far_as_it_has_proven_itself(history: str, offered: bool, way: Way) -> None:
    ears = Ears()
    for word in history.split():
        ears = ears.after_told() if word == "told" else ears.after_look(found=word == "lie")
    assert ears.way(offered=offered) is way


def test_no_rest_comes_near_29_minutes_and_one_that_has_told_nothing_is_shorter() -> None:
    unproven, proven = Ears(), Ears().after_told()
    assert unproven.rest_s(Way.IDLE, 10.0) == 40.0
    assert unproven.rest_s(Way.IDLE, POLL_S) == watching.UNPROVEN_REST_S
    assert proven.rest_s(Way.IDLE, POLL_S) == watching.PROVEN_REST_S < 29 * 60
    assert proven.after_look(found=True).rest_s(Way.IDLE, POLL_S) == watching.UNPROVEN_REST_S
    assert proven.rest_s(Way.POLL, POLL_S) == POLL_S


def test_an_idle_that_was_given_up_gets_one_more_chance_now_and_then() -> None:
    ears = Ears().after_look(found=True).after_look(found=True)
    for _ in range(watching.LOOKS_UNTIL_CHANCE):
        assert ears.way(offered=True) is Way.POLL
        ears = ears.after_poll()
    assert ears.way(offered=True) is Way.IDLE
    lost = ears.after_look(found=True)
    for _ in range(watching.LOOKS_UNTIL_CHANCE):  # as many as before
        assert lost.way(offered=True) is Way.POLL
        lost = lost.after_poll()
    assert lost.way(offered=True) is Way.IDLE
    assert ears.after_told().after_look(found=True).way(offered=True) is Way.IDLE


@pytest.mark.parametrize(
    ("ends", "rest_s"),
    [
        ([300.0], 540.0),  # once may be anything
        ([300.0, 295.0], 0.75 * 295),
        ([300.0, 120.0], 540.0),
        ([300.0, 120.0, 121.0], 0.75 * 121),
        ([2.0, 2.0], watching.LEAST_REST_S),
    ],
)
def test_the_server_s_own_limit_is_learned_from_two_ends_that_agree(ends: list[float], rest_s: float) -> None:
    ears = Ears().after_told()
    for rested_s in ends:
        ears = ears.after_end(rested_s)
    assert ears.rest_s(Way.IDLE, POLL_S) == rest_s


def test_a_rest_that_lasts_parts_two_ends_from_each_other() -> None:
    ears = Ears().after_told().after_end(300.0).after_look(found=False).after_end(300.0)
    assert ears.rest_s(Way.IDLE, POLL_S) == watching.PROVEN_REST_S


@pytest.mark.parametrize(
    ("trouble", "times", "seconds"),
    [
        (Trouble.LOST, 1, 1),
        (Trouble.LOST, 3, 4),
        (Trouble.LOST, 6, 30),
        (Trouble.LOST, 30, 30),
        (Trouble.LOST, 31, 300),
        (Trouble.LOST, 10_000, 300),
        (Trouble.REFUSED, 1, 900),
        (Trouble.REFUSED, 2, 1800),
        (Trouble.REFUSED, 9, 3600),
        (Trouble.FAILED, 1, 60),
        (Trouble.FAILED, 9, 900),
    ],
)
def test_pauses_grow_to_a_bound_and_keep_accounts_apart(trouble: Trouble, times: int, seconds: float) -> None:
    assert pause_s(trouble, times, 1.0) == seconds
    assert pause_s(trouble, times, 0.0) == seconds / 2


def test_a_burst_is_passed_on_once_it_is_quiet_or_after_a_second() -> None:
    assert watching.gathered_at(10.0, 10.0) == 10.0 + watching.QUIET_S
    assert watching.gathered_at(10.0, 10.5) == 10.5 + watching.QUIET_S
    assert watching.gathered_at(10.0, 12.0) == 10.0 + watching.MOST_GATHERED_S

"""A body that cannot be the announced message, and sizes that servers merely count differently."""

from __future__ import annotations

import pytest

from imapsync.plan.bodies import Measured, Sizes, is_doubtful, needs_second_look, stays_doubtful

EXCHANGE = b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 4711\r\n"
NOTHING_TOLD = 2**32 - 1


@pytest.mark.parametrize(
    ("announced", "given", "lines", "head", "doubtful"),
    [
        pytest.param(300, 300, 9, b"", False, id="as announced"),
        pytest.param(48_213, 200, 4, b"", True, id="an error text in place of the message"),
        pytest.param(48_213, 200, 0, b"", True, id="the same, of a large one whose lines nobody counted"),
        pytest.param(1_400, 1_100, 9, EXCHANGE, True, id="Exchange says itself that it failed"),
        pytest.param(1_100, 1_100, 9, EXCHANGE, False, id="mail about such a failure, as announced"),
        pytest.param(300, 0, 0, b"", True, id="nothing of a message that has something"),
        pytest.param(0, 300, 9, b"", False, id="no size announced"),
        pytest.param(NOTHING_TOLD, 300, 9, b"", False, id="-1 in 32 bits is no size"),
        pytest.param(2**31 - 1, 300, 9, b"", False, id="the largest number of 31 bits is no size"),
        pytest.param(10_200, 10_000, 200, b"", False, id="counted with CRLF, sent with LF"),
        pytest.param(10_000, 10_200, 200, b"", False, id="counted with LF, sent with CRLF"),
        pytest.param(4_000, 1_000, 1_000, b"", False, id="empty lines, each counted as four bytes"),
        pytest.param(30_000, 20_000, 200, b"", False, id="an estimate by what the store holds"),
        pytest.param(2_000, 300, 9, b"", False, id="a small message with much around it in the store"),
        pytest.param(200, 48_213, 900, b"", False, id="more than announced"),
        pytest.param(25_000_000, 1_000_000, 0, b"", True, id="a large one cut off"),
        pytest.param(100_000, 25_001, 0, b"", False, id="just not a quarter"),
        pytest.param(100_000, 24_999, 0, b"", True, id="just less than a quarter"),
        pytest.param(2_649, 600, 0, b"", True, id="just more than the slack"),
        pytest.param(2_648, 600, 0, b"", False, id="just the slack"),
    ],
)
def test_whether_a_body_is_doubtful(
    announced: int, given: int, lines: int, head: bytes, doubtful: bool
) -> None:
    assert is_doubtful(announced, given, lines=lines, head=head) is doubtful


@pytest.mark.parametrize(
    ("announced", "given", "exact", "again"),
    [
        pytest.param(300, 300, True, False, id="as announced"),
        pytest.param(300, 298, True, True, id="two bytes short of an exact server"),
        pytest.param(300, 298, False, False, id="two bytes short of one that estimates"),
        pytest.param(48_213, 200, False, True, id="far from an estimate"),
        pytest.param(300, 310, True, False, id="longer has everything"),
        pytest.param(NOTHING_TOLD, 300, True, False, id="no size announced"),
    ],
)
def test_which_bodies_are_read_once_more(announced: int, given: int, exact: bool, again: bool) -> None:
    assert needs_second_look(announced, given, exact=exact) is again


def measured(given: int, *, announced: int = 10_000, lines: int = 200, bare: int = 0) -> Measured:
    return Measured(announced, given, lines, bare, b"Subject: one\r\n", mended=False)


@pytest.mark.parametrize(
    ("now", "exact", "doubtful"),
    [
        pytest.param(measured(10_000), True, False, id="whole the second time"),
        pytest.param(measured(9_998), True, True, id="two bytes short again"),
        pytest.param(measured(9_998, announced=9_998), True, False, id="the server has corrected its size"),
        pytest.param(measured(9_800), True, False, id="counted with CRLF, sent with LF"),
        pytest.param(measured(9_950, bare=50), True, False, id="the bare line ends were counted as two"),
        pytest.param(measured(9_000), True, True, id="a tenth is missing"),
        pytest.param(measured(9_000), False, False, id="an estimate"),
        pytest.param(measured(10_005), True, False, id="some bytes more than announced"),
        pytest.param(measured(10_000, announced=9_000), True, False, id="whole, and announced anew as less"),
        pytest.param(measured(200), False, True, id="far from an estimate"),
        pytest.param(measured(9_998)._replace(mended=True), False, True, id="its line end may lack"),
        pytest.param(measured(10_000)._replace(mended=True), True, False, id="whole, a line end too many"),
    ],
)
def test_what_is_still_no_copy_when_it_was_read_once_more(now: Measured, exact: bool, doubtful: bool) -> None:
    assert stays_doubtful(10_000, now, exact=exact) is doubtful


@pytest.mark.parametrize(
    ("seen", "other", "exact"), [(0, 0, True), (1, 1, True), (2, 2, False), (20, 2, True), (19, 2, False)]
)
def test_a_server_is_exact_until_more_than_a_tenth_of_its_sizes_differ(
    seen: int, other: int, exact: bool
) -> None:
    sizes = Sizes()
    sizes.note(seen, other)
    assert sizes.exact is exact


@pytest.mark.parametrize("announced", [0, 2**31 - 1, 2**32 - 1, 2**63 - 1])
def test_what_is_no_size_makes_no_body_doubtful(announced: int) -> None:
    assert not stays_doubtful(announced, measured(500, announced=announced), exact=True)
    assert not needs_second_look(announced, 500, exact=True)

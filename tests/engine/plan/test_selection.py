"""Selection of messages by size and age, and the fingerprint of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from imapsync.plan.rules import ContentRules, DeletionRules, FlagRules, IdentityRules, SelectionRules
from imapsync.plan.selection import SECONDS_PER_DAY, Selector, fingerprint, identifying

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_700_000_000.0


def days_ago(days: float) -> float:
    return NOW - days * SECONDS_PER_DAY


@pytest.mark.parametrize(
    ("rules", "size_bytes", "age_days", "wanted"),
    [
        pytest.param({}, 10**12, 10**5, True, id="no rule takes all"),
        pytest.param({"max_size_bytes": 100}, 99, 0, True, id="below --maxsize"),
        pytest.param({"max_size_bytes": 100}, 100, 0, False, id="at --maxsize"),
        pytest.param({"min_size_bytes": 100}, 101, 0, True, id="above --minsize"),
        pytest.param({"min_size_bytes": 100}, 100, 0, False, id="at --minsize"),
        pytest.param({"max_age_days": 2}, 1, 1.9, True, id="younger than --maxage"),
        pytest.param({"max_age_days": 2}, 1, 2, True, id="as old as --maxage"),
        pytest.param({"max_age_days": 2}, 1, 2.1, False, id="older than --maxage"),
        pytest.param({"min_age_days": 2}, 1, 2.1, True, id="older than --minage"),
        pytest.param({"min_age_days": 2}, 1, 1.9, False, id="younger than --minage"),
        pytest.param({"min_age_days": 2, "max_age_days": 5}, 1, 3, True, id="between --minage and --maxage"),
        pytest.param({"min_age_days": 2, "max_age_days": 5}, 1, 1, False, id="too young for both"),
        pytest.param({"min_age_days": 2, "max_age_days": 5}, 1, 6, False, id="too old for both"),
        pytest.param({"min_age_days": 5, "max_age_days": 2}, 1, 1, True, id="crossed: the young end"),
        pytest.param({"min_age_days": 5, "max_age_days": 2}, 1, 6, True, id="crossed: the old end"),
        pytest.param({"min_age_days": 5, "max_age_days": 2}, 1, 3, False, id="crossed: not the middle"),
        pytest.param({"max_age_days": 1, "min_age_days": 1}, 1, None, True, id="no date: never left out"),
        pytest.param({"max_age_days": 0.5}, 1, 0.6, False, id="parts of a day count"),
        pytest.param({"max_age_days": 9, "max_size_bytes": 5}, 5, None, False, id="no date, but too large"),
    ],
)
def test_wanted(rules: dict[str, Any], size_bytes: int, age_days: float | None, wanted: bool) -> None:
    selector = Selector(SelectionRules(**rules), NOW)
    assert selector.wants(size_bytes, None if age_days is None else days_ago(age_days)) is wanted


def test_what_is_left_out_for_its_size_is_counted_and_what_is_too_old_is_not() -> None:
    selector = Selector(SelectionRules(max_size_bytes=100, min_size_bytes=10, max_age_days=1), NOW)
    for size, age in ((500, 0), (5, 0), (50, 0), (50, 3)):
        selector.wants(size, days_ago(age))
    assert (selector.oversized, selector.oversized_bytes) == (2, 505)


@pytest.mark.parametrize(
    ("rules", "active", "needs_dates"),
    [
        ({}, False, False),
        ({"max_size_bytes": 0}, True, False),
        ({"min_size_bytes": 0}, True, False),
        ({"max_age_days": 0}, True, True),
        ({"min_age_days": 0}, True, True),
    ],
)
def test_dates_are_asked_for_only_when_they_matter(
    rules: dict[str, Any], active: bool, needs_dates: bool
) -> None:
    selector = Selector(SelectionRules(**rules), NOW)
    assert (selector.active, selector.needs_dates) == (active, needs_dates)


def test_the_fingerprint_changes_with_each_rule() -> None:
    variants = [
        fingerprint(SelectionRules(), DeletionRules(), FlagRules()),
        fingerprint(SelectionRules(max_age_days=3), DeletionRules(), FlagRules()),
        fingerprint(SelectionRules(max_age_days=4), DeletionRules(), FlagRules()),
        fingerprint(SelectionRules(source_search="SEEN"), DeletionRules(), FlagRules()),
        fingerprint(SelectionRules(), DeletionRules(source=True), FlagRules()),
        fingerprint(SelectionRules(), DeletionRules(), FlagRules(set_on_source=("\\Seen",))),
    ]
    assert len(set(variants)) == len(variants)
    assert variants[0] == fingerprint(SelectionRules(), DeletionRules(), FlagRules())


def test_the_fingerprint_does_not_change_with_where_a_rule_lies_in_memory() -> None:
    def made() -> Callable[[str], str]:
        return lambda text: text

    one, other = made(), made()
    assert repr(one) != repr(other)
    assert fingerprint(FlagRules(rewrite=(one,))) == fingerprint(FlagRules(rewrite=(other,)))


def test_odd_text_has_a_fingerprint() -> None:
    assert fingerprint(SelectionRules(source_search="\udcff")) != fingerprint(SelectionRules())


@pytest.mark.parametrize(
    ("rules", "empties"),
    [
        ({}, False),
        ({"source": True}, True),
        ({"source_older_days": 0}, True),
        ({"destination": True, "source_empty_folders": True}, False),
    ],
)
def test_rules_under_which_absence_on_the_source_means_nothing(rules: dict[str, Any], empties: bool) -> None:
    assert DeletionRules(**rules).empties_source is empties


class Before(NamedTuple):
    """The rules of identity as they once were."""

    headers: tuple[str, ...]
    sync_duplicates: bool


def test_rules_that_came_later_change_no_fingerprint_until_they_are_used() -> None:
    now = IdentityRules(("A",), sync_duplicates=True)
    Before.__name__ = IdentityRules.__name__
    assert fingerprint(now) == fingerprint(Before(("A",), sync_duplicates=True))
    assert fingerprint(now._replace(any_domain=True)) != fingerprint(now)


DAY = int(NOW // SECONDS_PER_DAY)


@pytest.mark.parametrize(
    ("rules", "date", "sent_day", "wanted"),
    [
        pytest.param({"max_age_days": 2}, None, DAY - 2, True, id="sent on the day of --maxage"),
        pytest.param({"max_age_days": 2}, None, DAY - 3, False, id="the day before"),
        pytest.param(
            {"max_age_days": 2}, days_ago(0), DAY - 9, False, id="the Date header counts, young here"
        ),
        pytest.param({"max_age_days": 2}, days_ago(9), DAY, True, id="the Date header counts, old here"),
        pytest.param({"max_age_days": 2}, days_ago(9), None, False, id="without one the internal date"),
        pytest.param({"max_age_days": 2}, days_ago(1), None, True, id="without one a young internal date"),
        pytest.param({"max_age_days": 2}, None, None, True, id="no date at all: never left out"),
        pytest.param({"min_age_days": 2}, None, DAY - 3, True, id="sent before the day of --minage"),
        pytest.param({"min_age_days": 2}, None, DAY - 2, False, id="on that day"),
    ],
)
def test_ages_by_the_day_of_sending(
    rules: dict[str, Any], date: float | None, sent_day: int | None, wanted: bool
) -> None:
    selector = Selector(SelectionRules(**rules), NOW, by_sent_day=True)
    assert selector.by_sent_day
    assert selector.wants(1, date, sent_day) is wanted


def test_days_of_sending_are_of_no_interest_without_an_age() -> None:
    assert not Selector(SelectionRules(max_size_bytes=9), NOW, by_sent_day=True).by_sent_day
    assert Selector(SelectionRules(min_age_days=2), NOW).wants(1, days_ago(2), DAY)


@pytest.mark.parametrize(
    ("rules", "changes", "alters_headers"),
    [
        (ContentRules(), False, False),
        (ContentRules(keep_dates=False, dates_from_header=True), False, False),
        (ContentRules(rewrite=(bytes.lower,)), True, True),
        (ContentRules(pipe=("cat",)), True, True),
        (ContentRules(shorten=(80, "fold")), True, True),
        (ContentRules(truncate_bytes=9), True, False),
        (ContentRules(disarm_receipts=True), True, False),
        (ContentRules(add_header=True), True, True),
    ],
)
def test_which_rules_change_a_message(rules: ContentRules, changes: bool, alters_headers: bool) -> None:
    assert (rules.changes, rules.alters_headers) == (changes, alters_headers)


def test_digests_are_compared_only_under_the_same_headers() -> None:
    one = identifying(IdentityRules(("Message-Id", "Received")))
    assert one == identifying(IdentityRules(("received", "MESSAGE-ID"), sync_duplicates=True))
    assert one != identifying(IdentityRules(("Message-Id",)))
    assert one != identifying(IdentityRules(("Message-Id", "Received"), skip=(bool,)))

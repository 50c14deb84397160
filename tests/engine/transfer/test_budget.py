"""How much --exitwhenover lets be on its way."""

from __future__ import annotations

from imapsync.transfer.budget import Budget


def test_what_is_on_its_way_counts_as_copied() -> None:
    budget = Budget(100)
    assert budget.within(1000) == 100
    budget.take(60)
    assert (budget.within(1000), budget.within(10), budget.spent) == (40, 10, False)
    budget.take(50)
    assert budget.spent


def test_what_was_not_copied_is_given_back() -> None:
    budget = Budget(100)
    budget.take(100)
    assert budget.renew(30)
    assert (budget.within(1000), budget.spent) == (70, False)
    assert not budget.renew(30)


def test_without_a_limit_nothing_is_held_back() -> None:
    budget = Budget(None)
    budget.take(10**12)
    assert (budget.active, budget.spent, budget.within(5), budget.renew(10**12)) == (False, False, 5, False)

"""Histories of accounts that change while runs go on: nothing is lost, doubled, or deleted without right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.histories import Play, history
from tests.engine.rules.scenarios import SERVERS

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld

pytestmark = pytest.mark.servers
FEW, MANY = 24, 3000


@pytest.mark.parametrize("number", range(FEW))
def test_a_history_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FEW, MANY))
def test_a_history_of_thousands_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number)


def _play(make_world: MakeWorld, number: int) -> None:
    told = history(number)
    wrong = Play(make_world(*SERVERS[told.servers]), told).wrong()
    assert not wrong, f"python -m tests.engine.rules.histories {number} shortens it: {wrong} in {told}"

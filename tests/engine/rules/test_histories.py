"""Histories of accounts that change while runs go on: nothing is lost, doubled, or deleted without right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.rules.histories import Play, history
from tests.engine.rules.scenarios import SERVERS

if TYPE_CHECKING:
    from tests.engine.rules.conftest import MakeWorld

pytestmark = pytest.mark.servers
#: The usual run's, and with the slow ones.
FEW, FEW_WILD, MANY = 18, 6, 300


@pytest.mark.parametrize("number", range(FEW))
def test_a_history_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FEW, MANY))
def test_a_history_of_hundreds_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number)


@pytest.mark.parametrize("number", range(FEW_WILD))
def test_a_wild_history_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number, wild=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(FEW_WILD, MANY))
def test_a_wild_history_of_hundreds_keeps_every_message(make_world: MakeWorld, number: int) -> None:
    _play(make_world, number, wild=True)


def _play(make_world: MakeWorld, number: int, *, wild: bool = False) -> None:
    told = history(number, wild=wild)
    wrong = Play(make_world(*SERVERS[told.servers]), told).wrong()
    again = f"python -m tests.engine.rules.histories {'--wild ' if wild else ''}{number} shortens it"
    assert not wrong, f"{again}: {wrong} in {told}"

"""Servers of any capabilities, started once; each test gets a world of two empty accounts on two of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.engine.rules.world import USERS, World
from tests.engine.rules.zygote import Zygote
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the engine still does wrong: test -> symptom. A name without parameters stands for all of
#: them. A test that passes again fails the run until its line is taken away.
WRONG: dict[str, str] = json.loads(Path(__file__).with_name("known.json").read_text())
Lacks = frozenset[str]
NOTHING: Lacks = frozenset()
#: Processes that serve one login after the other make each of thousands of them cheaper.
_QUICK = """
service imap-login {
  service_count = 0
}
service imap {
  service_count = 1000
  process_min_avail = 2
}
"""


class MakeWorld(Protocol):
    """Gives a world whose servers lack these capabilities."""

    def __call__(self, lacks1: Lacks = ..., lacks2: Lacks = ...) -> World: ...


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote((user, DEFAULT_PASSWORD) for user in USERS.values()) as process:
        yield process


@pytest.fixture(scope="session")
def _farm() -> Iterator[dict[tuple[int, Lacks], Dovecot]]:
    farm: dict[tuple[int, Lacks], Dovecot] = {}
    yield farm
    for server in farm.values():
        server.stop()


@pytest.fixture
def make_world(
    _farm: dict[tuple[int, Lacks], Dovecot], zygote: Zygote, tmp_path: Path
) -> Iterator[MakeWorld]:
    worlds: list[World] = []

    def make(lacks1: Lacks = NOTHING, lacks2: Lacks = NOTHING) -> World:
        for key in ((1, lacks1), (2, lacks2)):
            if key not in _farm:
                _farm[key] = Dovecot(without=key[1], tls=False, extra_config=_QUICK).start()
        folder = tmp_path / f"world{len(worlds)}"
        folder.mkdir()
        worlds.append(World((_farm[1, lacks1], _farm[2, lacks2]), zygote, folder))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect the tests of this folder to fail that known.json names."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not os.environ.get("RULES_WITHOUT_MARKS"):
            symptom = WRONG.get(item.name) or WRONG.get(getattr(item, "originalname", ""))
            if symptom is not None:
                item.add_marker(pytest.mark.xfail(strict=True, reason=symptom))

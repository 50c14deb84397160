"""Two Dovecots of different spelling, and an account of a fresh name on both for each test."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import World
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot() as plain, Dovecot(separator=".", prefix="INBOX.") as courier_like:
        yield plain, courier_like


@pytest.fixture
def world(_servers: tuple[Dovecot, Dovecot], tmp_path: Path) -> World:
    """Give host1 (separator /, no prefix) and host2 (separator ., prefix INBOX.), empty accounts."""
    user = f"user{next(_numbers)}"
    for server in _servers:
        server.add_user(user)
    return World(_servers, user, tmp_path)

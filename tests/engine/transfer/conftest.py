"""Two Dovecots for all tests of this folder; each test gets fresh accounts on them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot() as one, Dovecot() as other:
        yield one, other


@pytest.fixture
def servers(_servers: tuple[Dovecot, Dovecot]) -> Iterator[tuple[Dovecot, Dovecot]]:
    """Give two servers with the empty accounts `source` and `target`."""
    one, other = _servers
    one.add_user("source")
    other.add_user("target")
    yield one, other
    for server, user in ((one, "source"), (other, "target")):
        server.remove_account(user)
        shutil.rmtree(server.home(user), ignore_errors=True)

"""Servers and sessions for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.servers.certificates import Certificate, self_signed
from tests.servers.dovecot import Dovecot

from imapsync.session import trust

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Run a Dovecot with everything; each test makes its own users."""
    with Dovecot(sieve=True) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a self-signed certificate for localhost and 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(autouse=True)
def no_remembered_certificates() -> None:
    """Forget what earlier tests have seen."""
    trust._memory.clear()

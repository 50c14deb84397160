"""Servers and sessions for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imapsync.session import trust
from tests.servers.certificates import Certificate, self_signed
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot with everything; each test makes its own users."""
    with Dovecot(sieve=True) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""
    return self_signed(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(autouse=True)
def no_remembered_certificates() -> None:
    """Forget what earlier tests have seen."""
    trust._memory.clear()

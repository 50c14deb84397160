"""The front door: the examples of docs/library.md, and what ends a run there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import mail
from tests.servers.dovecot import Dovecot

import imapsync
from imapsync import Account, AuthenticationFailed, Credentials, Endpoint, Secret, Security, Side, Trust, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[3] / "docs/library.md").read_text(), re.DOTALL
)
PASSWORDS = {"old": "her old password", "new": "her new password"}


@pytest.fixture(scope="module")
def _servers() -> Iterator[dict[str, Dovecot]]:
    with Dovecot() as old, Dovecot() as new:
        yield {"old": old, "new": new}


@pytest.fixture
def servers(_servers: dict[str, Dovecot]) -> Iterator[dict[str, Dovecot]]:
    for name, server in _servers.items():
        server.add_user("anna", PASSWORDS[name])
    _servers["old"].fill("anna", {"INBOX": [mail(1), mail(2)], "Work": [mail(3)], "Other": []})
    yield _servers
    for server in _servers.values():
        server.remove_account("anna")
        shutil.rmtree(server.home("anna"), ignore_errors=True)


def at(server: Dovecot) -> Endpoint:
    return Endpoint(server.host, server.port, Security.NONE, Trust("any"))


@pytest.mark.servers
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(servers: dict[str, Dovecot], tmp_path: Path, number: int) -> None:
    program = EXAMPLES[number]
    for name, server in servers.items():
        place = f"Endpoint('127.0.0.1', {server.port}, Security.NONE, Trust('any'))"
        program = program.replace(f'Endpoint("{name}.example.org")', place)
    file = tmp_path / "example.py"
    file.write_text("from imapsync import Security, Trust\n" + program)
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(file)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stderr


@pytest.mark.servers
def test_a_secret_that_cannot_be_had_is_a_failed_login_of_its_side_and_shows_nothing(
    servers: dict[str, Dovecot],
) -> None:
    def ask() -> str:
        raise KeyError("her new password")

    old = Account(at(servers["old"]), Credentials("anna", Secret(PASSWORDS["old"])))
    new = Account(at(servers["new"]), Credentials("anna", Secret(ask)))
    with pytest.raises(AuthenticationFailed) as caught:
        sync(old, new)
    assert caught.value.side is not None
    assert caught.value.side.value == Side.DESTINATION.value
    assert "her new" not in str(caught.value)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.servers
def test_a_secret_is_asked_for_once_for_each_login(servers: dict[str, Dovecot]) -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        return PASSWORDS["new"]

    old = Account(at(servers["old"]), Credentials("anna", Secret(PASSWORDS["old"])))
    new = Account(at(servers["new"]), Credentials("anna", Secret(ask)))
    assert sync(old, new).complete
    assert len(asked) == 1


def test_every_name_of_the_front_door_is_there_and_no_other() -> None:
    assert all(getattr(imapsync, name) is not None for name in dir(imapsync))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = imapsync.nothing


def test_the_command_line_starts_without_the_front_door() -> None:
    program = (
        "import sys, imapsync.cli.main, imapsync.cli.runner; sys.exit('imapsync.library' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

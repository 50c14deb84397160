"""Some accounts on two servers, and the command between them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "fl33t-s3cret"


def message(user: str, number: int, size: int = 100) -> NewMessage:
    head = f"Message-Id: <{number}.{user}@fleet.example>\r\nSubject: {number}\r\n\r\n"
    return NewMessage(head.encode() + b"x" * size + b"\r\n", ("\\Seen",), 1_700_000_000 + number)


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot(max_connections=100) as one, Dovecot(max_connections=100) as two:
        yield one, two


class Fleet:
    """Some accounts on both servers, an accounts file and a directory."""

    def __init__(
        self, servers: tuple[Dovecot, Dovecot], folder: Path, *, count: int, messages: int, size: int
    ) -> None:
        self.folder = folder
        self.one, self.two = one, two = servers
        self.directory = folder / "work"
        mark = time.monotonic_ns()
        self.users = [f"f{mark}x{number}" for number in range(count)]
        for user in self.users:
            one.add_user(user, PASSWORD)
            two.add_user(user, PASSWORD)
            one.fill(user, {"INBOX": [message(user, number, size) for number in range(messages)]})
        self.file = folder / "accounts.csv"
        self.write(f"{user};{PASSWORD};{user};{PASSWORD}" for user in self.users)

    def write(self, lines: Iterator[str] | list[str]) -> None:
        self.file.write_text("\n".join(lines) + "\n")
        self.file.chmod(0o600)

    def words(self, command: str, *own: str, engine: tuple[str, ...] = ()) -> list[str]:
        ends = [
            *("--host1", self.one.host, "--port1", str(self.one.port), "--nossl1", "--notls1"),
            *("--host2", self.two.host, "--port2", str(self.two.port), "--nossl2", "--notls2"),
        ]
        program = str(Path(sys.executable).with_name("imapsync-fleet"))
        if command in ("status", "report"):
            return [program, command, str(self.directory), *own]
        return [program, command, str(self.file), str(self.directory), *own, "--", *ends, *engine]

    def run(self, command: str = "run", *own: str, engine: tuple[str, ...] = ()) -> tuple[int, str]:
        done = subprocess.run(
            self.words(command, *own, engine=engine), capture_output=True, text=True, check=False, timeout=100
        )
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        assert PASSWORD not in told
        return done.returncode, told

    def events(
        self, command: str, *own: str, engine: tuple[str, ...] = ()
    ) -> tuple[int, list[dict[str, Any]]]:
        code, told = self.run(command, *own, "--json", engine=engine)
        return code, [json.loads(line) for line in told.splitlines()]

    def is_exact(self) -> bool:
        return all(self.one.snapshot(user) == self.two.snapshot(user) for user in self.users)

    def ended(self) -> int:
        return len(list(self.directory.glob("accounts/*/run.json")))


@pytest.fixture
def make(servers: tuple[Dovecot, Dovecot], tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def build(count: int, messages: int = 3, size: int = 100) -> Fleet:
        made.append(Fleet(servers, tmp_path, count=count, messages=messages, size=size))
        return made[-1]

    yield build
    for fleet in made:
        for user in fleet.users:
            fleet.one.remove_account(user)
            fleet.two.remove_account(user)


def wait_until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)

"""Two honest servers with mail; the tests put a liar in between."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import Ran, imapsync, side
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.servers.base import Snapshot
    from tests.servers.hostile import Intercept, Twist

PASSWORD = "pass word"
#: An honest run takes 45 MiB; a liar may cost us one response of the largest size (24 MiB) and its parse.
MEMORY_LIMIT_MIB = 128
TIME_LIMIT_S = 60
SERVER_TIMEOUT_S = 3


def mail(folder: str, number: int) -> NewMessage:
    size = 1_500_000 if number == 5 and folder == "Sent" else 300
    text = (
        f"Message-Id: <{folder}.{number}@example.org>\r\nFrom: a@example.org\r\n"
        f"Subject: {folder} {number}\r\n\r\n" + "0123456789 abcdefghijklmnop\r\n" * (size // 29)
    )
    return NewMessage(text.encode(), ("\\Seen",) if number % 2 else (), 1_500_000_000 + number)


FOLDERS: dict[str, Sequence[NewMessage]] = {
    name: [mail(name, number) for number in range(10)] for name in ("INBOX", "Sent", "Work")
}


class Pair:
    """A source account with mail and an empty destination account, and ways to reach them."""

    def __init__(self, source: Dovecot, destination: Dovecot, user: str, folder: Path) -> None:
        self.source, self.destination, self.user, self.folder = source, destination, user, folder
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        source.add_user(user, PASSWORD)
        source.fill(user, FOLDERS)
        destination.add_user(user, PASSWORD)
        self.before = source.snapshot(user)

    def run(
        self,
        *options: str,
        source_port: int = 0,
        destination_port: int = 0,
        security: str = "--notls{}",
        limit_s: int = TIME_LIMIT_S,
    ) -> Ran:
        """Run the engine, with a liar's port instead of a server's; check what always has to hold."""
        ports = (source_port or self.source.port, destination_port or self.destination.port)
        sides = [
            side(number, self.source.host, port, self.user, self.password_file, security, "--nossl{}")
            for number, port in zip((1, 2), ports, strict=True)
        ]
        timeouts = [word for n in "12" for word in (f"--timeout{n}", str(SERVER_TIMEOUT_S))]
        ran = imapsync(self.folder, *sides[0], *sides[1], *timeouts, *options, limit_s=limit_s)
        assert ran.exit_code != 70, ran.output[-4000:]
        assert "Traceback" not in ran.output, ran.output[-4000:]
        assert ran.peak_mib < MEMORY_LIMIT_MIB, ran.peak_mib
        assert "\x1b" not in ran.output, "control characters reached the log"
        assert self.source.snapshot(self.user) == self.before, "the source has to stay as it was"
        return ran

    def run_twisted(
        self,
        make: Callable[[], tuple[Twist | None, Intercept | None]],
        *options: str,
        before_destination: bool = False,
        limit_s: int = TIME_LIMIT_S,
    ) -> Ran:
        """Run with a relay that lies before a server; check that the engine is honest about it."""
        server = self.destination if before_destination else self.source
        with Relay(server.port, make) as relay:
            if before_destination:
                ran = self.run(*options, destination_port=relay.port, limit_s=limit_s)
            else:
                ran = self.run(*options, source_port=relay.port, limit_s=limit_s)
        self.check_honest(ran)
        return ran

    def found(self) -> Snapshot:
        """Give the destination."""
        return self.destination.snapshot(self.user)

    def missing(self) -> int:
        """Give how many messages have not arrived; what has arrived is whole and there once."""
        found = self.found()
        count = 0
        for folder, messages in self.before.items():
            wanted = [message.sha256 for message in messages]
            arrived = [message.sha256 for message in found.get(folder, [])]
            assert len(arrived) == len(set(arrived)), f"duplicates in {folder}"
            assert set(arrived) <= set(wanted), f"a message in {folder} is not what the source has"
            count += len(wanted) - len(arrived)
        return count

    def check_honest(self, ran: Ran) -> None:
        """Check that exit code 0 means that all is there, and that the report tells what is not."""
        missing = self.missing()
        if ran.exit_code == 0:
            assert missing == 0, ran.output[-3000:]
            assert self.found() == self.before
        else:
            assert ran.report["exit_code"] == ran.exit_code
            assert ran.report["errors_total" if not missing else "failures_total"] or ran.error_codes


@pytest.fixture(scope="session")
def _servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot() as one, Dovecot() as other:
        yield one, other


@pytest.fixture
def pair(_servers: tuple[Dovecot, Dovecot], tmp_path: Path, request: pytest.FixtureRequest) -> Pair:
    user = "u" + sha256(request.node.nodeid.encode()).hexdigest()[:20]
    return Pair(*_servers, user, tmp_path)

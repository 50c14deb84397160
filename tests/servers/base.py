"""What every test server offers, whatever software answers."""

from __future__ import annotations

import random
import shutil
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from tests.servers.client import Client, NewMessage, StoredMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Mail of test servers lives in memory.
SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())  # noqa: S108 - mode 0700 below
#: A server that does not answer within this time will not.
START_TIMEOUT_S = 20.0

DEFAULT_PASSWORD = "secret"

Snapshot = dict[str, list[StoredMessage]]


class ImapServer(ABC):
    """A server on a free loopback port; use as a context manager.

    host, port: clear text and STARTTLS. tls_port: imaps, 0 when there is none. ca_file, fingerprint: of its
    self-signed certificate (sha256, lower-case hex), "" without TLS. directory: everything it writes; removed
    by stop().
    """

    host = "127.0.0.1"
    #: Every user sees the same mail, so that a test needs a server of its own.
    one_account = False
    #: Programs of the machine that it cannot start without.
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.port = 0
        self.tls_port = 0
        self.ca_file = ""
        self.fingerprint = ""
        self.passwords: dict[str, str] = {}
        self.directory = Path()

    @abstractmethod
    def launch(self) -> None:
        """Write the configuration below self.directory, choose ports, start the processes."""

    @abstractmethod
    def shutdown(self) -> None:
        """End the processes that launch() started."""

    @abstractmethod
    def create_account(self, user: str, password: str) -> None:
        """Make an empty account on the running server."""

    def start(self) -> Self:
        """Start and wait until the server greets."""
        self.directory = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-", dir=SCRATCH))
        self.directory.chmod(0o755)
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and remove its files; safe to call twice."""
        self.shutdown()
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_user(self, user: str, password: str = DEFAULT_PASSWORD) -> str:
        """Make an account with an empty INBOX, give the user name back."""
        self.create_account(user, password)
        self.passwords[user] = password
        return user

    def client(self, user: str) -> Client:
        """Give a logged-in test client for this account."""
        return Client(self.host, self.port).login(user, self.passwords[user])

    def fill(self, user: str, folders: Mapping[str, Sequence[NewMessage]]) -> None:
        """Add folders (names in modified UTF-7) with messages; an empty list makes just the folder."""
        with self.client(user) as client:
            for folder, messages in folders.items():
                client.append(folder.encode(), messages)

    def snapshot(self, user: str, normal: Callable[[bytes], bytes] | None = None) -> Snapshot:
        """Give {folder name as on the wire: sorted [(sha256, flags, internaldate)]} of an account.

        normal: applied to each content before its digest is taken.
        """
        with self.client(user) as client:
            return {
                folder.decode("ascii", "surrogateescape"): sorted(
                    (message for _, message in client.read_folder(folder, normal)),
                    key=lambda message: (*message[::2], sorted(message[1])),
                )
                for folder in sorted(client.folders())
            }

    def wait_ready(self) -> None:
        """Wait until the port greets."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection((self.host, self.port), timeout=2) as probe:
                    if probe.recv(100).startswith(b"* "):
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"{type(self).__name__} does not answer: {self.log_text()[-2000:]}")
            time.sleep(0.01)

    def log_text(self) -> str:
        """Give the server's own log, for messages of failing tests."""
        log = self.directory / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""


# Below the range that Linux takes the ports of outgoing connections from: a server that is started again on
# its port, or a moment after it was chosen, finds it free, whatever else the machine connects to.
SERVER_PORTS = range(12_000, 32_000)


def free_port(host: str = "127.0.0.1") -> int:
    """Give a port that nothing listens on now, and that no outgoing connection takes."""
    while True:
        port = random.choice(SERVER_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port

"""Many tasks of one source at once: a stand-in for the OAuth server, real Dovecots, connections counted."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.module.waiting import until
from tests.servers.authority import CLIENT, SECRET, TENANT, Authority
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Relay

from imapsync_tasks import runtime

if TYPE_CHECKING:
    import socket

    from tests.module.conftest import Node
    from tests.servers.hostile import Intercept, Twist

pytestmark = pytest.mark.servers

#: Longer than as many engines as may run together need to begin.
CROWD_S = 30.0
#: syncctl renews a token when a third of its life is left.
RENEWED_AT = 2 / 3


class Counting(Relay):
    """A relay that knows how many connections are open; `most` is the largest number so far.

    The first connections wait for each other until so many as `crowd` says are there. Who has said LOGOUT has
    left.
    """

    def __init__(self, target_port: int, crowd: int) -> None:
        super().__init__(target_port, self._connection)
        self._lock = threading.Lock()
        self._open = 0
        self._crowd = crowd
        self._met = threading.Event()
        self.most = 0
        self.count = 0
        self._here = threading.local()

    def _relay(self, client: socket.socket) -> None:
        self._here.open = True
        with self._lock:
            self._open += 1
            self.count += 1
            self.most = max(self.most, self._open)
            if self._open == self._crowd:
                self._met.set()
        self._met.wait(CROWD_S)
        try:
            super()._relay(client)
        finally:
            self._left()

    def _connection(self) -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            if line.startswith(tag + b" LOGOUT"):
                self._left()
            return None

        return None, intercept

    def _left(self) -> None:
        """Count the connection of this thread as closed, once."""
        if self._here.open:
            self._here.open = False
            with self._lock:
                self._open -= 1


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("tasks", "connections", "lasts_s"),
    [(6, 4, 3600.0), pytest.param(200, 16, 12.0, marks=pytest.mark.slow)],
)
def test_one_refresh_a_token_lifetime_and_no_more_connections_than_the_provider_has(
    node: Node, tmp_path: Path, tasks: int, connections: int, lasts_s: float
) -> None:
    mail = [NewMessage(f"Message-Id: <{n}@test>\r\n\r\n{n}\r\n".encode(), (), 10**9 + n) for n in range(5)]
    with (
        Authority(tmp_path, lasts_s=lasts_s) as authority,
        # Dovecot itself counts connections of a user and address.
        Dovecot(tokens=True, tls=False, max_connections=connections) as remote,
        Dovecot() as local,
        Counting(remote.port, connections // 2) as way,
    ):
        remote.add_user("anna", "remote secret")
        remote.fill("anna", {"INBOX": mail})
        users = [f"user{number}" for number in range(tasks)]
        for user in users:
            local.add_user(user, "local secret")
        node.environ |= {
            "MAIL_HOST": local.host,
            "SYNCCTL_MAIL_PORT": str(local.port),
            "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
            "SSL_CERT_FILE": str(authority.certificate.cert_file),
        }
        node.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",), max_parallel=64)
        node.paths.master_password.write_text(local.master_password)
        source = {"source": "office", "auth": "microsoft_app", "tenant": TENANT, "client_id": CLIENT}
        server = {"remotehostname": way.host, "remoteport": way.port, "security": "", "tls_trust": "any"}
        tokens = {"client_secret": SECRET, "token_url": authority.url("token")}
        given = source | server | tokens | {"max_connections": connections}
        assert node.action("set-source", given).exit_code == 0
        of_source = {"remotehostname": "", "remoteport": 0, "security": "", "remotepassword": ""}
        for user in users:
            node.save(localuser=user, remoteusername="anna", source="office", cron="", **of_source)
        names = node.store.names()
        began = time.monotonic()
        assert node.syncctl("start", "--detach", *names).returncode == 0
        until(lambda: all(runtime.result(node.paths, name) for name in names), 60 + 15 * tasks)
        elapsed_s = time.monotonic() - began

        results = [runtime.result(node.paths, name) for name in names]
        assert {(result["exit_code"], result["messages_transferred"]) for result in results if result} == {
            (0, 5)
        }
        assert all(len(local.snapshot(user)["INBOX"]) == len(mail) for user in users)
        assert connections // 2 <= way.most <= connections
        lives = elapsed_s / (lasts_s * RENEWED_AT)
        assert 1 <= len(authority.asked) <= 1 + lives
        sys.stdout.write(
            f"\n{tasks} tasks in {elapsed_s:.1f} s: {len(authority.asked)} tokens of {lasts_s:.0f} s, "
            f"{way.count} connections, at most {way.most} at a time (of {connections})\n"
        )

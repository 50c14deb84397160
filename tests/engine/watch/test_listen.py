"""--listen: one process watches what standard input names, and says in lines what comes of it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.watch.watcher import ENGINE, PATIENCE_S
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


class Listening:
    """The command, with what goes in and comes out of it."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [ENGINE, "--listen"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
        self._read = b""

    def ask(self, **line: Any) -> None:  # noqa: ANN401 - JSON
        """Write a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()

    def says(self, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Wait for a line that has these values, and give it; what comes before it is dropped."""
        assert self.process.stdout is not None
        ends = time.monotonic() + PATIENCE_S
        while True:
            line, end, rest = self._read.partition(b"\n")
            if end:
                self._read = rest
                found: dict[str, Any] = json.loads(line)
                if wanted.items() <= found.items():
                    return found
                continue
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, ends - time.monotonic()))
            assert ready, f"nobody said {wanted}"
            self._read += os.read(self.process.stdout.fileno(), 65_536)


def test_one_process_tells_of_mail_in_many_accounts_and_of_what_keeps_them(tmp_path: Path) -> None:
    with Dovecot() as server:
        for user in ("anna", "ben"):
            server.add_user(user, "secret")
        (tmp_path / "right").write_text("secret")
        (tmp_path / "wrong").write_text("another")
        listening = Listening(tmp_path)
        try:
            for name, passfile, state in (("anna", "right", "idle"), ("ben", "wrong", "refused")):
                words = ["--host1", server.host, "--port1", str(server.port), "--user1", name]
                words += ["--passfile1", passfile, "--trust1", "any", "--host2", "there", "--user2", name]
                listening.ask(name=name, words=[*words, "--password2", "unused"])
                listening.says(name=name, state=state)
            listening.ask(name="carl", words=["--host1"])
            listening.says(name="carl", state="refused", error="usage")
            server.fill("anna", {"INBOX": [NewMessage(b"Subject: news\r\n\r\nx\r\n")]})
            assert listening.says(news=True) == {"name": "anna", "news": True}
            listening.ask(nonsense=1)
            _, errors = listening.process.communicate(timeout=PATIENCE_S)
            assert b"not of its form" in errors
            assert listening.process.returncode == 0
        finally:
            listening.process.kill()
            listening.process.wait()

"""--justfoldersizes foresees which folders get another name and how many messages are too large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync
from tests.engine.transfer.harness import mail
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


def test_other_names_and_messages_over_the_limit_are_told_before_anything_is_copied(tmp_path: Path) -> None:
    with Dovecot(separator=".", prefix="") as source, Dovecot() as destination:
        for server in (source, destination):
            server.add_user("anna")
        large = [mail(n, body="x" * 9000) for n in (2, 4)]
        source.fill("anna", {"INBOX": [mail(1), large[0]], "Work.2024": [mail(3)], "Old": [large[1]]})
        before = destination.snapshot("anna")
        words = [
            "--justfoldersizes",
            "--appendlimit",
            "5000",
            "--regextrans2",
            "s/Old/Former/",
            "--trust1",
            "any",
            "--trust2",
            "any",
        ]
        for number, server in ((1, source), (2, destination)):
            words += [f"--host{number}", server.host, f"--port{number}", str(server.port)]
            words += [f"--user{number}", "anna", f"--password{number}", DEFAULT_PASSWORD]
        ran = imapsync(tmp_path, *words)
        assert ran.exit_code == 0, ran.output
        assert ran.report["foreseen"] == {
            "renamed": [{"source": "Old", "destination": "Former"}],
            "renamed_total": 1,
            "limit_bytes": 5000,
            "too_large": 2,
        }
        assert "Folder [Old] of host1 will be called [Former] on host2" in ran.output
        assert "Messages larger than the 5000 bytes that host2 takes: 2" in ran.output
        assert destination.snapshot("anna") == before

"""Each server is watched: by IDLE where it has one that tells, else by looking; mail comes once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.servers.accounts import PASSWORD, plain
from tests.engine.watch.watcher import Watcher, until
from tests.servers.dovecot import Dovecot
from tests.servers.zoo import KINDS, needs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.zoo import Kind

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]
#: Long enough for a look, for a rest that has told nothing yet, and for a busy machine.
PATIENCE_S = 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_mail_comes_and_comes_once(kind: Kind, tmp_path: Path) -> None:
    needs(kind)
    with Dovecot() as home, kind.make() as remote:
        user = home.add_user("anna", PASSWORD)
        remote.add_user(user, PASSWORD)
        words = ("--notls1", "--nossl1", "--folder", "INBOX", "--watchpoll", "1")
        before = len(remote.snapshot(user).get("INBOX", []))
        with Watcher(tmp_path, (remote.host, remote.port), home, user, *words) as watcher:
            watcher.passfile1.write_text(PASSWORD)
            watcher.says("Watching INBOX of host1 for new mail: ")
            watcher.says("Exiting with return value 0 ")
            for number in range(3):
                with remote.client(user) as client:
                    client.append(b"INBOX", [plain(number)])
                wanted = before + number + 1
                until(lambda wanted=wanted: len(home.snapshot(user)["INBOX"]) == wanted, "mail", PATIENCE_S)  # type: ignore[misc]
            assert watcher.end()[0] == 6
        assert len(home.snapshot(user)["INBOX"]) == before + 3

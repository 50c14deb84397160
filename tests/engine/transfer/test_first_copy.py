"""The first copy of an account, and the run after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, same, settings, sync

from imapsync.plan.rules import IdentityRules

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
FOLDERS = {
    "INBOX": [mail(n, flags=("\\Seen",) if n % 2 else ()) for n in range(30)],
    "Sent": [mail(n, flags=("\\Seen", "$Forwarded", "\\Flagged"), day=n) for n in range(100, 120)],
    "Work/2019/Q1": [mail(200)],
    "Empty": [],
    'Odd "name" (x)': [mail(300)],
    "Entw&APw-rfe": [mail(400), mail(401)],
}


@pytest.mark.parametrize("sync_duplicates", [False, True])
def test_a_first_copy_is_exact_and_a_second_run_copies_nothing(
    servers: tuple[Dovecot, Dovecot], sync_duplicates: bool
) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(source, destination, identity=IdentityRules(sync_duplicates=sync_duplicates))
    before = source.snapshot("source")
    assert good(sync(wanted)).copied == 54
    same(before, destination.snapshot("target"))
    again = good(sync(wanted))
    assert again.copied == 0
    assert again.flags_changed == 0
    same(source.snapshot("source"), destination.snapshot("target"))

"""--verify proves a migration, or names what is not as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, mail, settings, sync
from tests.engine.transfer.test_journal_runs import expunge, store

from imapsync.report import events
from imapsync.transfer import Mode, Stop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
FOLDERS = {"INBOX": [mail(n) for n in range(10)], "Sent": [mail(100)]}


def test_a_finished_migration_has_no_exceptions(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers)
    good(sync(wanted))
    before = destination.snapshot("target")
    ran = good(sync(wanted._replace(mode=Mode.VERIFY)))
    assert not ran.all(events.VerifyMismatch)
    assert [(event.checked, event.equal) for event in ran.all(events.Verified)] == [(10, 10), (1, 1)]
    assert destination.snapshot("target") == before


def test_missing_messages_and_other_flags_are_exceptions(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers)
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "4")
    store(destination, "target", "INBOX", "5", "+FLAGS (\\Flagged)")
    ran = sync(wanted._replace(mode=Mode.VERIFY))
    assert ran.outcome.stop is Stop.DONE
    assert [(event.uid, event.kind) for event in ran.all(events.VerifyMismatch)] == [
        (4, "missing"),
        (5, "flags"),
    ]


def test_what_the_user_removed_is_named_as_such(servers: tuple[Dovecot, Dovecot], tmp_path: Path) -> None:
    source, destination = servers
    source.fill("source", FOLDERS)
    wanted = settings(*servers, state_path=str(tmp_path / "state"))
    good(sync(wanted))
    expunge(destination, "target", "INBOX", "4")
    ran = good(sync(wanted))
    assert ran.skipped(events.Skip.REMOVED_BY_USER) == 1
    assert good(sync(wanted)).skipped(events.Skip.REMOVED_BY_USER) == 1
    ran = sync(wanted._replace(mode=Mode.VERIFY))
    assert [(event.uid, event.kind) for event in ran.all(events.VerifyMismatch)] == [(4, "deleted_by_user")]

"""Messages that are changed or left out on their way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import good, hashes, mail, settings, sync
from tests.servers.client import NewMessage

from imapsync.plan.rules import ContentRules, FlagRules, SelectionRules
from imapsync.report.events import Skip
from imapsync.transfer.settings import Limits

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.servers
Servers = tuple["Dovecot", "Dovecot"]


def body(server: Dovecot, user: str) -> str:
    return server.doveadm("fetch", "-u", user, "text", "mailbox", "INBOX")


def test_an_added_message_id_is_recognised_by_the_next_run(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [NewMessage(b"Subject: draft %d\r\n\r\ntext\r\n" % n) for n in range(3)]})
    wanted = settings(*servers, content=ContentRules(add_header=True))
    assert good(sync(wanted)).copied == 3
    assert "Message-Id: <1@imapsync>" in body(destination, "target")
    assert good(sync(wanted)).copied == 0


def test_messages_without_identity_are_copied_once(servers: Servers) -> None:
    source, destination = servers
    drafts = [NewMessage(b"Subject: draft\r\n\r\ntext %d\r\n" % n) for n in range(5)]
    source.fill(
        "source",
        {"INBOX": [*drafts, NewMessage(b"\r\nno header at all\r\n"), NewMessage(b"not even a line")]},
    )
    assert good(sync(settings(*servers))).copied == 7
    assert good(sync(settings(*servers))).copied == 0
    assert hashes(source.snapshot("source")) == hashes(destination.snapshot("target"))


def test_rewriting_truncating_and_disarming(servers: Servers) -> None:
    source, destination = servers
    receipt = "Disposition-Notification-To: a@example.org\r\n"
    source.fill("source", {"INBOX": [mail(1, body="x" * 5000, headers=receipt)]})
    rules = ContentRules(
        rewrite=(lambda message: message.replace(b"Subject: ", b"Subject: [moved] "),),
        pipe=("sed s/example.org/example.net/",),
        truncate_bytes=2000,
        disarm_receipts=True,
    )
    good(sync(settings(*servers, content=rules)))
    text = body(destination, "target")
    assert "Subject: [moved] message 1" in text
    assert "X-Disposition-Notification-To" in text
    assert "@example.net" in text
    assert len(text) < 2200


def test_selection_by_size_pattern_and_line_length(servers: Servers) -> None:
    source, _ = servers
    folders = {
        "INBOX": [
            mail(1),
            mail(2, body="x" * 3000),
            mail(3, body="long " + "y" * 1200),
            mail(4, body="secret"),
        ]
    }
    source.fill("source", folders)
    rules = SelectionRules(
        max_size_bytes=2000,
        skip_content=(lambda message: re.search(b"secret", message) is not None,),
        max_line_bytes=1000,
    )
    ran = good(sync(settings(*servers, selection=rules)))
    assert ran.copied == 1
    assert ran.skipped(Skip.SIZE) == 1
    assert ran.skipped(Skip.PATTERN) == 1
    assert ran.skipped(Skip.LINE_LENGTH) == 1


@pytest.mark.parametrize(
    ("rules", "copied"),
    [
        (SelectionRules(max_age_days=30), {1}),
        (SelectionRules(min_age_days=30), {2, 3}),
        (SelectionRules(max_age_days=100, min_age_days=30), {2}),
        (SelectionRules(max_age_days=30, min_age_days=100), {1, 3}),
    ],
)
def test_selection_by_age(servers: Servers, rules: SelectionRules, copied: set[int]) -> None:
    import time

    source, destination = servers
    now = int(time.time())
    messages = [mail(n)._replace(internaldate=now - days * 86_400) for n, days in ((1, 1), (2, 50), (3, 400))]
    source.fill("source", {"INBOX": messages})
    good(sync(settings(*servers, selection=rules)))
    arrived = set(re.findall(r"<(\d)@example", body(destination, "target")))
    assert arrived == {str(n) for n in copied}


def test_flags_are_rewritten_and_only_kept_ones_sent(servers: Servers) -> None:
    source, destination = servers
    source.fill("source", {"INBOX": [mail(1, flags=("\\Seen", "Junk", "$Label"))]})
    rules = FlagRules(rewrite=(lambda flags: flags.replace("Junk", "$Spam"),))
    good(sync(settings(*servers, flags=rules)))
    assert {message.flags for message in destination.snapshot("target")["INBOX"]} == {
        frozenset({"\\Seen", "$Spam", "$Label"})
    }
    assert good(sync(settings(*servers, flags=rules))).flags_changed == 0


def test_cross_duplicates_are_copied_once(servers: Servers) -> None:
    source, _ = servers
    source.fill("source", {"INBOX": [mail(1)], "All": [mail(1), mail(2)]})
    ran = good(sync(settings(*servers, selection=SelectionRules(skip_cross_duplicates=True))))
    assert ran.copied == 2
    assert ran.skipped(Skip.CROSS_DUPLICATE) == 1


def test_speed_limits_are_kept(servers: Servers) -> None:
    import time

    source, _ = servers
    source.fill("source", {"INBOX": [mail(n) for n in range(10)]})
    began = time.monotonic()
    good(sync(settings(*servers, limits=Limits(messages_per_second=10.0))))
    assert time.monotonic() - began > 0.8

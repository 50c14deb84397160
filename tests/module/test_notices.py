"""Being told by mail: what arrives in a real SMTP server, when, and how often."""

from __future__ import annotations

import html
import json
import time
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.engine.report.test_html import Cells
from tests.module.cluster import redis_of
from tests.servers.base import free_port

from imapsync_tasks import letters, notices, projectstore, runtime
from imapsync_tasks.errors import RefusedError
from imapsync_tasks.notices import Told
from imapsync_tasks.projects import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    import redis
    from aiosmtpd.smtp import SMTP, Envelope, Session
    from tests.module.conftest import Node, Step

ADMIN = "admin@example.org"
RUN: dict[str, Any] = {
    "exit_name": "", "exit_text": "", "seconds": 1.0, "error": None, "stage": None,
    "messages_transferred": 3, "messages_skipped": 0, "messages_failed": 0, "bytes_transferred": 99,
}  # fmt: skip


class Inbox:
    """What arrives at an SMTP server; whoever `refused` names gets nothing."""

    def __init__(self) -> None:
        self.mail: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.refused = ""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == self.refused:
            return "550 5.7.1 relaying denied"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mail.append(message_from_bytes(envelope.content, policy=default))
        self.envelopes.append(envelope)
        return "250 OK"


@pytest.fixture
def cluster(node: Node, tmp_path: Path) -> Iterator[redis.Redis]:
    """Give the cluster's Redis, as a module reads it."""
    with redis_of(node, tmp_path) as rdb:
        yield rdb


@pytest.fixture
def inbox(cluster: redis.Redis) -> Iterator[Inbox]:
    """Give an SMTP server that the cluster takes for its mail relay."""
    found = Inbox()
    controller = Controller(
        found,
        hostname="127.0.0.1",
        port=free_port("127.0.0.1"),
        authenticator=lambda *given: AuthResult(success=given[-1].password == b"right secret", handled=False),
        auth_require_tls=False,
    )
    controller.start()
    relay: dict[str, Any] = {
        "host": "127.0.0.1", "port": controller.port, "username": "", "password": "", "enabled": "1",
        "encrypt_smtp": "none", "tls_verify": "0",
    }  # fmt: skip
    cluster.hset("cluster/smarthost", mapping=relay)
    try:
        yield found
    finally:
        controller.stop()


def ran(node: Node, name: str, code: int = 0, ago: float = 0.0, **changes: object) -> None:
    ended = time.time() - ago
    with node.store.locked():
        result = {**RUN, "exit_code": code, "started_at": ended - 1, "ended_at": ended, **changes}
        runtime.publish(node.paths, name, result, [], 0)


def look(node: Node) -> int:
    """Do what the timer does."""
    done = node.helper("send-notices")
    assert done.returncode or not done.stderr
    return done.returncode


def an_hour_later(node: Node) -> None:
    told = json.loads(node.paths.notices_told.read_text())
    node.paths.notices_told.write_text(
        json.dumps({subject: one | {"at": one["at"] - 3601} for subject, one in told.items()})
    )


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Give one of the two forms of a mail; it has both, the text first."""
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    (part,) = [part for part in mail.iter_parts() if part.get_content_subtype() == kind]
    return str(part.get_content()).replace("\r\n", "\n")


def refused(step: Step, key: str, field: str) -> None:
    assert (step.output[0]["error"], step.output[0]["field"]) == (key, field), step


def test_a_failure_that_repeats_is_told_once_and_what_is_new_an_hour_later(node: Node, inbox: Inbox) -> None:
    both = [ADMIN, "second@example.org"]
    step = node.action("set-notices", {"addresses": both, "sender": "ns@example.org"})
    assert step.exit_code == 0, step.error
    anna, bob = node.save(localuser="anna"), node.save(localuser="bob")
    ran(node, anna, 161, error="authentication")
    assert look(node) == 0
    assert inbox.mail == []  # once may be a server that was away
    ran(node, anna, 161, error="authentication")
    for _ in range(3):
        assert look(node) == 0
    (mail,) = inbox.mail
    assert inbox.envelopes[0].rcpt_tos == both
    assert (mail["From"], mail["Auto-Submitted"]) == ("ns@example.org", "auto-generated")
    assert mail["Subject"] == "[imapsync1] tasks fail again and again (1)"
    assert "- anna_a0241w: authentication\n" in text_of(mail)
    assert ">anna_a0241w: authentication</li>" in text_of(mail, "html")
    for _ in range(2):
        ran(node, bob, 12, error=None)
    assert look(node) == 0
    assert len(inbox.mail) == 1
    an_hour_later(node)
    assert look(node) == 0
    text = text_of(inbox.mail[1])
    assert "- bob_a0241w: messages_failed" in text
    assert "(1 told of before)" in text
    assert "anna" not in text
    # What is over is told when it comes again.
    ran(node, anna)
    an_hour_later(node)
    look(node)
    for _ in range(2):
        ran(node, anna, 161, error="authentication")
    look(node)
    assert [("anna" in text_of(mail)) for mail in inbox.mail] == [True, False, True]


HOSTILE = '<img src="http://x.example/x.png">{{ 7 * 7 }}\x1b[2J'


@pytest.mark.parametrize(("language", "more"), [("en", "and 3 more"), ("it", "e altre 3")])
def test_a_mail_says_the_same_as_html_and_what_it_names_stays_text(language: str, more: str) -> None:
    items = [HOSTILE, "\ud800bad", *(f"anna_{number:03}: authentication" for number in range(51))]
    made = letters.letter(notices.FAILING, items, 7, module="imapsync1", language=language)
    page = Cells(made.html)
    assert page.tags <= {"html", "head", "meta", "title", "body", "h1", "ul", "li", "p"}
    assert page.asked == []
    assert "\x1b" not in made.html + made.text
    assert f'lang="{language}"' in made.html
    shown = html.unescape(made.html)
    remedy = made.text.rstrip().rpartition("\n")[2]
    for words in (made.title, "{{ 7 * 7 }}", "?bad", "anna_047: authentication", more, "(7 ", remedy):
        assert words in shown
        assert words in made.title + made.text
    assert "anna_048" not in made.html + made.text
    made.html.encode()


def test_a_wave_that_is_complete_and_a_source_without_a_sign_in_are_told_in_italian(
    node: Node, inbox: Inbox
) -> None:
    node.paths.notices.write_text(json.dumps({"addresses": [ADMIN], "language": "it"}))
    given = {"auth": "microsoft_device", "tenant": "example.org", "client_id": "c"}
    where = {"remotehostname": "imap.foo.com", "remoteport": 993, "security": "ssl"}
    assert node.action("set-source", {"source": "office", **given, **where}).exit_code == 0
    node.save(localuser="carl", source="office")
    with node.store.locked():
        projectstore.save(node.paths, Project("wave1", stage="full"))
    moved = [node.save(localuser=user, project="wave1") for user in ("anna", "bob")]
    ran(node, moved[0], stage="full", bytes_here=9, messages_here=1)
    look(node)
    assert [mail["Subject"] for mail in inbox.mail] == ["[imapsync1] è necessario un accesso (1)"]
    assert "- office\n" in text_of(inbox.mail[0])
    ran(node, moved[1], stage="full", bytes_here=9, messages_here=1)
    look(node)
    assert inbox.mail[1]["Subject"] == "[imapsync1] un'ondata è completa (1)"
    assert "- wave1: full\n" in text_of(inbox.mail[1])
    # A mailbox that fails and comes back makes no second end of the same stage.
    ran(node, moved[1], 161, error="authentication", stage="full")
    look(node)
    ran(node, moved[1], stage="full", bytes_here=9, messages_here=1)
    an_hour_later(node)
    look(node)
    assert len(inbox.mail) == 2


def test_no_success_for_too_long_is_told_of_tasks_that_start_by_themselves(node: Node, inbox: Inbox) -> None:
    node.paths.notices.write_text(json.dumps({"addresses": [ADMIN], "no_success_hours": 2}))
    for user, cron in (("anna", "5m"), ("bob", "")):
        name = node.save(localuser=user, cron=cron)
        ran(node, name, ago=9000)
        ran(node, name, 124, error="parked")
    look(node)
    (mail,) = inbox.mail
    assert mail["Subject"] == "[imapsync1] tasks without a successful run (1)"
    assert "- anna_a0241w\n" in text_of(mail)


def test_a_mail_that_could_not_go_is_sent_when_the_relay_is_back(
    node: Node, inbox: Inbox, cluster: redis.Redis
) -> None:
    node.paths.notices.write_text(json.dumps({"addresses": [ADMIN]}))
    name = node.save()
    for _ in range(2):
        ran(node, name, 161, error="authentication")
    inbox.refused = ADMIN
    done = node.helper("send-notices")
    assert done.returncode == 1
    assert b"no mail about failing: mail_not_sent 550 5.7.1 relaying denied" in done.stderr
    cluster.hset("cluster/smarthost", "enabled", "0")
    assert b"smarthost_missing" in node.helper("send-notices").stderr
    cluster.hset("cluster/smarthost", "enabled", "1")
    inbox.refused = ""
    assert look(node) == 0
    assert len(inbox.mail) == 1


def test_a_test_message_goes_before_anything_is_changed(
    node: Node, inbox: Inbox, cluster: redis.Redis
) -> None:
    wanted = {"addresses": [ADMIN], "hours": "08-18", "test": True}
    inbox.refused = ADMIN
    step = node.action("set-notices", wanted)
    refused(step, "mail_not_sent", "addresses")
    assert step.output[0]["text"] == "550 5.7.1 relaying denied"
    refused(node.action("set-notices", {"test": True}), "value_required", "addresses")
    assert not node.paths.notices.exists()
    inbox.refused = ""
    stored = {"addresses": [ADMIN], "sender": "", "language": "en", "hours": "08-18", "no_success_hours": 0}
    assert node.action("set-notices", wanted).output == stored
    assert inbox.mail[0]["Subject"] == "[imapsync1] test"
    assert text_of(inbox.mail[0]) == "Mail arrives.\n"
    assert "Mail arrives." in text_of(inbox.mail[0], "html")
    assert node.action("get-notices").output == stored | {"smarthost": True}
    cluster.delete("cluster/smarthost")
    refused(node.action("set-notices", wanted), "smarthost_missing", "addresses")
    assert node.action("get-notices").output == stored | {"smarthost": False}


def test_a_login_that_the_relay_refuses_is_told_without_the_password(
    node: Node, inbox: Inbox, cluster: redis.Redis
) -> None:
    cluster.hset("cluster/smarthost", mapping={"username": "relay@example.net", "password": "wrong secret"})
    step = node.action("set-notices", {"addresses": [ADMIN], "test": True})
    refused(step, "mail_not_sent", "addresses")
    assert step.output[0]["text"] == "login refused (535)"
    assert "secret" not in json.dumps(step.output) + step.error + step.status
    cluster.hset("cluster/smarthost", "password", "right secret")
    assert node.action("set-notices", {"addresses": [ADMIN], "test": True}).exit_code == 0
    assert [mail["From"] for mail in inbox.mail] == ["relay@example.net"]
    # This server has no STARTTLS: nothing goes to it in clear text.
    cluster.hset("cluster/smarthost", "encrypt_smtp", "starttls")
    refused(node.action("set-notices", {"addresses": [ADMIN], "test": True}), "mail_not_sent", "addresses")
    assert len(inbox.mail) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"addresses": ["admin"]}, "addresses"),
        ({"addresses": ["a@b\nBcc: c@d"]}, "addresses"),
        ({"addresses": [ADMIN] * 21}, "addresses"),
        ({"addresses": ADMIN}, "addresses"),
        ({"sender": "a b@c"}, "sender"),
        ({"language": "de"}, "language"),
        ({"hours": "8-18"}, "hours"),
        ({"no_success_hours": -1}, "no_success_hours"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_their_field(given: dict[str, object], field: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        notices.from_request(given)
    (one,) = refusal.value.refusals
    assert (one.error, one.field) == ("invalid_value", field)


def test_damaged_files_cost_their_content_only(node: Node, inbox: Inbox) -> None:
    node.paths.notices.write_text('{"addresses": "x"}')
    assert node.action("get-notices").output["addresses"] == []
    assert look(node) == 0
    node.paths.notices.write_text(json.dumps({"addresses": [ADMIN]}))
    node.paths.notices_told.write_text('{"failing": {"items": [1], "at": "x"}, "sign_in": 3}')
    name = node.save()
    for _ in range(2):
        ran(node, name, 161, error="authentication")
    assert look(node) == 0
    assert len(inbox.mail) == 1


def test_hours_and_the_pause_of_an_hour() -> None:
    assert [hour for hour in range(24) if notices.is_hour("08-10", hour)] == [8, 9]
    assert [hour for hour in range(24) if notices.is_hour("22-02", hour)] == [0, 1, 22, 23]
    assert notices.is_hour("", 3)
    told = {notices.FAILING: Told(frozenset({"a"}), 1000.0)}
    found = {notices.FAILING: {"a", "b"}}
    assert notices.due(found, told, 4599.0) == {}
    assert notices.due(found, told, 4600.0) == {notices.FAILING: ["b"]}
    assert notices.due(found, told, 10.0) == {notices.FAILING: ["b"]}  # the clock was set back
    assert notices.due({notices.FAILING: {"a"}}, told, 9999.0) == {}


def test_of_very_many_tasks_a_mail_names_some_and_counts_all() -> None:
    items = [f"task{number}" for number in range(letters.MAX_NAMED + 2)]
    letter = letters.letter(notices.FAILING, items, 0, module="imapsync1", language="en")
    assert letter.title.endswith(f"({letters.MAX_NAMED + 2})")
    assert "and 2 more\n" in letter.text
    assert "task51" not in letter.text
    assert "more" not in letters.letter(notices.FAILING, items[:50], 0, module="m", language="en").text


@pytest.mark.parametrize(
    ("ends", "hours", "overdue"),
    [
        ([], 1, False),
        ([(0, 0)], 0, False),
        ([(0, 0)], 1, True),
        ([(0, 9000)], 1, False),
        ([(0, 0), (1, 9000)], 1, True),
        ([(1, 9000)], 1, False),
        ([(1, 0), (1, 9000)], 2, True),
    ],
    ids=[
        "no run",
        "never asked",
        "long ago",
        "just now",
        "since the last success",
        "first run",
        "since the first",
    ],
)
def test_no_success_for_too_long(ends: list[tuple[int, int]], hours: int, overdue: bool) -> None:
    runs: list[dict[str, Any]] = [
        {"exit_code": code, "started_at": float(at), "ended_at": float(at)} for code, at in ends
    ]
    assert notices.is_overdue(runs, hours, 9000.0) is overdue


def test_a_mail_that_the_relay_takes_for_some_is_sent_and_the_others_are_told_of(
    node: Node, inbox: Inbox
) -> None:
    inbox.refused = "second@example.org"
    step = node.action("set-notices", {"addresses": [ADMIN, inbox.refused], "test": True})
    assert (step.exit_code, inbox.envelopes[0].rcpt_tos) == (0, [ADMIN])
    assert "took the mail, but not for second@example.org" in step.error


def test_a_relay_that_does_not_speak_tls_gets_nothing(node: Node, inbox: Inbox, cluster: redis.Redis) -> None:
    cluster.hset("cluster/smarthost", mapping={"encrypt_smtp": "tls", "tls_verify": "1"})
    refused(node.action("set-notices", {"addresses": [ADMIN], "test": True}), "mail_not_sent", "addresses")
    assert inbox.mail == []

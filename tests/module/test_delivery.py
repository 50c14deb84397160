"""Tasks that deliver new mail by LMTP, between two real Dovecots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.module.test_servers import account, messages, wait
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.module.conftest import Node

pytestmark = pytest.mark.servers
#: What FILTER=SIEVE does not run: a message that is thrown away, and one that goes elsewhere.
SCRIPT = """require ["fileinto", "mailbox"];
if header "Subject" "1" { discard; }
if header "Subject" "2" { fileinto :create "Lists"; }
"""


@pytest.fixture
def local() -> Iterator[Dovecot]:
    with Dovecot(lmtp=True) as server:
        server.add_user("bob", "local secret")
        yield server


@pytest.fixture
def lmtp(mail: Node, local: Dovecot) -> Node:
    """Give an instance whose Mail instance takes deliveries."""
    mail.environ["MAIL_LMTP_PORT"] = str(local.lmtp_port)
    mail.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",), lmtp_port=local.lmtp_port)
    return mail


def test_new_mail_goes_through_the_users_whole_script(lmtp: Node, remote: Dovecot, local: Dovecot) -> None:
    local.set_sieve("bob", SCRIPT)
    remote.fill("anna", {"INBOX": messages(6), "Other": messages(2)})  # every second one has been read
    assert lmtp.action("list-mailboxes", {"refresh": True}).output["delivers"] is True
    wanted = account(remote, foldersynchronization="inbox", delivery="lmtp", delete_remote=True)
    assert lmtp.action("create-task", wanted).exit_code == 0
    result = wait(lmtp, "bob_a0241w")
    assert (result["exit_code"], result["messages_transferred"]) == (0, 3)
    there = local.snapshot("bob")
    assert {name: len(found) for name, found in there.items() if found} == {"INBOX": 2, "Lists": 1}
    assert len(remote.snapshot("anna")["INBOX"]) == 3
    listed = lmtp.action("list-tasks", {}).output["user_properties"][0]
    assert listed["delivery"] == "lmtp"
    lmtp.syncctl("start", "bob_a0241w")
    assert wait(lmtp, "bob_a0241w")["messages_transferred"] == 0
    assert local.snapshot("bob") == there


def test_the_list_of_mailboxes_does_not_ask_for_lmtp_each_time(lmtp: Node, local: Dovecot) -> None:
    def delivers(*, refresh: bool) -> bool:
        return bool(lmtp.action("list-mailboxes", {"refresh": refresh}).output["delivers"])

    local.shutdown()
    assert delivers(refresh=False) is False
    local.restart()
    assert delivers(refresh=True) is True
    local.shutdown()
    assert delivers(refresh=False) is True
    assert delivers(refresh=True) is False


def test_delivery_where_mail_takes_none_is_refused_at_its_field(mail: Node, remote: Dovecot) -> None:
    mail.environ["MAIL_LMTP_PORT"] = "1"
    assert mail.action("list-mailboxes", {"refresh": True}).output["delivers"] is False
    step = mail.action("create-task", account(remote, foldersynchronization="inbox", delivery="lmtp"))
    assert step.exit_code != 0
    assert {"field": "delivery", "parameter": "delivery", "value": "", "error": "lmtp_not_reachable"} in [
        {key: one[key] for key in ("field", "parameter", "value", "error")} for one in step.output
    ]
    assert not mail.paths.env("bob_a0241w").exists()

"""Runs that outlive their tokens, and nothing secret anywhere: a stand-in for OAuth servers, real Dovecots.

Only what a test stands for is stood in for: Microsoft's and Google's servers cannot be reached here.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until
from tests.servers.authority import SECRET, Authority
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import access_token
from tests.servers.proxy import Proxy

from imapsync_tasks import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imapsync_tasks.errors import Json

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TASK = "bob_a0241w"
#: What every token of the stand-in begins with.
TOKEN = access_token("anna").partition(".")[0]
REFRESH = "refresh-"
MESSAGES, SIZE = 60, 20_000


def mail(first: int) -> list[NewMessage]:
    return [
        NewMessage(
            f"Message-Id: <{number}@test>\r\n\r\n{'x' * SIZE}\r\n".encode(), (), 1_700_000_000 + number
        )
        for number in range(first, first + MESSAGES)
    ]


@contextmanager
def searched(node: Node, secrets: list[str]) -> Iterator[list[str]]:
    """Look into argv and environment of all processes of the instance meanwhile; give where a secret was."""
    found: list[str] = []
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    told = {part: (process / part).read_bytes() for part in ("cmdline", "environ")}
                    if str(node.home).encode() in b"".join(told.values()):
                        seen.add(process.name)
                        found.extend(
                            f"{part} of {told['cmdline']!r}"
                            for part, content in told.items()
                            if any(secret.encode() in content for secret in secrets)
                        )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
    assert len(seen) > 1, "nothing was looked at"


def ended(node: Node, before: float = 0.0) -> Json | None:
    result = runtime.result(node.paths, TASK)
    return result if result and float(str(result["started_at"])) > before else None


def token_is_over(node: Node) -> bool:
    """Tell whether the access token that is kept will not be used any more."""
    with suppress(OSError, ValueError):
        access = json.loads(node.paths.source_tokens("office").read_text()).get("access", {})
        return all(one["expires_at"] < time.time() for one in access.values())
    return False


def lose_the_connection_without_a_token(node: Node, way: Proxy, authority: Authority) -> None:
    """Cut what is open once the token has come to its end; return when another was asked for.

    A connection that is opened late may have asked for it before.
    """
    asked = len(authority.asked)
    until(lambda: token_is_over(node) or len(authority.asked) > asked)
    way.cut()
    until(lambda: len(authority.asked) > asked, 30)
    assert ended(node) is None, "the run was over too early"


def test_a_run_outlives_its_tokens_a_revoked_one_says_so_and_no_secret_is_anywhere(
    node: Node, tmp_path: Path
) -> None:
    with (
        Authority(tmp_path, lasts_s=2.0) as authority,
        Dovecot(tokens=True) as remote,
        Dovecot() as local,
        Proxy(remote.host, remote.port) as way,
    ):
        remote.add_user("anna", "remote secret")
        local.add_user("bob", "local secret")
        remote.fill("anna", {"INBOX": mail(0)})
        node.environ |= {
            "MAIL_HOST": local.host,
            "SYNCCTL_MAIL_PORT": str(local.port),
            "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
            "SSL_CERT_FILE": str(authority.certificate.cert_file),
        }
        node.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",))
        node.paths.master_password.write_text(local.master_password)
        source = {
            "source": "office",
            "auth": "oauth_refresh",
            "client_id": "us",
            "client_secret": SECRET,
            "remotehostname": way.host,
            "remoteport": way.port,
            "security": "",
            "tls_trust": "any",
            "token_url": authority.url("token"),
            "refresh_token": "refresh-0",
        }
        answers = [node.action("set-source", source)]
        given = request(localuser="bob", remoteusername="anna", source="office", cron="", exclude="")
        own = ("remotehostname", "remoteport", "security", "remotepassword")
        secrets = [SECRET, TOKEN, REFRESH, local.master_password]
        with searched(node, secrets) as found:
            way.limit(500_000)
            answers.append(node.action("create-task", {key: given[key] for key in given if key not in own}))
            assert answers[-1].exit_code == 0, answers
            until(lambda: way.counters().from_server_bytes > SIZE, 30)
            for _ in range(2):
                lose_the_connection_without_a_token(node, way, authority)
            way.limit(0)
            until(lambda: ended(node), 60)
            result = ended(node)
            assert result
            assert (result["exit_code"], result["messages_transferred"]) == (0, MESSAGES)
            assert len(local.snapshot("bob")["INBOX"]) == MESSAGES
            assert len(authority.asked) > 2

            # Revoked in the middle of a run.
            remote.fill("anna", {"INBOX": mail(MESSAGES)})
            way.limit(500_000)
            node.syncctl("start", "--detach", TASK)
            flowed = way.counters().from_server_bytes
            until(lambda: way.counters().from_server_bytes > flowed + 2 * SIZE, 30)
            authority.refuses = ("invalid_grant", "AADSTS50173: The grant was revoked.")
            until(lambda: token_is_over(node))
            way.cut()
            last = float(str(result["started_at"]))
            until(lambda: ended(node, last), 60)
            refused = ended(node, last)
            assert refused
            assert (refused["error"], refused["error_side"]) == ("sign_in_needed", "host1")
            assert refused["exit_code"] != 0
        assert not found
        actions = ("list-tasks", "list-sources", "list-changes", "get-configuration")
        answers += [node.action(action, {}) for action in actions]
        answers.append(node.action("get-log", {"localuser": "bob", "task_id": "a0241w"}))
        told = json.dumps([[answer.output, answer.exit_code] for answer in answers])
        assert not [secret for secret in secrets if secret in told]
        kept = [".source", ".token", ".password"]
        for path in (path for path in node.home.rglob("*") if path.is_file() and path.suffix not in kept):
            if path == node.paths.master_password:
                continue
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
        private = [path for path in node.paths.sources.iterdir() if os.stat(path).st_mode & 0o077]
        assert not private

"""Mailboxes move in two waves, from nothing to two reports: each number is that of an independent client.

One message is over the size limit, one folder cannot be, one password is wrong by the time, one copy loses a
message after its run: each is named in the report with reason and remedy.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from devnode.imap_account import Login, Mailbox
from tests.engine.report.test_html import Cells
from tests.module.test_csv import run
from tests.module.test_reports import WORDS
from tests.module.test_reports import got as report_of
from tests.module.waiting import until
from tests.servers.dovecot import Dovecot

from devnode import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.module.conftest import Node

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

LIMIT_BYTES = 100_000
HEADER = "localusername,remoteusername,remotepassword,remotehostname,remoteport,security,project\n"
FILM = b"Message-Id: <film@x>\r\nSubject: A film of our holidays\r\n\r\n" + b"0123456789\r\n" * 10_000
LETTER = b"Message-Id: <letter@x>\r\nSubject: A letter from home\r\n\r\nDear all\r\n"
FOLDERS = (("INBOX",), ("Archive", "2024"), ("Sent",))
TAKEN = "Contracts"


@pytest.fixture
def local() -> Iterator[Dovecot]:
    limit = f"plugin {{\n  quota_max_mail_size = {LIMIT_BYTES}\n}}"
    with Dovecot(quota_kib=1_000_000, extra_config=limit) as server:
        yield server


def mailbox(server: Dovecot, user: str) -> Mailbox:
    return Mailbox(Login(server.host, server.port, user, f"secret of {user}", security=""))


def counted(server: Dovecot, user: str) -> tuple[int, int]:
    """Give messages and bytes of an account, by the standard library's client."""
    with mailbox(server, user) as account:
        sizes = [size for path in account.folders() for size in account.sizes(path)]
    return len(sizes), sum(sizes)


class Odd(NamedTuple):
    """Whose message is too large, whose folder's name is taken, and so on."""

    large: str
    taken: str
    refused: str
    lost: str


def fill(remote: Dovecot, local: Dovecot, user: str, number: int) -> None:
    for server in (remote, local):
        server.add_user(user, f"secret of {user}")
    with mailbox(remote, user) as account:
        for index in range(4 + number % 7):
            path = FOLDERS[index % len(FOLDERS)]
            account.create(path)
            account.append(path, corpus.ordinary(1000 * number + index), (r"\Seen",) if index % 2 else ())


def spoil(remote: Dovecot, local: Dovecot, odd: Odd) -> None:
    with mailbox(remote, odd.large) as account:
        account.append(("INBOX",), FILM)
    with mailbox(remote, odd.lost) as account:
        account.append(("INBOX",), LETTER)
    with mailbox(remote, odd.taken) as account:
        account.create((TAKEN,))
        account.append((TAKEN,), corpus.ordinary(999_999))
    with mailbox(local, odd.taken) as account:
        account.create(("Drafts",))  # makes the Maildir
    (local.home(odd.taken) / "Maildir" / f".{TAKEN}").write_bytes(b"no folder")
    remote.change_password(odd.refused, "another")


def all_of(node: Node, project: str) -> dict[str, Any]:
    answer = node.action("get-project", {"project": project, "length": 1000})
    facts: dict[str, Any] = answer.output
    return facts


def through(node: Node, project: str, verb: str, **how: str) -> None:
    """Have all mailboxes of a project started or verified, and wait for the last."""
    done = node.action("run-tasks", {"verb": verb, "filter": {"project": project}, **how})
    assert (done.exit_code, done.output["failed"]) == (0, 0), done
    until(lambda: not any(all_of(node, project)[key] for key in ("running", "waiting")), 600)


@pytest.mark.parametrize("size", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_two_waves_end_in_reports_that_name_every_exception_and_count_as_another_client_does(
    mail: Node, remote: Dovecot, local: Dovecot, size: int
) -> None:
    users = [f"w{number:02}" for number in range(size)]
    for number, user in enumerate(users):
        fill(remote, local, user, number)
    first, second = users[: size - size // 2 + 1], users[size - size // 2 + 1 :]
    waves = {"wave1": first, "wave2": second}
    where = f"{remote.host},{remote.port},"
    for project, some in waves.items():
        mail.action("set-project", {"project": project, "stage": "full", "title": project.title()})
        rows = "".join(f"{user},{user},secret of {user},{where},{project}\n" for user in some)
        code, text = run(mail, HEADER + rows, "--start", "no")
        assert code == 0, text
    odd = Odd(first[0], first[1], first[2], second[0])
    spoil(remote, local, odd)
    for project, some in waves.items():
        audited = mail.action("audit-project", {"project": project}).output
        assert audited["audited"] == len(some) - (project == "wave1"), audited
        through(mail, project, "start")
    facts = {project: all_of(mail, project) for project in waves}
    assert facts["wave1"]["mailboxes_complete"] == len(first) - 3
    assert facts["wave2"]["mailboxes_complete"] == len(second)
    with mailbox(local, odd.lost) as account:
        account.remove(("INBOX",), "A letter from home")
    for project, method in (("wave1", "content"), ("wave2", "headers")):
        through(mail, project, "verify", method=method)
        check_numbers(mail, (remote, local), project, odd)
    check_exceptions(mail, odd)


def check_numbers(node: Node, servers: tuple[Dovecot, Dovecot], project: str, odd: Odd) -> None:
    remote, local = servers
    for one in json.loads(report_of(node, project=project, format="json")["content"])["mailboxes"]:
        user, result = one["localuser"], one["result"]
        here, _ = counted(local, user)
        if user == odd.refused:
            assert (one["state"], result["error"], here) == ("sign_in", "authentication", 0), one
            continue
        there, size_bytes = counted(remote, user)
        gone, broken = user == odd.lost, user in (odd.large, odd.taken)
        assert (one["audit"]["messages"], one["audit"]["bytes"]) == (there, size_bytes), user
        assert (result["messages_here"], there - here) == (here + gone, gone + broken), user
        if not broken:
            assert result["bytes_here"] == size_bytes, user
            assert (one["verified"]["checked"], one["verified"]["equal"]) == (there, here), user
            assert one["state"] == ("in_step" if gone else "verified"), user


def check_exceptions(node: Node, odd: Odd) -> None:
    for language, words in WORDS.items():
        pages = {}
        for project in ("wave1", "wave2"):
            asked: dict[str, Any] = {"project": project, "language": language, "subjects": True}
            page = report_of(node, **asked)["content"]
            machine = report_of(node, project=project, format="json")["content"]
            assert hashlib.sha256(machine.encode()).hexdigest() in page
            assert "secret of" not in page + machine
            pages[project] = Cells(page)
            assert pages[project].asked == []
        too_big, rows = words["failures"]["too_big"], pages["wave1"].rows
        film, again = [row for row in rows if "A film of our holidays" in row]  # verified as missing, too
        assert film[0] == again[0] == odd.large
        assert film[5].startswith(too_big["text"])
        assert film[6] == too_big["remedy"]
        assert [row for row in rows if row[:2] == [odd.taken, TAKEN] and row[-1]]
        (refused,) = [row for row in rows if row[0] == odd.refused and len(row) == 4]
        assert refused[3] == words["outcomes"]["authentication"]["remedy"]
        (missing,) = [row for row in pages["wave2"].rows if "A letter from home" in row]
        assert missing[0] == odd.lost
        assert missing[5:] == [words["kinds"]["missing"], words["kind_remedies"]["missing"]]

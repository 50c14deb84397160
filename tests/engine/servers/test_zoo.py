"""An account full of oddities, from and to each server: it arrives, it comes once, a killed run goes on.

What a server does to a mail or a name by itself is in tests/servers/zoo.py and told in docs/servers.md.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import Ran, imapsync, side
from tests.engine.servers.accounts import PASSWORD, Account, plain
from tests.servers.client import ClientError
from tests.servers.zoo import KINDS, needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.base import ImapServer
    from tests.servers.client import Client
    from tests.servers.zoo import Kind

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

HOME = KINDS[0]
LIMIT_S = 200
#: Kinds of destinations that store what they are given, so that a comparison by content finds nothing.
READ_BACK = ("Cyrus", "CyrusDebian", "Courier")


@pytest.fixture(scope="module")
def home() -> Iterator[ImapServer]:
    with HOME.make() as server:
        yield server


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    needs(found)
    return found


@pytest.fixture
def there(kind: Kind) -> Iterator[Account]:
    """Give an account on a server of the kind."""
    with kind.make() as server:
        yield Account(kind, server, server.add_user("anna", PASSWORD))


@pytest.fixture
def here(home: ImapServer, kind: Kind, request: pytest.FixtureRequest) -> Account:
    """Give an account on a Dovecot."""
    user = f"{request.function.__name__}{kind.name}".replace("_", "").lower()[-60:]
    return Account(HOME, home, home.add_user(user, PASSWORD))


def words(source: Account, destination: Account, folder: Path) -> list[str]:
    password = folder / "password"
    password.write_text(PASSWORD + "\n")
    given: list[str] = []
    for number, account in ((1, source), (2, destination)):
        server = account.server
        given += side(number, server.host, server.port, account.user, password, "--notls{}", "--nossl{}")
    return given


def copied(source: Account, destination: Account, folder: Path, *options: str) -> Ran:
    ran = imapsync(folder, *words(source, destination, folder), *options, limit_s=LIMIT_S)
    assert "Traceback" not in ran.output, ran.output[-3000:]
    return ran


def mails(account: Account, other: Account) -> Counter[str]:
    """Give how often each content is in an account, as both servers show it."""
    return Counter(
        message.sha256 for messages in account.content(other.kind.gives).values() for message in messages
    )


def check(source: Account, destination: Account, folder: Path) -> None:
    """Copy an odd account; nothing is lost without being told, and nothing comes twice."""
    source.fill(odd=source.kind.odd and destination.kind.odd)
    before = source.server.snapshot(source.user)
    wanted = mails(source, destination)

    first = copied(source, destination, folder)
    assert source.server.snapshot(source.user) == before, "the source must stay as it was"
    found = mails(destination, source)
    told = first.report["failures_total"] + first.report["errors_total"]
    lost = sum((wanted - found).values())
    assert not lost or (first.exit_code and told), first.output[-3000:]
    assert not found - wanted, "something was changed or came twice"
    assert sum(found.values()) >= 0.9 * sum(wanted.values()), first.output[-3000:]

    for options in ((), ("--state", str(folder / "state")), ("--state", str(folder / "state"))):
        again = copied(source, destination, folder, *options)
        assert again.exit_code == first.exit_code, again.output[-3000:]
        assert again.report["messages_transferred"] == 0, again.output[-3000:]
    assert mails(destination, source) == found

    verified = copied(source, destination, folder, "--verify")
    missing = [case for case in verified.report["verify"]["exceptions"] if case["kind"] == "missing"]
    assert len(missing) == lost
    if destination.kind.name in READ_BACK:
        read = copied(source, destination, folder, "--verify=content").report["verify"]
        kinds = Counter(case["kind"] for case in read["exceptions"])
        assert (kinds["content"], kinds["unproven"], kinds["missing"]) == (0, 0, lost), read["exceptions"]
        assert read["checked"] == verified.report["verify"]["checked"]
        assert read["bytes_read"] > 0


def is_empty(client: Client) -> bool:
    """Tell whether nothing has arrived; an INBOX that cannot be opened has never got anything (imap4d)."""
    try:
        return b"MESSAGES 0" in b"".join(client.command(b"STATUS INBOX (MESSAGES)"))
    except ClientError:
        return True


#: What stands against a kind as a destination, by its own fault.
DESTINATION_MISSING: dict[str, str] = {
    "Imap4dMbox": "the server makes one message of two",
}


def expected(kind: Kind, request: pytest.FixtureRequest) -> None:
    if kind.name in DESTINATION_MISSING:
        request.applymarker(pytest.mark.xfail(reason=DESTINATION_MISSING[kind.name], strict=False))


def test_from_it(there: Account, here: Account, tmp_path: Path) -> None:
    check(there, here, tmp_path)


def test_to_it(
    kind: Kind, there: Account, here: Account, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    expected(kind, request)
    check(here, there, tmp_path)


def test_a_killed_run_is_gone_on_with(
    kind: Kind, there: Account, here: Account, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed when the first messages have arrived; without a journal, nothing may come twice."""
    expected(kind, request)
    messages = [plain(number, size=20_000) for number in range(300)]
    here.put("INBOX", messages)
    command = [str(Path(sys.executable).with_name("imapsync")), *words(here, there, tmp_path), "--nolog"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        with there.server.client(there.user) as client:
            deadline = time.monotonic() + LIMIT_S
            while is_empty(client):
                assert time.monotonic() < deadline
                assert run.poll() is None
                time.sleep(0.01)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert copied(here, there, tmp_path).exit_code == 0
    assert mails(there, here) == mails(here, there)

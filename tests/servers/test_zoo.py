"""Each server of the zoo starts, keeps a mail, and leaves nothing behind, however the tests end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.servers.client import NewMessage
from tests.servers.zoo import KINDS, needs

if TYPE_CHECKING:
    from tests.servers.zoo import Kind

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

_ABANDON = """
import sys
sys.path.insert(0, ".")
from tests.servers import zoo
server = next(kind for kind in zoo.KINDS if kind.name == sys.argv[1]).make().start()
server.add_user("anna")
print(server.directory, flush=True)
sys.stdin.read()
"""
END_TIMEOUT_S = 20


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    needs(found)
    return found


def test_it_keeps_a_mail(kind: Kind) -> None:
    with kind.make() as server:
        user = server.add_user("anna", "pass word")
        mail = b"Message-Id: <1@example.org>\r\nFrom: a@example.org\r\nSubject: one\r\n\r\ntext\r\n"
        server.fill(user, {"INBOX": [NewMessage(mail)]})
        assert [len(messages) for messages in server.snapshot(user).values()] == [1]


def test_nothing_of_it_outlives_tests_that_are_killed(kind: Kind) -> None:
    """A master process that changes its user is forgotten by PR_SET_PDEATHSIG: Cyrus' did outlive them."""
    tests = subprocess.Popen(
        [sys.executable, "-c", _ABANDON, kind.name],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert tests.stdout is not None
    directory = Path(tests.stdout.readline().strip())
    try:
        started = descendants(tests.pid)
        assert started
        tests.send_signal(signal.SIGKILL)
        tests.wait()
        deadline = time.monotonic() + END_TIMEOUT_S
        while left := {process for process in started if alive(process)}:
            assert time.monotonic() < deadline, left
            time.sleep(0.01)
    finally:
        tests.kill()
        tests.communicate()
        subprocess.run(["rm", "-rf", str(directory)], check=True)


def descendants(pid: int) -> set[tuple[int, str]]:
    """Give (process, start time) of all below a process, those in other name spaces too."""
    found: set[tuple[int, str]] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found |= {(child, started_at(child)), *descendants(child)}
    return found


def alive(process: tuple[int, str]) -> bool:
    return started_at(process[0]) == process[1]


def started_at(pid: int) -> str:
    """Give when a process started, in the kernel's ticks; "" when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

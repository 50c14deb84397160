"""--tokencommand: a program gives the access token, at each login and after each refusal."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import access_token
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers
ENGINE = str(Path(sys.executable).with_name("imapsync"))


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with Dovecot(tokens=True) as server:
        yield server


def program(folder: Path, body: str) -> str:
    """Write a program that notes each call; give its path."""
    path = folder / "token"
    path.write_text(f"#!/bin/sh\necho call >>{folder}/calls\n{body}\n")
    path.chmod(0o755)
    return str(path)


def calls(folder: Path) -> int:
    path = folder / "calls"
    return path.read_text().count("call") if path.exists() else 0


def words(server: Dovecot, user: str, command: str, *, port1: int = 0) -> list[str]:
    return [
        *["--host1", server.host, "--port1", str(port1 or server.port), "--user1", user],
        *["--tokencommand1", command, "--trust1", "any", "--trust2", "any"],
        *[
            "--host2",
            server.host,
            "--port2",
            str(server.port),
            "--user2",
            f"{user}-copy",
            "--password2",
            "pass",
        ],
    ]


def fill(server: Dovecot, user: str, count: int, size: int = 10) -> None:
    for name in (user, f"{user}-copy"):
        server.add_user(name, "pass")
    if not count:
        return
    with server.client(user) as client:
        heads = [
            f"Message-Id: <{user}{number}@test.example>\r\nSubject: s\r\n\r\n" for number in range(count)
        ]
        client.append(b"INBOX", [NewMessage(head.encode() + b"x" * size + b"\r\n") for head in heads])


def test_mail_arrives_with_the_token_of_a_command(server: Dovecot, tmp_path: Path) -> None:
    fill(server, "anna", 3)
    token = access_token("anna")
    (tmp_path / "my token").write_text(token + "\nsecond line\n")
    command = program(tmp_path, 'cat "$1"')
    done = imapsync(tmp_path, *words(server, "anna", f"{command} '{tmp_path}/my token'"), "--debugimap")
    assert done.exit_code == 0, done.output
    assert done.report["messages_transferred"] == 3
    assert calls(tmp_path) == 1
    for secret in (token, token.split(".")[2], base64.b64encode(token.encode()).decode()[8:-8]):
        assert secret not in done.output
        assert secret not in json.dumps(done.report)


def test_a_token_that_expires_in_the_middle_costs_nothing(server: Dovecot, tmp_path: Path) -> None:
    fill(server, "ben", 40, 50_000)
    good = tmp_path / "good"
    good.write_text(access_token("ben"))
    (tmp_path / "stale").write_text(access_token("ben", lasts_s=-600))
    # The first call after the connection was cut still gives the token that has expired meanwhile.
    command = program(
        tmp_path,
        f'if [ "$(wc -l <{tmp_path}/calls)" = 2 ]; then cat {tmp_path}/stale; else cat {good}; fi',
    )
    with Proxy(server.host, server.port, cut_after_down=700_000) as link:
        done = imapsync(tmp_path, *words(server, "ben", command, port1=link.port), "--connections", "1")
    assert done.exit_code == 0, done.output
    assert done.report["messages_transferred"] == 40
    assert not done.report["errors"]
    assert calls(tmp_path) == 3


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("exit 3", "token_unavailable", "ended with exit code 3"),
        ("true", "token_unavailable", "prints no token"),
        ("printf '\\377\\n'", "token_unavailable", "prints what is no token"),
        ("kill -9 $$", "token_unavailable", "ended with exit code -9"),
        ("echo opaque", "token_expired", "has expired or was revoked"),
    ],
)
def test_a_command_without_a_good_token(
    server: Dovecot, tmp_path: Path, body: str, code: str, says: str
) -> None:
    fill(server, "cleo", 0)
    done = imapsync(tmp_path, *words(server, "cleo", program(tmp_path, body)))
    assert done.exit_code == 161, done.output
    assert says in done.output
    assert "opaque" not in done.output
    assert [error["code"] for error in done.report["errors"]] == [code]


def test_a_command_that_is_not_there(server: Dovecot, tmp_path: Path) -> None:
    fill(server, "dora", 0)
    done = imapsync(tmp_path, *words(server, "dora", "/nonexistent/token"))
    assert done.exit_code == 161
    assert "the command of --tokencommand1 cannot be run: No such file or directory" in done.output


@pytest.mark.parametrize(
    ("command", "more", "says"),
    [
        ("", [], "the command is empty"),
        ("'unclosed", [], "no closing quotation"),
        ("true", ["--oauthaccesstoken1", "x"], "one of them gives the token"),
        ("true", ["--oauthdirect1", "x"], "one of them gives the token"),
    ],
)
def test_a_command_line_that_gives_no_command(
    server: Dovecot, tmp_path: Path, command: str, more: list[str], says: str
) -> None:
    done = imapsync(tmp_path, *words(server, "nobody", command), *more)
    assert done.exit_code == 64
    assert says in done.output


def test_a_command_that_hangs_ends_with_the_run(server: Dovecot, tmp_path: Path) -> None:
    fill(server, "emil", 0)
    command = program(
        tmp_path, f"echo $$ >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/hangs; exec sleep 600"
    )
    run = subprocess.Popen(
        [ENGINE, *words(server, "emil", command), "--nolog", "--pidfile", str(tmp_path / "pid")],
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "hangs").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child = int((tmp_path / "hangs").read_text())
    run.send_signal(signal.SIGTERM)
    assert run.wait(20) == 6
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)

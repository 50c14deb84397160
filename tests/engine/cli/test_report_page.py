"""--reporthtml: the page beside the JSON report, from a real run."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import imapsync
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers
NOBODY = {"host": "127.0.0.1", "port": "1", "user": "a", "password": "p"}


def message(number: int, subject: str, size: int = 100) -> NewMessage:
    head = f"Message-Id: <{number}@test.example>\r\nSubject: {subject}\r\n\r\n"
    return NewMessage(head.encode() + b"x" * size + b"\r\n")


def test_the_page_of_a_run_with_a_message_too_large_for_the_quota(tmp_path: Path) -> None:
    with Dovecot(quota_kib=50) as server:
        for user in ("anna", "copy"):
            server.add_user(user, "s3cret")
        with Dovecot() as old:
            old.add_user("anna", "s3cret")
            with old.client("anna") as client:
                client.append(b"INBOX", [message(1, "<b>Invoice</b>"), message(2, "Film", 90_000)])
                client.append(b"Work", [message(3, "Plan")])
            done = imapsync(
                tmp_path,
                *["--host1", old.host, "--port1", str(old.port), "--user1", "anna", "--password1", "s3cret"],
                *["--host2", server.host, "--port2", str(server.port), "--user2", "copy"],
                *["--password2", "s3cret", "--trust1", "any", "--trust2", "any"],
                *["--reporthtml", str(tmp_path / "page.html"), "--reportlang", "it"],
            )
    assert done.exit_code == 113, done.output
    path = tmp_path / "page.html"
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "s3cret" not in text
    assert hashlib.sha256((tmp_path / "report.json").read_bytes()).hexdigest() in text
    assert "1 messaggi non sono nella nuova casella." in text
    assert "Film" in text
    assert "La nuova casella è piena" in text
    assert {row["source"]: (row["copied"], row["failed"]) for row in done.report["folders"]} == {
        "INBOX": (1, 1),
        "Work": (1, 0),
    }
    again = ["--reportfrom", "report.json", "--reporthtml", "quiet.html", "--noreportsubjects"]
    subprocess.run([sys.executable, "-m", "imapsync", *again], cwd=tmp_path, check=True)
    quiet = (tmp_path / "quiet.html").read_text()
    assert "INBOX" in quiet
    assert "Film" not in quiet


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--reporthtml", "/nonexistent/page.html"], 1, "of --reporthtml cannot be written"),
        (["--reporthtml", "page.html", "--reportlang", "xx"], 64, "'xx' is not one of en, it"),
    ],
)
def test_a_page_that_cannot_be_made_is_refused_before_anything(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    sides = [f"--{name}{side}={value}" for side in "12" for name, value in NOBODY.items()]
    done = imapsync(tmp_path, *sides, *words)
    assert done.exit_code == code
    assert says in done.output


def test_without_jinja_the_page_is_refused_with_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['jinja2'] = None; from imapsync.cli.main import entry; sys.exit(entry())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--host1", "127.0.0.1", "--reporthtml", "page.html", "--nolog"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "pip install 'ns8-imapsync[report]'" in done.stderr


@pytest.mark.parametrize(
    ("words", "content", "code", "says"),
    [
        (["--reportfrom", "told"], "{}", 64, "--reportfrom needs --reporthtml"),
        (["--reportfrom", "nowhere", "--reporthtml", "page"], "{}", 66, "'nowhere' cannot be read"),
        (["--reportfrom", "told", "--reporthtml", "page"], "{", 66, "'told' of --reportfrom is no report"),
        (["--reportfrom", "told", "--reporthtml", "page"], "[1]", 66, "'told' of --reportfrom is no report"),
        (["--reportfrom", "told", "--reporthtml", "/nonexistent/page"], "{}", 1, "cannot be written"),
        (["--reportfrom", "told", "--reporthtml", "page", "--reportlang", "xx"], "{}", 64, "'xx' is not"),
    ],
)
def test_what_is_no_report_of_an_earlier_run_makes_no_page(
    tmp_path: Path, words: list[str], content: str, code: int, says: str
) -> None:
    (tmp_path / "told").write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "imapsync", *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "page").exists()

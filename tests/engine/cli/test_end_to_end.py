"""The command against real Dovecots: what arrives, and every exit code that a server can cause."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.servers.client import NewMessage
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers
PASSWORD1, PASSWORD2 = "first-s3cret", "second-s3cret"


def message(number: int, size: int = 0) -> NewMessage:
    head = f"Message-Id: <{number}@test.example>\r\nSubject: number {number}\r\nFrom: a@b.example\r\n\r\n"
    flags = ("\\Seen",) if number % 2 else ("\\Flagged", "Label")
    return NewMessage(head.encode() + b"x" * size + b"Text\r\n", flags, 1_700_000_000 + number)


class Accounts:
    """One account on each of two servers, and the command between them."""

    def __init__(self, source: Dovecot, destination: Dovecot, folder: Path) -> None:
        self.source = source
        self.destination = destination
        self.folder = folder
        self.user = f"u{time.monotonic_ns()}"
        source.add_user(self.user, PASSWORD1)
        destination.add_user(self.user, PASSWORD2)

    def words(self, *extra: str) -> list[str]:
        one, two = self.source, self.destination
        return [
            *["--host1", one.host, "--port1", str(one.port), "--user1", self.user, "--passfile1", "pw1"],
            *["--host2", two.host, "--port2", str(two.port), "--user2", self.user, "--passfile2", "pw2"],
            *["--trust1", "any", "--trust2", "any", "--nolog", "--report", "report.json", *extra],
        ]

    def start(self, *extra: str, words: list[str] | None = None) -> subprocess.Popen[str]:
        (self.folder / "pw1").write_text(PASSWORD1 + "\n")
        (self.folder / "pw2").write_text(PASSWORD2)
        return subprocess.Popen(
            [sys.executable, "-m", "imapsync", *(self.words(*extra) if words is None else words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder)},
        )

    def run(self, *extra: str, words: list[str] | None = None) -> tuple[int, str]:
        process = self.start(*extra, words=words)
        output, _ = process.communicate(timeout=90)
        assert "Traceback" not in output
        assert "s3cret" not in output
        return process.returncode, output

    def report(self) -> dict[str, object]:
        found = json.loads((self.folder / "report.json").read_text())
        assert isinstance(found, dict)
        return found

    def equal(self) -> bool:
        return self.source.snapshot(self.user) == self.destination.snapshot(self.user)


@pytest.fixture(scope="module")
def source() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="module")
def destination() -> Iterator[Dovecot]:
    with Dovecot() as server:
        yield server


@pytest.fixture
def accounts(source: Dovecot, destination: Dovecot, tmp_path: Path) -> Accounts:
    made = Accounts(source, destination, tmp_path)
    source.fill(
        made.user,
        {
            "INBOX": [message(n) for n in range(10)],
            "Sent": [message(n) for n in range(20, 25)],
            "Envoy&AOk-s": [],
        },
    )
    return made


def lines(output: str) -> dict[str, str]:
    return {
        label.strip(): value.strip()
        for label, _, value in (line.partition(":") for line in output.splitlines())
    }


def test_a_sync_and_its_repetition(accounts: Accounts) -> None:
    code, output = accounts.run("--progress", "progress.json", "--state", "state")
    assert code == 0
    assert accounts.equal()
    found = lines(output)
    assert found["Messages transferred"] == "15"
    assert found["Host1 Nb folders"] == "3 folders"
    assert found["Host1 Nb messages"] == "15 messages"
    assert "The sync looks good, all 15 identified messages in host1 are on host2." in output
    assert "There is no unidentified message on host1." in output
    assert "Detected 0 errors" in output
    assert (
        "Exiting with return value 0 (EX_OK: successful termination) 0/50 nb_errors/max_errors PID" in output
    )
    report = accounts.report()
    assert (report["exit_code"], report["messages_transferred"], report["messages_missing"]) == (0, 15, 0)
    assert report["host1"] == report["host2"]
    progress = json.loads((accounts.folder / "progress.json").read_text())
    assert (progress["phase"], progress["messages_done"], progress["messages_total"]) == ("done", 15, 15)
    for extra in (["--state", "state"], []):
        code, output = accounts.run(*extra)
        assert (code, lines(output)["Messages transferred"]) == (0, "0")
        assert "all 15 identified messages in host1 are on host2" in output
    code, output = accounts.run("--verify")
    assert code == 0
    assert "Verified 15 messages of host1: 15 are equal on host2, 0 exceptions." in output
    assert accounts.equal()


def test_dry_changes_nothing(accounts: Accounts) -> None:
    before = accounts.source.snapshot(accounts.user), accounts.destination.snapshot(accounts.user)
    code, output = accounts.run("--dry", "--delete1", "--delete2", "--delete2folders", "--setflag1", "Seen")
    assert code == 0
    assert "15 messages would be copied" in output
    assert (accounts.source.snapshot(accounts.user), accounts.destination.snapshot(accounts.user)) == before


def test_folder_options_reach_the_engine(accounts: Accounts) -> None:
    code, _ = accounts.run(
        "--exclude", "^Envoy&AOk-s$", "--f1f2", "Sent=Archive/Gone", "--regextrans2", "s/^INBOX$/In/"
    )
    assert code == 0
    assert {name for name, found in accounts.destination.snapshot(accounts.user).items() if found} == {
        "In",
        "Archive/Gone",
    }


def test_message_options_reach_the_engine(accounts: Accounts) -> None:
    code, output = accounts.run(
        *["--folder", "INBOX", "--search1", "UNSEEN", "--setflag1", "Seen", "--noresyncflags"],
        *["--regexflag", "s/Label/Other/", "--regexmess", "s/number (\\d)/No. $1/"],
    )
    assert (code, lines(output)["Messages transferred"]) == (0, "5")
    arrived = accounts.destination.snapshot(accounts.user)["INBOX"]
    assert {flag.lower() for _, flags, _ in arrived for flag in flags} == {"\\flagged", "other"}
    assert all("\\Seen" in flags for _, flags, _ in accounts.source.snapshot(accounts.user)["INBOX"])
    code, output = accounts.run(
        "--folder", "INBOX", "--search1", "UNSEEN", "--setflag1", "Seen", "--noresyncflags"
    )
    assert (code, lines(output)["Messages transferred"]) == (0, "0")


def test_the_command_line_of_todays_module_works_unchanged(accounts: Accounts) -> None:
    code, output = accounts.run(
        *["--noauthmd5", "--noreleasecheck", "--allowsizemismatch", "--skipsize", "--nofoldersizes"],
        *["--fastio1", "--fastio2", "--buffersize", "8192000", "--tls1", "--tls2", "--delete1older=100000"],
        *["--exclude", "^Shared(/.*)?$|^Public(/.*)?$|Sent", "--noexpungeaftereach"],
    )
    assert code == 0, output
    assert lines(output)["Messages transferred"] == "10"
    assert "Option --buffersize has no effect: buffers are bounded and of one size" in output
    assert "Host1 Total size" not in output
    assert "Host1: connected to 127.0.0.1" in output
    assert "TLS (STARTTLS)" in output


def test_one_sided_checks(accounts: Accounts) -> None:
    alone = [*accounts.words()[:8], "--trust1", "any", "--nolog", "--report", "report.json"]
    code, output = accounts.run(words=[*alone, "--justlogin"])
    assert code == 0
    report = accounts.report()
    host1 = report["host1"]
    assert isinstance(host1, dict)
    assert host1["login"] is True
    assert "IMAP4REV1" in host1["capabilities"]
    assert len(host1["certificate"]["fingerprint"]) == 64
    assert report["host2"] is None
    code, output = accounts.run(words=[*alone, "--justfoldersizes"])
    assert code == 0
    assert lines(output)["Host1 Nb messages"] == "15 messages"
    host1 = accounts.report()["host1"]
    assert isinstance(host1, dict)
    assert {folder["name"]: folder["messages"] for folder in host1["folder_list"]} == {
        "INBOX": 10,
        "Sent": 5,
        "Envoyés": 0,
    }
    code, output = accounts.run(words=[*alone[:4], "--trust1", "any", "--nolog"])
    assert code == 0
    assert "Host1 banner: " in output


@pytest.mark.parametrize(
    ("extra", "code", "error", "side"),
    [
        (["--password1", "wrong-s3cret"], 161, "authentication", "host1"),
        (["--password2", "wrong-s3cret"], 162, "authentication", "host2"),
        (["--port1", "9"], 101, "connection", "host1"),
        (["--port2", "9"], 102, "connection", "host2"),
        (["--host2", "no-such-host.invalid"], 102, "connection", "host2"),
        (["--ssl1"], 12, "tls", "host1"),
        (["--ssl2"], 12, "tls", "host2"),
        (["--trust1", "ca"], 12, "certificate_untrusted", "host1"),
        (["--trust2", "sha256:" + "0" * 64], 12, "certificate_untrusted", "host2"),
        (["--subfolder1", "Nowhere"], 21, "subfolder1_missing", "host1"),
        (["--folder", "Nowhere"], 111, "folder_missing", "host1"),
        (["--regextrans2", "s,Sent,a//b,"], 116, "folder_create", "host2"),
    ],
)
def test_what_goes_wrong_has_its_number(
    accounts: Accounts, extra: list[str], code: int, error: str, side: str
) -> None:
    found, output = accounts.run(*extra)
    assert found == code, output
    report = accounts.report()
    assert report["exit_code"] == code
    errors = report["errors"]
    assert isinstance(errors, list)
    assert (error, side) in {(row["code"], row["side"]) for row in errors}
    assert f"Exiting with return value {code} ({report['exit_name']}: " in output


def test_starttls_that_is_not_offered(destination: Dovecot, tmp_path: Path) -> None:
    with Dovecot(tls=False) as source:
        accounts = Accounts(source, destination, tmp_path)
        code, output = accounts.run("--tls1", "--justlogin")
        assert code == 12, output
        errors = accounts.report()["errors"]
        assert isinstance(errors, list)
        assert errors[0]["code"] == "starttls_missing"
        code, output = accounts.run("--justlogin")
        assert code == 0
        assert "WARNING: this connection is not encrypted" in output


def test_a_certificate_that_changes(source: Dovecot, tmp_path: Path) -> None:
    with Dovecot() as destination:
        accounts = Accounts(source, destination, tmp_path)
        tofu = ["--trust2", "tofu", "--truststore2", "trust.json", "--justlogin"]
        assert accounts.run(*tofu)[0] == 0
        assert accounts.run(*tofu)[0] == 0
        from tests.servers.certificates import self_signed

        (tmp_path / "new").mkdir()
        destination.restart(self_signed(tmp_path / "new"))
        code, _ = accounts.run(*tofu)
        assert code == 12
        errors = accounts.report()["errors"]
        assert isinstance(errors, list)
        assert errors[0]["code"] == "certificate_changed"
        assert len(errors[0]["fingerprint"]) == 64


def test_a_quota_and_too_many_errors(source: Dovecot, tmp_path: Path) -> None:
    with Dovecot(quota_messages=4) as destination:
        accounts = Accounts(source, destination, tmp_path)
        source.fill(accounts.user, {"INBOX": [message(n) for n in range(10)]})
        code, output = accounts.run("--errorsmax", "3")
        assert code == 112, output
        code, output = accounts.run()
        assert code == 113, output
        report = accounts.report()
        assert (report["messages_failed"], report["messages_missing"]) == (6, 6)
        failures = report["failures"]
        assert isinstance(failures, list)
        assert {(row["reason"], row["remedy"]) for row in failures} == {("overquota", "free_space")}
        assert "The sync is not finished, there are 6 messages in host1 that are not on host2." in output
        assert "Free space in the destination mailbox" in output


def test_a_folder_that_cannot_be_opened(accounts: Accounts) -> None:
    directory = accounts.source.home(accounts.user) / "Maildir" / ".Sent"
    os.chown(directory, 0, 0)
    directory.chmod(0o700)
    code, output = accounts.run("--nofoldersizes")
    assert code == 117, output
    assert len(accounts.destination.snapshot(accounts.user)["INBOX"]) == 10


def test_the_limit_of_bytes(accounts: Accounts) -> None:
    code, output = accounts.run("--exitwhenover", "1")
    assert code == 118, output
    assert accounts.run()[0] == 0
    assert accounts.equal()


def test_the_brakes(source: Dovecot, destination: Dovecot, tmp_path: Path) -> None:
    accounts = Accounts(source, destination, tmp_path)
    destination.fill(accounts.user, {"INBOX": [message(n) for n in range(10)]})
    code, output = accounts.run("--delete2")
    assert code == 122, output
    source.fill(accounts.user, {"INBOX": [message(n) for n in range(3)]})
    code, output = accounts.run("--delete2")
    assert code == 123, output
    errors = accounts.report()["errors"]
    assert isinstance(errors, list)
    assert (errors[0]["code"], errors[0]["remedy"]) == ("brake_delete", "confirm_deletion")
    assert (errors[0]["messages"], errors[0]["of"]) == ("7", "10")
    assert len(destination.snapshot(accounts.user)["INBOX"]) == 10
    code, output = accounts.run("--delete2", "--maxdelete2", "7")
    assert code == 0, output
    assert accounts.equal()


def test_a_folder_that_was_given_up_is_missing(accounts: Accounts) -> None:
    code, output = accounts.run("--regextrans2", "s,Sent,a//b,")
    assert code == 116
    assert accounts.report()["messages_missing"] == 5
    assert "looks good" not in output


@pytest.fixture
def slow(source: Dovecot, destination: Dovecot, tmp_path: Path) -> Accounts:
    made = Accounts(source, destination, tmp_path)
    source.fill(made.user, {"INBOX": [message(n) for n in range(200)]})
    return made


SLOWLY = ["--maxmessagespersecond", "20", "--maxsleep", "60", "--progress", "progress.json"]


def wait_for_progress(accounts: Accounts, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    path = accounts.folder / "progress.json"
    while True:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        if path.exists() and json.loads(path.read_text())["messages_done"]:
            return
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(slow: Accounts, number: signal.Signals) -> None:
    process = slow.start(*SLOWLY)
    wait_for_progress(slow, process)
    begin = time.monotonic()
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert time.monotonic() - begin < 5
    assert process.returncode == 6, output
    assert "Exiting with return value 6 (EXIT_BY_SIGNAL: ended by a signal)" in output
    assert "Traceback" not in output
    report = slow.report()
    assert report["exit_code"] == 6
    assert report["messages_transferred"] == len(slow.destination.snapshot(slow.user)["INBOX"])
    assert not (slow.folder / "imapsync.pid").exists()
    assert slow.run()[0] == 0
    assert slow.equal()


def test_a_second_signal_ends_it_at_once(slow: Accounts) -> None:
    process = slow.start(*SLOWLY)
    wait_for_progress(slow, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 6, output
    assert slow.report()["exit_code"] == 6
    assert slow.run()[0] == 0
    assert slow.equal()


def test_abort_ends_the_other_run(slow: Accounts) -> None:
    process = slow.start(*SLOWLY)
    wait_for_progress(slow, process)
    code, output = slow.run(words=["--abort"])
    assert code == 0
    assert "has ended" in output
    assert process.wait(20) == 6
    process.communicate()


def test_two_runs_with_locking(slow: Accounts) -> None:
    process = slow.start(*SLOWLY)
    wait_for_progress(slow, process)
    code, _ = slow.run("--pidfilelocking", "--report", "other.json")
    assert code == 8
    process.kill()
    process.communicate()
    assert slow.run("--pidfilelocking")[0] == 0
    assert slow.equal()


def test_logging_in_and_leaving_is_quick_and_small(accounts: Accounts) -> None:
    code, output = accounts.run("--justlogin")
    assert code == 0
    assert "Host1: success login" in output
    assert "Host2: success login" in output
    assert "++++ Statistics" not in output


def test_the_report_is_mailed_where_it_is_wanted(accounts: Accounts) -> None:
    assert accounts.run("--emailreport1", "--emailreport2")[0] == 0
    for server in (accounts.source, accounts.destination):
        found = server.doveadm(
            "fetch", "-u", accounts.user, "text", "mailbox", "INBOX", "header", "subject", "imapsync from"
        )
        assert f"{accounts.user} at {accounts.source.host}" in found.replace("\n ", " ")
        assert "Messages transferred" in found
        assert "The sync looks good, all 15 identified messages in host1 are on host2." in found
        assert "Exiting with return value 0 (EX_OK" in found
        assert "s3cret" not in found


def test_no_report_is_mailed_in_a_dry_run(accounts: Accounts) -> None:
    code, output = accounts.run("--emailreport2", "--dry")
    assert code == 0
    assert "would put the report into INBOX" in output
    assert accounts.destination.snapshot(accounts.user)["INBOX"] == []


def test_a_value_that_is_not_utf8_is_refused(accounts: Accounts) -> None:
    code, output = accounts.run("--folder", "caf\udce9")
    assert code == 64
    assert "Option --folder: 'caf?' is not right, it must be some text in UTF-8." in output
    assert accounts.destination.snapshot(accounts.user)["INBOX"] == []

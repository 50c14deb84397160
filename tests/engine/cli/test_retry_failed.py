"""--retryfailed: what did not arrive is tried once more, and nothing else is touched."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import Ran, imapsync
from tests.engine.transfer.harness import mail
from tests.engine.transfer.test_journal_runs import expunge, store
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.dovecot import Dovecot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.base import Snapshot

LARGE = mail(2, body="x" * 9000)
INBOX = [mail(1), LARGE, mail(3, flags=("\\Seen",))]


@pytest.fixture
def servers() -> Iterator[tuple[Dovecot, Dovecot]]:
    with Dovecot() as source, Dovecot(quota_kib=50) as destination:
        source.add_user("anna")
        destination.add_user("anna")
        yield source, destination


def run(folder: Path, servers: tuple[Dovecot, Dovecot], *options: str) -> Ran:
    words: list[str] = ["--trust1", "any", "--trust2", "any"]
    for number, server in enumerate(servers, 1):
        words += [f"--host{number}", server.host, f"--port{number}", str(server.port)]
        words += [f"--user{number}", "anna", f"--password{number}", DEFAULT_PASSWORD]
    return imapsync(folder, *words, *options)


def retry(folder: Path, servers: tuple[Dovecot, Dovecot], *options: str) -> Ran:
    """Try again what failed in the last run of this folder."""
    report = shutil.copy(folder / "report.json", folder / "failed.json")
    return run(folder, servers, "--retryfailed", str(report), *options)


def held(snapshot: Snapshot, folder: str) -> int:
    return len(snapshot.get(folder, ()))


@pytest.mark.servers
def test_a_message_over_the_limit_arrives_once_the_limit_is_raised_and_nothing_else_is_touched(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, destination = servers
    state = ("--state", str(tmp_path / "state"))
    source.fill("anna", {"INBOX": INBOX, "Sent": [mail(10)]})
    first = run(tmp_path, servers, *state, "--appendlimit", "5000")
    assert [(one["uid"], one["reason"]) for one in first.report["failures"]] == [(2, "too_big")]
    with source.client("anna") as client:
        client.append(b"INBOX", [mail(4)])
        client.append(b"New", [mail(5)])
    store(source, "anna", "INBOX", "1", "+FLAGS (\\Flagged)")
    again = retry(tmp_path, servers, *state, "--delete1", "--delete2")
    assert again.exit_code == 0, again.output
    assert again.report["messages_transferred"] == 1
    assert [row["source"] for row in again.report["folders"]] == ["INBOX"]
    there = destination.snapshot("anna")
    assert (held(there, "INBOX"), held(there, "Sent"), held(there, "New")) == (3, 1, 0)
    assert held(source.snapshot("anna"), "INBOX") == 4
    assert not any("\\Flagged" in message.flags for message in there["INBOX"])
    third = run(tmp_path, servers, *state)
    assert third.exit_code == 0, third.output
    assert third.report["messages_transferred"] == 2
    assert destination.snapshot("anna") == source.snapshot("anna")
    assert retry(tmp_path, servers).report["messages_transferred"] == 0


@pytest.mark.servers
def test_a_refused_message_arrives_when_there_is_room_for_it(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, destination = servers
    source.fill("anna", {"INBOX": [mail(1), mail(2, body="y" * 40_000)]})
    with destination.client("anna") as client:
        client.append(b"Old", [mail(99, body="z" * 30_000)])
    first = run(tmp_path, servers)
    assert first.report["failures_total"] == 1, first.output
    still = retry(tmp_path, servers)
    assert still.exit_code == first.exit_code != 0
    assert [one["uid"] for one in still.report["failures"]] == [2]
    with destination.client("anna") as client:
        client.command(b"DELETE Old")
    done = retry(tmp_path, servers)
    assert (done.exit_code, done.report["messages_transferred"]) == (0, 1), done.output
    assert held(destination.snapshot("anna"), "INBOX") == 2


@pytest.mark.servers
def test_a_message_over_the_limit_is_named_by_more_than_its_number(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, _ = servers
    source.fill("anna", {"Work": INBOX})
    run(tmp_path, servers, "--appendlimit", "5000")
    (failed,) = json.loads((tmp_path / "report.json").read_text())["failures"]
    assert failed["message_id"].encode() in LARGE.content
    assert failed["subject"].encode() in LARGE.content
    assert failed["date"]


def test_in_a_folder_that_was_made_anew_the_message_is_found_by_who_it_is_or_named_as_lost(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, destination = servers
    source.fill("anna", {"Work": INBOX})
    run(tmp_path, servers, "--appendlimit", "5000")
    with source.client("anna") as client:
        client.command(b"DELETE Work")
        client.append(b"Work", [mail(7), mail(8), mail(9), LARGE])
    report = json.loads((tmp_path / "report.json").read_text())
    known = report["failures"][0]
    unknown = known | {"uid": 1, "size_bytes": None, "message_id": None}
    (tmp_path / "report.json").write_text(json.dumps(report | {"failures": [known, unknown]}))
    done = retry(tmp_path, servers)
    assert done.report["messages_transferred"] == 1, done.output
    assert held(destination.snapshot("anna"), "Work") == 3
    assert done.exit_code != 0
    assert "message 1 of Work cannot be found again: the folder was made anew" in done.output


@pytest.mark.servers
def test_a_message_that_has_left_the_source_is_no_error(
    servers: tuple[Dovecot, Dovecot], tmp_path: Path
) -> None:
    source, _ = servers
    source.fill("anna", {"INBOX": INBOX})
    run(tmp_path, servers, "--appendlimit", "5000")
    expunge(source, "anna", "INBOX", "2")
    done = retry(tmp_path, servers)
    assert (done.exit_code, done.report["messages_transferred"]) == (0, 0), done.output
    assert "no longer in INBOX, so not tried again: 2" in done.output


ACCOUNTS = [f"--{stem}{side}={value}" for side in "12" for stem, value in
            {"host": "127.0.0.1", "port": "1", "user": "a", "password": "p"}.items()]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "options", "code", "says"),
    [
        (None, [], 66, "cannot be read: No such file"),
        ("no json", [], 66, "is no report of a run"),
        ('{"version": 2}', [], 66, "is no report of a run"),
        ('{"version": 1}', [], 66, "has no list 'failures'"),
        ('{"version": 1, "failures": [7]}', [], 66, "failures[0] is no object"),
        ('{"version": 1, "failures": [{"uid": 1}]}', [], 66, "failures[0].folder is no folder name"),
        ('{"version": 1, "failures": [{"folder": "a", "uid": 0}]}', [], 66, "failures[0].uid is no UID"),
        ('{"version": 1, "failures": []}', ["--verify"], 64, "cannot go with --verify"),
    ],
)
def test_a_file_that_is_no_report_is_refused_before_any_server_is_asked(
    tmp_path: Path, text: str | None, options: list[str], code: int, says: str
) -> None:
    path = tmp_path / "earlier.json"
    if text is not None:
        path.write_text(text)
    done = imapsync(tmp_path, *ACCOUNTS, "--retryfailed", str(path), *options)
    assert done.exit_code == code, done.output
    assert says in done.output

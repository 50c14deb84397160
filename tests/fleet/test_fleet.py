"""The command between two real servers: exact, resumable, one bad account costs one account."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.fleet.conftest import PASSWORD, Fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.servers


def children_of(pid: int) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


def test_all_accounts_arrive_and_a_second_run_copies_nothing(make: Callable[..., Fleet]) -> None:
    fleet = make(12)
    code, told = fleet.run()
    assert code == 0, told
    assert fleet.is_exact()
    assert "12 complete, 36 messages" in told
    code, events = fleet.events("run")
    assert code == 0
    end = events[-1]
    assert (end["accounts"], end["copied"], end["exits"]) == (12, 0, {"EX_OK": 12})
    begun = {event["account"] for event in events if event["event"] == "began"}
    assert begun == {path.name for path in fleet.directory.glob("accounts/*")}
    assert all(path.stat().st_mode & 0o077 == 0 for path in fleet.directory.rglob("*"))


def test_one_bad_account_stops_the_others(make: Callable[..., Fleet]) -> None:
    fleet = make(4)
    good = [f"{user};{PASSWORD};{user};{PASSWORD}" for user in fleet.users]
    fleet.write([f"nobody;wrong;{fleet.users[0]};{PASSWORD}", *good])
    code, told = fleet.run()
    assert code == 161, told
    assert "1 with EXIT_AUTHENTICATION_FAILURE_USER1: nobody@" in told
    assert fleet.is_exact()
    code, events = fleet.events("run", "--failed")
    assert code == 161
    assert events[-1]["accounts"] == 1


def test_a_login_check_changes_nothing(make: Callable[..., Fleet]) -> None:
    fleet = make(3)
    fleet.write([*(f"{user};{PASSWORD};{user};{PASSWORD}" for user in fleet.users), "nobody;x;nobody;x"])
    code, events = fleet.events("check")
    assert code == 161
    assert events[-1]["exits"] == {"EX_OK": 3, "EXIT_AUTHENTICATION_FAILURE_USER1": 1}
    assert all(not fleet.two.snapshot(user).get("INBOX") for user in fleet.users)
    code, told = fleet.run("status")
    assert (code, "No account was worked on" in told) == (66, True)
    assert fleet.run("status", "--of", "check")[0] == 0


def test_a_verification_finds_what_is_missing(make: Callable[..., Fleet]) -> None:
    fleet = make(2)
    assert fleet.run()[0] == 0
    assert fleet.run("verify")[0] == 0
    with fleet.two.client(fleet.users[0]) as client:
        client.command(b'SELECT "INBOX"')
        client.command(b"STORE 1 +FLAGS (\\Deleted)")
        client.command(b"EXPUNGE")
    code, events = fleet.events("verify")
    assert code != 0
    assert events[-1]["exits"]["EX_OK"] == 1


def test_killed_with_everything_and_run_again(make: Callable[..., Fleet]) -> None:
    fleet = make(10, messages=30, size=20_000)
    process = subprocess.Popen(
        fleet.words("run", "--jobs", "2"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: fleet.ended() >= 2)
    for pid in [*children_of(process.pid), process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    before = fleet.ended()
    assert 2 <= before < 10
    code, events = fleet.events("run")
    assert code == 0
    assert events[-1]["accounts"] == 10 - before  # the rest is done
    assert fleet.is_exact()


def test_a_worker_that_dies_costs_its_accounts_a_second_try(make: Callable[..., Fleet]) -> None:
    fleet = make(8, messages=30, size=20_000)
    process = subprocess.Popen(
        fleet.words("run", "--jobs", "4"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_until(lambda: fleet.ended() >= 1)
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert fleet.is_exact()


def test_asked_to_end_it_ends_in_good_order(make: Callable[..., Fleet]) -> None:
    fleet = make(6, messages=40, size=50_000)
    process = subprocess.Popen(
        fleet.words("run", "--jobs", "2"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_until(lambda: fleet.ended() >= 1)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=90)
    assert process.returncode == 6, told
    assert "Traceback" not in told
    assert fleet.run()[0] == 0
    assert fleet.is_exact()


def test_two_at_once_in_one_directory(make: Callable[..., Fleet]) -> None:
    fleet = make(1)
    process = subprocess.Popen(fleet.words("run"), stdout=subprocess.DEVNULL)
    progress = fleet.directory / "progress.json"
    wait_until(progress.exists)
    process.send_signal(signal.SIGSTOP)
    code, told = fleet.run()
    assert (code, "Another imapsync-fleet works in the directory" in told) == (8, True)
    code, told = fleet.run("status")
    assert (code, "Working (run): 0 of 1 accounts" in told) == (0, True)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=60) == 0
    assert fleet.is_exact()


def test_reports_of_all_accounts(make: Callable[..., Fleet]) -> None:
    pytest.importorskip("jinja2")
    fleet = make(2)
    rows = [f"{user};{PASSWORD};{user};{PASSWORD}" for user in fleet.users]
    fleet.write([*rows, "=cmd|' /C calc'!A0;x;<b>x</b>;x"])
    assert fleet.run()[0] == 161
    code, told = fleet.run("report")
    assert code == 161
    assert told.split() == [str(fleet.directory / f"report.{kind}") for kind in ("json", "csv", "html")]
    machine = json.loads((fleet.directory / "report.json").read_text())
    assert (machine["totals"]["accounts"], machine["totals"]["complete"]) == (3, 2)
    table = list(csv.reader((fleet.directory / "report.csv").read_text("utf-8-sig").splitlines()))
    assert len(table) == 4
    assert not any(cell.startswith(("=", "+", "@")) for row in table for cell in row)
    page = (fleet.directory / "report.html").read_text()
    assert "2 of 3 accounts are complete" in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert PASSWORD not in page


def test_passwords_from_a_command(make: Callable[..., Fleet]) -> None:
    fleet = make(2)
    fleet.write(["user1;user2", *(f"{user};{user}" for user in fleet.users)])
    fleet.file.chmod(0o644)
    secret = fleet.folder / "secret"
    secret.write_text(PASSWORD + "\n")
    commands = [f"--passwordcommand{side}=cat {secret}" for side in (1, 2)]
    code, told = fleet.run("run", *commands)
    assert code == 0, told
    assert fleet.is_exact()
    code, told = fleet.run("run", f"--passwordcommand1=cat {secret}.not", commands[1])
    assert code == 66
    assert "No password of user1" in told


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run"], 64, "the following arguments are required"),
        (["run", "/no/file", "/no/folder"], 66, "cannot be read"),
        (["run", "/no/file", "/no/folder", "--jobs", "0"], 64, "is no number from 1 to 10000"),
        (["dance"], 64, "invalid choice"),
        (["status", "/no/folder"], 66, "No account was worked on"),
        (["report", "/no/folder"], 66, "No account was worked on"),
    ],
)
def test_a_wrong_command_line(words: list[str], code: int, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "imapsync_fleet", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code
    assert told in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_fifty_times_something_is_lost_or_doubled(make: Callable[..., Fleet]) -> None:
    """Of every three kills one takes a worker, one the command, one everything."""
    random = Random(50)
    fleet = make(40, messages=60, size=30_000)
    kills = 0
    for _ in range(400):
        process = subprocess.Popen(
            fleet.words("run", "--jobs", "6"), stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(timeout=random.uniform(0.4, 2.5))
        except subprocess.TimeoutExpired:
            kills += 1
        workers = children_of(process.pid)
        for pid in (workers[:1], [process.pid], [process.pid, *workers])[kills % 3]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        if kills >= 50:
            break
        if process.returncode == 0:  # all is there: begin with empty destinations again
            assert fleet.is_exact()
            for user in fleet.users:
                fleet.two.remove_account(user)
                fleet.two.add_user(user, PASSWORD)
            shutil.rmtree(fleet.directory)
    process.kill()
    process.wait()
    wait_until(lambda: fleet.run()[0] != 8)
    assert kills >= 50
    assert fleet.is_exact()


def test_the_bytes_of_a_day_are_used_up(make: Callable[..., Fleet]) -> None:
    fleet = make(2)
    used, fresh = fleet.users
    fleet.directory.mkdir()
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    spent = {"day": day, "spent": {f"{used}@{fleet.one.host}": 2_500_000_000}}
    (fleet.directory / "bytes.json").write_text(json.dumps(spent))
    code, events = fleet.events("run", engine=("--provider", "gmail"))
    assert code == 124
    results = {event["shown"].partition("@")[0]: event for event in events if event["event"] == "ended"}
    assert results[used]["exit_name"] == "EXIT_PARKED"
    assert results[used]["run_again_at"] > day
    assert results[fresh]["copied"] == 3
    counted = json.loads((fleet.directory / "bytes.json").read_text())["spent"]
    assert counted[f"{fresh}@{fleet.one.host}"] == results[fresh]["copied_bytes"]

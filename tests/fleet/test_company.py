"""Many runs in one process: each has its own log, state and end, and none of them owns the process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import signal
from typing import TYPE_CHECKING

import pytest
from tests.fleet.conftest import PASSWORD, Fleet

from imapsync.transfer import Company
from imapsync_fleet.accounts import read_accounts
from imapsync_fleet.directory import Job, Result
from imapsync_fleet.job import work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imapsync.report.counters import Counters

pytestmark = pytest.mark.servers


def jobs_of(fleet: Fleet, *engine: str) -> list[Job]:
    words = fleet.words("run", engine=engine)
    accounts = read_accounts(str(fleet.file), words[words.index("--") + 1 :])
    return [Job(one.name, one.shown, "run", 1, one.fingerprint, one.words) for one in accounts]


def folder_of(fleet: Fleet, job: Job) -> Path:
    folder = fleet.folder / job.name
    folder.mkdir(exist_ok=True)
    return folder


async def test_one_run_is_cancelled_and_the_others_are_not(make: Callable[..., Fleet]) -> None:
    fleet = make(6, messages=40, size=30_000)
    jobs = jobs_of(fleet)
    seen: list[Counters] = []
    first = asyncio.create_task(work(jobs[0], str(folder_of(fleet, jobs[0])), seen.append))
    others = [asyncio.create_task(work(job, str(folder_of(fleet, job)))) for job in jobs[1:]]
    async with asyncio.timeout(60):
        while not (seen and seen[0].transferred):  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.005)
        first.cancel()
        results = await asyncio.gather(first, *others)
    assert results[0].exit_name in ("EXIT_BY_SIGNAL", "EX_OK")  # the second when it was that quick
    assert [result.exit_code for result in results[1:]] == [0] * 5
    again = await work(jobs[0], str(folder_of(fleet, jobs[0])))
    assert again.exit_code == 0
    assert fleet.is_exact()


async def test_runs_of_one_process_leave_it_as_it_was(make: Callable[..., Fleet]) -> None:
    fleet = make(4)
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    settings = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    jobs = jobs_of(fleet, "--regextrans2", "s/^Old$/New/", "--skipmess", "m/never there/")
    results = await asyncio.gather(*(work(job, str(folder_of(fleet, job))) for job in jobs))
    assert [result.exit_code for result in results] == [0] * 4
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == settings
    assert {number: signal.getsignal(number) for number in signals} == signals
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


async def test_each_run_has_its_own_log_and_report(make: Callable[..., Fleet]) -> None:
    fleet = make(3)
    jobs = jobs_of(fleet)
    results: list[Result] = await asyncio.gather(*(work(job, str(folder_of(fleet, job))) for job in jobs))
    for job, result, user in zip(jobs, results, fleet.users, strict=True):
        log = (folder_of(fleet, job) / "log").read_text()
        assert f"--user1={user}" in log
        assert not any(
            f"--user1={other}\n" in log or f"{other} " in log for other in set(fleet.users) - {user}
        )
        assert "The sync looks good, all 3 identified messages" in log
        assert PASSWORD not in log
        report = json.loads((folder_of(fleet, job) / "report.json").read_text())
        assert report["messages_transferred"] == result.copied == 3


async def test_a_pattern_that_never_ends_stops_the_other_runs(make: Callable[..., Fleet]) -> None:
    fleet = make(2)
    slow, good = jobs_of(fleet)
    pattern = "--skipmess=m/^(x+)+(x+)+(x+)+y$/m"
    results = await asyncio.gather(
        work(slow._replace(words=(*slow.words, pattern)), str(folder_of(fleet, slow))),
        work(good, str(folder_of(fleet, good))),
    )
    assert results[1].exit_code == 0
    assert results[0].exit_code in (64, 111)


def test_what_each_run_may_have_on_its_way_shrinks_with_their_number() -> None:
    company = Company(memory_bytes=64 << 20)
    with contextlib.ExitStack() as runs:
        parts = []
        for _ in range(64):
            runs.enter_context(company.copying())
            parts.append(company.part(9 << 20))
    assert parts[:5] == [9 << 20] * 5
    assert parts == sorted(parts, reverse=True)
    assert all(part * number <= 64 << 20 for number, part in enumerate(parts, 1))
    assert company.part(9 << 20) == 9 << 20  # they have ended


def test_further_connections_are_taken_and_given_back() -> None:
    company = Company(further=2)
    assert [company.take_further() for _ in range(3)] == [True, True, False]
    company.give_further(1)
    assert [company.take_further() for _ in range(2)] == [True, False]
    assert all(Company().take_further() for _ in range(100))


async def test_runs_that_have_no_memory_left_copy_one_after_the_other_and_all(
    make: Callable[..., Fleet],
) -> None:
    fleet = make(3, messages=20, size=120_000)
    company = Company(memory_bytes=0, further=0)
    works = (work(job, str(folder_of(fleet, job)), company=company) for job in jobs_of(fleet))
    assert [result.exit_code for result in await asyncio.gather(*works)] == [0] * 3
    assert fleet.is_exact()

"""The journal at its limits: processes that are killed, disks that are full, half a million pairs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.engine.journal import actors

from imapsync.journal.journal import Journal
from imapsync.journal.values import JournalError
from imapsync.terms import Pair

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = "anna@a\nbert@b"
#: Of a process that has read a folder of half a million pairs; the interpreter itself takes 15 MiB.
LIMIT_MIB = 160

WRITER = """
journal = opened()
state = journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(1)))
batch = 0
while True:
    batch += 1
    journal.add(state.id, (Pair(uid, uid, batch) for uid in range(1, 401)))
    journal.update(state._replace(removed=batch))
    journal.commit()
    print(batch, flush=True)
"""

FULL = """
import resource
journal = opened()
state = journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(1)))
journal.add(state.id, [Pair(1, 1, 1)])
journal.update(state._replace(settled=True))
journal.commit()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
failures = []
def attempt(act):
    try:
        act()
    except JournalError as error:
        failures.append(str(error))
many = (Pair(uid, uid, 1) for uid in range(1, 900_000))
attempt(lambda: (journal.begin(state), journal.add(state.id, many)))
attempt(lambda: journal.update(state._replace(removed=7)))
attempt(journal.commit)
journal.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(len(failures), len(set(failures)), failures[0])
"""

FULL_AT_START = """
import resource
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    opened()
except JournalError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(error)
"""

HALF_A_MILLION = """
journal = opened()
state = journal.begin(FolderRecord(0, "INBOX", "INBOX", Numbers(1), Numbers(1)))
for start in range(0, 500_000, 1000):
    journal.add(state.id, (Pair(uid, uid + 7, 1) for uid in range(start + 1, start + 1001)))
    journal.commit()
journal.close()
journal = opened()
pairs = journal.pairs(state.id)
assert len(pairs) == 500_000 and pairs.destination_uids[-1] == 500_007
journal.remove(state.id, range(1, 500_001, 2))
journal.close()
# Not ru_maxrss: that begins with the peak of who started this.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def refuse(warning: str) -> None:
    pytest.fail(f"unexpected warning: {warning}")


@pytest.mark.parametrize("after", [1, 2, 7, 40])
def test_a_kill_in_the_middle_of_writing_leaves_one_whole_commit(tmp_path: Path, after: int) -> None:
    path = tmp_path / "state"
    with actors.started(WRITER, path) as process:
        assert process.stdout is not None
        for _ in range(after):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
    journal = Journal.open(str(path), ACCOUNTS, refuse)
    (state,) = journal.folders().values()
    pairs = journal.pairs(state.id)
    assert state.removed >= told, "what was told as written is there"
    assert {*pairs.flags} == {state.removed}, "all of one commit, nothing of the next"
    assert len(pairs) == 400
    journal.close()


def test_a_full_disk_leaves_the_last_commit_and_the_first_reason(tmp_path: Path) -> None:
    path = tmp_path / "state"
    done = actors.run(FULL, path)
    assert done.returncode == 0, done.stderr
    count, different, reason = done.stdout.split(maxsplit=2)
    assert (count, different) == ("3", "1")
    assert "failed: " in reason
    assert "aside" not in reason
    journal = Journal.open(str(path), ACCOUNTS, refuse)
    (state,) = journal.folders().values()
    assert (state.settled, state.removed) == (True, 0)
    assert [*journal.pairs(state.id).source_uids] == [1], "no half of what failed was committed at the end"
    journal.close()


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    done = actors.run(FULL_AT_START, tmp_path / "state")
    assert "cannot be used" in done.stdout, done.stderr
    journal = Journal.open(str(tmp_path / "state"), ACCOUNTS, refuse)
    assert journal.folders() == {}
    journal.close()


def test_half_a_million_pairs_fit_into_little_memory(tmp_path: Path) -> None:
    done = actors.run(HALF_A_MILLION, tmp_path / "state")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < LIMIT_MIB
    print(f"{done.stdout.strip()} MiB")


def test_a_failed_journal_is_let_go_so_that_another_can_have_it(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    journal = Journal.open(path, ACCOUNTS, refuse)
    with pytest.raises(JournalError):
        journal.add(1, [Pair(1, 1, None)])  # type: ignore[arg-type]
    again = Journal.open(path, ACCOUNTS, refuse)
    assert again.folders() == {}
    again.close()
    journal.close()

"""What a provider lets an account read in a day: kept over runs and tasks, forgotten with the day."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.module.test_damage import answered
from tests.module.test_parking import shown
from tests.module.test_runs import runs
from tests.module.test_stops import ends

from imapsync_tasks import queue, runtime
from imapsync_tasks.task import from_request
from syncctl import budget

if TYPE_CHECKING:
    from tests.module.conftest import Node

    from imapsync_tasks.task import Task

DAY_S = 86400.0
#: What the facts of the engine say of Gmail, bytes a day.
GMAIL = 2_500_000_000
GOOGLE = {"remotehostname": "imap.gmail.com", "remoteusername": "anna"}
#: Noon of a day.
NOON = 20_000 * DAY_S + DAY_S / 2


def task(**changes: object) -> Task:
    from tests.module.conftest import request

    return from_request(request(**GOOGLE | changes))


def words(node: Node) -> list[str]:
    """Give the limit that each run was given."""
    lines = (node.home / "words").read_text().splitlines()
    return [word for line in lines for word in json.loads(line) if word.startswith("--exitwhenover")]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("imap.gmail.com", GMAIL),
        ("IMAP.GMail.com.", GMAIL),
        ("imap.example.org", 0),
        ("notimap.gmail.com", 0),
    ],
)
def test_the_facts_of_a_provider_count_for_its_hosts(host: str, expected: int) -> None:
    assert budget.daily_bytes(host) == expected


def test_what_was_read_counts_for_the_account_and_for_its_day(node: Node) -> None:
    budget.spend(node.paths, task(task_id="one"), 1000, NOON)
    budget.spend(node.paths, task(task_id="two"), 500, NOON + 60)
    budget.spend(node.paths, task(remoteusername="bob"), 7, NOON)
    assert budget.left(node.paths, task(task_id="three"), NOON + 120) == GMAIL - 1500
    assert budget.left(node.paths, task(remoteusername="bob"), NOON) == GMAIL - 7
    assert budget.left(node.paths, task(), NOON + DAY_S / 2 - 1) == GMAIL - 1500
    assert budget.left(node.paths, task(), NOON + DAY_S / 2) == GMAIL
    assert budget.tomorrow(NOON).timestamp() == NOON + DAY_S / 2
    assert node.paths.budgets.stat().st_mode & 0o777 == 0o600


def test_a_server_without_a_known_limit_is_not_counted(node: Node) -> None:
    other = task(remotehostname="imap.example.org")
    budget.spend(node.paths, other, 1000, NOON)
    assert budget.left(node.paths, other, NOON) is None
    assert not node.paths.budgets.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"day": 5}', '{"day": "2024-10-04", "spent": {"a": "b"}}'])
def test_a_damaged_count_begins_anew(node: Node, content: str) -> None:
    node.paths.budgets.write_text(content)
    assert budget.left(node.paths, task(), NOON) == GMAIL


def test_two_tasks_of_an_account_share_its_day_and_what_is_left_comes_tomorrow(idle: Node) -> None:
    first, second = (idle.save(task_id=name, **GOOGLE) for name in ("a", "b"))
    ends(idle, 0, "", errors=[], bytes_transferred=GMAIL - 10)
    idle.syncctl("start", first)
    ends(idle, 118, "transfer_exceeded", bytes_transferred=12)
    assert idle.syncctl("start", second).returncode == budget.PARKED
    assert words(idle) == [f"--exitwhenover={GMAIL}", "--exitwhenover=10"]
    result = runtime.result(idle.paths, second)
    assert result
    tomorrow = budget.tomorrow(time.time())
    assert (result["error"], result["error_side"]) == ("parked", "host1")
    assert result["run_again_at"] == tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")
    # Nothing is left: the next run does not begin, and what is known of failures stays.
    failed = answered(idle, "list-failures", {"localuser": "administrator", "task_id": "a"})
    assert idle.syncctl("start", first).returncode == budget.PARKED
    assert len(runs(idle)) == 2
    assert answered(idle, "list-failures", {"localuser": "administrator", "task_id": "a"}) == failed
    assert failed["total"] == 1
    assert shown(idle)["condition"] == "server"
    assert {entry.task: entry.due for entry in queue.read(idle.paths)} == dict.fromkeys(
        (first, second), tomorrow.timestamp()
    )
    # Another day.
    content = json.loads(idle.paths.budgets.read_text())
    content["day"] = datetime.fromtimestamp(time.time() - DAY_S, UTC).date().isoformat()
    idle.paths.budgets.write_text(json.dumps(content))
    ends(idle, 0, "", errors=[], bytes_transferred=1)
    assert idle.syncctl("start", first).returncode == 0
    assert words(idle)[-1] == f"--exitwhenover={GMAIL}"

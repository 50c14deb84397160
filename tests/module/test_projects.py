"""Projects: a wave goes from stage to stage by one file, and what is told of it is true."""

from __future__ import annotations

import json
import random
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator
from tests.module.conftest import IMAGEROOT, Node, request
from tests.module.waiting import until
from tests.servers.client import NewMessage

from imapsync_tasks import diagnosis, files, overview, projects, runtime
from imapsync_tasks.overview import Part

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot


def project(node: Node, **given: object) -> dict[str, Any]:
    done = node.action("set-project", {"project": "wave1", **given})
    assert done.exit_code == 0, done
    answer: dict[str, Any] = done.output
    return answer


def got(node: Node, **given: object) -> dict[str, Any]:
    done = node.action("get-project", {"project": "wave1", **given})
    assert done.exit_code == 0, done
    schema = json.loads((IMAGEROOT / "actions" / "get-project" / "validate-output.json").read_text())
    Draft7Validator(schema).validate(done.output)
    answer: dict[str, Any] = done.output
    return answer


def fields(node: Node, task: str) -> str:
    """Give when cron starts a task; nothing when it does not."""
    path = node.paths.cron_file(task)
    return " ".join(path.read_text().splitlines()[-1].split()[:5]) if path.exists() else ""


def test_a_wave_follows_its_project_from_stage_to_stage(node: Node) -> None:
    assert project(node) == {"project": "wave1", "created": True}
    tasks = [node.save(task_id=f"t{number}", project="wave1", cron="5m") for number in range(2)]
    other = node.save(task_id="x")
    assert {fields(node, task) for task in tasks} == {""}
    assert project(node, stage="pre-stage", cron="22:00", before_days=30)["created"] is False
    assert {fields(node, task) for task in tasks} == {"0 22 * * *"}
    project(node, stage="delta", cron="30m")
    assert {fields(node, task) for task in tasks} == {"*/30 * * * *"}
    project(node, paused=True)
    assert {fields(node, task) for task in tasks} == {""}
    project(node, paused=False)
    assert {fields(node, task) for task in tasks} == {"*/30 * * * *"}
    for stage in ("final", "closed"):
        project(node, stage=stage)
        assert {fields(node, task) for task in tasks} == {""}
    assert fields(node, other) == "*/5 * * * *"
    (row,) = node.action("list-projects").output["projects"]
    assert (row["stage"], row["cron"], row["before_days"], row["tasks"]) == ("closed", "30m", 30, 2)


def test_an_audit_of_the_version_before_is_read_and_a_damaged_member_costs_only_itself(node: Node) -> None:
    project(node)
    task = node.save(project="wave1")
    counts = dict.fromkeys(("at", "folders", "messages", "bytes", "messages_there", "bytes_there"), 7)
    odd = {
        "renamed": [{"source": "a", "destination": "b"}, 3],
        "impossible": "x",
        "days": "y",
        "too_large": 2,
    }
    for more in ({}, odd):
        node.paths.audit(task).write_text(json.dumps(counts | more))
        (found,) = [row["audit"] for row in got(node)["mailboxes"]]
        assert {key: found[key] for key in counts} == counts
        assert (found["renamed_total"], found["too_large"]) == ((1, 2) if more else (0, None))
        assert (found["impossible"], found["days"], found["limit_bytes"]) == ([], None, None)


def test_a_folder_that_cannot_be_named_does_not_keep_the_others_from_being_counted() -> None:
    side = {"folders": 2, "messages": 7, "bytes": 70}
    odd = {"code": "folder_create", "folder": "a\\x00b"}
    found = {"renamed": [], "renamed_total": 0, "limit_bytes": 5, "too_large": 1}
    report: dict[str, Any] = {"exit_code": 117, "errors": [odd], "host1": side, "host2": side}
    assert diagnosis.informations(report)["host1Messages"] == 7
    assert diagnosis.foreseen(report | {"foreseen": found}) == found | {"impossible": ["a\\x00b"]}
    for errors in ([odd, {"code": "select"}], [], None):
        assert diagnosis.informations(report | {"errors": errors}) == {"status": False}


def test_a_task_keeps_its_project_when_it_is_changed_and_is_its_own_without_one(node: Node) -> None:
    project(node, stage="delta", cron="30m")
    task = node.save(project="wave1", cron="5m")
    assert node.store.load(task).cron == "30m"
    with node.store.locked():
        node.store.save(node.store.load(task)._replace(exclude="Spam"), None)
    assert "PROJECT=wave1" in node.paths.env(task).read_text()
    assert "30m" not in node.paths.env(task).read_text()
    node.save(cron="5m")
    assert fields(node, task) == "*/5 * * * *"


def test_a_project_that_is_lost_or_damaged_starts_nothing_and_costs_no_task(node: Node) -> None:
    project(node, stage="delta", cron="30m")
    task = node.save(project="wave1")
    for content in (b"\xff", b'{"stage": "nowhere"}', b"[]"):
        node.paths.project("wave1").write_bytes(content)
        assert node.store.load(task).cron == ""
        (row,) = node.action("list-projects").output["projects"]
        assert row["error"] is not None
        assert node.action("get-project", {"project": "wave1"}).output[0]["error"] == "project_not_found"
    (listed,) = node.action("list-tasks").output["user_properties"]
    assert (listed["project"], listed["error"]) == ("wave1", None)
    project(node, stage="delta", cron="30m")
    assert fields(node, task) == "*/30 * * * *"


@pytest.mark.parametrize(
    ("given", "field", "error"),
    [
        ({"stage": "soon"}, "stage", "invalid_value"),
        ({"cron": "60m"}, "cron", "invalid_schedule"),
        ({"before_days": 0}, "before_days", "invalid_value"),
        ({"jobs": 65}, "jobs", "invalid_value"),
        ({"paused": "yes"}, "paused", "invalid_value"),
        ({"title": "a\nb"}, "title", "invalid_value"),
        ({"project": ".x"}, "project", "invalid_value"),
    ],
)
def test_a_wrong_value_is_named_and_changes_nothing(
    node: Node, given: dict[str, object], field: str, error: str
) -> None:
    project(node, stage="delta", cron="30m")
    before = node.paths.project("wave1").read_bytes()
    refused = node.action("set-project", {"project": "wave1", **given})
    assert refused.exit_code == 10
    assert [(one["field"], one["error"]) for one in refused.output] == [(field, error)]
    assert node.paths.project("wave1").read_bytes() == before


def test_a_project_with_tasks_stays_and_one_without_goes(node: Node) -> None:
    project(node)
    task = node.save(project="wave1")
    refused = node.action("delete-project", {"project": "wave1"})
    assert (refused.exit_code, refused.output[0]["error"]) == (1, "project_in_use")
    with node.store.locked():
        node.store.forget(task)
    assert node.action("delete-project", {"project": "wave1"}).exit_code == 0
    assert node.action("list-projects").output == {"projects": []}
    assert node.action("delete-project", {"project": "wave1"}).exit_code == 0


def test_the_stage_narrows_the_run_and_is_remembered_with_it(idle: Node) -> None:
    (idle.home / "seconds").write_text("0")
    project(idle, stage="pre-stage", before_days=45)
    task = idle.save(project="wave1")
    idle.syncctl("start", task)
    project(idle, stage="full")
    idle.syncctl("start", task)
    first, second = map(json.loads, (idle.home / "words").read_text().splitlines())
    assert "--minage=45" in first
    assert not [word for word in second if word.startswith("--minage")]
    answer = got(idle)
    (mailbox,) = answer["mailboxes"]
    assert [run["stage"] for run in mailbox["runs"]] == ["pre-stage", "full"]
    assert [run["messages_transferred"] for run in mailbox["runs"]] == [3, 3]
    assert mailbox["result"]["stage"] == "full"


def test_no_more_tasks_of_a_project_run_at_a_time_than_it_allows(idle: Node) -> None:
    project(idle, jobs=1)
    wave = [idle.save(task_id=f"t{number}", project="wave1") for number in range(3)]
    other = idle.save(task_id="x")
    idle.syncctl("start", "--detach", *wave, other)
    until(lambda: all(files.is_locked(idle.paths.lock(name)) for name in (wave[0], other)))
    assert [files.is_locked(idle.paths.lock(name)) for name in wave] == [True, False, False]
    answer = got(idle)
    assert (answer["running"], answer["waiting"]) == (1, 2)
    (idle.home / "seconds").write_text("0")
    idle.syncctl("stop", wave[0], other)
    until(lambda: all(runtime.result(idle.paths, name) for name in wave[1:]))


def test_what_wants_attention_is_grouped_by_its_reason(node: Node) -> None:
    project(node, stage="full")
    ends = [(0, None), (161, "authentication"), (161, "authentication"), (125, "brake_vanished"), None]
    for number, end in enumerate(ends):
        task = node.save(task_id=f"t{number}", project="wave1")
        if end is not None:
            with node.store.locked():
                runtime.publish(node.paths, task, ended(*end), [], 0)
    answer = got(node, page=1, length=2)
    assert [(group["reason"], group["count"]) for group in answer["attention"]] == [
        ("authentication", 2),
        ("brake_vanished", 1),
    ]
    assert answer["attention"][1]["tasks"] == [{"localuser": "administrator", "task_id": "t3"}]
    assert {state: count for state, count in answer["states"].items() if count} == {
        "in_step": 1, "sign_in": 2, "failed": 1, "checked": 1,
    }  # fmt: skip
    assert (answer["mailboxes_total"], answer["mailboxes_complete"], answer["not_counted"]) == (5, 1, 4)
    assert [row["task_id"] for row in answer["mailboxes"]] == ["t0", "t1"]
    assert [row["task_id"] for row in got(node, page=3, length=2)["mailboxes"]] == ["t4"]
    refused = got(node, state="sign_in", length=1)
    assert (refused["mailboxes_found"], [row["task_id"] for row in refused["mailboxes"]]) == (2, ["t1"])
    assert refused["mailboxes_total"] == 5


def test_a_verification_that_found_faults_wants_attention_until_the_next_run(node: Node) -> None:
    project(node, stage="full")
    task = node.save(project="wave1")
    for ago, reasons in ((-5, ["verify"]), (5, [])):
        with node.store.locked():
            runtime.publish(node.paths, task, ended(0, None) | {"ended_at": 1e9 + ago}, [], 0)
            found = {"checked": 5, "equal": 4, "exceptions_total": 1, "exceptions": []}
            report = {"ended_at": 1e9, "exit_code": 121, "verify": found}
            runtime.keep_verification(node.paths, task, report, "headers", 121)
        assert [group["reason"] for group in got(node)["attention"]] == reasons


def ended(code: int, error: str | None, stage: str | None = "full") -> dict[str, Any]:
    return {
        "exit_code": code, "exit_name": "", "exit_text": "", "started_at": 1e9, "ended_at": 1e9 + 9,
        "seconds": 9.0, "messages_transferred": 1, "messages_skipped": 0, "messages_failed": 0,
        "bytes_transferred": 7, "messages_here": 1, "bytes_here": 7, "error": error, "stage": stage,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "word", "error", "ran_in", "wanted"),
    [
        ("full", "never", None, "", "checked"),
        ("pre-stage", "done", None, "pre-stage", "pre_staged"),
        ("full", "done", None, "pre-stage", "pre_staged"),
        ("delta", "done", None, "full", "in_step"),
        ("final", "done", None, "delta", "in_step"),
        ("final", "done", None, "final", "final_pass"),
        ("after", "done", None, "after", "final_pass"),
        ("closed", "done", None, "final", "closed"),
        ("closed", "failed", "connection", "final", "failed"),
        ("delta", "running", None, "full", "in_step"),
        ("delta", "server", "parked", "full", "parked"),
        ("delta", "failed", "authentication", "full", "sign_in"),
        ("delta", "failed", "token_expired", "full", "sign_in"),
        ("delta", "problems", None, "full", "failed"),
        ("delta", "interrupted", None, "full", "failed"),
    ],
)
def test_the_state_of_a_mailbox(stage: str, word: str, error: str | None, ran_in: str, wanted: str) -> None:
    failed = word in ("failed", "problems")
    end = {"exit_code": int(failed), "messages_failed": int(failed and error is None)}
    result = {"error": error, "stage": ran_in, "ended_at": 100.5, **end} if ran_in else None
    row: dict[str, Any] = {"condition": word, "result": result, "verified": None}
    assert overview.mailbox_state(stage, row) == wanted
    assert stage in projects.STAGES
    # One that was compared before its last run, or where mail is missing, is not verified.
    equal = {"at": 100, "checked": 5, "equal": 5, "differences": 0, "exit_code": 0}
    for verified in ({**equal, "at": 99}, {**equal, "exit_code": 121}):
        assert overview.mailbox_state(stage, row | {"verified": verified}) == wanted
    follows = wanted in ("pre_staged", "in_step", "final_pass")
    state = overview.mailbox_state(stage, row | {"verified": equal})
    assert state == ("verified" if follows else wanted)
    # What it does after that, such as a verification, does not make a failed run a good one.
    if failed and word == "failed":
        for later in ("waiting", "running", "stopped"):
            assert overview.mailbox_state(stage, row | {"condition": later}) == wanted


@pytest.mark.parametrize(
    ("stage", "ran_in", "complete"),
    [
        ("prepared", "full", False),
        ("pre-stage", "pre-stage", True),
        ("pre-stage", "delta", True),
        ("full", "pre-stage", False),
        ("full", None, True),
        ("delta", "full", False),
        ("delta", "delta", True),
        ("final", "delta", False),
        ("after", "final", False),
        ("after", "after", True),
        ("closed", "final", True),
    ],
)
def test_a_mailbox_is_complete_when_its_last_run_was_of_this_stage(
    stage: str, ran_in: str | None, complete: bool
) -> None:
    result = {"error": None, "stage": ran_in, "ended_at": 100.5, "exit_code": 0, "messages_failed": 0}
    row: dict[str, Any] = {"condition": "done", "result": result, "verified": None}
    assert overview.is_complete(stage, row) is complete
    assert not overview.is_complete(stage, row | {"condition": "failed"})
    assert not overview.is_complete(stage, row | {"condition": "never", "result": None})


def test_the_foretold_end_of_ten_very_different_projects_is_near_from_the_first_tenth_on() -> None:
    errors = []
    for seed in range(10):
        errors += simulated(random.Random(seed))
    assert statistics.median(errors) < 0.15


def simulated(chance: random.Random) -> list[float]:
    """Copy a project by a few workers; give how far the foretold whole time is from what it becomes."""
    sizes = [int(chance.lognormvariate(20, chance.uniform(0.5, 1.6))) for _ in range(chance.randint(30, 300))]
    jobs, speed = chance.randint(2, 8), chance.uniform(1e6, 2e7)
    each_s = chance.uniform(1, 60)
    waiting = list(sizes)
    chance.shuffle(waiting)
    left = list(waiting)
    running: list[list[float]] = []  # [size, done, seconds of beginning left, own speed]
    done: list[int] = []
    looks, now, step = [], 0.0, sum(sizes) / speed / jobs / 400
    while left or running:
        while left and len(running) < jobs:
            running.append([float(left.pop()), 0.0, each_s, speed * chance.uniform(0.6, 1.4)])
        now += step
        for one in running:
            begin = min(one[2], step)
            one[2] -= begin
            one[1] = min(one[0], one[1] + (step - begin) * one[3])
        done += [int(one[0]) for one in running if one[1] >= one[0]]
        running = [one for one in running if one[1] < one[0]]
        parts = [Part(size, size, complete=True) for size in done]
        parts += [Part(int(one[0]), int(one[1]), complete=False) for one in running]
        parts += [Part(size, 0, complete=False) for size in left]
        if sum(part.done for part in parts) >= sum(sizes) / 10 and (left or running):
            found = overview.forecast(parts, now)
            assert found is not None
            assert found.earliest_s <= found.latest_s
            looks.append((now, now + (found.earliest_s + found.latest_s) / 2))
    return [abs(foretold - now) / now for _, foretold in looks]


def test_nothing_is_foretold_too_early_and_a_range_while_it_is_uncertain() -> None:
    assert overview.forecast([], 10) is None
    assert overview.forecast([Part(None, 0, complete=False)], 10) is None
    assert overview.forecast([Part(1000, 0, complete=False)] * 10, 10) is None
    known = [Part(1000, 1000, complete=True)] * 2
    unknown = overview.forecast([*known, *[Part(None, 0, complete=False)] * 8], 10)
    assert unknown is not None
    assert unknown.earliest_s < unknown.latest_s
    near = overview.forecast([*[Part(1000, 1000, complete=True)] * 99, Part(1000, 0, complete=False)], 99)
    assert near is not None
    assert near.earliest_s == near.latest_s == pytest.approx(1, rel=0.1)


@pytest.mark.servers
def test_an_audit_counts_both_accounts_and_names_who_could_not_be(
    mail: Node, remote: Dovecot, local: Dovecot
) -> None:
    local.add_user("eve", "x")
    project(mail, stage="full")
    good = request(
        localuser="bob", task_id="a", remotehostname=remote.host, remoteport=remote.port, security="",
        remoteusername="anna", remotepassword="remote secret", exclude="", project="wave1",
    )  # fmt: skip
    mail.save(**good)
    mail.save(**{**good, "localuser": "eve", "task_id": "b", "remotepassword": "wrong"})
    with remote.client("anna") as client:
        client.append(b"INBOX", [NewMessage(b"Message-Id: <%d@x>\r\n\r\nhello\r\n" % n) for n in range(3)])
    audited = mail.action("audit-project", {"project": "wave1"})
    assert audited.output == {"audited": 1, "failed": [{"localuser": "eve", "task_id": "b"}]}
    answer = got(mail)
    counted, not_counted = (row["audit"] for row in answer["mailboxes"])
    assert (counted["messages"], counted["messages_there"], not_counted) == (3, 0, None)
    assert (counted["renamed"], counted["impossible"], counted["days"]) == ([], [], None)
    assert answer["bytes_total"] == counted["bytes"] > 0
    assert (answer["bytes_done"], answer["not_counted"]) == (0, 1)
    mail.syncctl("start", "bob_a")
    answer = got(mail)
    assert (answer["bytes_done"], answer["mailboxes_complete"]) == (answer["bytes_total"], 1)
    assert mail.action("audit-project", {"project": "wave1", "again": True}).output["audited"] == 1
    assert got(mail)["mailboxes"][0]["audit"]["messages_there"] == 3

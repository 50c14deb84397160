"""Tasks of an agent, seen through Redis: order, protocol, results, cancellation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import wait_until

if TYPE_CHECKING:
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode


def test_normal_sequence_and_joined_outputs(probe: Module) -> None:
    probe.step("two", "10a", "printf '{\"a\":'; echo one >&2")
    probe.step("two", "20b", "printf '1}'; echo two >&2")
    done = probe.run("two")
    assert done.statuses == [
        ("pending", 0),
        ("running", 0),
        ("running", 50),
        ("running", 100),
        ("completed", 100),
    ]
    assert (done.output, done.error, done.exit_code) == ('{"a":1}', "one\ntwo\n", 0)


def test_steps_run_in_bytewise_order(probe: Module) -> None:
    for name in ("a", "A", "9x", "10x", "05x"):
        probe.step("order", name, f"printf {name},")
    assert probe.run("order").output == "05x,10x,9x,A,a,"


def test_module_step_replaces_core_step_of_the_same_name(probe: Module) -> None:
    probe.step("get-name", "20read", "echo '\"mine\"'")
    try:
        assert probe.run("get-name").value == "mine"
    finally:
        shutil.rmtree(probe.install / "actions/get-name")
    assert probe.run("get-name").value == {"name": ""}


def test_unknown_action_is_exit_8(probe: Module) -> None:
    done = probe.run("no-such")
    assert done.statuses == [("pending", 0), ("aborted", 0)]
    assert (done.exit_code, done.error, done.output) == (8, "Action no-such is not defined", "")


@pytest.mark.parametrize("name", ["../actions/two", ".", "..", "two/"])
def test_action_names_never_leave_the_folder(probe: Module, name: str) -> None:
    assert probe.run(name).exit_code == 8


def test_step_that_cannot_be_executed_is_skipped(probe: Module) -> None:
    probe.step("skip", "10plain", "echo no", mode=0o644)
    probe.step("skip", "20nointerpreter", "#!/no/such/interpreter\n")
    done = probe.run("skip")
    assert (done.exit_code, done.output, done.statuses[-1]) == (0, "", ("completed", 100))


def test_failing_step_aborts_with_its_code_at_its_progress(probe: Module) -> None:
    probe.step("fail", "10ok", "true")
    probe.step("fail", "20fail", "echo partial; exit 7")
    probe.step("fail", "30never", "touch never")
    done = probe.run("fail")
    assert done.statuses[-1] == ("aborted", 33)
    assert (done.exit_code, done.output) == (7, "partial\n")
    assert not (probe.state / "never").exists()


def test_death_by_signal_is_minus_one(probe: Module) -> None:
    probe.step("die", "10die", "kill -9 $$")
    assert probe.run("die").exit_code == -1


def test_input_is_compact_json_or_null(probe: Module) -> None:
    probe.step("echo", "10cat", "cat")
    assert probe.run("echo", {"b": 1, "a": "ü"}).output == '{"a":"ü","b":1}'
    assert probe.run("echo").output == "null"


def test_step_that_does_not_read_its_input(probe: Module) -> None:
    probe.step("deaf", "10", "exec true")
    assert probe.run("deaf", {"long": "x" * 300_000}).exit_code == 0


def test_progress_and_weights_with_crlf_lines(probe: Module) -> None:
    probe.python(
        "weights", "10first", "import agent\nagent.set_weight('20second', 3)\nagent.set_progress(40)"
    )
    probe.step("weights", "20second", "true")
    done = probe.run("weights")
    assert [percent for status, percent in done.statuses if status == "running"] == [0, 10, 25, 100]


def test_command_with_quoted_name(probe: Module) -> None:
    probe.step("quoted", "10 x", "printf 'set-weight \"10 x\" 0\\r\\nbad command\\nset-env A B\\n' >&3")
    probe.step("quoted", "20y", "true")
    done = probe.run("quoted")
    assert ("running", 0) in done.statuses[2:]
    assert done.exit_code == 0


def test_all_weights_zero_keeps_progress_at_zero(probe: Module) -> None:
    probe.step("zero", "10x", "echo set-weight 10x 0 >&3")
    assert [percent for _, percent in probe.run("zero").statuses] == [0, 0, 0, 100]


def test_validation_failed_by_a_step(probe: Module) -> None:
    probe.python(
        "refuse",
        "10check",
        "import agent, json, sys\nagent.set_status('validation-failed')\n"
        "json.dump([{'field': 'f', 'parameter': 'f', 'value': 1, 'error': 'bad'}], sys.stdout)\nsys.exit(3)",
    )
    probe.step("refuse", "20never", "echo never")
    done = probe.run("refuse")
    assert (done.statuses[-1][0], done.exit_code) == ("validation-failed", 3)
    assert done.value[0]["error"] == "bad"


def test_validation_failed_with_exit_zero_becomes_ten(probe: Module) -> None:
    probe.step("refuse0", "10check", "echo set-status validation-failed >&3")
    probe.step("refuse0", "20never", "echo never")
    done = probe.run("refuse0")
    assert (done.statuses[-1][0], done.exit_code, done.output) == ("validation-failed", 10, "")


def test_input_schema_answers_before_running(probe: Module) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    probe.step("checked", "validate-input.json", json.dumps(schema), mode=0o644)
    probe.step("checked", "10run", "touch ran")
    done = probe.run("checked", {})
    assert done.statuses == [("pending", 0), ("validation-failed", 0)]
    assert done.exit_code == 10
    assert done.value == [{"parameter": "(root)", "error": "(root)_required", "value": {}, "field": "(root)"}]
    assert done.error == "Validation errors: [(root): name is required]"
    assert not (probe.state / "ran").exists()


def test_broken_schema_aborts(probe: Module) -> None:
    probe.step("broken", "validate-input.json", '{"type": ', mode=0o644)
    probe.step("broken", "10run", "true")
    done = probe.run("broken", {})
    assert (done.statuses[-1][0], done.exit_code) == ("aborted", 1)


@pytest.mark.parametrize(
    ("printed", "error"),
    [
        ("nonsense", "JSON Schema output validation aborted"),
        ('"text"', "Validation errors: [(root): Invalid type."),
    ],
)
def test_output_schema_keeps_the_output(probe: Module, printed: str, error: str) -> None:
    probe.step("printing", "validate-output.json", '{"type": "object"}', mode=0o644)
    probe.step("printing", "10print", f"printf '%s' '{printed}'")
    done = probe.run("printing")
    assert (done.statuses[-1][0], done.exit_code, done.output) == ("aborted", 1, printed)
    assert error in done.error


def test_environment_is_read_again_for_each_step_and_mirrored(probe: Module) -> None:
    probe.python(
        "env", "10set", "import agent, os\nagent.set_env('FRESH', 'a=b')\nassert 'FRESH' not in os.environ"
    )
    probe.step(
        "env", "20read", 'printf %s "$FRESH/$AGENT_TASK_ACTION/$AGENT_ID/$AGENT_COMFD/$AGENT_TASK_USER/$PWD"'
    )
    done = probe.run("env", user="admin")
    assert done.output == f"a=b/env/module/{probe.module_id}/3/admin/{probe.state}"
    assert probe.caller.connection.hget(f"module/{probe.module_id}/environment", "FRESH") == "a=b"
    probe.python("unset", "10unset", "import agent\nagent.unset_env('FRESH')")
    probe.run("unset")
    assert probe.caller.connection.hget(f"module/{probe.module_id}/environment", "FRESH") is None


def test_commented_assignment_is_passed_on_like_on_a_node(probe: Module) -> None:
    with (probe.state / "environment").open("a") as stream:
        stream.write("#HIDDEN=x\nno assignment\n")
    probe.python("comment", "10", "import os\nprint(os.environ['#HIDDEN'], end='')")
    assert probe.run("comment").output == "x"


def test_context_masks_secrets_and_results_expire(probe: Module) -> None:
    probe.step("secret", "10", "cat")
    data = {"remotepassword": "p", "list": [{"MonkeyPass": ["x"], "apikey": 1}], "token1": "shown"}
    done = probe.run("secret", data)
    context = json.loads(str(probe.caller.key(done.task_id, "context")))
    assert context["data"] == {
        "remotepassword": "XXX",
        "list": [{"MonkeyPass": "XXX", "apikey": "XXX"}],
        "token1": "shown",
    }
    assert done.value == data
    for name in ("context", "output", "error", "exit_code"):
        assert 28000 < probe.caller.ttl(done.task_id, name) <= 28800


def test_long_step_beats_and_two_run_side_by_side(probe: Module) -> None:
    probe.step(
        "meet",
        "10wait",
        "touch here.$AGENT_TASK_ID; while [ $(ls here.* | wc -l) -lt 2 ]; do sleep 0.05; done",
    )
    first, second = probe.caller.queue("meet"), probe.caller.queue("meet")
    assert [probe.caller.outcome(task).exit_code for task in (first, second)] == [0, 0]
    probe.step("slow", "10wait", "sleep 5.5")
    assert probe.run("slow").statuses.count(("running", 0)) == 2


def test_background_child_that_holds_stdout_keeps_the_task_running(probe: Module) -> None:
    probe.step("leak", "10", "( while [ ! -e go ]; do sleep 0.05; done ) & exit 0")
    task = probe.caller.queue("leak")
    wait_until(lambda: probe.caller.key(task, "context") is not None)
    assert probe.run("list-actions").exit_code == 0
    assert probe.caller.key(task, "exit_code") is None
    (probe.state / "go").touch()
    assert probe.caller.outcome(task).exit_code == 0


def test_cancel_ends_the_step_and_stays(probe: Module) -> None:
    probe.step(
        "long", "10trap", "trap 'echo survived; exit 0' TERM; touch started; while :; do sleep 0.05; done"
    )
    probe.step("long", "20next", "exec sleep 30")
    task = probe.caller.queue("long")
    wait_until((probe.state / "started").exists)
    cancelled = probe.run("cancel-task", {"task": task})
    assert (cancelled.exit_code, cancelled.output) == (0, "")
    done = probe.caller.outcome(task)
    assert (done.exit_code, done.output) == (-1, "survived\n")
    assert 0 < probe.caller.ttl(cancelled.task_id, "context") <= 60


@pytest.mark.parametrize(("data", "code"), [({"task": "unknown"}, 2), ({}, 10), (None, 10)])
def test_cancel_of_nothing_is_a_validation_error(probe: Module, data: object, code: int) -> None:
    done = probe.run("cancel-task", data)
    assert (done.statuses[-1][0], done.exit_code) == ("validation-failed", code)


def test_list_actions_names_core_and_module_actions(probe: Module) -> None:
    names = probe.run("list-actions").value
    assert {"get-status", "configure-module", "cancel-task", "list-actions"} <= set(names)


def test_undecodable_item_leaves_no_trace(probe: Module) -> None:
    probe.caller.connection.lpush(f"module/{probe.module_id}/tasks", "{nonsense")
    assert probe.run("list-actions").exit_code == 0


def test_busy_agent_rejects(probe: Module) -> None:
    agent_env = probe.state / "agent.env"
    before = agent_env.read_text()
    agent_env.write_text(before + "MAX_CONCURRENCY=1\nOVERLOAD_SLEEP=50\n")
    try:
        probe.shell("systemctl", "--user", "restart", "agent")
        probe.step("hold", "10", "while [ ! -e released ]; do sleep 0.05; done")
        task = probe.caller.queue("hold")
        wait_until(lambda: probe.caller.key(task, "context") is not None)
        done = probe.run("echo")
        assert (done.statuses, done.exit_code) == ([("aborted", 0)], 11)
        assert done.error == "Agent is busy. Action echo rejected!"
        (probe.state / "released").touch()
        assert probe.caller.outcome(task).exit_code == 0
    finally:
        agent_env.write_text(before)
        probe.shell("systemctl", "--user", "restart", "agent")
        wait_until(probe.caller.is_connected)


def test_event_runs_handlers_outside_of_tasks(probe: Module) -> None:
    probe.step("thing-changed", "10x", "cat > event; env > event.env; exit 4", kind="events")
    probe.step("thing-changed", "20y", "touch event.never", kind="events")
    probe.caller.connection.publish("module/mail9/event/thing-changed", '{"a": 1}')
    wait_until(
        lambda: (
            (probe.state / "event.env").exists() and "AGENT_COMFD" in (probe.state / "event.env").read_text()
        )
    )
    assert (probe.state / "event").read_text() == '{"a": 1}'
    environment = (probe.state / "event.env").read_text()
    assert "AGENT_EVENT_NAME=thing-changed\n" in environment
    assert "AGENT_EVENT_SOURCE=module/mail9\n" in environment
    assert "AGENT_COMFD=2\n" in environment
    assert "AGENT_TASK_ID" not in environment
    assert probe.run("list-actions").exit_code == 0
    assert not (probe.state / "event.never").exists()


def test_usr1_lets_running_tasks_finish(probe: Module) -> None:
    probe.step(
        "lasting", "10", "touch lasting.begun; while [ ! -e lasting.go ]; do sleep 0.05; done; echo done"
    )
    task = probe.caller.queue("lasting")
    wait_until((probe.state / "lasting.begun").exists)
    probe.shell("systemctl", "--user", "kill", "--kill-whom=main", "--signal=USR1", "agent")
    (probe.state / "lasting.go").touch()
    assert probe.caller.outcome(task).output == "done\n"
    wait_until(probe.caller.is_connected)
    assert probe.run("list-actions").exit_code == 0


def test_agent_comes_back_after_a_kill(probe: Module) -> None:
    pid = probe.shell("systemctl", "--user", "show", "--property=MainPID", "--value", "agent").stdout.strip()
    Path(f"/proc/{pid}").stat()
    probe.shell("systemctl", "--user", "kill", "--signal=KILL", "agent")
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    wait_until(probe.caller.is_connected)
    assert probe.run("list-actions").exit_code == 0

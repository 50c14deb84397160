"""The `agent` package as a step meets it: names, shapes and failure modes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import wait_until

if TYPE_CHECKING:
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode


def python(probe: Module, code: str) -> str:
    """Run a piece of Python in the environment of the module."""
    return probe.shell("python3", "-c", code).stdout


def test_only_what_a_node_has_can_be_imported(probe: Module) -> None:
    done = probe.shell(
        "python3", "-c", "import redis, aiohttp, jsonschema, jinja2, agent, agent.tasks, agent.facts"
    )
    assert done.returncode == 0
    for name in ("crontab", "pytest", "devnode", "imapsync"):
        assert probe.shell("python3", "-c", f"import {name}", check=False).returncode == 1, name


def test_envfile_round_trip_and_edges(probe: Module) -> None:
    code = """
import agent, os, warnings
open("f", "w").write("\\n# note\\nB=x=y\\nA= z \\n")
os.chmod("f", 0o640)
assert agent.read_envfile("f") == {"B": "x=y", "A": " z "}
agent.write_envfile("f", {"Z": 1, "A": "b"})
assert open("f").read() == "A=b\\nZ=1\\n" and os.stat("f").st_mode & 0o777 == 0o640
open("g", "w").write("nonsense\\n")
with warnings.catch_warnings(record=True) as seen:
    assert agent.read_envfile("g") == {} and len(seen) == 1
try:
    agent.read_envfile("missing")
except FileNotFoundError:
    print("ok")
"""
    assert python(probe, code) == "ok\n"


def test_safe_open_leaves_the_old_file_after_an_exception(probe: Module) -> None:
    code = """
import agent.safeio, os
open("s", "w").write("old")
try:
    with agent.safeio.safe_open("s", "w") as stream:
        stream.write("new")
        raise RuntimeError
except RuntimeError:
    print(open("s").read(), [name for name in os.listdir() if name.startswith(".s.")])
"""
    assert python(probe, code) == "old []\n"


def test_assert_exp_leaves_with_two_and_is_no_exception(probe: Module) -> None:
    code = "import agent\ntry:\n    agent.assert_exp(False, 'because')\nexcept Exception:\n    pass"
    done = probe.shell("python3", "-c", code, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("because\n")


def test_run_helper_prints_to_stderr_and_relays_progress(probe: Module) -> None:
    code = """
import agent
seen = []
script = "echo out; echo set-progress 5 >&$AGENT_COMFD; exit 3"
done = agent.run_helper("sh", "-c", script, progress_callback=seen.append)
print(done.returncode, seen)
try:
    agent.run_helper("no-such-program", log_command=False)
except FileNotFoundError:
    print("missing")
"""
    done = probe.shell("python3", "-c", code)
    assert done.stdout == "3 [5]\nmissing\n"
    assert done.stderr.startswith("<6>sh -c ")
    assert "out\n" in done.stderr
    assert "no-such-program" not in done.stderr


def test_image_names(probe: Module) -> None:
    code = """
import agent
print(agent.get_image_name_from_url("ghcr.io/nethserver/imapsync-binary:1.0"))
for url in ("imapsync", "imapsync:1", "ghcr.io/nethserver/imapsync"):
    try:
        print(agent.get_image_name_from_url(url))
    except ValueError:
        print("ValueError")
"""
    assert python(probe, code).split() == ["imapsync-binary", "ValueError", "ValueError", "ValueError"]


def test_resolve_agent_id(probe: Module) -> None:
    code = """
import agent, warnings
warnings.simplefilter("ignore")
words = ("self", "node", "probe@cluster", "nothing@node", "7", "mail1", "cluster")
print([agent.resolve_agent_id(word) for word in words])
"""
    own = f"module/{probe.module_id}"
    expected = [own, "node/1", own, None, "node/7", "module/mail1", "cluster"]
    assert python(probe, code).strip() == str(expected)


def test_redis_rights_are_those_of_a_node(probe: Module) -> None:
    code = """
import agent, os, redis
own, other = os.environ["AGENT_ID"], "module/other1"
def denied(call):
    try:
        call()
    except redis.exceptions.NoPermissionError:
        return True
    return False
d, p = agent.redis_connect(), agent.redis_connect(privileged=True)
for call in (
    lambda: d.set("module/x/y", 1), lambda: d.hgetall("roles/admin"), lambda: d.get("task/x"),
    lambda: p.set(f"{other}/k", 1), lambda: p.publish(f"{other}/event/x", "1"), lambda: p.get("roles/x"),
    lambda: p.set(f"{own}/k", 1), lambda: p.publish(f"{own}/event/x", "1"), lambda: d.get("cluster/network"),
):
    print(denied(call))
"""
    assert python(probe, code).split() == ["True"] * 6 + ["False"] * 3


def test_service_providers(probe: Module) -> None:
    rdb = probe.caller.connection
    rdb.hset(
        "module/mail7/srv/tcp/imap", mapping={"host": "127.0.0.9", "port": "143", "module_uuid": "stale"}
    )
    rdb.hset("module/mail8/srv/tcp/imap", mapping={"host": "127.0.0.9", "port": "143"})
    rdb.hset("cluster/module_uuid", mapping={"mail7": "u", "mail8": "u"})
    rdb.hset("cluster/module_node", "mail7", "1")
    try:
        code = """
import agent, json
rdb = agent.redis_connect(use_replica=True)
print(json.dumps([agent.list_service_providers(rdb, "imap", "tcp"),
    [item["module_id"] for item in agent.list_service_providers(rdb, "imap", filters={"module_uuid": "u"})],
    agent.list_service_providers(rdb, "imap", filters={"module_uuid": "stale"}),
    agent.list_service_providers(rdb, "nothing")]))
"""
        everything, by_uuid, by_stale, nothing = json.loads(python(probe, code))
    finally:
        rdb.delete("module/mail7/srv/tcp/imap", "module/mail8/srv/tcp/imap")
        rdb.hdel("cluster/module_uuid", "mail7", "mail8")
        rdb.hdel("cluster/module_node", "mail7")
    assert everything[0] == {
        "host": "127.0.0.9",
        "port": "143",
        "transport": "tcp",
        "module_id": "mail7",
        "module_seq": 7,
        "module_uuid": "u",
        "node": "1",
        "ui_name": None,
    }
    assert (by_uuid, by_stale, nothing) == (["mail8"], [], [])


def test_tasks_between_modules_go_through_the_api(probe: Module) -> None:
    probe.step("answer", "10", "cat; exit 4")
    call = "import agent.tasks, json; print(json.dumps(agent.tasks.run('{0}', '{1}', {2})))"
    own = f"module/{probe.module_id}"
    probe.caller.connection.sadd(f"{own}/roles/selfadm", "answer", "text")
    result = json.loads(python(probe, call.format(own, "answer", "{'a': 1}")))
    assert result == {"output": {"a": 1}, "error": "", "exit_code": 4}
    assert (probe.state / "apitoken.cache").stat().st_mode & 0o777 == 0o600
    probe.step("text", "10", "echo no json")
    assert json.loads(python(probe, call.format(own, "text", "{}")))["output"] == "no json\n"


def test_missing_data_is_an_empty_object_and_parent_is_passed(probe: Module) -> None:
    probe.step("child", "10", "cat")
    probe.caller.connection.sadd(f"module/{probe.module_id}/roles/selfadm", "child")
    probe.python(
        "parent",
        "10",
        "import agent.tasks, json, os, sys\n"
        "json.dump([agent.tasks.run(os.environ['AGENT_ID'], 'child')['output'],"
        " agent.tasks.run_nowait(os.environ['AGENT_ID'], 'child')], sys.stdout)",
    )
    done = probe.run("parent")
    output, path = done.value
    assert output == {}
    child = path.rpartition("/")[2]
    assert path == f"module/{probe.module_id}/task/{child}"
    assert probe.caller.outcome(child).exit_code == 0
    context = json.loads(str(probe.caller.key(child, "context")))
    assert (context["parent"], context["user"]) == (done.task_id, f"module/{probe.module_id}")


@pytest.mark.parametrize(
    ("agent_id", "action", "error"),
    [("cluster", "add-module", "403"), ("module/nothing1", "x", "403"), ("self", "not-granted", "403")],
)
def test_missing_grants_raise(probe: Module, agent_id: str, action: str, error: str) -> None:
    code = f"""
import agent, agent.tasks, aiohttp
try:
    agent.tasks.run(agent.resolve_agent_id("{agent_id}"), "{action}")
except aiohttp.ClientResponseError as error:
    print(error.status)
"""
    assert python(probe, code).strip() == error


def test_several_tasks_return_exceptions_as_items(probe: Module) -> None:
    code = """
import agent.tasks, os
own = os.environ["AGENT_ID"]
tasks = [{"agent_id": own, "action": "child"}, {"agent_id": "cluster", "action": "add-module"}]
first, second = agent.tasks.runp(tasks)
print(first["exit_code"], type(second).__name__)
print(agent.tasks.runp_brief(tasks), agent.tasks.runp_brief(tasks[1:]))
"""
    probe.step("child", "10", "cat")
    probe.caller.connection.sadd(f"module/{probe.module_id}/roles/selfadm", "child")
    assert python(probe, code).split() == ["0", "ClientResponseError", "1", "1"]


def test_redis_endpoint_is_closed_to_modules(probe: Module) -> None:
    code = """
import agent.tasks, os, redis
try:
    agent.tasks.run(os.environ["AGENT_ID"], "child", endpoint="redis://cluster-leader")
except redis.exceptions.NoPermissionError:
    print("denied")
"""
    assert python(probe, code) == "denied\n"


def test_sigterm_in_a_parent_cancels_its_children(probe: Module) -> None:
    probe.step("longchild", "10", "touch child.started; exec sleep 30")
    probe.caller.connection.sadd(f"module/{probe.module_id}/roles/selfadm", "longchild", "cancel-task")
    probe.python(
        "longparent",
        "10",
        "import agent.tasks, os\nprint(agent.tasks.run(os.environ['AGENT_ID'], 'longchild')['exit_code'])",
    )
    task = probe.caller.queue("longparent")
    wait_until((probe.state / "child.started").exists)
    probe.run("cancel-task", {"task": task})
    assert probe.caller.outcome(task).output == "-1\n"


def test_facts_are_stable_pseudonyms(probe: Module) -> None:
    code = """
import agent.facts as f
print(f.pseudo_string("anna") == f.pseudo_string("anna") != "anna")
print(f.pseudo_domain("a.example.org"), f.pseudo_ip("10.0.0.1"))
"""
    same, domain, address = python(probe, code).split()
    assert same == "True"
    assert domain.endswith(".org")
    assert "example" not in domain
    assert address != "10.0.0.1"


def test_module_commands_see_their_own_environment(probe: Module) -> None:
    done = probe.shell("env", text="")
    environment = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert environment["AGENT_ID"] == f"module/{probe.module_id}"
    assert environment["PATH"].split(":")[0] == f"{probe.install}/bin"
    assert environment["PYTHONPATH"] == f"{probe.install}/pypkg"
    assert "AGENT_TASK_ID" not in environment
    assert environment["HOME"] == str(probe.install.parent)
    assert shutil.which("redis-exec", path=environment["PATH"]) == str(probe.node.bin / "redis-exec")

"""Command line tools as people and robot suites use them."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import tool, wait_until

if TYPE_CHECKING:
    from devnode.settings import Node
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode


def test_add_module_prints_a_python_dict(installed: dict[str, str]) -> None:
    assert installed["image_name"] == "probe"
    assert re.fullmatch(r"probe\d+", installed["module_id"])
    assert list(installed) == ["module_id", "module_uuid", "image_name", "image_url"]


def test_api_cli_output_and_exit_codes(node: Node, probe: Module) -> None:
    own = f"module/{probe.module_id}"
    probe.step("cli", "10", "cat; echo words >&2; exit 5")
    done = tool(node, "api-cli", "run", f"{own}/cli", "--data", '{"a": "ü"}', check=False)
    assert (done.returncode, done.stdout, done.stderr) == (5, '{"a": "\\u00fc"}\n', "words\n\n")
    done = tool(node, "api-cli", "run", "cli", "-a", own, "-d", "-", text="[1]", check=False)
    assert (done.returncode, done.stdout) == (5, "[1]\n")
    probe.step("cliraw", "10", "echo plain; echo quiet >&2")
    done = tool(node, "api-cli", "run", f"{own}/cliraw")
    assert (done.stdout, done.stderr) == ('"plain\\n"\n', "")
    assert tool(node, "api-cli", "run", "--raw", f"{own}/cliraw").stdout == "plain\n\n"
    probe.step("clinull", "10", "cat")
    assert tool(node, "api-cli", "run", f"{own}/clinull").stdout == "null\n"


def test_api_cli_failures_are_one_line(node: Node, probe: Module) -> None:
    done = tool(node, "api-cli", "run", "module/nothing1/x", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("TaskSubmissionCheckFailed: ")
    assert len(done.stderr.splitlines()) == 1
    done = tool(node, "api-cli", "run", "x", "-d", "{", check=False)
    assert done.returncode == 1
    done = probe.shell("api-cli", "run", "cluster/add-module", check=False)
    assert (done.returncode, done.stderr) == (1, "You are not authorized to run cluster/add-module\n")


def test_api_cli_with_a_login(node: Node, probe: Module) -> None:
    tool(node, "api-cli", "login", "-u", "admin", "-p", "Nethesis,1234")
    try:
        done = tool(node, "api-cli", "run", f"module/{probe.module_id}/get-name")
        assert done.stdout == '{"name": ""}\n'
    finally:
        tool(node, "api-cli", "logout")
    done = tool(node, "api-cli", "login", "-u", "admin", "-p", "wrong", check=False)
    assert done.returncode == 1


def test_api_cli_costs_little(node: Node, probe: Module) -> None:
    def cpu_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        tool(node, "api-cli", "run", f"module/{probe.module_id}/list-actions")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(cpu_seconds() for _ in range(3)) < 0.5  # 0.2 on an idle machine


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_api_cli_cancels_its_task(node: Node, probe: Module, number: signal.Signals) -> None:
    mark = probe.state / f"interrupted.{number}"
    probe.step("interrupted", "10", f"touch {mark}; exec sleep 30")
    command = [str(node.bin / "api-cli"), "run", f"module/{probe.module_id}/interrupted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_until(mark.exists)
        process.send_signal(number)
        assert process.wait(10) == 255
        process.communicate()


def test_nowait_gives_the_task_path(node: Node, probe: Module) -> None:
    done = tool(node, "api-cli", "run", "--nowait", f"module/{probe.module_id}/list-actions")
    assert re.fullmatch(rf"task/module/{probe.module_id}/[0-9a-f-]{{36}}\n", done.stdout)


def test_runagent(node: Node, probe: Module) -> None:
    assert probe.shell("cat", text="through\n").stdout == "through\n"
    assert probe.shell("pwd").stdout.strip() == str(probe.state)
    assert probe.shell("sh", "-c", "exit 9", check=False).returncode == 9
    done = tool(node, "runagent", "-m", "nothing1", "true", check=False)
    assert (done.returncode, done.stderr) == (1, "[FATAL] Cannot find module nothing1 in the local node\n")
    assert tool(node, "runagent", "-m", probe.module_id, check=False).returncode == 2
    assert tool(node, "runagent", "printenv", "AGENT_ID").stdout == "cluster\n"
    assert probe.module_id in tool(node, "runagent", "-l").stdout
    inside = probe.shell("runagent", "-m", "mail1", "printenv", "AGENT_ID")
    assert inside.stdout == f"module/{probe.module_id}\n"
    assert "ignored" in inside.stderr


def test_redis_tools(node: Node, probe: Module) -> None:
    own = f"module/{probe.module_id}"
    assert probe.shell("redis-exec", "SET", f"{own}/word", "a b").stdout == "True\n"
    assert probe.shell("redis-exec", text=f'SADD {own}/set "x y"\nSCARD {own}/set\n').stdout == "1\n1\n"
    assert tool(node, "redis-get", f"{own}/word").stdout == "a b\n"
    assert tool(node, "redis-hgetall", f"{own}/environment").stdout.count("MODULE_ID") == 1
    assert probe.shell("redis-cli", "GET", f"{own}/word").stdout == "a b\n"
    done = probe.shell("redis-exec", "SET", "module/other1/x", "1", check=False)
    assert done.returncode == 1
    with subprocess.Popen([str(node.bin / "redis-dump"), f"{own}/word"], stdout=subprocess.PIPE) as dump:
        assert dump.stdout is not None
        content = dump.stdout.read()
    subprocess.run([str(node.bin / "redis-restore"), f"{own}/copy"], input=content, check=True)
    assert tool(node, "redis-get", f"{own}/copy").stdout == "a b\n"


def test_grants(node: Node, probe: Module) -> None:
    words = ("--action", "sync-*", "--on", f"module/{probe.module_id}", "--to", "reader")
    key = f"module/{probe.module_id}/roles/reader"
    tool(node, "grant-actions", *words)
    assert probe.caller.connection.sismember(key, "sync-*")
    tool(node, "revoke-actions", *words)
    assert not probe.caller.connection.sismember(key, "sync-*")

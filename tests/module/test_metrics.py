"""What Prometheus is told, and what it makes of it: by the real one and its promtool."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from tests.module.conftest import IMAGEROOT, ROOT
from tests.module.waiting import until
from tests.servers.base import free_port

from imapsync_tasks import metrics, runtime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.module.conftest import Node

ENDED: dict[str, Any] = {
    "exit_name": "EX_OK", "exit_text": "", "seconds": 1.0, "error": None,
    "messages_transferred": 3, "messages_skipped": 0, "messages_failed": 0, "bytes_transferred": 99,
}  # fmt: skip


def ended(node: Node, name: str, code: int = 0, **changes: object) -> None:
    now = time.time()
    result = {**ENDED, "exit_code": code, "started_at": now - 1, "ended_at": now, **changes}
    with node.store.locked():
        runtime.publish(node.paths, name, result, [], 0)


def told(node: Node, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AGENT_STATE_DIR", str(node.state))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.Instance(node.store))
    return generate_latest(registry).decode()


def test_numbers_tell_how_it_stands_and_name_no_mailbox(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    good, refused, held = (node.save(task_id=f"t{number}") for number in range(3))
    node.save(task_id="t3")
    ended(node, good)
    ended(node, refused, 161, error="authentication")
    ended(node, held, 125, error="brake_vanished", messages_failed=4)
    text = told(node, monkeypatch)
    for line in (
        'imapsync_tasks{condition="done"} 1.0',
        'imapsync_tasks{condition="never"} 1.0',
        'imapsync_tasks{condition="running"} 0.0',
        'imapsync_tasks_failed{reason="authentication"} 1.0',
        'imapsync_tasks_failed{reason="brake_vanished"} 1.0',
        "imapsync_messages_failed 4.0",
        "imapsync_week_runs 3.0",
        "imapsync_queue_oldest_wait_seconds 0.0",
    ):
        assert line in text.splitlines()
    for secret in ("administrator", "t0", "username", "imap.foo.com", "password"):
        assert secret not in text
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_damaged_task_costs_no_number_of_the_others(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(node, node.save(task_id="a"))
    broken = node.save(task_id="b")
    node.paths.env(broken).write_bytes(b"\xff\x00")
    node.paths.result(broken).write_text('{"exit_code": 0}')
    assert 'imapsync_tasks{condition="done"} 1.0' in told(node, monkeypatch)


def test_rules_and_their_alarms_are_what_promtool_expects(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(metrics.alert_rules("imapsync7"))
    assert "MODULE_ID" not in rules.read_text()
    subprocess.run(["promtool", "check", "rules", str(rules)], check=True, capture_output=True)
    (tmp_path / "test.yml").write_text((ROOT / "tests" / "module" / "alerts.test.yml").read_text())
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_draws_what_is_told(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    dashboard = json.loads((IMAGEROOT / "etc" / "dashboard.json").read_text())
    text = told(node, monkeypatch)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            name = target["expr"].partition("{")[0].rpartition("(")[2]
            assert f"# TYPE {name} gauge" in text


@pytest.mark.timeout(120)
def test_a_real_prometheus_raises_an_alarm_and_ends_it(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_STATE_DIR", str(node.state))
    task = node.save()
    ended(node, task, 161, error="authentication")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.Instance(node.store))
    target, port = free_port("127.0.0.1"), free_port("127.0.0.1")
    server, thread = start_http_server(target, addr="127.0.0.1", registry=registry)
    patient = metrics.alert_rules("imapsync1").replace("for: 15m", "for: 1s")
    (tmp_path / "rules.yml").write_text(patient)
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "scrape_configs": [
                    {
                        "job_name": "providers",
                        "static_configs": [
                            {
                                "targets": [f"127.0.0.1:{target}"],
                                "labels": {"module_id": "imapsync1", "node": "1"},
                            }
                        ],
                    }
                ],
            }
        )
    )
    prometheus = subprocess.Popen(
        [
            "prometheus", f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: ("ImapsyncLoginRefused", "firing") in alarms(port), 60)
        ended(node, task)
        until(lambda: "ImapsyncLoginRefused" not in dict(alarms(port)), 30)
    finally:
        prometheus.terminate()
        prometheus.wait()
        server.shutdown()
        server.server_close()
        thread.join()


def alarms(port: int) -> set[tuple[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=5) as answer:
            found = json.load(answer)["data"]["alerts"]
    except OSError:  # it is about to start
        return set()
    return {(alarm["labels"]["alertname"], alarm["state"]) for alarm in found}

"""What Prometheus is told of an instance, and the cluster of where to ask: numbers, never a mailbox's name.

The platform reads the keys `metrics_targets`, `metrics_alert_rules` and `metrics_dashboards` of a module. The
page of numbers is served at the node's private address, on the port that the platform gave the instance.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imapsync_tasks import condition, queue, runtime, sourceactions, steps, taskrow
from imapsync_tasks.selection import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from imapsync_tasks.errors import Json
    from imapsync_tasks.store import Store

_PORT_VARIABLE: Final = "TCP_PORT"
_ETC: Final = Path(__file__).parents[2] / "etc"
#: Key of the module -> what it holds under our name; the event that tells of a change.
_KEYS: Final = {
    "metrics_targets": "metrics-target-changed",
    "metrics_alert_rules": "metrics-alert-rules-changed",
    "metrics_dashboards": "metrics-dashboard-changed",
}
_FIELD: Final = "imapsync"
_ENDING: Final = {signal.SIGTERM, signal.SIGINT}


class Instance:
    """Gives the numbers when it is asked, for a registry of prometheus_client."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Give each metric with its samples."""
        now = time.time()
        paths = self._store.paths
        with self._store.locked():
            states = runtime.states(paths, self._store.names())
            rows = [taskrow.row(paths, name, state, paused=False) for name, state in states.items()]
            due = [entry.due for entry in queue.read(paths) if 0 < entry.due <= now]
        ended = [row["result"] for row in rows if isinstance(row["result"], dict)]
        words = Counter(str(row["condition"]) for row in rows)
        reasons = Counter(_reason(result) for result in ended if _has_failed(result))
        # Every word, also one that no task has: a series that comes and goes is no zero.
        yield _gauge(
            "tasks", "Tasks by their condition", "condition", {word: words[word] for word in CONDITIONS}
        )
        yield _gauge("tasks_failed", "Tasks whose last run failed, by the reason", "reason", reasons)
        yield _number(
            "messages_failed",
            "Messages that did not arrive in the last runs",
            sum(result["messages_failed"] for result in ended),
        )
        yield _number(
            "last_run_end_timestamp_seconds",
            "When the run ended that was the last to end, 0: none has",
            max((result["ended_at"] for result in ended), default=0),
        )
        yield _number(
            "queue_oldest_wait_seconds",
            "How long the task has waited that waits longest, 0: none waits",
            max((now - moment for moment in due), default=0),
        )
        week = runtime.week(paths, now)
        yield _number("week_messages", "Messages that arrived in the last 168 hours", week["messages"])
        yield _number("week_bytes", "Bytes that arrived in the last 168 hours", week["bytes"])
        yield _number("week_runs", "Runs that ended in the last 168 hours", week["runs"])
        yield from _sources(self._store)


def _sources(store: Store) -> Iterator[Metric]:
    rows = [row for row in sourceactions.rows(store) if row["error"] is None]
    yield _gauge(
        "source_sign_in_needed",
        "1: somebody has to sign in to the source",
        "source",
        {str(row["source"]): row["state"] == "sign_in" for row in rows},
    )
    yield _gauge(
        "source_expires_timestamp_seconds",
        "When the secret or certificate of the source ends",
        "source",
        {str(row["source"]): _timestamp(str(row["expires"])) for row in rows if row["expires"]},
    )


def _timestamp(day: str) -> float:
    return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()


def _gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    metric = GaugeMetricFamily(f"imapsync_{name}", text, labels=[label])
    for key, value in sorted(values.items()):
        metric.add_metric([key], value)
    return metric


def _number(name: str, text: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"imapsync_{name}", text, value=value)


def _has_failed(result: Json) -> bool:
    return result["exit_code"] != 0 and result["error"] != condition.PARKED


def _reason(result: Json) -> str:
    error = result["error"]
    return error if isinstance(error, str) else "other"


def serve() -> int:
    """Serve the numbers until a signal comes; give the exit code.

    0 at once where the platform gave no port (an instance of an older version), or there is no private
    address.
    """
    from prometheus_client import CollectorRegistry, start_http_server

    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    port, address = os.environ.get(_PORT_VARIABLE, ""), _private_address()
    if not port or not address:
        sys.stderr.write("no port or no private address: no metrics\n")
        return 0
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Instance(steps.store()))
    server, thread = start_http_server(int(port), addr=address, registry=registry)
    _publish(f"{address}:{port}")
    signal.sigwait(_ENDING)
    server.shutdown()
    server.server_close()
    thread.join()
    return 0


def forget() -> None:
    """Take the instance out of what is watched."""
    import agent

    rdb = agent.redis_connect(privileged=True)
    module = os.environ["MODULE_ID"]
    for key, event in _KEYS.items():
        rdb.hdel(f"module/{module}/{key}", _FIELD)
        rdb.publish(f"module/{module}/event/{event}", "{}")


def _private_address() -> str:
    """Give the node's address in the cluster's own network; nothing where it has none."""
    import agent

    node = os.environ.get("NODE_ID", "1")
    return str(agent.redis_connect(use_replica=True).hget(f"node/{node}/vpn", "ip_address") or "")


def _publish(target: str) -> None:
    """Tell the cluster where the numbers are, when to raise an alarm, and how to draw them."""
    import agent

    rdb = agent.redis_connect(privileged=True)
    module = os.environ["MODULE_ID"]
    labels = {"module_id": module, "node": os.environ.get("NODE_ID", "1")}
    contents = {
        # YAML takes JSON.
        "metrics_targets": json.dumps([{"targets": [target], "labels": labels}]),
        "metrics_alert_rules": alert_rules(module),
        "metrics_dashboards": (_ETC / "dashboard.json").read_text(),
    }
    for key, content in contents.items():
        if rdb.hget(f"module/{module}/{key}", _FIELD) != content:
            rdb.hset(f"module/{module}/{key}", _FIELD, content)
            rdb.publish(f"module/{module}/event/{_KEYS[key]}", "{}")


def alert_rules(module_id: str) -> str:
    """Give the rules (YAML, groups of Prometheus) for one instance."""
    return (_ETC / "alerts.yml").read_text().replace("MODULE_ID", module_id)

"""A task whose server was outside the cluster is never led inside by its name, port or source."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import Node, request

from imapsync_tasks import places, runtime
from imapsync_tasks.reach import Reach

if TYPE_CHECKING:
    from imapsync_tasks.task import Task

CLUSTER = "198.51.100.0/24"
OUTSIDE, INSIDE = "192.0.2.1", "198.51.100.7"
BOUND = [
    *("--avoid1=0.0.0.0/8", "--avoid1=127.0.0.0/8", "--avoid1=169.254.0.0/16"),
    *("--avoid1=::/127", "--avoid1=fe80::/10", f"--avoid1={CLUSTER}"),
]
DISCREET = [word.replace("avoid1", "discreet1") for word in BOUND]
NAME = "administrator_a0241w"
OLDER = "older than this memory"


def lead(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses."""
    answers = [(2, 1, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)


def reach(node: Node, *allowed: str, network: str = CLUSTER) -> Reach:
    """Give what judges in a cluster with a network of its own."""
    node.publish(cluster_network=network, allowed_hosts=allowed)
    from imapsync_tasks import instance

    return Reach(node.store, instance.published(node.paths))


def run(node: Node, *allowed: str) -> list[str]:
    """Give where the next run's engine may not go."""
    task = node.store.load(NAME)
    judges = reach(node, *allowed)
    judges.settle(task)
    return judges.bounds(task)


#: Kept before (None: saved, never run), port, where the name leads -> whether the run has to stay outside.
RUNS: list[tuple[object, int, tuple[str, ...], bool]] = [
    (None, 143, (OUTSIDE,), True),
    (None, 6379, (OUTSIDE,), True),
    (None, 143, (INSIDE,), False),
    (None, 993, ("127.0.0.1",), False),
    (None, 6379, (INSIDE,), True),
    (None, 6379, ("::1",), True),
    (None, 6379, (OUTSIDE, INSIDE), True),
    (None, 143, (), True),
    (False, 143, (INSIDE,), True),
    (False, 993, ("127.0.0.1",), True),
    (True, 6379, (INSIDE,), False),
    (True, 6379, (OUTSIDE,), False),
    (OLDER, 6379, (INSIDE,), False),
    (OLDER, 143, (OUTSIDE,), True),
]


@pytest.mark.parametrize(("before", "port", "leads", "bound"), RUNS)
def test_a_run_goes_inside_only_where_its_task_was_at_home(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    before: object,
    port: int,
    leads: tuple[str, ...],
    *,
    bound: bool,
) -> None:
    node.save(remoteport=port)
    place = node.paths.place(NAME)
    if before is OLDER:
        place.unlink()
    elif before is not None:
        place.write_text(json.dumps({"host": "imap.foo.com", "port": port, "inside": before}))
    lead(monkeypatch, *leads)
    assert run(node) == (BOUND if bound else DISCREET)
    lead(monkeypatch, INSIDE)
    assert run(node) == (BOUND if bound and leads else DISCREET)


def test_a_name_that_moves_inside_after_the_first_run_is_not_followed_until_the_task_is_saved(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.save(remoteport=143)
    lead(monkeypatch, OUTSIDE)
    assert run(node) == BOUND
    lead(monkeypatch, INSIDE)
    assert run(node) == BOUND
    assert run(node, "imap.FOO.com") == []
    node.save(remoteport=143, cron="7m")
    assert run(node) == DISCREET


def test_a_port_inside_that_an_older_task_has_stays_its_own_and_is_nobody_elses(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(monkeypatch, INSIDE)
    node.save(remoteport=6379)
    node.paths.place(NAME).unlink()
    node.save(remoteport=6379, cron="7m")
    assert run(node) == DISCREET
    node.save(remoteport=6379, cron="8m")
    assert run(node) == DISCREET
    node.save(remoteport=6380)
    assert run(node) == BOUND


def test_a_new_task_opens_no_port_for_the_next_form(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(monkeypatch, OUTSIDE)
    node.save(remoteport=6379)
    run(node)
    lead(monkeypatch, INSIDE)
    from imapsync_tasks.engine import Remote

    reason = reach(node).refusal(Remote("imap.foo.com", 6379, "u", "tls", "tofu"))
    assert reason
    assert reason.error == "host_not_allowed"


def test_an_address_that_is_allowed_leaves_the_rest_of_its_network_avoided(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.save(remoteport=6379)
    lead(monkeypatch, OUTSIDE)
    bound = run(node, "198.51.100.0/25", "10.0.0.0/8", "::1")
    assert [word for word in bound if word.startswith("--avoid1=198")] == ["--avoid1=198.51.100.128/25"]
    assert "--avoid1=::/128" in bound
    assert len(bound) == len(BOUND)


def test_before_the_clusters_network_is_known_nothing_is_kept(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.save(remoteport=143)
    lead(monkeypatch, INSIDE)
    task = node.store.load(NAME)
    reach(node, network="").settle(task)
    assert run(node) == DISCREET


SHAPES = ["", "{", "[]", '{"host": 5}', '{"host": "imap.foo.com", "port": 6379, "inside": "yes"}', "1" * 999]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_damaged_memory_lets_nobody_in(node: Node, monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    node.save(remoteport=6379)
    node.paths.place(NAME).write_text(shape)
    lead(monkeypatch, INSIDE)
    assert run(node) == BOUND


def test_a_source_that_is_moved_inside_takes_no_task_along(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enter(host: str, port: int) -> None:
        given = {"source": "old", "auth": "master", "master_user": "admin", "master_password": "m"}
        where = {"remotehostname": host, "remoteport": port, "security": "ssl"}
        assert node.action("set-source", {**given, **where}).exit_code == 0

    enter("imap.foo.com", 993)
    node.save(source="old", remotepassword="")
    node.paths.place(NAME).unlink()
    lead(monkeypatch, INSIDE)
    assert run(node) == DISCREET
    enter("imap.foo.com", 6379)
    assert run(node) == BOUND


def served(node: Node, task: Task, listener: socket.socket) -> str | None:
    """Run a task; give the error of its result, and assert that the server was reached when there is none."""
    node.syncctl("start", task.name)
    result = runtime.result(node.paths, task.name)
    assert result
    listener.setblocking(False)
    if result["error"] == "address_avoided":
        assert (result["exit_code"], result["error_side"]) == (101, "host1")
        with pytest.raises(BlockingIOError):
            listener.accept()
    else:
        listener.accept()[0].close()
    return str(result["error"])


@pytest.mark.servers
def test_the_engine_does_not_follow_a_name_that_has_moved_inside(mail: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        mail.save(remotehostname="localhost", remoteport=port, security="", cron="")
        task = mail.store.load(NAME)
        mail.paths.place(NAME).write_text(str(places.Place("localhost", port, inside=False)))
        mail.publish(cluster_network=CLUSTER)
        assert served(mail, task, listener) == "address_avoided"
        assert "localhost is at" in mail.paths.log(NAME).read_text()
        answer = mail.action("list-informations", {"localuser": "administrator", "task_id": "a0241w"}).output
        assert answer == {"status": False}
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_listener_is_bound_as_a_run_is(idle: Node) -> None:
    idle.save(cron="live")
    idle.publish(cluster_network=CLUSTER)
    from syncctl.context import Context
    from syncctl.watch import _Watcher

    context = Context(idle.paths, idle.store, "none", 143)
    words = _Watcher(context)._account(idle.store.load(NAME))
    assert [word for word in words if word.startswith("--avoid1")] == BOUND
    assert request()["remotehostname"] == "imap.foo.com"

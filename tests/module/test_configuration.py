"""Binding an instance to a Mail instance of the cluster, and following it: what is asked, kept, restarted."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.cluster import Mail, asked_of_systemd, redis_of, systemctl
from tests.module.conftest import IMAGEROOT
from tests.module.waiting import until
from tests.servers.base import free_port

from imapsync_tasks import instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis
    from tests.module.conftest import Node

ANNA_AND_BOB = {
    "user_mailboxes": [
        {"user": "bob", "enabled": True},
        {"user": "anna"},
        {"user": "gone", "enabled": False},
        {"user": ""},
        "odd",
    ]
}


@pytest.fixture
def cluster(node: Node, tmp_path: Path) -> Iterator[redis.Redis]:
    with redis_of(node, tmp_path) as rdb:
        yield rdb


@pytest.fixture
def mail_instance(node: Node, cluster: redis.Redis) -> Iterator[Mail]:
    """Give the Mail instance that `node` is bound to."""
    systemctl(node)
    node.environ["MAIL_HOST"] = "10.5.4.1"
    node.publish(mail_host="10.5.4.1")
    made = Mail(cluster, "mail1", "uuid")
    made.answers = {
        "list-user-mailboxes": (0, ANNA_AND_BOB),
        "reveal-master-credentials": (0, {"username": "vmail", "password": "new secret"}),
    }
    with made.answering():
        yield made


def given_step(node: Node, action: str, step: str, data: object) -> Any:  # noqa: ANN401 - the step's own answer
    """Run one step of an action; give (exit code, decoded answer)."""
    done = node.helper(f"../actions/{action}/{step}", given=json.dumps(data).encode())
    return done.returncode, json.loads(done.stdout or b"null")


def environment(node: Node) -> dict[str, str]:
    path = node.state / "environment"
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line) if path.exists() else {}


def mailboxes(node: Node, *, refresh: bool = True) -> tuple[list[str], str | None]:
    """Give the answer of list-mailboxes: users, and why they may be old."""
    answer = node.action("list-mailboxes", {"refresh": refresh}).output
    return [one["value"] for one in answer["enabled_mailboxes"]], answer["mailboxes_error"]


@pytest.mark.usefixtures("mail_instance")
def test_the_mail_instances_of_the_cluster_are_offered(node: Node) -> None:
    answer = node.action("get-configuration").output
    assert (answer["mail_server"], answer["mail_host"], answer["max_parallel"]) == ("uuid", "10.5.4.1", 2)
    assert answer["mail_server_URL"] == [
        {"name": "mail1", "label": "mail1 (mail.test)", "value": "uuid,10.5.4.1"}
    ]


@pytest.mark.usefixtures("mail_instance")
@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        ({"mail_server": "another"}, "mail_server", "mail_server_is_not_valid"),
        ({"mail_server": ""}, "mail_server", "mail_server_is_not_valid"),
        ({"mail_host": "10.5.4.1/24"}, "mail_host", "invalid_value"),
        ({"allowed_hosts": ["10.5.4.0/24", "10.5.4.0/33"]}, "allowed_hosts", "invalid_value"),
    ],
    ids=["another instance", "none", "no host", "a network that is none"],
)
def test_settings_that_cannot_work_are_refused(
    node: Node, changes: dict[str, object], field: str, error: str
) -> None:
    given = {"mail_server": "uuid", "mail_host": "10.5.4.1", **changes}
    code, answer = given_step(node, "configure-module", "10validate", given)
    assert code != 0
    assert [(one["field"], one["error"]) for one in answer] == [(field, error)]
    assert environment(node) == {}


ITS_OWN = ["MAIL.test", "10.5.4.77"]
ANOTHERS = ["evil.example.org", "10.5.5.1"]


@pytest.mark.usefixtures("mail_instance")
def test_the_master_password_of_mail_goes_to_no_host_outside_the_cluster(
    node: Node, cluster: redis.Redis
) -> None:
    cluster.set("cluster/network", "10.5.4.0/24")
    for host in (*ITS_OWN, *ANOTHERS):
        given = {"mail_server": "uuid", "mail_host": host}
        code, answer = given_step(node, "configure-module", "10validate", given)
        assert (code == 0) == (host in ITS_OWN), host
        if code:
            assert [(one["field"], one["error"]) for one in answer] == [("mail_host", "invalid_value")]


@pytest.mark.usefixtures("mail_instance")
def test_an_address_inside_the_cluster_is_taken_while_the_network_cannot_be_read(
    node: Node, cluster: redis.Redis
) -> None:
    node.publish(mail_host="10.5.4.1", cluster_network="10.5.4.0/24")
    cluster.delete("cluster/network")
    for host, code in (("10.5.4.77", 0), ("10.5.5.1", 10)):
        given = {"mail_server": "uuid", "mail_host": host}
        assert given_step(node, "configure-module", "10validate", given)[0] == code, host


@pytest.mark.usefixtures("mail_instance")
def test_settings_that_the_service_reads_again_end_no_run(node: Node) -> None:
    given = {"mail_server": "uuid", "mail_host": "10.5.4.1", "max_parallel": 5}
    assert given_step(node, "configure-module", "10validate", given)[0] == 0
    assert given_step(node, "configure-module", "20save", given)[0] == 0
    assert environment(node) == {"MAIL_SERVER": "uuid", "MAIL_HOST": "10.5.4.1", "MAX_PARALLEL": "5"}
    node.environ["MAX_PARALLEL"] = "5"
    code, answer = given_step(node, "configure-module", "50apply", given)
    assert (code, answer["max_parallel"]) == (0, 5)
    assert asked_of_systemd(node) == ["is-active"]
    assert node.paths.master_password.read_text() == "new secret"
    assert instance.published(node.paths).max_parallel == 5


def test_another_mail_instance_restarts_the_service(
    node: Node, cluster: redis.Redis, mail_instance: Mail
) -> None:
    cluster.set("cluster/network", "10.5.4.0/24")
    node.environ["MAIL_HOST"] = "10.5.4.2"
    assert given_step(node, "configure-module", "50apply", {})[0] == 0
    assert asked_of_systemd(node) == ["is-active", "enable", "restart"]
    published = instance.published(node.paths)
    assert (published.mail_host, published.cluster_network) == ("10.5.4.2", "10.5.4.0/24")
    assert mail_instance.asked == []


@pytest.mark.usefixtures("mail_instance")
@pytest.mark.parametrize("failing", ["enable", "restart"])
def test_a_service_that_does_not_start_is_an_error(node: Node, failing: str) -> None:
    systemctl(node, "is-active", failing)
    code, answer = given_step(node, "configure-module", "50apply", {})
    assert (code != 0, answer) == (True, None)
    assert asked_of_systemd(node) == ["is-active", "enable", "restart"]


def test_who_has_a_mailbox_is_asked_and_remembered(node: Node, mail_instance: Mail) -> None:
    assert mailboxes(node) == (["anna", "bob"], None)
    assert mailboxes(node, refresh=False) == (["anna", "bob"], None)
    assert mail_instance.asked == ["list-user-mailboxes"]
    mail_instance.answers["list-user-mailboxes"] = (1, "")
    assert mailboxes(node) == (["anna", "bob"], "mail_server_unreachable")
    mail_instance.answers["list-user-mailboxes"] = (0, "no object")
    assert mailboxes(node) == (["anna", "bob"], "mail_server_unreachable")
    mail_instance.answers["list-user-mailboxes"] = (0, {"user_mailboxes": 5})
    assert mailboxes(node) == ([], None)


@pytest.mark.usefixtures("cluster")
def test_a_mail_instance_that_has_gone_is_told(node: Node) -> None:
    assert mailboxes(node) == ([], "mail_server_not_found")
    node.environ["MAIL_SERVER"] = ""
    assert mailboxes(node) == ([], "not_configured")


def test_a_silent_mail_instance_is_told_and_asked_again_later(node: Node, cluster: redis.Redis) -> None:
    Mail(cluster, "mail1", "uuid")
    assert mailboxes(node) == ([], "mail_server_unreachable")
    assert mailboxes(node, refresh=False) == ([], "mail_server_unreachable")
    assert cluster.llen("module/mail1/tasks") == 0


@pytest.mark.usefixtures("mail_instance")
def test_a_row_of_a_csv_file_for_nobody_is_found_fault_with(node: Node) -> None:
    columns = "localusername,remoteusername,remotepassword,remotehostname,remoteport,security"
    rows = [f"{user},u,p,imap.example.org,993,ssl" for user in ("Anna@example.org", "nobody")]
    answer = node.action("check-csv-tasks", {"csv_secret": "\n".join([columns, *rows])}).output
    assert [row["status"] for row in answer["rows"]] == ["new", "invalid"], answer
    assert [one["error"] for one in answer["rows"][1]["errors"]] == ["mailbox_not_found"]


@pytest.mark.parametrize(
    "answer",
    [(1, ""), (0, {}), (0, {"password": ""}), (0, {"password": "a\nb"}), (0, {"password": 5})],
    ids=["refused", "none", "empty", "two lines", "a number"],
)
def test_no_usable_master_password_keeps_the_old_one(
    node: Node, mail_instance: Mail, answer: tuple[int, object]
) -> None:
    mail_instance.answers["reveal-master-credentials"] = answer
    assert node.helper("reveal-master-secret", "0").returncode == 0
    assert node.paths.master_password.read_text() == "master"
    node.paths.master_password.unlink()
    assert node.helper("reveal-master-secret", "0").returncode == 1


def test_a_starting_service_has_the_master_password(node: Node, mail_instance: Mail) -> None:
    assert node.helper("reveal-master-secret", "0").returncode == 0
    assert node.paths.master_password.read_text() == "new secret"
    assert node.paths.master_password.stat().st_mode & 0o777 == 0o600
    node.environ["MAIL_SERVER"] = ""
    node.paths.master_password.unlink()
    assert node.helper("reveal-master-secret", "0").returncode == 0
    assert mail_instance.asked == ["reveal-master-credentials"]


@pytest.mark.slow
def test_a_starting_service_waits_a_little_for_mail(node: Node, cluster: redis.Redis) -> None:
    """Both start when a node boots: Mail announces itself after the first question."""
    done = threading.Thread(target=node.helper, args=("reveal-master-secret", "20"))
    done.start()
    until(lambda: "cmdstat_scan" in str(cluster.info("commandstats")))
    made = Mail(cluster, "mail1", "uuid")
    made.answers["reveal-master-credentials"] = (0, {"password": "late"})
    with made.answering():
        done.join()
    assert node.paths.master_password.read_text() == "late"


def test_the_instance_follows_its_mail_instance(node: Node, mail_instance: Mail) -> None:
    event = {"module_uuid": "uuid"}
    for other in ({"module_uuid": "another"}, {}):
        assert given_step(node, "../events/mail-settings-changed", "10follow", other)[0] == 0
    assert (mail_instance.asked, asked_of_systemd(node)) == ([], [])
    assert given_step(node, "../events/mail-settings-changed", "10follow", event)[0] == 0
    assert (mail_instance.asked, asked_of_systemd(node)) == (["reveal-master-credentials"], [])
    assert node.paths.master_password.read_text() == "new secret"
    mail_instance.move("10.5.4.9")
    assert given_step(node, "../events/mail-settings-changed", "10follow", event)[0] == 0
    assert environment(node) == {"MAIL_HOST": "10.5.4.9"}
    assert asked_of_systemd(node) == ["try-restart"]


def test_a_restored_instance_starts_its_service_and_a_removed_one_ends_it(node: Node) -> None:
    systemctl(node)
    assert node.helper("../actions/restore-module/60service").returncode == 0
    assert asked_of_systemd(node) == ["enable", "start"]
    systemctl(node)
    assert node.helper("../actions/destroy-module/10service").returncode == 0
    assert asked_of_systemd(node) == ["disable --now"]


def test_the_copy_of_an_instance_forgets_what_waited(node: Node) -> None:
    name = node.save()
    node.paths.queue.write_text(json.dumps({"entries": [[name, 0]]}))
    node.paths.lock(name).write_text('{"began": 1}')
    assert node.helper("../actions/clone-module/50pause", given=b"{}").returncode == 0
    assert not node.paths.queue.exists()
    assert not node.paths.lock(name).exists()
    assert node.paths.env(name).exists()


def test_prometheus_is_told_where_the_numbers_are_and_no_more_when_the_instance_goes(
    node: Node, cluster: redis.Redis
) -> None:
    program = IMAGEROOT / "bin" / "serve-metrics"
    assert node.helper("serve-metrics").returncode == 0  # an instance without a port has no numbers
    cluster.hset("node/1/vpn", "ip_address", "127.0.0.1")
    port = str(free_port("127.0.0.1"))
    serving = subprocess.Popen([program], env={**node.environ, "TCP_PORT": port}, cwd=node.state)
    try:
        until(lambda: cluster.hget("module/imapsync1/metrics_dashboards", "imapsync"))
    finally:
        serving.send_signal(signal.SIGTERM)
    assert serving.wait(10) == 0
    (target,) = json.loads(str(cluster.hget("module/imapsync1/metrics_targets", "imapsync")))
    assert target == {"targets": [f"127.0.0.1:{port}"], "labels": {"module_id": "imapsync1", "node": "1"}}
    assert "imapsync1" in str(cluster.hget("module/imapsync1/metrics_alert_rules", "imapsync"))
    assert node.helper("../actions/destroy-module/20metrics").returncode == 0
    assert list(cluster.scan_iter("module/imapsync1/metrics*")) == []

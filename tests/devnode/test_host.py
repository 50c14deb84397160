"""What cluster-admin asks the node for besides a module's own actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.devnode.support import Caller, tool

if TYPE_CHECKING:
    from devnode.settings import Node
    from tests.devnode.support import Module

pytestmark = pytest.mark.devnode


@pytest.fixture(scope="module")
def cluster(node: Node) -> Caller:
    return Caller(node, "cluster")


@pytest.fixture
def page(node: Node, probe: Module) -> None:
    """Give the module's page a logo and a shortcut."""
    folder = node.apps / probe.module_id
    (folder / "img").mkdir(exist_ok=True)
    (folder / "img/module_default_logo.0a1b.png").touch()
    (folder / "shortcuts.json").write_text('[{"name": {"en": "Do it"}, "path": "?page=do"}]')
    (folder / "metadata.json").write_text('{"name": "Probe", "categories": ["web"]}')


@pytest.mark.usefixtures("page")
def test_installed_modules_have_logo_and_note(cluster: Caller, probe: Module) -> None:
    probe.run("set-note", {"note": "mine"})
    rows = cluster.run("list-installed-modules").value["localhost/probe"]
    row = next(item for item in rows if item["id"] == probe.module_id)
    assert row["logo"] == f"apps/{probe.module_id}/img/module_default_logo.0a1b.png"
    assert row["ui_note"] == "mine"


@pytest.mark.usefixtures("page")
def test_applications_and_shortcuts_are_listed(cluster: Caller, probe: Module) -> None:
    application = next(item for item in cluster.run("list-modules").value if item["id"] == "probe")
    assert (application["source"], application["versions"][0]["tag"]) == ("localhost/probe", "1")
    assert probe.module_id in {item["id"] for item in application["installed"]}
    mine = [item for item in cluster.run("list-shortcuts").value if item["module_id"] == probe.module_id]
    assert [shortcut["path"] for shortcut in mine[0]["shortcuts"]] == ["?page=do"]


def test_favorites_are_kept_in_order(cluster: Caller, probe: Module) -> None:
    assert cluster.run("add-favorite", {"instance": probe.module_id}).value == [probe.module_id]
    assert cluster.run("add-favorite", {"instance": probe.module_id}).value == [probe.module_id]
    refused = cluster.run("add-favorite", {"instance": "ghost1"})
    assert (refused.exit_code, refused.value[0]["error"]) == (2, "instance_not_found")
    assert cluster.run("list-favorites").value == [probe.module_id]
    assert cluster.run("remove-favorite", {"instance": probe.module_id}).value == []


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("list-alerts", {"alerts": []}),
        ("list-core-modules", []),
        ("list-loki-instances", {"instances": []}),
        ("list-repositories", []),
        ("get-subscription", {"subscription": None}),
    ],
)
def test_what_is_not_here_is_said_as_a_new_cluster_does(
    cluster: Caller, action: str, expected: object
) -> None:
    assert cluster.run(action).value == expected


def test_the_node_and_the_account_are_described(node: Node, cluster: Caller) -> None:
    status = cluster.run("get-cluster-status").value
    assert (status["leader_url"], status["default_password"]) == ("", False)
    assert status["nodes"][0]["vpn"]["listen_port"] == 55820
    assert cluster.run("get-user-info", {"user": "admin"}).value["display_name"] == "Administrator"
    assert Caller(node, "node/1").run("get-support-session").value["active"] is False


def test_a_task_of_the_shell_has_a_title(node: Node, cluster: Caller) -> None:
    """cluster-admin shows such a task as a notification: without a title an empty one."""
    tool(node, "add-module", "localhost/not-there:1", check=False)
    contexts = [cluster.connection.get(key) for key in cluster.connection.scan_iter("task/cluster/*/context")]
    mine = [text for text in contexts if text and "not-there" in str(text)]
    assert all('"title":"cluster/add-module"' in str(text).replace(": ", ":") for text in mine)
    assert mine

"""Modules from add to remove: layout, units, update, backup, restore, clone, import."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from devnode.agentd import environment
from tests.devnode.conftest import FILES, IMAGE, LABELS
from tests.devnode.support import Caller, Module, build_image, tool, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from devnode.settings import Node

pytestmark = pytest.mark.devnode
NEXT_IMAGE = "localhost/probe:2"


@pytest.fixture
def fresh(node: Node) -> Iterator[Module]:
    """Install one more instance for one test."""
    answer = ast.literal_eval(tool(node, "add-module", IMAGE).stdout)
    module = Module(node, answer["module_id"])
    yield module
    if module.install.exists():
        tool(node, "remove-module", "--no-preserve", module.module_id)


@pytest.fixture(scope="module")
def shared(node: Node, probe: Module) -> Iterator[Module]:
    """Install one more instance for the tests that leave it usable."""
    assert probe.module_id
    answer = ast.literal_eval(tool(node, "add-module", IMAGE).stdout)
    module = Module(node, answer["module_id"])
    yield module
    tool(node, "remove-module", "--no-preserve", module.module_id)


def is_active(module: Module) -> bool:
    return module.shell("systemctl", "--user", "is-active", "--quiet", "probe", check=False).returncode == 0


def cluster(node: Node, action: str, data: object) -> Any:  # noqa: ANN401 - any JSON value
    done = Caller(node, "cluster").run(action, data)
    assert done.exit_code == 0, done.error
    return done.value


def test_layout_of_a_new_instance(shared: Module, probe: Module) -> None:
    fresh = shared
    assert fresh.install.parent.stat().st_mode & 0o777 == 0o700
    assert (fresh.state / "agent.env").stat().st_mode & 0o777 == 0o600
    assert (fresh.state / "environment").stat().st_mode & 0o777 == 0o644
    assert (fresh.state / "created").exists()
    assert not (fresh.install / ".gitignore").exists()
    assert not (fresh.state / "evil").exists()
    listing = (fresh.install / ".imageroot.lst").read_text().split()
    assert "only-in-one" in listing
    assert listing == sorted(listing)
    variables = environment.read(fresh.state / "environment")
    assert (variables["MODULE_ID"], variables["NODE_ID"], variables["IMAGE_URL"]) == (
        fresh.module_id,
        "1",
        IMAGE,
    )
    rdb = fresh.caller.connection
    assert rdb.hget("cluster/module_uuid", fresh.module_id) == variables["MODULE_UUID"]
    assert rdb.smembers(f"module/{fresh.module_id}/roles/selfadm") == {"configure-module"}
    assert rdb.hget("roles/admin", f"module/{fresh.module_id}") == "owner"
    assert rdb.smembers(f"module/{fresh.module_id}/flags") == {"rootless"}
    wanted = rdb.smembers(f"cluster/authorizations/module/{fresh.module_id}")
    assert wanted == {"self:selfadm", "probe@any:reader"}
    assert rdb.hget(f"roles/module/{fresh.module_id}", f"module/{probe.module_id}") == "reader"


def test_unit_starts_only_when_its_helper_succeeds(shared: Module) -> None:
    helper = shared.install / "bin/write-mark"
    text = helper.read_text()
    helper.write_text("#!/bin/sh\nexit 1\n")
    assert shared.run("configure-module", {}).exit_code != 0
    assert not is_active(shared)
    helper.write_text(text)
    assert shared.run("configure-module", {}).exit_code == 0
    assert is_active(shared)
    assert (shared.state / "mark").read_text() == f"{shared.module_id}\n"
    services = shared.run("get-status").value["services"]
    assert services == [{"name": "probe", "active": True, "enabled": True, "failed": False}]


def test_unknown_image_is_refused_with_a_sentence(node: Node) -> None:
    done = tool(node, "add-module", "localhost/not-there:1", check=False)
    assert done.returncode == 1
    assert "is in no local store" in done.stderr


def test_update_replaces_files_and_keeps_the_service(node: Node, fresh: Module) -> None:
    fresh.run("configure-module", {})
    (fresh.state / "mine").write_text("kept")
    pid = fresh.shell("systemctl", "--user", "show", "--property=MainPID", "--value", "probe").stdout
    files = {name: content for name, content in FILES.items() if name != "imageroot/only-in-one"}
    files["imageroot/in-two"] = ("2\n", 0o644)
    files["ui/index.html"] = ("<h1>two</h1>\n", 0o644)
    build_image(node, NEXT_IMAGE, files, LABELS)
    tool(node, "update-module", NEXT_IMAGE, fresh.module_id)
    assert not (fresh.install / "only-in-one").exists()
    assert (fresh.install / "in-two").exists()
    assert (fresh.state / "updated").exists()
    assert (fresh.state / "mine").read_text() == "kept"
    assert (node.apps / fresh.module_id / "index.html").read_text() == "<h1>two</h1>\n"
    variables = environment.read(fresh.state / "environment")
    assert (variables["IMAGE_URL"], variables["PREV_IMAGE_URL"]) == (NEXT_IMAGE, IMAGE)
    assert fresh.shell("systemctl", "--user", "show", "--property=MainPID", "--value", "probe").stdout == pid
    tool(node, "update-module", NEXT_IMAGE, fresh.module_id)
    assert environment.read(fresh.state / "environment")["PREV_IMAGE_URL"] == IMAGE


def test_update_with_another_module_is_refused(node: Node, shared: Module) -> None:
    build_image(node, "localhost/other:1", FILES, LABELS)
    done = tool(node, "update-module", "localhost/other:1", shared.module_id, check=False)
    assert done.returncode == 2
    assert "image_name_mismatch" in done.stderr


def test_second_update_at_once_is_refused(shared: Module) -> None:
    lock = shared.state / ".update-module.lock"
    lock.touch()
    lock.chmod(0o666)
    with subprocess.Popen(["flock", str(shared.state / ".update-module.lock"), "sleep", "30"]) as holder:
        wait_until(lambda: shared.run("update-module", {"module_url": IMAGE}).exit_code == 2)
        holder.terminate()


def test_backup_and_restore(node: Node, fresh: Module) -> None:
    (fresh.state / "data/inner").mkdir(parents=True)
    (fresh.state / "data/inner/file").write_text("precious")
    (fresh.state / "data/inner/run.log").write_text("noise")
    (fresh.state / "other").write_text("not listed")
    fresh.step("set", "10", "true")
    fresh.run("set-name", {"name": "my probe"})
    fresh.shell("python3", "-c", "import agent; agent.set_env('OWN', 'x')")
    backup_id = cluster(node, "add-backup", {"instances": [fresh.module_id]})["id"]
    cluster(node, "run-backup", {"id": backup_id})
    listed = cluster(node, "list-backups", None)["backups"]
    mine = next(item for item in listed if item["id"] == backup_id)["instances"][0]
    assert (mine["module_id"], mine["status"]["success"]) == (fresh.module_id, True)
    uuid = environment.read(fresh.state / "environment")["MODULE_UUID"]
    archive = next((node.backups / str(backup_id) / "probe" / uuid).glob("*.tar"))
    with tarfile.open(archive) as tar:
        assert set(tar.getnames()) == {
            "state/environment",
            "state/data",
            "state/data/inner",
            "state/data/inner/file",
        }
    request = {"repository": str(backup_id), "path": f"probe/{uuid}", "snapshot": "latest", "node": 1}
    restored = Module(node, cluster(node, "restore-module", request | {"replace": False})["module_id"])
    try:
        assert (restored.state / "data/inner/file").read_text() == "precious"
        variables = environment.read(restored.state / "environment")
        assert "OWN" not in variables
        assert variables["MODULE_UUID"] != uuid
        assert restored.run("get-name").value == {"name": "my probe"}
    finally:
        tool(node, "remove-module", "--no-preserve", restored.module_id)
    replaced = Module(node, cluster(node, "restore-module", request | {"replace": True})["module_id"])
    try:
        assert environment.read(replaced.state / "environment")["MODULE_UUID"] == uuid
        assert not fresh.install.exists()
    finally:
        tool(node, "remove-module", "--no-preserve", replaced.module_id)


@pytest.fixture
def faults(node: Node) -> Iterator[Callable[..., None]]:
    """Let the node do something wrong on demand, for one test."""

    def ask(*words: str) -> None:
        command = [sys.executable, "-m", "devnode", "faults", "--name", node.name, *words]
        subprocess.run(command, check=True, capture_output=True, text=True)

    yield ask
    ask()


def test_a_restore_that_stops_half_way_fails(node: Node, fresh: Module, faults: Callable[..., None]) -> None:
    (fresh.state / "data").mkdir()
    for number in range(10):
        (fresh.state / f"data/{number}").touch()
    backup_id = cluster(node, "add-backup", {"instances": [fresh.module_id]})["id"]
    cluster(node, "run-backup", {"id": backup_id})
    uuid = environment.read(fresh.state / "environment")["MODULE_UUID"]
    request = {"repository": str(backup_id), "path": f"probe/{uuid}", "snapshot": "latest", "replace": False}
    faults("restore-module")
    done = Caller(node, "cluster").run("restore-module", request | {"node": 1})
    assert done.exit_code == 1
    assert "restore-module stops half-way" in done.error
    half = max(node.homes.glob("probe*"), key=lambda home: int(home.name.removeprefix("probe")))
    assert 0 < len(list((half / ".config/state/data").iterdir())) < 10
    tool(node, "remove-module", "--no-preserve", half.name)


@pytest.mark.parametrize("action", ["clone-module", "transfer-state"])
def test_a_clone_that_stops_half_way_fails(
    node: Node, fresh: Module, faults: Callable[..., None], action: str
) -> None:
    fresh.run("configure-module", {})
    faults(action)
    request = {"module": fresh.module_id, "node": 1, "replace": False}
    done = Caller(node, "cluster").run("clone-module", request)
    assert done.exit_code == 1
    assert f"{action} stops half-way" in done.error
    half = max(node.homes.glob("probe*"), key=lambda home: int(home.name.removeprefix("probe")))
    assert list((half / ".config/state").glob("*.clone-module"))
    assert is_active(fresh)
    tool(node, "remove-module", "--no-preserve", half.name)


def test_only_known_actions_can_be_made_to_fail(node: Node) -> None:
    command = [sys.executable, "-m", "devnode", "faults", "--name", node.name, "add-module"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "restore-module, clone-module, transfer-state can" in done.stderr


def test_backup_fails_when_its_hook_fails(shared: Module) -> None:
    hook = shared.install / "bin/module-dump-state"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = shared.shell("module-backup", "1", check=False)
    hook.unlink()
    assert done.returncode == 1


def test_clone_takes_state_and_missing_variables(node: Node, fresh: Module) -> None:
    fresh.run("configure-module", {})
    (fresh.install / "etc/state-filter-rules.rsync").write_text("- *.lock\n")
    (fresh.state / "data").mkdir()
    (fresh.state / "data/file").write_text("copied")
    (fresh.state / "x.lock").touch()
    fresh.shell("python3", "-c", "import agent; agent.set_env('OWN', 'x')")
    answer = cluster(node, "clone-module", {"module": fresh.module_id, "node": 1, "replace": False})
    copy = Module(node, answer["module_id"])
    try:
        assert (copy.state / "data/file").read_text() == "copied"
        assert not (copy.state / "x.lock").exists()
        assert not list(copy.state.glob("*.clone-module"))
        variables = environment.read(copy.state / "environment")
        assert (variables["OWN"], variables["MODULE_ID"]) == ("x", copy.module_id)
        assert variables["MODULE_UUID"] == answer["module_uuid"]
        assert variables["MODULE_UUID"] != environment.read(fresh.state / "environment")["MODULE_UUID"]
        assert is_active(copy)
        assert is_active(fresh)
    finally:
        tool(node, "remove-module", "--no-preserve", copy.module_id)


def test_import_waits_for_the_senders_terminate(node: Node, tmp_path: Path) -> None:
    answer = cluster(node, "import-module", {"image": IMAGE, "node": 1})
    module = Module(node, answer["module_id"])
    try:
        user, secret = answer["credentials"]
        url = f"rsync://{user}@{answer['address']}:{answer['port']}"
        (tmp_path / "getmail.json").write_text("[]")
        variables = {"RSYNC_PASSWORD": secret, "PATH": "/usr/bin:/bin"}

        def send(*words: str) -> bool:
            return (
                subprocess.run(["rsync", *words], env=variables, check=False, capture_output=True).returncode
                == 0
            )

        wait_until(lambda: send(f"{url}/state"))
        assert not send(f"rsync://{user}@{answer['address']}:{answer['port']}/nothing")
        assert send(str(tmp_path / "getmail.json"), f"{url}/state/")
        task_id = answer["task"].rpartition("/")[2]
        assert module.caller.key(task_id, "exit_code") is None
        assert send(f"{url}/terminate")
        assert module.caller.outcome(task_id).exit_code == 0
        assert (module.state / "getmail.json").read_text() == "[]"
        assert environment.read(module.state / "environment")["IMPORT_IMAGE_URL"] == IMAGE
        again = module.run("import-module", {"credentials": ["a", "b"], "port": 1, "volumes": []})
        assert (again.exit_code, again.value[0]["error"]) == (2, "module_already_imported")
    finally:
        tool(node, "remove-module", "--no-preserve", module.module_id)


def test_remove_leaves_nothing(node: Node, fresh: Module) -> None:
    fresh.run("configure-module", {})
    rdb = fresh.caller.connection
    done = tool(node, "remove-module", "--no-preserve", fresh.module_id)
    assert (done.stdout, done.stderr) == ("", "")
    assert not fresh.install.parent.exists()
    assert not (node.run / fresh.module_id).exists()
    assert not (node.apps / fresh.module_id).exists()
    left = [key for key in rdb.scan_iter(f"*{fresh.module_id}*") if not key.startswith("task/")]
    assert not left
    assert rdb.hget("roles/admin", f"module/{fresh.module_id}") is None
    assert f"module/{fresh.module_id}" not in json.dumps(rdb.acl_list())
    assert tool(node, "remove-module", fresh.module_id, check=False).returncode == 2


def test_default_remove_keeps_the_home(node: Node) -> None:
    answer = ast.literal_eval(tool(node, "add-module", IMAGE).stdout)
    module = Module(node, answer["module_id"])
    tool(node, "remove-module", module.module_id)
    assert (module.state / "environment").exists()


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("state/a/b.log", "*.log", True),
        ("state/a/b.log", "state/a/*.log", True),
        ("state/a/b.log", "state/*.log", False),
        ("state/a/c/d", "a/c", True),
        ("state/ab", "a", False),
    ],
)
def test_exclude_patterns(probe: Module, name: str, pattern: str, *, expected: bool) -> None:
    code = f"from devnode_module.backup import excluded; print(excluded({name!r}, [{pattern!r}]))"
    assert probe.shell("python3", "-c", code).stdout == f"{expected}\n"

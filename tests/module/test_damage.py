"""Damaged files, a missing or half restored state, a full disk: each costs its own task, never the list."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tests.module.conftest import IMAGEROOT, Node, Step, request
from tests.module.test_actions import refused
from tests.module.test_house import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WHICH = {"localuser": "administrator", "task_id": "a0241w"}
NAME = "administrator_a0241w"


def answered(node: Node, action: str, data: object = None) -> Any:  # noqa: ANN401  # the answer's own shape
    """Give an action's answer after NS8's own check of it."""
    step = node.action(action, data)
    assert step.exit_code == 0, (action, step)
    schema = json.loads((IMAGEROOT / "actions" / action / "validate-output.json").read_text())
    jsonschema.Draft7Validator(schema, registry=REGISTRY).validate(step.output)
    return step.output


def rows(node: Node) -> dict[str, dict[str, Any]]:
    """Give list-tasks' tasks by their user."""
    return {row["localuser"]: row for row in answered(node, "list-tasks", {})["user_properties"]}


SHAPES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'{"exit_code": 0}',
    b'{"exit_code": 0, "started_at": NaN}',
    b'{"exit_code": 0, "started_at": 1e999}',
    b'{"exit_code": "0", "started_at": "now"}',
    b'{"exit_code": 1.5, "started_at": 1, "messages_transferred": 1.5, "error": 5, "seconds": null}',
    b'{"exit_code": true, "started_at": false}',
    b'{"failures": 5, "total": "x"}',
    b'{"failures": [5, null], "total": 2}',
    b'{"failures": [{"folder": 5, "reason": "append"}, {"folder": "INBOX"}], "total": true}',
    b'{"failures": [{"folder": "INBOX", "reason": "append", "uid": "x", "subject": []}], "total": 1}',
    b'{"entries": [["../../x", 0], ["administrator_a0241w", NaN], 5, {}]}',
    b'{"mail_server": "uuid", "asked_at": "x", "mailboxes": 5, "error": 5}',
    b'{"mail_server": 5, "max_parallel": [], "allowed_hosts": {}, "schedules_paused": 1}',
    b'{"1700000": [1], "\xc2\xb2": [1, 1, 1, 1], "x": 5}',
    b'{"worker": [1], "engine": "x", "stop": 5}',
    b"[" * 100000,
    b"1700000000\n",
    b"x\ny\n",
    b"99999999999999999999\n1\n",
    b"-1\n1\n",
]
FILES = [
    *(f"{NAME}.{end}" for end in ("json", "failures", "progress", "report", "status", "timestamp", "lock")),
    *(f"{NAME}.{end}" for end in ("pid", "trust", "state", "log", "pwd", "place")),
    *(".queue", ".mailboxes", ".statistics", ".settings", ".pending"),
]


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_costs_that_task_only(idle: Node, file: str) -> None:
    idle.save()
    idle.save(localuser="foo")
    for shape in SHAPES:
        (idle.paths.imapsync / file).write_bytes(shape)
        found = rows(idle)
        assert found.keys() == {"administrator", "foo"}, shape
        assert found["foo"]["error"] is None
        assert found["foo"]["result"] is None


def huge(path: Path) -> None:
    """Make a file of 3 GiB that takes no room."""
    path.touch()
    os.truncate(path, 3 << 30)


ODD: dict[str, Callable[[Path], object]] = {
    "directory": Path.mkdir,
    "pipe": os.mkfifo,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "huge": huge,
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_plain_file_costs_that_task_only(idle: Node, kind: str) -> None:
    """Nothing waits for a pipe, reads a device or follows a link; the task can be deleted."""
    ends = ("env", "pwd", "json", "failures", "status", "lock", "log", "state", "trust", "pid")
    names = [idle.save(localuser=f"user{number}") for number in range(len(ends))]
    idle.save(localuser="foo")
    for name, end in zip(names, ends, strict=True):
        path = idle.paths.imapsync / f"{name}.{end}"
        path.unlink(missing_ok=True)
        ODD[kind](path)
    for path in (idle.paths.progress(names[0]), idle.paths.changes, idle.paths.statistics):
        ODD[kind](path)
    found = rows(idle)
    assert len(found) == len(names) + 1
    assert found["foo"]["error"] is None
    assert len(answered(idle, "list-changes", {})["tasks"]) == len(names) + 1
    assert answered(idle, "get-task-counts")["total"] == len(names) + 1
    answered(idle, "get-facts")
    answered(idle, "get-statistics")
    for name in names:
        which = {"localuser": name.partition("_")[0], "task_id": "a0241w"}
        answered(idle, "get-log", which)
        assert answered(idle, "delete-task", which) == {"tasks": [name]}
    assert rows(idle).keys() == {"foo"}


@pytest.mark.parametrize("letter", ["a", "ü"])
def test_a_name_too_long_for_a_file_ends_an_action_with_a_traceback(idle: Node, letter: str) -> None:
    which = {"localuser": letter * 128, "task_id": letter * 128}
    with idle.store.locked():
        assert not idle.store.exists("_".join(which.values()))
    for action in ("delete-task", "list-failures"):
        refused(idle.action(action, which), "localuser" if letter == "ü" else "task_id", "invalid_value", 10)


IN_PLACE_OF = [
    *(".lock", ".pending", ".settings", ".queue", ".statistics", f"../cron/{NAME}.cron"),
    *(f"{NAME}.{end}" for end in ("env", "pwd", "place", "lock", "json")),
]


@pytest.mark.parametrize("file", IN_PLACE_OF)
def test_a_directory_in_the_place_of_a_file_stops_all_tasks_for_good(idle: Node, file: str) -> None:
    """What is in it belongs to somebody: it is moved aside."""
    idle.save()
    other = idle.save(localuser="foo")
    path = idle.paths.imapsync / file
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "mine").write_text("mine")
    idle.save(cron="7m")
    assert rows(idle).keys() == {"administrator", "foo"}
    assert idle.store.load(NAME).cron == "7m"
    started = idle.syncctl("start", "--detach", NAME, other)
    assert started.returncode == 0, started
    assert answered(idle, "delete-task", WHICH) == {"tasks": [NAME]}
    assert rows(idle).keys() == {"foo"}
    assert [found.read_text() for found in path.parent.rglob("mine")] == ["mine"]


@pytest.mark.parametrize("kind", ["file", "loop", "pipe"])
@pytest.mark.parametrize("name", [".slots", ".runs"])
def test_what_is_no_directory_in_a_directory_s_place_lets_no_task_start(
    idle: Node, name: str, kind: str
) -> None:
    idle.save()
    path = idle.paths.imapsync / name
    if path.exists():
        path.rmdir()
    (ODD | {"file": Path.touch})[kind](path)
    started = idle.syncctl("start", "--detach", NAME)
    assert started.returncode == 0, started
    assert rows(idle)["administrator"]["state"] == "running"


def test_other_actions_answer_whatever_is_damaged(idle: Node) -> None:
    idle.save()
    for file in FILES:
        for shape in SHAPES[5:]:
            (idle.paths.imapsync / file).write_bytes(shape)
    answered(idle, "get-facts")
    answered(idle, "get-statistics")
    answered(idle, "get-log", WHICH)
    for shape in SHAPES:
        idle.paths.failures(NAME).write_bytes(shape)
        if b"failures" in shape:
            answered(idle, "list-failures", WHICH)
    assert answered(idle, "delete-task", WHICH) == {"tasks": [NAME]}
    assert rows(idle) == {}


@pytest.mark.parametrize(
    "pending",
    [
        {"task": "../../escaped_1", "env": "x"},
        {"task": "/tmp/escaped_1", "env": "x"},  # noqa: S108
        {"task": "..", "env": "x"},
        {"task": "foo_1", "env": ["x"]},
        {"task": "foo_1", "other": "x"},
        {"task": 5, "env": "x"},
        {"env": "x"},
        {},
    ],
    ids=str,
)
def test_a_strange_note_of_a_change_writes_no_file(idle: Node, pending: dict[str, object]) -> None:
    idle.save()
    before = {path for path in idle.home.rglob("*") if path.name not in (".pending", ".mailboxes")}
    idle.paths.pending.write_text(json.dumps(pending))
    assert rows(idle).keys() == {"administrator"}
    assert not idle.paths.pending.exists()
    after = {path for path in idle.home.rglob("*") if path.name not in (".pending", ".mailboxes")}
    assert after - {idle.home / "state" / "agent"} == before


MISSING = [["imapsync"], ["cron"], ["imapsync", "cron"]]


@pytest.mark.parametrize("missing", MISSING, ids=str)
def test_actions_answer_when_the_state_is_missing(idle: Node, missing: list[str]) -> None:
    idle.save()
    calls: list[tuple[str, object]] = [
        ("list-tasks", {}),
        ("get-facts", None),
        ("get-statistics", None),
        ("get-log", WHICH),
        ("list-failures", WHICH),
        ("list-informations", WHICH),
        ("stop-all-tasks", None),
        ("pause-schedules", {}),
        ("resume-schedules", {}),
        ("delete-task", WHICH),
    ]
    for action, data in calls:
        for name in missing:
            shutil.rmtree(idle.state / name, ignore_errors=True)
        answered(idle, action, data)
    for name in missing:
        shutil.rmtree(idle.state / name, ignore_errors=True)
    assert idle.helper("expand-cron").returncode == 0
    assert idle.action("create-task", request()).exit_code in (0, 7)
    for name in missing:
        shutil.rmtree(idle.state / name, ignore_errors=True)
    idle.paths.imapsync.mkdir(exist_ok=True)
    idle.paths.master_password.write_text("master")
    assert idle.action("create-task", request()).exit_code == 0


def test_a_password_whose_settings_are_not_restored_yet_stays(idle: Node) -> None:
    name = idle.save()
    env = idle.paths.env(name).read_bytes()
    idle.paths.lock(name).touch()
    idle.paths.env(name).unlink()
    assert idle.helper("expand-cron").returncode == 0
    idle.paths.env(name).write_bytes(env)
    assert idle.store.password(name) == "password"


def test_settings_without_password_are_listed_and_told_when_edited(idle: Node) -> None:
    name = idle.save()
    idle.paths.pwd(name).unlink()
    assert rows(idle)["administrator"]["error"] is None
    step = idle.action("create-task", request(remotepassword="", tls_trust="tofu"))
    refused(step, "remotepassword", "password_required", 10)


class Disk:
    """A file system of its own below an instance's state."""

    def __init__(self, node: Node) -> None:
        self._at = str(node.paths.imapsync)
        kept = {path.name: path.read_bytes() for path in node.paths.imapsync.iterdir() if path.is_file()}
        self._mount("-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs")
        for name, content in kept.items():
            (node.paths.imapsync / name).write_bytes(content)

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (Path(self._at) / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 1024)

    def protect(self) -> None:
        """Take no more changes."""
        self._mount("-o", "remount,ro")

    def leave(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", self._at], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, self._at], check=True)


@pytest.fixture
def disk(idle: Node) -> Iterator[Disk]:
    idle.save()
    idle.save(localuser="foo")
    made = Disk(idle)
    yield made
    made.leave()


def nothing_written(step: Step) -> None:
    """Assert that the answer says why nothing was written."""
    refused(step, "task_id", "state_not_writable", 1)


def test_a_full_disk_still_lists_and_deletes(idle: Node, disk: Disk) -> None:
    disk.fill()
    assert rows(idle).keys() == {"administrator", "foo"}
    nothing_written(idle.action("create-task", request(cron="7m")))
    assert idle.store.load(NAME).cron == "5m"
    assert answered(idle, "delete-task", WHICH) == {"tasks": [NAME]}
    assert rows(idle).keys() == {"foo"}
    assert idle.paths.files_of(NAME) == []
    assert not idle.paths.cron_file(NAME).exists()


def test_a_change_that_a_full_disk_interrupted_does_not_bring_a_deleted_task_back(
    idle: Node, disk: Disk
) -> None:
    change = {"task": NAME, "env": idle.paths.env(NAME).read_text(), "pwd": "x" * 3000, "cron": None}
    idle.paths.pending.write_text(json.dumps(change))
    disk.fill()
    assert rows(idle).keys() == {"administrator", "foo"}
    assert answered(idle, "delete-task", WHICH) == {"tasks": [NAME]}
    (idle.paths.imapsync / "ballast").unlink()
    assert rows(idle).keys() == {"foo"}


def test_a_read_only_state_still_lists(idle: Node, disk: Disk) -> None:
    disk.protect()
    assert rows(idle).keys() == {"administrator", "foo"}
    answered(idle, "get-facts")
    answered(idle, "get-log", WHICH)
    nothing_written(idle.action("create-task", request(cron="7m")))
    nothing_written(idle.action("delete-task", WHICH))
    assert rows(idle).keys() == {"administrator", "foo"}

"""The tasks on disk: all or nothing, whoever is killed, and only the task's own files."""

from __future__ import annotations

import os
import signal
import sys
import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.module.conftest import Node, request

from imapsync_tasks import envfile, files
from imapsync_tasks.errors import NoSuchTaskError, TaskBusyError, TaskFileError
from imapsync_tasks.paths import Paths
from imapsync_tasks.task import from_request

if TYPE_CHECKING:
    from types import FrameType


def test_saving_writes_three_private_files(node: Node) -> None:
    name = node.save()
    assert name == "administrator_a0241w"
    for path in (node.paths.env(name), node.paths.pwd(name), node.paths.cron_file(name)):
        assert path.stat().st_mode & 0o777 == 0o600
    assert node.paths.pwd(name).read_bytes() == b"password"
    assert node.paths.env(name).read_text().startswith("\nTASK_ID=a0241w\nLOCALUSER=administrator\n")


def test_an_update_without_password_keeps_it_and_unknown_keys(node: Node) -> None:
    name = node.save()
    with node.paths.env(name).open("a") as file:
        file.write("OTHER=kept\n")
    with node.store.locked():
        assert not node.store.save(from_request(request(cron="")), None)
    assert node.store.password(name) == "password"
    assert node.store.load(name).unknown == (("OTHER", "kept"),)
    assert not node.paths.cron_file(name).exists()


def save_and_die(node: Node, given: dict[str, object], at: int) -> bool:
    """Save in a child that is killed at the given line of our code; False when it came to its end before."""
    child = os.fork()
    if not child:
        seen = 0

        def trace(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401  # as sys says
            nonlocal seen
            if frame.f_code.co_filename.endswith(("imapsync_tasks/files.py", "imapsync_tasks/store.py")):
                seen += event == "line"
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        task = from_request(given)
        sys.settrace(trace)
        with node.store.locked():
            node.store.save(task, str(given["remotepassword"]))
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


def of_tasks(node: Node) -> set[str]:
    """Give the files that are not the instance's own."""
    directories = (node.paths.imapsync, node.paths.runs)
    names = {path.name for directory in directories if directory.exists() for path in directory.iterdir()}
    return names - {".lock", ".settings", "vmail.pwd", ".runs"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_at_any_line_the_task_is_the_old_one_or_the_new_one(node: Node) -> None:
    old = {"remoteport": 143, "remotepassword": "old", "cron": "5m"}
    name = node.save(**old)
    seen = set()
    for at in count(1):
        killed = save_and_die(node, request(remoteport=993, remotepassword="new", cron="7m"), at)
        with node.store.locked():
            port = node.store.load(name).remoteport
            scheduled = "*/7" in node.paths.cron_file(name).read_text()
            assert (port, node.store.password(name), scheduled) in ((143, "old", False), (993, "new", True))
        seen.add(port)
        node.save(**old)
        assert of_tasks(node) == {f"{name}.env", f"{name}.pwd", f"{name}.place"}
        assert {path.name for path in node.paths.cron.iterdir()} == {f"{name}.cron"}
        if not killed:
            assert at > 60
            break
    assert seen == {143, 993}


def test_a_killed_creation_leaves_nothing_or_the_whole_task(node: Node) -> None:
    for at in count(1):
        killed = save_and_die(node, request(), at)
        with node.store.locked():
            found = {path.suffix for path in node.paths.files_of("administrator_a0241w")}
            assert found in (set(), {".env", ".pwd", ".place"})
            node.store.forget("administrator_a0241w")
            assert node.store.clear("administrator_a0241w")
        assert not of_tasks(node)
        if not killed:
            assert found
            return


def test_deleting_takes_all_files_of_exactly_that_task(node: Node) -> None:
    name = node.save(localuser="a", task_id="b1")
    for suffix in (
        "log",
        "json",
        "failures",
        "state",
        "state-wal",
        "trust",
        "progress",
        "status",
        "pid",
        "lock",
    ):
        (node.paths.imapsync / f"{name}.{suffix}").write_text("x")
    kept = [
        node.paths.imapsync / "a_b1.custom",
        node.paths.imapsync / "a_b10.log",
        node.paths.cron / "a_b1.custom",
        node.paths.env(node.save(localuser="a_b1.env", task_id="c1")),
        node.paths.env(node.save(localuser="a_b1.state-x", task_id="c1")),
    ]
    for path in kept[:3]:
        path.write_text("mine")
    with node.store.locked():
        node.store.forget(name)
        assert node.store.clear(name)
    assert node.paths.files_of(name) == []
    assert not node.paths.cron_file(name).exists()
    assert all(path.exists() for path in kept)


def test_the_lock_of_a_running_task_is_never_removed(node: Node) -> None:
    name = node.save()
    lock = files.try_lock(node.paths.lock(name))
    assert lock is not None
    try:
        with node.store.locked():
            node.store.forget(name)
            assert not node.store.clear(name)
            assert node.paths.lock(name).exists()
            with pytest.raises(TaskBusyError):
                node.store.save(from_request(request()), "password")
    finally:
        os.close(lock)
    with node.store.locked():
        assert node.store.clear(name)
    assert not node.paths.lock(name).exists()


def test_schedules_are_made_anew_and_custom_files_stay(node: Node) -> None:
    name = node.save()
    node.paths.cron_file(name).write_text("something else\n")
    (node.paths.cron / "gone_a1.cron").write_text("old\n")
    (node.paths.cron / "mine.custom").write_text("mine\n")
    for left in ("left_a1.log", "left_a1.lock", "half_a1.pwd", "half_a1.lock", "own_script.log"):
        (node.paths.imapsync / left).write_text("x")
    node.publish(mail_host="10.5.4.2")
    assert {path.name for path in node.paths.cron.iterdir()} == {f"{name}.cron", "mine.custom"}
    assert "MAIL_HOST=10.5.4.2\n" in node.paths.cron_file(name).read_text()
    found = {path.name for path in node.paths.imapsync.iterdir() if not path.name.startswith((name, "."))}
    assert found == {"half_a1.pwd", "half_a1.lock", "own_script.log", "vmail.pwd"}
    node.publish(schedules_paused=True)
    assert {path.name for path in node.paths.cron.iterdir()} == {"mine.custom"}
    assert node.store.load(node.save(cron="9m")).cron == "9m"
    assert not node.paths.cron_file(name).exists()


def test_reading_refuses_links_pipes_and_large_files(node: Node) -> None:
    good = node.paths.env(node.save())
    node.paths.env("x_0").symlink_to(good)
    os.mkfifo(node.paths.env("x_1"))
    node.paths.env("x_2").write_bytes(b"A=" + b"x" * (1 << 17))
    node.paths.env("x_3").mkdir()
    for number in range(4):
        with pytest.raises(TaskFileError):
            node.store.load(f"x_{number}")
    with pytest.raises(NoSuchTaskError):
        node.store.load("x_9")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(password=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1))
def test_passwords_are_kept_to_the_byte(node: Node, password: str) -> None:
    name = node.save(remotepassword=password)
    assert node.paths.pwd(name).read_bytes() == password.encode()
    assert node.store.password(name) == password


def test_writers_at_once_never_mix(node: Node) -> None:
    def write(number: int) -> None:
        for _ in range(30):
            node.save(remoteport=number, remotepassword=str(number), cron=f"{number}m")

    writers = [threading.Thread(target=write, args=(number,)) for number in (11, 22, 33)]
    for writer in writers:
        writer.start()
    name = "administrator_a0241w"
    while any(writer.is_alive() for writer in writers):
        with node.store.locked():
            if node.store.exists(name):
                port = node.store.load(name).remoteport
                assert node.store.password(name) == str(port)
                assert f"*/{port} " in node.paths.cron_file(name).read_text()
    for writer in writers:
        writer.join()


def test_env_values_are_never_rendered_by_hand(node: Node) -> None:
    assert envfile.parse(node.paths.env(node.save()).read_bytes())["EXCLUDE"] == ",folder1,folder2"


def test_paths_on_node_follow_the_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_STATE_DIR", "/s")
    assert Paths.on_node() == Paths(Path("/s/imapsync"), Path("/s/cron"))

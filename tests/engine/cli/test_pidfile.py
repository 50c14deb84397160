"""The pid file tells who runs, and never more than that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from imapsync.cli.errors import PidFileError
from imapsync.cli.pidfile import PidFile, abort, read_pid


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "imapsync.pid")


def test_it_holds_our_number_and_goes_away(path: str) -> None:
    file = PidFile(path)
    assert file.acquire(exclusive=True) == ""
    assert read_pid(path) == os.getpid()
    assert file.release()
    assert not os.path.exists(path)


def test_a_second_run_is_refused_while_the_first_lives(path: str) -> None:
    first = PidFile(path)
    first.acquire(exclusive=False)
    with pytest.raises(PidFileError, match="alive"):
        PidFile(path).acquire(exclusive=True)
    assert read_pid(path) == os.getpid()
    first.release()
    PidFile(path).acquire(exclusive=True)


def test_without_locking_the_later_run_takes_the_file(path: str) -> None:
    first, second = PidFile(path), PidFile(path)
    first.acquire(exclusive=False)
    second.acquire(exclusive=False)
    assert second.release()
    assert not first.release()


@pytest.mark.parametrize("content", ["", "999999999\n", "-1\n", "rubbish\n", "1\n", "9" * 60])
def test_a_file_left_behind_does_not_block(path: str, content: str) -> None:
    Path(path).write_text(content)
    file = PidFile(path)
    file.acquire(exclusive=True)
    assert read_pid(path) == os.getpid()
    file.release()


def test_a_link_is_never_followed(path: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.symlink(victim, path)
    with pytest.raises(PidFileError):
        PidFile(path).acquire(exclusive=False)
    assert victim.read_text() == "precious"
    assert read_pid(path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user: run as root to enable")
def test_a_file_of_another_user_is_left_alone(path: str) -> None:
    Path(path).write_text("precious")
    os.chown(path, 65534, 65534)
    with pytest.raises(PidFileError, match="left alone"):
        PidFile(path).acquire(exclusive=False)
    assert Path(path).read_text() == "precious"


def test_another_name_of_a_file_and_a_fifo_are_left_alone(path: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.link(victim, path)
    with pytest.raises(PidFileError, match="left alone"):
        PidFile(path).acquire(exclusive=False)
    assert victim.read_text() == "precious"
    os.mkfifo(path + "2")
    with pytest.raises(PidFileError, match="left alone"):
        PidFile(path + "2").acquire(exclusive=False)


def test_a_directory_that_does_not_exist(path: str) -> None:
    with pytest.raises(PidFileError, match="cannot be written"):
        PidFile(path + "/x/y").acquire(exclusive=False)


def test_abort_touches_no_other_program(path: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        Path(path).write_text(f"{other.pid}\n")
        gone, sentence = abort(path)
        assert gone
        assert "No run to abort" in sentence
        assert other.poll() is None
        other.kill()


def test_abort_ends_an_imapsync(path: str) -> None:
    script = "import sys, time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, "imapsync"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        Path(path).write_text(f"{other.pid}\n")
        gone, sentence = abort(path)
        assert gone, sentence
        assert other.wait() == -15

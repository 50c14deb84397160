"""The command as a process, without any server: help, version, files, secrets, signals at the start."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imapsync import __version__

PASSWORD = "s3cret-Pa55 word"


def imapsync(
    *words: str,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    pass_fds: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd or "/nonexistent"),
        "TMPDIR": str(cwd or "/nonexistent"),
    }
    return subprocess.run(
        [sys.executable, "-m", "imapsync", *words],
        capture_output=True,
        text=True,
        stdin=stdin,
        env={**environment, **(env or {})},
        cwd=cwd,
        pass_fds=pass_fds,
        timeout=60,
        check=False,
    )


#: Nothing listens on the discard port of this address.
NOBODY = [
    "--host1",
    "127.0.0.9",
    "--port1",
    "9",
    "--user1",
    "u",
    "--host2",
    "127.0.0.9",
    "--port2",
    "9",
    "--user2",
    "v",
]
PASSWORDS = ["--password1", PASSWORD, "--password2", PASSWORD + "2"]


def test_version_is_only_the_version() -> None:
    done = imapsync("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["-?"]])
def test_help(words: list[str]) -> None:
    done = imapsync(*words)
    assert done.returncode == 0
    assert done.stdout.startswith(f"imapsync {__version__}")
    assert "--host1" in done.stdout
    assert done.stderr == ""


def test_the_self_check() -> None:
    done = imapsync("--tests")
    assert done.returncode == 0
    assert "not ok" not in done.stdout


def test_starting_up_imports_no_more_than_needed() -> None:
    script = (
        "import sys; from imapsync.cli.main import main; main(['--version'])\n"
        "heavy = {'asyncio', 'ssl', 'argparse', 'logging', 'sqlite3', 'dataclasses'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True,
                          env={"PYTHONPATH": str(Path(__file__).parents[3] / "src")})  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--hosst1", "x"], "Unknown option: --hosst1. Did you mean --host1?"),
        (["--port1", "imap"], "Option --port1: 'imap' is not right, it must be a whole number."),
        (["stray"], "'stray' is not an option"),
        (["--dry"], "Missing: --host1"),
        ([*NOBODY], "The password of user1 is missing"),
        ([*NOBODY, *PASSWORDS, "--exclude", "("], "Option --exclude '('"),
        ([*NOBODY, *PASSWORDS, "--domain1", "x", "--authmech1", "NTLM"], "Option --authmech1: 'NTLM'"),
    ],
)
def test_usage_errors(words: list[str], sentence: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = imapsync(*words, "--report", str(report), cwd=tmp_path)
    assert done.returncode == 64
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exiting with return value 64 (EX_USAGE: command line usage error) 1/50 nb_errors" in done.stdout
    assert os.listdir(tmp_path) == ["report.json"], "a usage error leaves no log, no pid file"
    found = json.loads(report.read_text())
    assert (found["exit_code"], found["errors"][0]["code"]) == (64, "usage")


def test_a_password_file_that_is_missing(tmp_path: Path) -> None:
    done = imapsync(*NOBODY, "--passfile1", "nope", "--passfile2", "nope", cwd=tmp_path)
    assert done.returncode == 66
    assert "'nope' of --passfile1 cannot be read: No such file" in done.stderr
    assert "EX_NOINPUT" in done.stdout


def test_the_log_file(tmp_path: Path) -> None:
    done = imapsync(*NOBODY, *PASSWORDS, "--user1", "../a/b", cwd=tmp_path)
    assert done.returncode == 101
    folder = tmp_path / "LOG_imapsync"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (log,) = folder.iterdir()
    assert re.fullmatch(r"\d{4}(_\d\d){5}_\d{3}_.._a_b_v\.txt", log.name)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text() == done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"Log file is LOG_imapsync/{log.name} ( to change it")


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["--logfile", "x.txt"], "x.txt"),
        (["--logfile", "x.txt", "--logdir", "logs"], "logs/x.txt"),
        (["--logfile", "some/where/x.txt", "--logdir", "logs"], "some/where/x.txt"),
        (["--nolog"], None),
    ],
)
def test_the_log_is_where_it_was_asked_for(words: list[str], path: str | None, tmp_path: Path) -> None:
    for _ in range(2):
        done = imapsync(*NOBODY, *PASSWORDS, *words, cwd=tmp_path)
        assert done.returncode == 101
    files = [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*") if found.is_file()]
    assert files == ([] if path is None else [path])
    if path is not None:
        assert (tmp_path / path).read_text() == done.stdout


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = imapsync(*NOBODY, *PASSWORDS, "--logfile", "file/x", cwd=tmp_path)
    assert done.returncode == 1
    assert "--nolog" in done.stderr


def test_secrets_are_masked_wherever_they_come_from(tmp_path: Path) -> None:
    token = tmp_path / "pw"
    token.write_text(PASSWORD + "\n")
    for words, env in (
        (PASSWORDS, {}),
        ([f"--password1={PASSWORD}", f"-password2={PASSWORD}"], {}),
        (["--oauthaccesstoken1", PASSWORD, "--oauthdirect2", PASSWORD], {}),
        (["--passfile1", str(token), "--passfile2", str(token)], {}),
        ([], {"IMAPSYNC_PASSWORD1": PASSWORD, "IMAPSYNC_PASSWORD2": PASSWORD}),
        ([*PASSWORDS, "--showpasswords", "--debug", "--debugimap"], {}),
    ):
        done = imapsync(
            *NOBODY, *words, "--report", "report.json", "--progress", "progress.json", cwd=tmp_path, env=env
        )
        assert done.returncode == 101, done.stderr
        written = [found for found in tmp_path.rglob("*") if found.is_file() and found != token]
        assert len(written) >= 3
        for text in (done.stdout, done.stderr, *(found.read_text() for found in written)):
            assert "s3cret" not in text
    assert done.stdout.count("MASKED") == 2


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nsecond line\n"])
def test_passwords_through_pipes(ending: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, (PASSWORD + ending).encode())
    os.close(writer)
    done = imapsync(
        *NOBODY, "--passfile1", f"/dev/fd/{reader}", "--password2", "x", cwd=tmp_path, pass_fds=(reader,)
    )
    os.close(reader)
    assert done.returncode == 101, done.stderr


def test_two_passwords_on_two_lines_of_one_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"one\ntwo\n")
    os.close(writer)
    file = f"/dev/fd/{reader}"
    done = imapsync(*NOBODY, "--passfile1", file, "--passfile2", file, cwd=tmp_path, pass_fds=(reader,))
    os.close(reader)
    assert done.returncode == 101, done.stderr


@pytest.mark.parametrize("option", ["--report", "--progress"])
def test_files_that_cannot_be_written_are_told_before_the_work(option: str, tmp_path: Path) -> None:
    done = imapsync(*NOBODY, *PASSWORDS, "--nolog", option, "no/such/file", cwd=tmp_path)
    assert done.returncode == 1
    assert f"'no/such/file' of {option} cannot be written" in done.stderr
    assert "Host1" not in done.stdout


def test_the_terminal_is_asked_without_echo(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "imapsync", *NOBODY, "--nolog"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    os.close(follower)
    seen = b""
    for user in (b"u", b"v"):
        while b"password for " + user not in seen:
            seen += os.read(leader, 4096)
        os.write(leader, PASSWORD.encode() + b"\n")
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    assert process.wait(30) == 101
    os.close(leader)
    assert b"s3cret" not in seen


def test_secrets_vanish_from_the_process_list(tmp_path: Path) -> None:
    """A run that waits for a password in a FIFO shows neither its other password nor its environment's."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "imapsync", *NOBODY, f"--password1={PASSWORD}", "--passfile2", str(fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "IMAPSYNC_PASSWORD2": PASSWORD, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    deadline = time.monotonic() + 20
    proc = Path(f"/proc/{process.pid}")
    try:
        while b"s3cret" in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes():
            assert time.monotonic() < deadline
            assert process.poll() is None
    except (FileNotFoundError, ProcessLookupError):
        pytest.fail("ended before it could be looked at")
    finally:
        process.kill()
        process.communicate()


def test_a_pid_file_that_is_held(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "run.pid"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("1\n")
        held.flush()
        done = imapsync(
            *NOBODY, *PASSWORDS, "--pidfile", str(path), "--pidfilelocking", "--nolog", cwd=tmp_path
        )
        assert done.returncode == 8
        assert "belongs to another run" in done.stderr
        assert path.read_text() == "1\n"
        done = imapsync(*NOBODY, *PASSWORDS, "--pidfile", str(path), "--nolog", cwd=tmp_path)
        assert done.returncode == 101
        assert not path.exists()
        assert f"Removing pidfile {path}" in done.stdout


def test_the_default_pid_file_never_stops_a_run(tmp_path: Path) -> None:
    (tmp_path / "imapsync.pid").symlink_to("/etc/passwd")
    done = imapsync(*NOBODY, *PASSWORDS, "--nolog", cwd=tmp_path)
    assert done.returncode == 101
    assert "WARNING: The pid file" in done.stdout
    done = imapsync(*NOBODY, *PASSWORDS, "--nolog", "--tmpdir", "new/dir", cwd=tmp_path)
    assert "PID file is new/dir/imapsync.pid" in done.stdout


def test_abort_without_a_run(tmp_path: Path) -> None:
    done = imapsync("--abort", cwd=tmp_path)
    assert done.returncode == 0
    assert "No run to abort" in done.stdout


def test_a_reader_that_goes_away_does_not_end_the_run(tmp_path: Path) -> None:
    script = f'"{sys.executable}" -m imapsync "$@" | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *NOBODY, *PASSWORDS, "--report", "r.json", "--nolog"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "101"
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 101


def test_connection_failures_name_their_side(tmp_path: Path) -> None:
    done = imapsync(*NOBODY, *PASSWORDS, "--report", "r.json", "--nolog", cwd=tmp_path)
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["exit_code"], found["exit_name"]) == (101, "EXIT_CONNECTION_FAILURE_HOST1")
    assert {error["side"] for error in found["errors"]} == {"host1", "host2"}
    assert {error["code"] for error in found["errors"]} == {"connection"}
    assert "Host1 failure: " in done.stdout
    assert "What to do: Check the server's name" in done.stdout


def test_debug_shows_settings_without_secrets(tmp_path: Path) -> None:
    done = imapsync(*NOBODY, *PASSWORDS, "--oauthaccesstoken2", PASSWORD, "--debug", "--nolog", cwd=tmp_path)
    assert "Setting source_credentials: Credentials(user='u', password=Secret(***)" in done.stdout
    assert "s3cret" not in done.stdout


def test_a_closed_standard_output_is_left_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m imapsync "$@" >&- 2>&-; echo $?', "bash", *NOBODY, *PASSWORDS,
         "--logfile", "log", "--report", "report"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout == "101\n"
    assert (tmp_path / "log").read_text().count("Exiting with return value 101") == 1


def test_a_signal_at_the_password_prompt(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "imapsync", *NOBODY, "--passfile1", str(fifo), "--report", "report"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
    )
    # The engine blocks opening the FIFO; opening our end tells that it is there.
    with fifo.open("w"):
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 6, output
    assert json.loads((tmp_path / "report").read_text())["exit_code"] == 6

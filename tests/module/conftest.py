"""An instance's state directory, and a node thin enough to run action steps in it as processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.servers.dovecot import Dovecot

from imapsync_tasks import instance
from imapsync_tasks.paths import Paths
from imapsync_tasks.store import Store
from imapsync_tasks.task import from_request

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
IMAGEROOT = ROOT / "imageroot"
#: podman as far as the module calls it: the container's syncctl runs here, in the same directories.
PODMAN = f"""#!/bin/sh
[ "$1 $2 $3 $4" = "exec -i imapsync /usr/local/bin/syncctl" ] || exit 125
[ -e "$SERVICE_DOWN" ] && {{ echo "Error: no such container" >&2; exit 125; }}
shift 4
exec {sys.executable} -m syncctl "$@"
"""
#: An engine as far as the module calls it: alone, or --many command lines from its input. The run itself is
#: `imapsync.run` beside it.
ENGINE = f"""#!{sys.executable}
import json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
run = sys.argv[0] + ".run"
if not sys.argv[1].startswith("--many="):
    os.execv(run, [run, *sys.argv[1:]])
def one(number, line):
    code = subprocess.run([run, *json.loads(line)["words"]], stdin=subprocess.DEVNULL).returncode
    print(json.dumps({{"line": number, "exit_code": code, "late": False}}), flush=True)
with ThreadPoolExecutor(int(sys.argv[1].partition("=")[2])) as pool:
    for number, line in enumerate(sys.stdin, 1):
        pool.submit(one, number, line)
"""
#: An engine that does nothing for as long as it is told to: for locks, queues and kills. `home / "end"` says
#: how it ends; its words are lines of `home / "words"`.
IDLE_ENGINE = f"""#!{sys.executable}
import json, os, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
def leave(code, name):
    if "--report" in words:
        report = {{"exit_code": code, "exit_name": name, "exit_text": "", "messages_transferred": 3,
                  "messages_skipped": 2, "messages_failed": 1, "bytes_transferred": 99, "failures_total": 1,
                  "errors": [], "failures": [{{"folder": "INBOX", "reason": "append"}}],
                  "host1": {{"login": True}}, "host2": {{"login": True}}}}
        told = os.environ["HOME_DIR"] + "/end"
        if code == 0 and os.path.exists(told):
            with open(told) as file:
                report |= json.load(file)
            code = report["exit_code"]
        with open(words["--report"], "w") as file:
            json.dump(report, file)
    sys.exit(code)
def end(*_):
    if not os.path.exists(os.environ["HOME_DIR"] + "/deaf"):
        leave(10, "EX_SIGNAL")
"""


def request(**changes: object) -> dict[str, Any]:
    """Give create-task's input of the manual's example, with changes."""
    given = {
        "localuser": "administrator",
        "remotehostname": "imap.foo.com",
        "remoteport": 143,
        "security": "tls",
        "delete_local": False,
        "delete_remote": False,
        "delete_remote_older": 0,
        "exclude": "folder1,folder2",
        "remoteusername": "username",
        "remotepassword": "password",
        "cron": "5m",
        "task_id": "a0241w",
        "foldersynchronization": "all",
    }
    return given | changes


@dataclass
class Step:
    """What an action gave."""

    exit_code: int
    output: Any
    error: str
    status: str


@dataclass
class Node:
    """One module instance on something like a node: state directory and environment, no agent, no Redis."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Give the state directory."""
        return self.home / "state"

    @property
    def paths(self) -> Paths:
        """Give the instance's paths."""
        return Paths(self.state / "imapsync", self.state / "cron")

    @property
    def store(self) -> Store:
        """Give the instance's tasks."""
        return Store(self.paths)

    def engine(self, body: str) -> None:
        """Make a program the instance's engine."""
        front = self.home / "bin" / "imapsync"
        for path, text in ((front, ENGINE), (front.with_name("imapsync.run"), body)):
            path.write_text(text)
            path.chmod(0o755)
        self.environ["SYNCCTL_ENGINE"] = str(front)

    def publish(self, **settings: object) -> None:
        """Give the instance settings, as a started service has them."""
        base = instance.Settings(mail_server="uuid", mail_host="127.0.0.1", max_parallel=2)
        with self.store.locked():
            self.store.expand(base._replace(**settings))  # type: ignore[arg-type]

    def save(self, **changes: object) -> str:
        """Write a task without any check; give its name."""
        given = request(**changes)
        task = from_request(given)
        with self.store.locked():
            self.store.save(task, given["remotepassword"])
        return task.name

    def snapshot(self) -> dict[str, bytes]:
        """Give every file below the state directory."""
        return {
            str(path.relative_to(self.state)): path.read_bytes()
            for path in sorted(self.state.rglob("*"))
            if path.is_file()
        }

    def action(self, name: str, data: object = None, **environ: str) -> Step:
        """Run the steps of an action one after the other as the agent does."""
        output, error, status = "", "", ""
        for step in sorted(
            path for path in (IMAGEROOT / "actions" / name).iterdir() if path.suffix != ".json"
        ):
            reader, writer = os.pipe()
            done = subprocess.run(
                [step],
                input=json.dumps(data),
                capture_output=True,
                text=True,
                cwd=self.state,
                env={**self.environ, **environ, "AGENT_COMFD": str(writer)},
                pass_fds=(writer,),
                check=False,
            )
            os.close(writer)
            with os.fdopen(reader) as pipe:
                status += pipe.read()
            output, error = output + done.stdout, error + done.stderr
            if done.returncode:
                return Step(done.returncode, _decoded(output), error, status)
        return Step(0, _decoded(output), error, status)

    def helper(self, name: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a program of bin/ as runagent does."""
        return subprocess.run(
            [IMAGEROOT / "bin" / name, *words],
            input=given,
            capture_output=True,
            cwd=self.state,
            env=self.environ,
            check=False,
        )

    def syncctl(self, *words: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run syncctl as in the container."""
        return subprocess.run(
            [sys.executable, "-m", "syncctl", *words],
            input=given,
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            check=False,
        )


def _decoded(output: str) -> object:
    try:
        return json.loads(output) if output else None
    except ValueError:
        return output


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Give a configured instance; whatever it started is ended afterwards."""
    home = tmp_path / "home"
    programs = home / "bin"
    programs.mkdir(parents=True)
    (home / "state").mkdir()
    podman = programs / "podman"
    podman.write_text(PODMAN)
    podman.chmod(0o755)
    made = Node(home)
    made.environ = {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{IMAGEROOT / 'pypkg'}:{ROOT / 'devnode' / 'pypkg'}:{ROOT / 'src'}",
        "AGENT_ID": "module/imapsync1",
        "AGENT_STATE_DIR": str(home / "state"),
        "MODULE_ID": "imapsync1",
        "MAIL_SERVER": "uuid",
        "MAIL_HOST": "127.0.0.1",
        "MAX_PARALLEL": "2",
        "REDIS_ADDRESS": "127.0.0.1:1",
        "REDIS_REPLICA_ADDRESS": "127.0.0.1:1",
        "SERVICE_DOWN": str(home / "service-down"),
        "SYNCCTL_DIRECTORY": str(home / "state" / "imapsync"),
        "SYNCCTL_CRON_DIRECTORY": str(home / "state" / "cron"),
        "SYNCCTL_SYSTEM_LOG": str(home / "system.log"),
    }
    # What is started here is measured with the tests.
    made.environ |= {key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")}
    (home / "system.log").touch()
    made.publish()
    made.paths.master_password.write_text("master")
    yield made
    names = sorted({path.name.rpartition(".")[0] for path in made.paths.imapsync.glob("*.lock")} - {""})
    if names:
        made.syncctl("stop", "-", given="\n".join(names))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def idle(node: Node) -> Node:
    """Give an instance whose engine just waits: `idle.home / "seconds"` says how long."""
    body = IDLE_ENGINE.replace('os.environ["HOME_DIR"]', repr(str(node.home)))
    node.engine(
        body
        + f"""
signal.signal(signal.SIGTERM, end)
with open({str(node.home / "runs")!r}, "a") as file:
    file.write(words.get("--state", "look").rpartition("/")[2] + "\\n")
if "--justlogin" in sys.argv:
    leave(0, "EX_OK")
with open({str(node.home / "words")!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
with open(words["--logfile"], "w") as file:
    file.write("begun\\n")
with open(words["--progress"], "w") as file:
    json.dump({{"phase": "copying", "messages_done": 1}}, file)
until = time.monotonic() + float(open({str(node.home / "seconds")!r}).read())
while time.monotonic() < until:
    time.sleep(0.02)
leave(0, "EX_OK")
"""
    )
    (node.home / "seconds").write_text("30")
    return node


@pytest.fixture
def remote() -> Iterator[Dovecot]:
    with Dovecot() as server:
        server.add_user("anna", "remote secret")
        yield server


@pytest.fixture
def local() -> Iterator[Dovecot]:
    with Dovecot() as server:
        server.add_user("bob", "local secret")
        yield server


@pytest.fixture
def mail(node: Node, local: Dovecot) -> Node:
    """Give an instance whose Mail instance is a real server."""
    node.environ |= {
        "MAIL_HOST": local.host,
        "SYNCCTL_MAIL_PORT": str(local.port),
        "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
    }
    # The servers of the tests are on loopback, at ports that are free.
    node.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",))
    node.paths.master_password.write_text(local.master_password)
    return node

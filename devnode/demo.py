"""The product's main job on a fresh node: a remote account comes into a local mailbox, and stays in step.

`scripts/demo` prepares the machine and calls this. Each step is a line with the seconds since the start; the
first thing that is not as promised ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import unicodedata
from typing import TYPE_CHECKING, Final

from . import corpus, testbed
from .imap_account import Login, Mailbox
from .remote import OFFICE, Remote
from .settings import Node, NodeError, load
from .shell import CommandError, Json, Shell, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from .imap_account import Snapshot

LOCAL_USER: Final = "u1"
TASK_ID: Final = "demo01"
MESSAGES: Final = 1040
RUN_TIMEOUT_S: Final = 180.0
SCHEDULE_TIMEOUT_S: Final = 150.0
"""A minute until the next tick of cron, at most a minute of the task's own spread, and the run."""
STARTED_AT: Final = float(os.environ.get("DEMO_STARTED_AT") or time.time())
"""When scripts/demo started: preparing the machine counts."""


def say(text: str) -> None:
    """Print a step with the seconds since the start."""
    sys.stdout.write(f"[{time.time() - STARTED_AT:6.1f} s] {text}\n")
    sys.stdout.flush()


class Demo:
    """One run of the demo on a node that is up, with images built."""

    def __init__(self, node: Node, image_base: str, image_tag: str) -> None:
        """Nothing happens yet."""
        self.node = node
        self.shell = Shell(node)
        self.module_image = f"{image_base}/imapsync:{image_tag}"
        self.mail_image = f"{image_base}/mail:{image_tag}"
        self.remote = Remote(node, f"{image_base}/mail-dovecot:{image_tag}")

    def run(self) -> None:
        """Go through all steps."""
        filling = _InBackground(self._fill_remote)
        self._install_mail()
        self._install_imapsync()
        filling.result()
        self._first_run()
        self._second_run()
        self._scheduled_run()

    def _fill_remote(self) -> None:
        self.remote.up()
        self.remote.fill(OFFICE, MESSAGES, attachments=True)
        size = f"{MESSAGES} messages, {len(corpus.FOLDERS)} folders"
        say(f"remote account {OFFICE} at {self.node.address(3)}: {size}")

    def _install_mail(self) -> None:
        testbed.install_mail(self.node, self.shell, self.mail_image)
        say(f"mail1 installed: Dovecot at {self.node.address(2)}:143, {len(testbed.USERS)} users")

    @property
    def local_login(self) -> Login:
        """Give how the local user enters the own mailbox."""
        return testbed.local_login(self.node, LOCAL_USER)

    def _install_imapsync(self) -> None:
        self.shell.run("add-module", self.module_image, "1")
        choices = self.shell.action("imapsync1", "get-configuration")["mail_server_URL"]
        if [choice["name"] for choice in choices] != ["mail1"]:
            raise CommandError(f"get-configuration should offer mail1 alone: {choices}")
        server, host = choices[0]["value"].split(",")
        self.shell.action("imapsync1", "configure-module", {"mail_server": server, "mail_host": host})
        say(f"imapsync1 installed and bound to mail1 ({host})")

    def _task(self) -> Json:
        (task,) = self.shell.action("imapsync1", "list-tasks")["user_properties"]
        return dict(task)

    def _finished_run(self, after: float) -> Json | None:
        """Give the result of a run that started after that moment, once it has ended."""
        task = self._task()
        result = task["result"]
        if task["state"] != "stopped" or result is None or result["started_at"] < after:
            return None
        if result["exit_code"] != 0:
            log = self.shell.action("imapsync1", "get-log", {"localuser": LOCAL_USER, "task_id": TASK_ID})
            raise CommandError(f"the run ended with {result}\n{log['log_content'][-4000:]}")
        return dict(result)

    def _first_run(self) -> None:
        before = time.time()
        login = self.remote.login()
        self.shell.action(
            "imapsync1",
            "create-task",
            {
                "localuser": LOCAL_USER,
                "task_id": TASK_ID,
                "remotehostname": login.host,
                "remoteport": login.port,
                "security": login.security,
                "remoteusername": login.user,
                "remotepassword": login.password,
                "delete_local": False,
                "delete_remote": False,
                "delete_remote_older": 0,
                "exclude": "",
                "cron": "1m",
                "foldersynchronization": "all",
            },
        )
        say(f"task {LOCAL_USER}_{TASK_ID} created: every minute, all folders")
        result = wait_for("the first run's end", lambda: self._finished_run(before), RUN_TIMEOUT_S)
        moved = f"{result['messages_transferred']} messages, {result['bytes_transferred'] / 1e6:.1f} MB"
        say(f"first run: {moved} in {result['seconds']:.1f} s")
        self._compare("after the first run")

    def _second_run(self) -> None:
        before = time.time()
        self.shell.action("imapsync1", "start-task", {"localuser": LOCAL_USER, "task_id": TASK_ID})
        result = wait_for("the second run's end", lambda: self._finished_run(before), RUN_TIMEOUT_S)
        if result["messages_transferred"] != 0:
            raise CommandError(f"the second run should copy nothing: {result}")
        say(f"second run: 0 messages in {result['seconds']:.1f} s")

    def _scheduled_run(self) -> None:
        content = corpus.ordinary(int(STARTED_AT))
        with Mailbox(self.remote.login()) as remote:
            remote.append(("INBOX",), content)
            expected = remote.read(("INBOX",))
        say("a message was delivered to the remote account; cron brings it over")
        with Mailbox(self.local_login) as local:
            wait_for("its arrival by cron", lambda: local.read(("INBOX",)) == expected, SCHEDULE_TIMEOUT_S)
        say("it arrived by itself")
        self._compare("at the end", table=True)

    def _compare(self, when: str, *, table: bool = False) -> None:
        with Mailbox(self.remote.login()) as remote, Mailbox(self.local_login) as local:
            theirs, ours = remote.snapshot(), local.snapshot()
        different = [path for path in theirs.keys() | ours.keys() if theirs.get(path) != ours.get(path)]
        if table or different:
            sys.stdout.write(_table(theirs, ours))
        if different:
            raise CommandError(f"{when} the accounts differ in {different}")
        count = sum(counts.total() for counts in ours.values())
        say(f"{when}: {count} messages in {len(ours)} folders, identical on both sides")


class _InBackground:
    """A function on a thread of its own; `result` waits for it and raises what it raised."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._function()
        except Exception as error:  # noqa: BLE001 - handed over whole by result()
            self._error = error

    def result(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error


def _table(theirs: Snapshot, ours: Snapshot) -> str:
    """Give both accounts side by side, a folder a line."""
    rows = [("folder", "remote", "local", "")]
    for path in sorted(theirs.keys() | ours.keys()):
        remote, local = theirs.get(path), ours.get(path)
        both = (
            str(remote.total()) if remote is not None else "-",
            str(local.total()) if local is not None else "-",
        )
        rows.append(("/".join(path), *both, "same" if remote == local else "DIFFERENT"))
    totals = [str(sum((counts.total() for counts in side.values()), 0)) for side in (theirs, ours)]
    rows.append(("all", totals[0], totals[1], "same" if theirs == ours else "DIFFERENT"))
    width = max(_columns(row[0]) for row in rows)
    return "".join(
        f"    {name}{' ' * (width - _columns(name))}  {remote:>6}  {local:>6}  {same}\n"
        for name, remote, local, same in rows
    )


def _columns(text: str) -> int:
    """Give how many columns a terminal uses for the text."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def farewell(node: Node) -> str:
    """Give what to do with the running node."""
    prefix = "" if node.name == "demo" else f". {node.state}/env; export PATH={node.bin}:$PATH\n    "
    return f"""
The node runs. Its page: {node.web}/cluster-admin/#/apps/imapsync1 (admin / Nethesis,1234)
    {prefix}api-cli run module/imapsync1/list-tasks
    api-cli run module/imapsync1/get-log --data '{{"localuser": "{LOCAL_USER}", "task_id": "{TASK_ID}"}}'
    runagent -m imapsync1 podman exec imapsync syncctl status {LOCAL_USER}_{TASK_ID}
    scripts/demo --down{"" if node.name == "demo" else f" --name {node.name}"}    takes everything away again
"""


def main() -> int:
    """Run the demo; 0 only when everything was as promised."""
    parser = argparse.ArgumentParser(prog="python -m devnode.demo", description=__doc__)
    parser.add_argument("--name", help="the devnode, default $DEVNODE, then demo")
    parser.add_argument("--image-base", default="ghcr.io/nethserver")
    parser.add_argument("--image-tag", default="latest")
    options = parser.parse_args()
    try:
        node = load(options.name)
        Demo(node, options.image_base, options.image_tag).run()
    except (CommandError, NodeError) as error:
        say(f"FAILED: {error}")
        return 1
    say("everything is as promised")
    sys.stdout.write(farewell(node))
    return 0


if __name__ == "__main__":
    sys.exit(main())

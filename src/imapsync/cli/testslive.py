"""``--testslive``: a complete sync between two IMAP servers that are started on this machine for it.

Dovecot where it is installed, else pymap (the extra ``imapsync[testslive]``). Nothing leaves the machine, and
nothing of it stays: both servers and their mail are gone when the run has ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from imapsync.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCOUNTS = (("test1", "secret1"), ("test2", "secret2"))
#: How long a server may take to greet.
START_S = 20.0
_NOBODY = 65_534
_SHORT = "/tmp"  # noqa: S108 - only the parent of a folder of our own
_FOLDERS = {"INBOX": 3, "Sent": 2, "Archive/2024": 2}

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/server.log
listen = "{host}"
protocols = imap
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
first_valid_uid = 1
{owner}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = {ids} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Live(NamedTuple):
    """A server that was started: its address, and what it is."""

    host: str
    port: int
    name: str


@contextlib.contextmanager
def live_servers(host: str) -> Iterator[tuple[Live, Live]]:
    """Start both servers on a loopback address, the first with mail in it; stop them afterwards.

    UsageError when neither Dovecot nor pymap is there.
    """
    # Dovecot's sockets need a short path that its other users can enter.
    parent = _SHORT if os.access(_SHORT, os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="imapsync-live-", dir=parent) as folder,
        contextlib.ExitStack() as stack,
    ):
        os.chmod(folder, 0o755)  # noqa: S103 - Dovecot's processes have other users; the mail is of no value
        one, two = (
            stack.enter_context(_server(os.path.join(folder, str(n)), host, *account))
            for n, account in enumerate(ACCOUNTS, 1)
        )
        _fill(one)
        yield one, two


@contextlib.contextmanager
def _server(folder: str, host: str, user: str, password: str) -> Iterator[Live]:
    os.makedirs(os.path.join(folder, "mail"))
    port = _free_port(host)
    dovecot = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if dovecot is not None:
        name, words = "Dovecot", _dovecot(dovecot, folder, host, port, password)
    elif find_spec("pymap") is not None:
        name, words = "pymap", _pymap(folder, host, port, user, password)
    else:
        raise UsageError(
            "--testslive starts two IMAP servers on this machine: install Dovecot, or pymap with "
            "pip install 'ns8-imapsync[testslive]'.",
            option="testslive",
        )
    setpriv = shutil.which("setpriv")
    if setpriv is not None:  # a run that is killed takes its servers with it
        words = [setpriv, "--pdeathsig", "TERM", *words]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_greeting(process, host, port, name)
        yield Live(host, port, name)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _dovecot(program: str, folder: str, host: str, port: int, password: str) -> list[str]:
    me, group = os.geteuid(), os.getegid()
    owner, ids = "", f"uid={_NOBODY} gid={_NOBODY}"
    if me:
        import grp
        import pwd

        user, its_group = pwd.getpwuid(me).pw_name, grp.getgrgid(group).gr_name
        names = {"login_user": user, "internal_user": user, "internal_group": its_group}
        owner = "\n".join(f"default_{what} = {name}" for what, name in names.items())
        ids = f"uid={me} gid={group}"
    else:
        os.chown(os.path.join(folder, "mail"), _NOBODY, _NOBODY)
    path = os.path.join(folder, "dovecot.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            _DOVECOT.format(folder=folder, host=host, port=port, password=password, owner=owner, ids=ids)
        )
    return [program, "-F", "-c", path]


def _pymap(folder: str, host: str, port: int, user: str, password: str) -> list[str]:
    from pysasl.hashing import BuiltinHash  # type: ignore[import-not-found]  # comes with pymap

    hashed = str(BuiltinHash().hash(password)).replace(":", "\\:")
    mail = os.path.join(folder, "mail")
    for name, line in (
        ("pymap-etc-passwd", f"{user}:x::::{user}:\r\n"),
        ("pymap-etc-shadow", f"{user}:{hashed}:::::::\r\n"),
    ):
        with open(os.path.join(mail, name), "w", encoding="utf-8", newline="") as file:
            file.write(line)
    program = "from pymap.main import main; main()"
    return [sys.executable, "-c", program, "--host", host, "--port", str(port), "--no-tls", "maildir", mail]


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _await_greeting(process: subprocess.Popen[bytes], host: str, port: int, name: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2) as probe:
            if probe.recv(100).startswith(b"* OK"):
                return
        time.sleep(0.02)
    raise UsageError(f"--testslive: {name} does not start on {host}.", option="testslive")


def _fill(server: Live) -> None:
    """Put a few messages into the first account, as any mail program would."""
    import imaplib

    with imaplib.IMAP4(server.host, server.port, timeout=START_S) as client:
        client.login(*ACCOUNTS[0])
        for folder, count in _FOLDERS.items():
            client.create(folder)
            for number in range(count):
                text = (
                    f"Message-Id: <{folder.replace('/', '.')}.{number}@live.example>\r\n"
                    f"Date: Mon, 1 Jan 2024 10:00:0{number} +0000\r\nFrom: imapsync@live.example\r\n"
                    f"Subject: live test {number} in {folder}\r\n\r\nThis is a test.\r\n"
                )
                client.append(folder, "\\Seen" if number % 2 else "", None, text.encode())


def words_for(servers: tuple[Live, Live]) -> list[str]:
    """Give the six credentials as command line words."""
    words = ["--nossl1", "--notls1", "--nossl2", "--notls2"]
    for number, (server, (user, password)) in enumerate(zip(servers, ACCOUNTS, strict=True), 1):
        words += [f"--host{number}", server.host, f"--port{number}", str(server.port)]
        words += [f"--user{number}", user, f"--password{number}", password]
    return words


def run_live(
    words: list[str], host: str, run: Callable[[list[str]], int], say: Callable[[str], object]
) -> int:
    """Start both servers and run the command line between them; give its exit code."""
    with live_servers(host) as servers:
        say(
            f"Live test: a sync between two {servers[0].name} servers on this machine, {host} ports "
            f"{servers[0].port} and {servers[1].port}, with {sum(_FOLDERS.values())} messages\n"
        )
        return run([*words_for(servers), *words])

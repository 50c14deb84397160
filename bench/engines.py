"""The engines that are compared: how each is told to bring one account to another.

Every engine gets the same task: all folders, all messages, STARTTLS on both sides, the certificates of the
two test servers, passwords from files. ``prepare`` writes what the engine needs into its own work folder,
``command`` is what is measured.
"""

from __future__ import annotations

import importlib.metadata
import shlex
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

STATE = "state"
"""Name, in the work folder, of the file or folder where an engine keeps what it knew last time."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account on one server as an engine reaches it (through the proxy when there is one)."""

    host: str
    port: int
    user: str
    password: str
    password_file: Path
    certificate: Path
    fingerprint: str
    server_config: Path


@dataclass(frozen=True, slots=True)
class Task:
    """What an engine has to do, and the folder that is its own during one row of the table."""

    source: Account
    destination: Account
    work: Path
    keep_state: bool = True


class Engine(Protocol):
    """An engine of the comparison."""

    name: str
    logs_in: bool
    """Whether it can only log in to both sides and leave."""
    adds_header: bytes
    """A header field that it puts into each message, by design; the comparison looks past it. Empty: none."""
    slow: bool
    """Whether it takes so long that each row runs it once, however many rounds the others do."""
    implicit_tls: bool
    """Whether it gets the port that speaks TLS from the first byte, for want of a STARTTLS that works."""

    def version(self) -> str:
        """Return name and version for people."""
        ...

    def prepare(self, task: Task) -> None:
        """Write the engine's configuration into the work folder."""
        ...

    def command(self, task: Task) -> list[str]:
        """Return the command that brings the destination up to date."""
        ...

    def login_command(self, task: Task) -> list[str]:
        """Return the command that logs in to both sides and leaves."""
        ...


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return "not installed"
    return (done.stdout or done.stderr).strip().split("\n")[0]


class Ours:
    """The engine of this repository, installed as in the runtime image: no developers' tools around it.

    Each start-up hook of such a tool (coverage, editable installs) would cost every run ten milliseconds.
    """

    name = "ours"
    logs_in = True
    adds_header = b""
    slow = False
    implicit_tls = False

    def version(self) -> str:
        """Return name and version."""
        return f"imapsync {importlib.metadata.version('ns8-imapsync')}, Python {sys.version.split()[0]}"

    def prepare(self, task: Task) -> None:
        """Everything is on the command line."""

    def command(self, task: Task) -> list[str]:
        """Return the command line, with ``--state`` when state is kept."""
        state = ["--state", str(task.work / STATE)] if task.keep_state else []
        return [*self._accounts(task), "--syncduplicates", "--nolog", *state]

    def login_command(self, task: Task) -> list[str]:
        """Return the command line with ``--justlogin``."""
        return [*self._accounts(task), "--justlogin", "--nolog"]

    def _accounts(self, task: Task) -> list[str]:
        words = [str(environment() / "bin" / "imapsync")]
        for number, account in (("1", task.source), ("2", task.destination)):
            words += [f"--host{number}", account.host, f"--port{number}", str(account.port)]
            words += [f"--user{number}", account.user, f"--passfile{number}", str(account.password_file)]
            words += [f"--tls{number}", f"--trust{number}", f"sha256:{account.fingerprint}"]
        return words


@cache
def environment() -> Path:
    """Make a virtual environment with this source tree and nothing else; return its folder."""
    repository = Path(__file__).parents[1]
    folder = repository / ".cache" / "bench" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "imapsync.pth").write_text(f"{repository / 'src'}\n")
    command = folder / "bin" / "imapsync"
    command.write_text(
        f"#!{folder}/bin/python\nimport sys\nfrom imapsync.cli.main import entry\nsys.exit(entry())\n"
    )
    command.chmod(0o755)
    # The first start compiles; it is nobody's run.
    subprocess.run([command, "--version"], check=True, capture_output=True)
    return folder


class Mbsync:
    """isync's mbsync: the yardstick, a fast C program with its own state."""

    name = "mbsync"
    logs_in = True
    adds_header = b"X-TUID"
    slow = False
    implicit_tls = False

    def version(self) -> str:
        """Return name and version."""
        return _first_line("mbsync", "--version")

    def prepare(self, task: Task) -> None:
        """Write an mbsyncrc: one channel, pull only, all folders, arrival dates kept."""
        state = task.work / STATE
        state.mkdir(exist_ok=True)
        lines = []
        for role, account in (("far", task.source), ("near", task.destination)):
            lines += [
                f"IMAPAccount {role}",
                # It compares names only, and the certificates say localhost beside 127.0.0.1.
                "Host localhost",
                f"Port {account.port}",
                f"User {account.user}",
                f'PassCmd "cat {account.password_file}"',
                "SSLType STARTTLS",
                "SystemCertificates no",
                f"CertificateFile {account.certificate}",
                "",
                f"IMAPStore {role}",
                f"Account {role}",
                "",
            ]
        lines += [
            "Channel all",
            "Far :far:",
            "Near :near:",
            'Patterns "*"',
            "Create Near",
            "Sync Pull",
            "CopyArrivalDate yes",
            f"SyncState {state}/",
        ]
        (task.work / "mbsyncrc").write_text("\n".join(lines) + "\n")

    def command(self, task: Task) -> list[str]:
        """Return the command line."""
        return ["mbsync", "--quiet", "--config", str(task.work / "mbsyncrc"), "all"]

    def login_command(self, task: Task) -> list[str]:
        """Return the command that lists the channel's folders, the least it can be asked."""
        return ["mbsync", "--quiet", "--config", str(task.work / "mbsyncrc"), "--list", "all"]


class Doveadm:
    """Dovecot's dsync, pulling by IMAP and writing the destination's store itself, without IMAP."""

    name = "doveadm"
    logs_in = False
    adds_header = b""
    slow = False
    implicit_tls = False

    def version(self) -> str:
        """Return name and version."""
        return f"doveadm of Dovecot {_first_line('dovecot', '--version').split()[0]}"

    def prepare(self, task: Task) -> None:
        """Everything is on the command line and in the destination server's configuration."""

    def command(self, task: Task) -> list[str]:
        """Return the backup command (one way, destination made equal), stateless as people run it."""
        source = task.source
        settings = {
            "imapc_host": source.host,
            "imapc_port": str(source.port),
            "imapc_user": source.user,
            "imapc_password": source.password,
            "imapc_ssl": "starttls",
            "imapc_ssl_verify": "no",
            "imapc_features": "rfc822.size fetch-headers",
            "mail_prefetch_count": "20",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        config = str(task.destination.server_config)
        return ["doveadm", "-c", config, *options, "backup", "-R", "-u", task.destination.user, "imapc:"]

    def login_command(self, task: Task) -> list[str]:
        """Doveadm has no such command."""
        raise NotImplementedError(task)


class Offlineimap:
    """offlineimap3, IMAP to IMAP; over imaps, because its library's reader thread races with STARTTLS."""

    name = "offlineimap3"
    logs_in = True
    adds_header = b""
    slow = True
    implicit_tls = True

    def version(self) -> str:
        """Return name and version."""
        return f"offlineimap3 {_first_line('offlineimap', '--version').split(',')[0]}"

    def prepare(self, task: Task) -> None:
        """Write an offlineimaprc: IMAP on both sides, nothing written to the source, no pauses."""
        lines = [
            "[general]",
            f"metadata = {task.work / STATE}",
            "accounts = all",
            "ui = quiet",
            "maxsyncaccounts = 1",
            "fsync = false",
            "[Account all]",
            "localrepository = near",
            "remoterepository = far",
        ]
        for role, account in (("far", task.source), ("near", task.destination)):
            lines += [
                f"[Repository {role}]",
                "type = IMAP",
                f"remotehost = {account.host}",
                f"remoteport = {account.port}",
                f"remoteuser = {account.user}",
                f"remotepassfile = {account.password_file}",
                "ssl = yes",
                f"cert_fingerprint = {account.fingerprint.replace(':', '').lower()}",
                "ssl_version = tls1_2",
                "tls_level = tls_compat",
                "maxconnections = 3",
                f"readonly = {role == 'far'}",
                *(["createfolders = False"] if role == "far" else []),
            ]
        (task.work / "offlineimaprc").write_text("\n".join(lines) + "\n")

    def command(self, task: Task) -> list[str]:
        """Return the command line."""
        return ["offlineimap", "-o", "-u", "quiet", "-c", str(task.work / "offlineimaprc")]

    def login_command(self, task: Task) -> list[str]:
        """Return the command that describes both accounts, which logs in to do so."""
        return ["offlineimap", "--info", "-c", str(task.work / "offlineimaprc")]


@dataclass(slots=True)
class Template:
    """Any other IMAP sync command, given on the command line as ``NAME=COMMAND`` with placeholders.

    ``{host1} {port1} {user1} {passfile1} {cert1} {sha256_1}``, the same with 2, ``{state}`` (a path that does
    not exist before the first run, kept between the runs of a row) and ``{work}`` (an empty folder).
    """

    name: str
    words: tuple[str, ...]
    logs_in: bool = False
    adds_header: bytes = b""
    slow: bool = False
    implicit_tls: bool = False

    @classmethod
    def parse(cls, text: str) -> Template:
        """Return the engine that ``NAME=COMMAND`` describes; raises ValueError when it does not."""
        name, sign, command = text.partition("=")
        words = tuple(shlex.split(command))
        if not (name and sign and words):
            raise ValueError(f"not NAME=COMMAND: {text}")
        return cls(name, words)

    def version(self) -> str:
        """Return the program's name; what prints its version is not known."""
        return f"{self.name}: {self.words[0]}"

    def prepare(self, task: Task) -> None:
        """Everything is on the command line."""

    def command(self, task: Task) -> list[str]:
        """Return the command with its placeholders filled in."""
        values: dict[str, object] = {"state": task.work / STATE, "work": task.work}
        for number, account in (("1", task.source), ("2", task.destination)):
            values |= {
                f"host{number}": account.host,
                f"port{number}": account.port,
                f"user{number}": account.user,
                f"passfile{number}": account.password_file,
                f"cert{number}": account.certificate,
                f"sha256_{number}": account.fingerprint,
            }
        return [word.format_map(values) for word in self.words]

    def login_command(self, task: Task) -> list[str]:
        """Templates describe a synchronisation only."""
        raise NotImplementedError(task)


def known() -> dict[str, Engine]:
    """Return the engines that need no template, by name, in the order of their turns."""
    engines: tuple[Engine, ...] = (Ours(), Mbsync(), Doveadm(), Offlineimap())
    return {engine.name: engine for engine in engines}

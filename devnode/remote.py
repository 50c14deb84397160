"""The remote accounts: a Dovecot that is no part of the node, in the place of a provider on the Internet.

Two containers serve the same accounts: one with STARTTLS on 143 and TLS on 993 that refuses plaintext, one on
another address that speaks no TLS at all. Unlike in the Mail module, folders have the prefix "INBOX." and the
separator ".". The containers and their data live in <state>/remote.
Commands: python -m devnode.remote --help.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2

from . import containers, corpus
from .imap_account import REFUSED, Login, Mailbox
from .settings import Node, load

IMAGE: Final = "ghcr.io/nethserver/mail-dovecot:latest"
TEMPLATES: Final = Path(__file__).parent / "containers/mail/imageroot/templates"
START_TIMEOUT_S: Final = 30.0
DOMAIN: Final = "example.net"
OFFICE: Final = f"office@{DOMAIN}"
"""The account of the demo."""
WELL_KNOWN: Final = {"username": "password", "anna": "password"}
"""Accounts of the examples in the documentation, with the passwords that stand there."""
ACCOUNTS: Final = (OFFICE, *WELL_KNOWN, *(f"r{number:02}@{DOMAIN}" for number in range(1, 21)))
MASTER: Final = "vmail"
ODD_CHARACTERS: Final = ' ",=é%$\\'
"""Every other password holds what breaks naive quoting. No single quote: NS8's keyword cannot pass one."""


@dataclass(frozen=True)
class Server:
    """One of the two containers."""

    name: str
    address: str
    ssl: str


class Remote:
    """The remote accounts of one devnode."""

    def __init__(self, node: Node, image: str = IMAGE) -> None:
        """Nothing is started yet."""
        self.node = node
        self.image = image
        self.state = node.state / "remote"
        self.servers = (
            Server("remote", node.address(3), "required"),
            Server("remote-plain", node.address(4), "no"),
        )

    def _podman(self, *arguments: str, check: bool = True) -> None:
        environment = containers.configure(
            self.node, "remote", self.state / "storage", self.node.run / "remote"
        )
        subprocess.run(
            ["podman", *arguments],
            env=os.environ | environment,
            check=check,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if check else subprocess.DEVNULL,
        )

    @property
    def passwords_file(self) -> Path:
        """JSON object of the passwords by user. Mode 0600."""
        return self.state / "passwords.json"

    def passwords(self) -> dict[str, str]:
        """Give the password of each account and of the master user, made at the first call."""
        if not self.passwords_file.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            made = {
                name: secrets.token_urlsafe(9) + ODD_CHARACTERS for name in (*ACCOUNTS, MASTER)
            } | WELL_KNOWN
            self.passwords_file.touch(mode=0o600)
            self.passwords_file.write_text(json.dumps(made))
        stored: dict[str, str] = json.loads(self.passwords_file.read_text())
        return stored

    def login(self, user: str = OFFICE) -> Login:
        """Give how to enter an account."""
        return Login(self.node.address(3), 143, user, self.passwords()[user])

    def up(self) -> None:
        """Start both servers, unless they run, and wait until they answer."""
        passwords = self.passwords()
        users = "".join(f"{name}:{_hashed(passwords[name])}::::::\n" for name in ACCOUNTS)
        for server in self.servers:
            etc = self.state / server.name
            etc.mkdir(parents=True, exist_ok=True)
            (etc / "dovecot.conf").write_text(_configuration(server))
            _write_private(etc / "users", users)
            _write_private(etc / "master-users", f"{MASTER}:{_hashed(passwords[MASTER])}\n")
            self._start(server, etc)
        for server in self.servers:
            self._await(server)

    def _start(self, server: Server, etc: Path) -> None:
        mail, tls = self.state / "mail", self.state / "tls"
        mail.mkdir(exist_ok=True)
        tls.mkdir(exist_ok=True)
        self._podman(
            *("run", "--detach", "--replace", f"--name={server.name}", "--network=host"),
            *("--env=TLS_DIR=/etc/tls", f"--env=MAIL_HOSTNAME=imap.{DOMAIN}"),
            *(
                f"--volume={etc}:/etc/dovecot:ro",
                f"--volume={mail}:/var/lib/vmail",
                f"--volume={tls}:/etc/tls",
            ),
            self.image,
        )

    def _await(self, server: Server) -> None:
        security = "tls" if server.ssl == "required" else ""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                Mailbox(Login(server.address, 143, OFFICE, self.passwords()[OFFICE], security)).close()
            except REFUSED:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def new_certificate(self) -> None:
        """Give the TLS server another certificate, as a provider or a man in the middle would."""
        shutil.rmtree(self.state / "tls")
        self._start(self.servers[0], self.state / self.servers[0].name)
        self._await(self.servers[0])

    def down(self) -> None:
        """Remove the servers and all their mail."""
        self._podman("rm", "--all", "--force", "--time", "0", check=False)
        storage = self.state / "storage"
        containers.unmount_below(storage)
        shutil.rmtree(self.state, ignore_errors=True)

    def fill(self, user: str, count: int, *, attachments: bool) -> None:
        """Put the corpus into an account, which is emptied first."""
        with Mailbox(self.login(user)) as mailbox:
            mailbox.empty()
            for path in corpus.FOLDERS:
                mailbox.create(path)
            for message in corpus.messages(count, attachments=attachments):
                mailbox.append(message.folder, message.content, message.flags, message.received_at)


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(8)
    digest = hashlib.sha256(password.encode() + salt).digest()
    return "{SSHA256.b64}" + base64.b64encode(digest + salt).decode()


def _configuration(server: Server) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - a configuration file, not HTML
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("dovecot.conf.j2").render(
        address=server.address,
        port=143,
        ssl=server.ssl,
        tls_dir="/etc/tls",
        username_format="%Lu",
        master=True,
        acl=False,
        sieve=False,
        separator=".",
        prefix="INBOX.",
        special_auto="no",
        max_userip_connections=100,
    )


def main() -> int:
    """Run the command line: up, down, fill, deliver, new-certificate, accounts."""
    parser = argparse.ArgumentParser(prog="python -m devnode.remote", description=__doc__)
    parser.add_argument("command", choices=("up", "down", "fill", "deliver", "new-certificate"))
    parser.add_argument("--name", help="the devnode, default $DEVNODE, then demo")
    parser.add_argument("--image", default=IMAGE)
    parser.add_argument("--user", default=OFFICE)
    parser.add_argument("--count", type=int, default=1040)
    parser.add_argument("--no-attachments", action="store_true")
    options = parser.parse_args()
    remote = Remote(load(options.name), options.image)
    match options.command:
        case "up":
            remote.up()
        case "down":
            remote.down()
        case "new-certificate":
            remote.new_certificate()
        case "fill":
            remote.fill(options.user, options.count, attachments=not options.no_attachments)
        case "deliver":
            number = secrets.randbelow(1_000_000)
            with Mailbox(remote.login(options.user)) as mailbox:
                mailbox.append(("INBOX",), corpus.ordinary(number))
    return 0


if __name__ == "__main__":
    sys.exit(main())

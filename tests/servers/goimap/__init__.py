"""A server made of Debian's go-imap library and its memory store: IMAP4rev1, flat names, no UIDPLUS."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from tests.servers.cache import made_once
from tests.servers.client import Client
from tests.servers.process import ProcessServer
from tests.servers.tree import make_tree

_SOURCE = Path(__file__).with_name("main.go")
_BUILD = """
cd /tmp
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=/tmp/go CGO_ENABLED=0
go build -o goimap main.go
"""


class GoImap(ProcessServer):
    """go-imap in clear text."""

    needs = ("mmdebstrap",)

    def command(self) -> list[str]:
        """Give the program, compiled once."""
        digest = sha256(_SOURCE.read_bytes()).hexdigest()[:12]
        return [str(made_once(f"goimap-{digest}", _compile)), f"{self.host}:{self.port}"]

    def create_account(self, user: str, password: str) -> None:
        """Log in: the first login makes the account."""
        Client(self.host, self.port).login(user, password).close()


def _compile(program: Path) -> None:
    """Compile in a Debian tree that is given up afterwards: the program needs nothing of it."""
    tree = program.with_name(program.name + "-tree")
    shutil.rmtree(tree, ignore_errors=True)
    make_tree(tree, "bookworm", ("golang-go", "golang-github-emersion-go-imap-dev"))
    try:
        shutil.copy(_SOURCE, tree / "tmp" / "main.go")
        subprocess.run(["chroot", str(tree), "sh", "-ec", _BUILD], check=True, stdin=subprocess.DEVNULL)
        (tree / "tmp" / "goimap").rename(program)
    finally:
        shutil.rmtree(tree, ignore_errors=True)

"""pymap, an IMAP server in Python, with its Maildir store: MULTIAPPEND, UIDPLUS, OBJECTID, no CONDSTORE."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.servers.cache import made_once
from tests.servers.process import ProcessServer

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "0.36.7"

_HASH = "import sys; from pysasl.hashing import BuiltinHash; print(BuiltinHash().hash(sys.stdin.read()))"


class Pymap(ProcessServer):
    """pymap in clear text, a Maildir++ a user."""

    def command(self) -> list[str]:
        """Make the store's folder."""
        (self.directory / "mail").mkdir()
        return [
            str(_environment() / "bin" / "python"), "-c", "from pymap.main import main; main()",
            "--host", self.host, "--port", str(self.port), "--no-tls",
            "maildir", str(self.directory / "mail"),
        ]  # fmt: skip

    def create_account(self, user: str, password: str) -> None:
        """Add a line to each of pymap's two user files."""
        hashed = subprocess.run(
            [str(_environment() / "bin" / "python"), "-c", _HASH],
            input=password, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        for name, line in (
            ("pymap-etc-passwd", f"{user}:x::::{user}:\r\n"),
            ("pymap-etc-shadow", f"{user}:{hashed.replace(':', chr(92) + ':')}:::::::\r\n"),
        ):
            with (self.directory / "mail" / name).open("a", newline="") as file:
                file.write(line)


def _environment() -> Path:
    return made_once(f"pymap-{VERSION}", _install)


def _install(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         f"pymap=={VERSION}"],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip

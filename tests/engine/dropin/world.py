"""Accounts built by IMAP, command lines as scripts have them, effects read back by IMAP."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.engine import measuring
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.client import NewMessage

from imapsync.wire.mailbox import decode_mailbox, encode_mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.servers.dovecot import Dovecot

LONG_AGO = "Mon, 01 Jan 2018 10:00:00 +0000"
BACK_THEN = "Mon, 01 Jan 2024 10:00:00 +0000"
BACK_THEN_S = 1_704_103_200


def mail(
    key: str,
    *,
    flags: tuple[str, ...] = (),
    mid: str | None = "",
    received: bool = True,
    date: str = BACK_THEN,
    arrived: int = BACK_THEN_S,
    body: str = "hello",
    head: str = "",
) -> NewMessage:
    """Give a message; mid: its Message-Id, made of the key when empty, none when None."""
    lines = [f"Received: from a by b id {key}; {date}"] if received else []
    lines += [] if mid is None else [f"Message-Id: {mid or f'<{key}@x>'}"]
    lines += [head] if head else []
    lines += [f"Date: {date}", "From: a@b", f"Subject: {key}", "", body, ""]
    return NewMessage("\r\n".join(lines).encode(), flags, arrived)


class Stored(NamedTuple):
    """A message as it lies on a server."""

    content: bytes
    flags: frozenset[str]


class Done(NamedTuple):
    """A finished command."""

    code: int
    text: str


class World:
    """One user on two servers, and the command between them."""

    def __init__(self, servers: tuple[Dovecot, Dovecot], user: str, folder: Path) -> None:
        self.servers = servers
        self.user = user
        self.folder = folder

    def fill(self, side: int, folders: Mapping[str, Sequence[NewMessage]]) -> None:
        """Put messages into folders of side 1 or 2, which are made."""
        self.servers[side - 1].fill(
            self.user, {encode_mailbox(name).decode(): rows for name, rows in folders.items()}
        )

    def command(self, side: int, *lines: str) -> None:
        """Send commands to a server, as any other mail program would."""
        with self.servers[side - 1].client(self.user) as client:
            for line in lines:
                client.command(line.encode())

    def look(self, side: int) -> dict[str, list[Stored]]:
        """Give all folders of a side with their messages."""
        found: dict[str, list[Stored]] = {}
        with self.servers[side - 1].client(self.user) as client:
            for name in client.folders():
                contents: list[bytes] = []

                def keep(content: bytes, contents: list[bytes] = contents) -> bytes:
                    contents.append(content)
                    return content

                flags = [stored.flags for _, stored in client.read_folder(name, keep)]
                found[decode_mailbox(name)] = [Stored(*row) for row in zip(contents, flags, strict=True)]
        return found

    def subjects(self, side: int, folder: str = "INBOX") -> list[str]:
        """Give the subjects of a folder, sorted; none when it is not there."""
        rows = self.look(side).get(folder, [])
        return sorted(
            line[9:].decode()
            for row in rows
            for line in row.content.split(b"\r\n")
            if line.startswith(b"Subject: ")
        )

    def run(
        self,
        options: str | Sequence[str],
        *,
        swap: bool = False,
        stdin: str | None = None,
        passwords: bool = True,
    ) -> Done:
        """Run the command with the six credentials and these options; swap: from host2 to host1."""
        sides = tuple(reversed(self.servers)) if swap else self.servers
        words = [str(Path(sys.executable).with_name("imapsync")), "--nolog", "--nofoldersizes"]
        words += [
            "--pidfile",
            str(self.folder / "pid"),
            "--tmpdir",
            str(self.folder / "tmp"),
            "--nossl1",
            "--nossl2",
        ]
        for number, server in enumerate(sides, 1):
            words += [
                f"--host{number}",
                server.host,
                f"--port{number}",
                str(server.port),
                f"--user{number}",
                self.user,
            ]
            words += [f"--password{number}", DEFAULT_PASSWORD] if passwords else []
        words += shlex.split(options) if isinstance(options, str) else options
        done = subprocess.run(
            words,
            cwd=self.folder,
            input=stdin or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                **measuring.variables(),
            },
            check=False,
        )
        return Done(done.returncode, done.stdout + done.stderr)

    def good(self, options: str | Sequence[str] = "", *, swap: bool = False) -> str:
        """Run, expect exit code 0, give what was printed."""
        done = self.run(options, swap=swap)
        assert done.code == 0, done.text[-4000:]
        return done.text

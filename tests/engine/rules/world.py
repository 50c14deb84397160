"""Two accounts on real servers, what people do with them, and the engine between them.

``World`` is what the tests of this folder act on: side 1 is the source, side 2 the destination. People's
doings go straight to the servers; what the engine says may go through command proxies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.engine.transfer.harness import mail
from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.client import Client, ClientError, NewMessage
from tests.servers.commands import CommandProxy, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engine.rules.zygote import Running, Zygote
    from tests.servers.dovecot import Dovecot

USERS = {1: "source", 2: "target"}
#: What Dovecot keeps beside the mail to find it sooner.
_CACHES = ("dovecot.index", "dovecot.list.index")
#: An account as people see it: folder -> messages by name, with their flags, sorted.
Content = dict[str, list[tuple[str, tuple[str, ...]]]]


class Ran(NamedTuple):
    """A finished run: its exit code (negative: killed by a signal), its report, its output."""

    code: int
    report: dict[str, Any]
    output: str

    @property
    def errors(self) -> set[str]:
        return {error["code"] for error in self.report.get("errors", [])}


class Saved(NamedTuple):
    """Both mailboxes and the journal, put aside; and which folders there were, by side."""

    folder: Path
    folders: dict[int, set[str]]

    def has(self, side: int, folder: str) -> bool:
        return folder in self.folders[side]


class World:
    """Both accounts, empty at first."""

    def __init__(self, servers: tuple[Dovecot, Dovecot], zygote: Zygote, folder: Path) -> None:
        self.servers = {1: servers[0], 2: servers[1]}
        self.folder = folder
        self._zygote = zygote
        self._names: dict[str, str] = {}
        self._saved = 0
        for side, server in self.servers.items():
            server.add_user(USERS[side])
        password = folder / "password"
        password.write_text(DEFAULT_PASSWORD + "\n")
        password.chmod(0o600)

    def close(self) -> None:
        """Remove both accounts with their mail."""
        for side, server in self.servers.items():
            server.remove_account(USERS[side])
            shutil.rmtree(server.home(USERS[side]), ignore_errors=True)

    # -- the engine

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def words(self, *options: str, state: bool, ports: dict[int, int] | None = None) -> list[str]:
        """Give a command line of the engine."""
        words = ["--nolog", "--pidfile", str(self.folder / "pid"), "--nofoldersizes", "--nofoldersizesatend"]
        for side, server in self.servers.items():
            port = (ports or {}).get(side, server.port)
            words += [f"--host{side}", server.host, f"--port{side}", str(port), f"--user{side}", USERS[side]]
            words += [f"--passfile{side}", str(self.folder / "password"), f"--nossl{side}", f"--notls{side}"]
        words += ["--report", str(self.folder / "report.json")]
        return [*words, *(("--state", str(self.state)) if state else ()), *options]

    def run(
        self,
        *options: str,
        state: bool = True,
        watch: Watch | None = None,
        begun: Callable[[Running], object] | None = None,
    ) -> Ran:
        """Run the engine to its end, under the eyes of a watch; `begun` gets the process."""
        report, output = self.folder / "report.json", self.folder / "output"
        report.unlink(missing_ok=True)
        with contextlib.ExitStack() as stack:
            # Without a watch, too: its end is the end of what the servers have to do with the run.
            ports = {
                side: stack.enter_context(CommandProxy(server, side, watch or Watch())).port
                for side, server in self.servers.items()
            }
            running = self._zygote.start(self.words(*options, state=state, ports=ports), output)
            if begun is not None:
                begun(running)
            code = running.wait()
        told = json.loads(report.read_text()) if report.exists() else {}
        return Ran(code, told, output.read_text(errors="replace"))

    def good(self, *options: str, state: bool = True, watch: Watch | None = None) -> Ran:
        """Run the engine and check that it ends with 0."""
        ran = self.run(*options, state=state, watch=watch)
        assert ran.code == 0, ran.output[-3000:]
        return ran

    # -- what people do

    @contextlib.contextmanager
    def client(self, side: int) -> Iterator[Client]:
        """Give a connection to an account; at its end the server has let go of the mailbox."""
        client = self.servers[side].client(USERS[side])
        try:
            yield client
            client.command(b"LOGOUT")
            client._file.read()
        finally:
            client.close()

    def letter(
        self, number: int, text: str = "", *, flags: tuple[str, ...] = (), internaldate: int | None = None
    ) -> NewMessage:
        """Give message `number`; another text makes it another version of the same message."""
        message = mail(number, body=text, flags=flags)
        if internaldate is not None:
            message = message._replace(internaldate=internaldate)
        name = f"m{number}" + (f":{text[:12]}" if text else "")
        self._names[hashlib.sha256(message.content).hexdigest()] = name
        return message

    def deliver(self, side: int, folder: str, *messages: int | NewMessage) -> None:
        """Put messages into a folder, made if need be; a number stands for `letter(number)`."""
        letters = [self.letter(one) if isinstance(one, int) else one for one in messages]
        with self.client(side) as client:
            client.append(folder.encode(), letters)

    def expunge(self, side: int, folder: str, *numbers: int, first: bool = False) -> None:
        """Delete messages for good: all of a number, or the first of them; without numbers all."""
        with self.client(side) as client:
            client.command(b'SELECT "' + folder.encode() + b'"')
            for uids in [_find(client, number) for number in numbers] or [[b"1:*"]]:
                for uid in uids[:1] if first else uids:
                    client.command(b"UID STORE " + uid + rb" +FLAGS.SILENT (\Deleted)")
                    client.command(b"UID EXPUNGE " + uid if "UIDPLUS" in client.capabilities else b"EXPUNGE")

    def flag(self, side: int, folder: str, number: int, change: str) -> None:
        r"""Change flags of a message: "+FLAGS (\Seen)"."""
        with self.client(side) as client:
            client.command(b'SELECT "' + folder.encode() + b'"')
            for uid in _find(client, number):
                client.command(b"UID STORE " + uid + b" " + change.encode())

    def move(self, side: int, folder: str, number: int, to: str) -> None:
        """Move a message to another folder, made if need be."""
        with self.client(side) as client:
            if to.upper() != "INBOX":
                with contextlib.suppress(ClientError):
                    client.command(b'CREATE "' + to.encode() + b'"')
            client.command(b'SELECT "' + folder.encode() + b'"')
            for uid in _find(client, number):
                client.command(b"UID MOVE " + uid + b' "' + to.encode() + b'"')

    def edit(self, side: int, folder: str, number: int, text: str) -> None:
        """Save a draft again, as mail programs do: the new version comes, the old one goes."""
        letter = self.letter(number, text)
        with self.client(side) as client:
            client.command(b'SELECT "' + folder.encode() + b'"')
            old = _find(client, number)
            client.append(folder.encode(), [letter], create=False)
            for uid in old:
                client.command(b"UID STORE " + uid + rb" +FLAGS.SILENT (\Deleted)")
            client.command(b"EXPUNGE")

    def replace(self, side: int, folder: str, *messages: int | NewMessage) -> None:
        """Delete a folder and make it anew with other messages."""
        with self.client(side) as client:
            client.command(b'DELETE "' + folder.encode() + b'"')
        self.deliver(side, folder, *messages)

    # -- what is there

    def content(self, side: int) -> Content:
        """Give what an account holds."""
        return {
            folder: sorted((name, flags) for _, name, flags, _ in rows)
            for folder, (_, rows) in self.look(side).items()
        }

    def names(self, side: int, folder: str | None = None) -> list[str]:
        """Give the names of an account's messages, or of those of one folder, sorted."""
        content = self.content(side)
        folders = content.values() if folder is None else [content.get(folder, [])]
        return sorted(name for messages in folders for name, _ in messages)

    def look(self, side: int) -> dict[str, tuple[str, list[tuple[int, str, tuple[str, ...], int]]]]:
        """Give folder -> (its numbers, [(UID, name, flags, internal date)])."""
        found = {}
        with self.client(side) as client:
            for folder in sorted(client.folders()):
                numbers = client.command(b'STATUS "' + folder + b'" (UIDVALIDITY UIDNEXT)')[0].decode()
                rows = [
                    (
                        uid,
                        self._names.get(message.sha256, message.sha256[:12]),
                        tuple(sorted(message.flags)),
                        message.internaldate,
                    )
                    for uid, message in client.read_folder(folder)
                ]
                found[folder.decode("ascii", "surrogateescape")] = (numbers, rows)
        return found

    # -- backups

    def save(self) -> Saved:
        """Put both mailboxes and the journal aside."""
        folders = {side: set(self.look(side)) for side in self.servers}
        self._saved += 1
        folder = self.folder / f"saved-{self._saved}"
        folder.mkdir()
        for side, server in self.servers.items():
            _copy(server.home(USERS[side]), folder / str(side))
        for file in self.folder.glob("state*"):
            shutil.copy2(file, folder / file.name)
        return Saved(folder, folders)

    def restore(self, saved: Saved, *sides: int) -> None:
        """Bring mailboxes back as they were, UIDVALIDITY included; without sides both, and the journal."""
        for side in sides or (1, 2):
            home = self.servers[side].home(USERS[side])
            shutil.rmtree(home, ignore_errors=True)
            _copy(saved.folder / str(side), home)
        if not sides:
            for file in self.folder.glob("state*"):
                file.unlink()
            for file in saved.folder.glob("state*"):
                shutil.copy2(file, self.folder / file.name)

    def traces(self) -> str:
        """Give a text that differs when anything in the mailboxes or the journal does; asks no server."""
        found = hashlib.sha256()
        for side, server in self.servers.items():
            for path in sorted(server.home(USERS[side]).rglob("*")):
                if not path.name.startswith(_CACHES):
                    found.update(str(path).encode())
                    if path.name.startswith(("dovecot", "subscriptions")):
                        found.update(path.read_bytes())
        for file in sorted(self.folder.glob("state*")):
            found.update(file.name.encode() + file.read_bytes())
        return found.hexdigest()

    def known(self) -> dict[str, list[tuple[object, ...]]]:
        """Give what the journal holds, without the digests, whose key is a random one, and without times."""
        if not self.state.exists():
            return {}
        with contextlib.closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as journal:
            tables = [row[0] for row in journal.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            return {
                table: sorted(
                    tuple(
                        value
                        for value, column in zip(row, rows.description, strict=True)
                        if "digest" not in column[0] and column[0] != "looked_at"
                    )
                    for row in rows
                )
                for table in tables
                if table != "meta"
                for rows in [journal.execute(f"SELECT * FROM {table}")]  # noqa: S608 - names from the file itself
            }


def _find(client: Client, number: int) -> list[bytes]:
    answer = client.command(b"UID SEARCH UNDELETED HEADER Message-Id <%d@example.org>" % number)
    return next(line for line in answer if line.startswith(b"* SEARCH")).split()[2:]


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)

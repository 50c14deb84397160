"""Mailboxes on disk: a corpus is written once as a Maildir, then cloned by hard links for each run."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from tests.servers.client import NewMessage
from tests.servers.dovecot import MAIL_UID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.servers.dovecot import Dovecot

    from bench.corpus import Corpus, Message

MAILDIR_LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
FLAG_CYCLE = (b"+FLAGS (\\Flagged)", b"-FLAGS (\\Seen)", b"+FLAGS (\\Answered \\Seen)", b"-FLAGS (\\Flagged)")


def wire_name(folder: str) -> bytes:
    """Return a name in modified UTF-7 (RFC 3501 §5.1.3); apart from the engine's code, to judge it."""

    def shift(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        return (
            "&" + base64.b64encode(match[0].encode("utf-16-be")).rstrip(b"=").decode().replace("/", ",") + "-"
        )

    return re.sub("&|[^ -~]+", shift, folder).encode("ascii")


def write_maildir(root: Path, corpus: Corpus) -> int:
    """Write a corpus as a Maildir++ below ``root`` and return the number of bytes; ``root`` must not exist.

    The file names carry both sizes, as Dovecot's own do.
    """
    folders = {name: _make_folder(root, name) for name in corpus.folders}
    keywords: dict[str, list[str]] = defaultdict(list)
    total = 0
    for number, message in enumerate(corpus.messages()):
        name = _file_name(number, message, keywords[message.folder])
        path = f"{folders[message.folder]}/cur/{name}"
        with open(path, "wb", buffering=0) as stream:
            stream.write(message.content)
        os.utime(path, (message.internal_date, message.internal_date))
        os.chown(path, MAIL_UID, MAIL_UID)
        total += len(message.content)
    for name, known in keywords.items():
        if known:
            listing = folders[name] / "dovecot-keywords"
            listing.write_text("".join(f"{number} {keyword}\n" for number, keyword in enumerate(known)))
            os.chown(listing, MAIL_UID, MAIL_UID)
    return total


def _make_folder(root: Path, name: str) -> Path:
    path = root if name == "INBOX" else root / ("." + wire_name(name).decode().replace("/", "."))
    for part in (path, path / "cur", path / "new", path / "tmp"):
        part.mkdir(parents=True, exist_ok=True)
        os.chown(part, MAIL_UID, MAIL_UID)
    if path != root:
        (path / "maildirfolder").touch()
        os.chown(path / "maildirfolder", MAIL_UID, MAIL_UID)
    return path


def _file_name(number: int, message: Message, keywords: list[str]) -> str:
    size = len(message.content)
    letters = []
    for flag in message.flags:
        if flag not in MAILDIR_LETTERS and flag not in keywords:
            keywords.append(flag)
        letters.append(MAILDIR_LETTERS.get(flag) or chr(ord("a") + keywords.index(flag)))
    crlf_size = size + message.content.count(b"\n")
    return f"{1_000_000_000 + number}.M{number}P1.bench,S={size},W={crlf_size}:2,{''.join(sorted(letters))}"


def clone(template: Path, target: Path) -> None:
    """Copy a Maildir: mail files as hard links, the server's own files as copies."""
    # A copy of the owner, mode and times of folders keeps the server's index valid.
    for folder, subfolders, files in os.walk(template):
        here = target / os.path.relpath(folder, template)
        here.mkdir(parents=True, exist_ok=True)
        linked = os.path.basename(folder) in {"cur", "new"}
        for file in files:
            if linked:
                os.link(f"{folder}/{file}", here / file)
            else:
                shutil.copy2(f"{folder}/{file}", here / file)
                os.chown(here / file, MAIL_UID, MAIL_UID)
        subfolders.sort()
    for folder, _, _ in os.walk(template, topdown=False):
        here = target / os.path.relpath(folder, template)
        shutil.copystat(folder, here)
        os.chown(here, MAIL_UID, MAIL_UID)


def warm(server: Dovecot, user: str) -> int:
    """Select every folder once, so that the server's index exists, and return the number of messages."""
    total = 0
    with server.client(user) as client:
        for folder in client.folders():
            for line in client.command(b"STATUS %s (MESSAGES HIGHESTMODSEQ)" % quoted(folder)):
                found = re.search(rb"MESSAGES (\d+)", line)
                total += int(found[1]) if found else 0
    return total


def quoted(name: bytes) -> bytes:
    """Return a quoted string of the wire."""
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def change(server: Dovecot, user: str, arrivals: Iterable[Message], flag_changes: int, turn: int) -> None:
    """Let new mail arrive and change flags of old mail, spread over the folders, as another client would.

    ``turn`` makes each call change other flags than the one before.
    """
    arriving: dict[str, list[NewMessage]] = defaultdict(list)
    for message in arrivals:
        content = message.content.replace(b"\n", b"\r\n")
        arriving[message.folder].append(NewMessage(content, message.flags, message.internal_date))
    with server.client(user) as client:
        names = sorted(client.folders())
        shares = Counter(names[number % len(names)] for number in range(flag_changes))
        for name, count in shares.items():
            client.command(b"SELECT " + quoted(name))
            first = 1 + turn * count
            change_words = FLAG_CYCLE[turn % len(FLAG_CYCLE)]
            client.command(b"STORE %d:%d %s" % (first, first + count - 1, change_words))
        for folder, messages in arriving.items():
            client.append(wire_name(folder), messages)

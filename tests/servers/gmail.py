r"""An account in memory that is one as Gmail's are: a message lies there once, its folders are its labels.

A message that is put into a second folder is the same message with a further label; a label that is set puts
it into the folder of that name, one that is taken away takes it out. The label of the open folder is not
told, and Google's own come in quotes (`"\\Inbox"`), both as Gmail does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.memory import RICH, Connection, Folder, Mail, MemoryServer, in_set, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GMAIL = RICH + b" X-GM-EXT-1"
_SPECIAL = {b"INBOX": b"\\Inbox", b"[Gmail]/Sent Mail": b"\\Sent"}


class LabelledFolder(Folder):
    """A folder that holds each content once."""

    def add(self, content: bytes, flags: Iterable[bytes] = (), date: bytes = b"") -> Mail:
        """Append a message and give it; the one that is there when it is."""
        there = next((mail for mail in self.mails if mail.content == content), None)
        return there if there is not None else super().add(content, flags, date)


class GmailConnection(Connection):
    """One client."""

    server: GmailServer

    def do_list(self, rest: bytes, command: list[bytes]) -> Iterator[bytes]:
        """Tell which folder is for the sent mail."""
        for line in super().do_list(rest, command):
            yield (
                line.replace(b"(\\HasNoChildren)", b"(\\HasNoChildren \\Sent)")
                if b"Sent Mail" in line
                else line
            )

    def facts(self, mail: Mail, items: bytes) -> Iterator[bytes]:
        """Tell the labels, too."""
        yield from super().facts(mail, items)
        if b"X-GM-LABELS" in items:
            own = label_of(self.selected)
            shown = sorted(_quoted(label) for label in self.server.labels(mail.content) if label != own)
            yield b"X-GM-LABELS (%s)" % b" ".join(shown)

    def do_uid_store(self, rest: bytes, command: list[bytes]) -> Iterator[bytes]:
        """Set and remove labels, too."""
        chosen, how, what = rest.split(b" ", 2)
        if not how.endswith(b"X-GM-LABELS"):
            yield from super().do_uid_store(rest, command)
            return
        labels = words(what)
        if self.server.refused.intersection(labels):
            yield b"NO [CANNOT] not this label"
            return
        mails = [mail for mail in self.folder.mails if in_set(mail.uid, chosen, self.folder.uidnext - 1)]
        for mail in mails:
            for label in labels:
                self.server.set_label(mail, label, wanted=how.startswith(b"+"))
        yield b"OK stored"


class GmailServer(MemoryServer):
    """One account for every user and password; use as a context manager. refused: labels it does not take."""

    folder = LabelledFolder
    connection = GmailConnection

    def __init__(self, capabilities: bytes = GMAIL) -> None:
        super().__init__(capabilities)
        self.refused: set[bytes] = set()
        self.marked: dict[bytes, set[bytes]] = {}

    def deliver(self, content: bytes, *labels: bytes) -> None:
        """Put a message under labels."""
        for label in labels:
            self.set_label(Mail(0, content), label, wanted=True)

    def labels(self, content: bytes) -> set[bytes]:
        """Give the labels of a message."""
        folders = {
            label_of(name)
            for name, folder in self.folders.items()
            if any(mail.content == content for mail in folder.mails)
        }
        return folders | self.marked.get(content, set())

    def set_label(self, mail: Mail, label: bytes, *, wanted: bool) -> None:
        """Give a message a label, or take it away."""
        if label.startswith(b"\\") and label not in _SPECIAL.values():
            marks = self.marked.setdefault(mail.content, set())
            marks.add(label) if wanted else marks.discard(label)
            return
        name = next((name for name, special in _SPECIAL.items() if special == label), label)
        folder = self.folders.setdefault(name, self.folder())
        if wanted:
            folder.add(mail.content, mail.flags, mail.date)
        else:
            folder.remove([each for each in folder.mails if each.content == mail.content])


def label_of(folder: bytes) -> bytes:
    """Give the label that stands for a folder."""
    return _SPECIAL.get(folder, folder)


def _quoted(label: bytes) -> bytes:
    plain = label.replace(b"/", b"").replace(b"&", b"").isalnum()
    return label if plain else b'"%s"' % label.replace(b"\\", b"\\\\").replace(b'"', b'\\"')

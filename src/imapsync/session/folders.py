"""Commands about folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.session.answers import SelectAnswer, Selected
from imapsync.session.errors import AnswerUnusable, CommandRefused
from imapsync.session.limited import LimitedCommands, Opened
from imapsync.session.pending import Pending
from imapsync.wire.errors import LimitExceeded
from imapsync.wire.responses import ListEntry, MailboxStatus, Namespaces, StatusItems, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.wire.command import Command
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import Response, Tagged, Value


_STATUS = frozenset({"STATUS"})
#: The pattern of LIST that all names match.
ALL_FOLDERS = b"*"
#: Folders that a server may list. Large accounts with all their shared folders stay under 20,000; each costs
#: the run about 2 KiB.
MAX_FOLDERS = 50_000
#: All of their names and attributes together: 160 bytes a folder, ten times the usual.
MAX_LIST_BYTES = 8 * 1024 * 1024
_NOT_SELECTABLE = frozenset({b"\\noselect", b"\\nonexistent"})


class FolderCommands(LimitedCommands):
    """LIST, STATUS, SELECT and the commands that make, rename, remove and subscribe folders."""

    def namespaces(self) -> Pending[Namespaces]:
        """NAMESPACE (RFC 2342)."""
        return self._one(self._command(b"NAMESPACE"), Namespaces, Namespaces())

    def list_folders(
        self,
        patterns: Sequence[bytes] = (ALL_FOLDERS,),
        *,
        reference: bytes = b"",
        select: Sequence[str] = (),
        returns: Sequence[str] = (),
        status: Sequence[str] = (),
        told: dict[bytes, ListEntry] | None = None,
    ) -> Pending[list[ListEntry]]:
        """LIST, with each folder's STATUS when `status` items are asked for.

        select, returns: options of LIST-EXTENDED (RFC 5258), such as "SUBSCRIBED", "CHILDREN", "SPECIAL-USE";
        status: needs LIST-STATUS. Several patterns need LIST-EXTENDED too. told: gets each folder as it is
        listed, by its name, also of a list that the connection does not live to see the end of.
        """
        command = self._command(b"LIST")
        about = patterns[0] if patterns != (ALL_FOLDERS,) else b""
        if select:
            command.phrase(b"(" + " ".join(select).encode("ascii") + b")")
        command.string(reference)
        if len(patterns) == 1:
            command.list_pattern(patterns[0])
        else:
            command.list_patterns(patterns)
        options = [option.encode("ascii") for option in returns]
        if status:
            options.append(b"STATUS (" + " ".join(status).encode("ascii") + b")")
        if options:
            command.phrase(b"RETURN (" + b" ".join(options) + b")")
        return self._list(command, {} if told is None else told, about=about)

    def list_subscribed(self, pattern: bytes = b"*") -> Pending[list[ListEntry]]:
        """LSUB: the subscribed folders, by name."""
        return self._list(self._command(b"LSUB").string(b"").list_pattern(pattern), {}, subscribed=True)

    def status(self, name: MailboxName, items: Sequence[str]) -> Pending[StatusItems]:
        """STATUS of a folder that is not selected; items such as "MESSAGES", "HIGHESTMODSEQ", "SIZE"."""
        found: list[StatusItems] = []

        def consume(response: Response) -> bool:
            if isinstance(response, MailboxStatus) and self._is_answer_for(name, response.name):
                found[:] = [response.items]
                return True
            return False

        command = self._command(b"STATUS").mailbox(name).phrase(b"(" + " ".join(items).encode("ascii") + b")")
        pending = Pending("STATUS", lambda _: found[-1] if found else StatusItems(), consume)
        pending.answers = _STATUS
        pending.subject = name.raw
        return self._link.submit(pending, command)

    def select(
        self,
        name: MailboxName,
        *,
        read_only: bool = False,
        condstore: bool = False,
        qresync: tuple[int, int] | None = None,
    ) -> Pending[Selected]:
        """SELECT, or EXAMINE when read_only.

        condstore: ask for mod-sequences (RFC 7162). qresync: (UIDVALIDITY, HIGHESTMODSEQ) last seen; needs
        ENABLE QRESYNC before; what changed since comes in the answer's vanished and changed.
        """
        answer = SelectAnswer(name, read_only=read_only, wants_changes=qresync is not None)

        def consume(response: Response) -> bool:
            return self._is_first(pending) and answer.take(response)

        def finish(tagged: Tagged) -> Selected:
            if not answer.told_exists:
                raise AnswerUnusable(
                    pending.verb, "it does not tell how many messages there are", side=self.side
                )
            self.selected = answer.selected(tagged)
            self.most_exists = 0
            self._set_exists(self.selected.exists)
            return self.selected

        command = self._command(b"EXAMINE" if read_only else b"SELECT").mailbox(name)
        if qresync is not None:
            command.phrase(b"(QRESYNC (%d %d))" % qresync)
        elif condstore:
            command.phrase(b"(CONDSTORE)")
        pending = Pending("EXAMINE" if read_only else "SELECT", finish, consume)
        pending.takes_all = True
        pending.on_done = lambda: self._select_done(pending)
        pending.subject = name.raw
        self.opened = Opened(name, read_only, condstore or qresync is not None, pending)
        return self._link.submit(pending, command)

    def open_again(self, opened: Opened) -> Pending[Selected]:
        """Send the SELECT or EXAMINE of a folder once more; for who asked for it nothing changes."""
        answer = self.select(opened.name, read_only=opened.read_only, condstore=opened.condstore)
        self.opened = opened
        return answer

    def unselect(self) -> Pending[None]:
        """Leave the selected mailbox without expunging: UNSELECT where announced, else EXAMINE and CLOSE."""
        left, self.selected = self.selected, None
        self.opened = None
        if left is None:
            return self.noop()
        if self.has("UNSELECT"):
            return self._send(self._command(b"UNSELECT"))
        if not left.read_only:
            self._send(self._command(b"EXAMINE").mailbox(left.name))
        return self._send(self._command(b"CLOSE"))

    def create(self, name: MailboxName, special_use: bytes | None = None) -> Pending[None]:
        r"""CREATE; special_use such as b"\Sent" needs CREATE-SPECIAL-USE (RFC 6154)."""
        command = self._command(b"CREATE").mailbox(name)
        if special_use is not None:
            command.phrase(b"(USE (" + special_use + b"))")
        return self._send(command, about=name.raw)

    def delete(self, name: MailboxName) -> Pending[None]:
        """DELETE."""
        return self._send(self._command(b"DELETE").mailbox(name), about=name.raw)

    def rename(self, name: MailboxName, new_name: MailboxName) -> Pending[None]:
        """RENAME."""
        return self._send(self._command(b"RENAME").mailbox(name).mailbox(new_name), about=name.raw)

    def subscribe(self, name: MailboxName) -> Pending[None]:
        """SUBSCRIBE."""
        return self._send(self._command(b"SUBSCRIBE").mailbox(name), about=name.raw)

    def unsubscribe(self, name: MailboxName) -> Pending[None]:
        """UNSUBSCRIBE."""
        return self._send(self._command(b"UNSUBSCRIBE").mailbox(name), about=name.raw)

    def get_acl(self, name: MailboxName) -> Pending[tuple[tuple[str, str], ...]]:
        """GETACL (RFC 4314): (identifier, rights) pairs."""
        found: list[tuple[str, str]] = []

        def consume(response: Response) -> bool:
            if not (isinstance(response, Unknown) and response.name == "ACL"):
                return False
            words = [_text(value) for value in response.arguments[1:]]
            found[:] = zip(words[::2], words[1::2], strict=False)
            return True

        command = self._command(b"GETACL").mailbox(name)
        pending = Pending("GETACL", lambda _: tuple(found), consume)
        pending.subject = name.raw
        return self._link.submit(pending, command)

    def set_acl(self, name: MailboxName, identifier: str, rights: str) -> Pending[None]:
        """SETACL (RFC 4314)."""
        command = self._command(b"SETACL").mailbox(name).astring(identifier.encode()).astring(rights.encode())
        return self._send(command, about=name.raw)

    def _list(
        self,
        command: Command,
        entries: dict[bytes, ListEntry],
        *,
        subscribed: bool = False,
        about: bytes = b"",
    ) -> Pending[list[ListEntry]]:
        size_bytes = 0

        def consume(response: Response) -> bool:
            nonlocal size_bytes
            if isinstance(response, ListEntry) and response.subscribed_answer is subscribed:
                raw = response.name.raw
                known = entries.get(raw)
                entries[raw] = response if known is None else _merged(known, response)
                size_bytes += len(raw) + sum(map(len, response.attributes))
                if len(entries) > MAX_FOLDERS:
                    raise LimitExceeded(f"more than {MAX_FOLDERS} folders")
                if size_bytes > MAX_LIST_BYTES:
                    raise LimitExceeded(f"folder names of more than {MAX_LIST_BYTES >> 20} MiB")
                return True
            if isinstance(response, MailboxStatus) and response.name.raw in entries:
                entry = entries[response.name.raw]
                entries[response.name.raw] = entry._replace(status=response.items)
                return True
            return False

        # A line that cannot be read costs its folder, and is told; the others are given.
        verb = command.verb.decode("ascii")
        pending = Pending(verb, lambda _: list(entries.values()), consume)
        pending.subject = about
        return self._link.submit(pending, command)

    def _is_answer_for(self, asked: MailboxName, answered: MailboxName) -> bool:
        """Tell whether a STATUS is about a folder: its very name, or a spelling that nobody asked for."""
        if asked.raw == answered.raw:
            return True
        others = [other.subject for other in self._link.in_flight.values() if other.verb == "STATUS"]
        return asked.text == answered.text and answered.raw not in others

    def _select_done(self, pending: Pending[Selected]) -> None:
        if isinstance(pending.error, CommandRefused):
            # RFC 3501 §6.3.1: a failed SELECT leaves nothing selected.
            self.selected = None


def _merged(known: ListEntry, entry: ListEntry) -> ListEntry:
    r"""Give what two answers about one folder say together; where only one has \Noselect, the other counts.

    Servers list INBOX once for each namespace, or in two spellings.
    """
    refused = [_NOT_SELECTABLE & each.attributes for each in (known, entry)]
    if bool(refused[0]) is bool(refused[1]):
        attributes = known.attributes | entry.attributes
    else:
        attributes = entry.attributes if refused[0] else known.attributes
    return known._replace(
        attributes=attributes,
        separator=known.separator or entry.separator,
        status=known.status or entry.status,
    )


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

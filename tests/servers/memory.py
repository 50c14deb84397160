"""A small IMAP server in memory, in threads of this process, each of whose answers can be bent.

It is honest by itself. ``bend`` gets every response with its number, counted over all connections, and gives
what the client shall see instead; raising ``Drop`` closes the connection. What arrived can be looked at
without any client.
"""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.hostile import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

RICH = b"IMAP4rev1 LITERAL+ UIDPLUS MULTIAPPEND NAMESPACE LIST-EXTENDED LIST-STATUS ESEARCH UNSELECT"
BARE = b"IMAP4rev1"
#: It counts changes, too (RFC 7162).
COUNTING = RICH + b" CONDSTORE ENABLE"
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")
_TOKEN = re.compile(rb'"((?:\\.|[^"\\])*)"|\{(\d+)\+?\}\r\n|([^ ()\r\n"]+)')
_SYSTEM_FLAGS = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"


@dataclass
class Mail:
    """A message as it is stored."""

    uid: int
    content: bytes
    flags: set[bytes] = field(default_factory=set)
    date: bytes = b"01-Jan-2024 00:00:00 +0000"
    modseq: int = 1


@dataclass
class Folder:
    """A folder; its messages in order."""

    uidvalidity: int = 1
    uidnext: int = 1
    mails: list[Mail] = field(default_factory=list)
    modseq: int = 1

    def add(self, content: bytes, flags: Iterable[bytes] = (), date: bytes = b"") -> Mail:
        """Append a message and give it."""
        mail = Mail(self.uidnext, content, set(flags), date or Mail.date)
        self.uidnext += 1
        self.mails.append(mail)
        self.changed(mail)
        return mail

    def changed(self, mail: Mail | None = None) -> None:
        """Count a change, of a message or of which ones there are."""
        self.modseq += 1
        if mail is not None:
            mail.modseq = self.modseq

    def remove(self, mails: Iterable[Mail]) -> None:
        """Take messages out for good."""
        gone = {mail.uid for mail in mails}
        self.mails = [mail for mail in self.mails if mail.uid not in gone]
        self.changed()


@dataclass(frozen=True)
class Said:
    """A response before it was bent: its number, the folder that was selected, all its bytes."""

    number: int
    folder: bytes
    response: bytes


class Heard(NamedTuple):
    """A command as it came: verb in capitals, the rest of its first line, the folder that is selected."""

    verb: bytes
    rest: bytes
    folder: bytes


class MemoryServer(Scripted):
    """One account for every user and password; use as a context manager."""

    #: What folders and connections are made of.
    folder: type[Folder] = Folder
    connection: type[Connection]

    def __init__(
        self, capabilities: bytes = RICH, bend: Callable[[Said], bytes] = lambda said: said.response
    ) -> None:
        super().__init__(lambda connection: self.connection(self, connection).run())
        self.capabilities = capabilities
        self.bend = bend
        self.folders: dict[bytes, Folder] = {b"INBOX": self.folder()}
        #: Called with each command before it is carried out; may raise Drop, or give the words of a tagged
        #: answer (``b"NO not now"``): then it is not carried out.
        self.hears: Callable[[Heard], bytes | None] = lambda _: None
        #: Called with each folder that is opened, before anything is told of it.
        self.opened: Callable[[Folder], object] = lambda _: None
        #: What an open folder shows is as it was until its client sends this: "NOOP", "SELECT"; "": as it is.
        self.late_until = ""
        #: A response code that each opening tells besides.
        self.code = b""
        self.lock = threading.Lock()
        self.responses = 0

    def contents(self) -> dict[bytes, list[bytes]]:
        """Give the messages of each folder, sorted."""
        with self.lock:
            return {
                name: sorted(mail.content for mail in folder.mails) for name, folder in self.folders.items()
            }


class Connection:
    """One client."""

    def __init__(self, server: MemoryServer, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selected = b""
        #: The messages of the selected folder that the client was told of.
        self.told: list[Mail] = []
        self.stream: BufferedReader = connection.makefile("rb")

    def run(self) -> None:
        with self.stream:
            self.say(b"* OK [CAPABILITY %s] ready\r\n" % self.server.capabilities)
            while command := self.read_command():
                tag, _, rest = command[0].partition(b" ")
                verb = rest.split(b" ", 1)[0].strip().upper()
                if verb == b"UID":
                    verb += b" " + rest.split(b" ", 2)[1].upper()
                method = getattr(
                    self, "do_" + verb.decode("ascii", "replace").lower().replace(" ", "_"), None
                )
                if verb.startswith(b"UID ") and not self.selected:
                    method = None
                refusal = self.server.hears(Heard(verb, rest[len(verb) :].strip(b" \r\n"), self.selected))
                if refusal is not None:
                    self.say(tag + b" " + refusal + b"\r\n")
                    continue
                with self.server.lock:
                    answers = list(method(rest[len(verb) :].strip(b" "), command)) if method else []
                last = b"OK done" if method else b"BAD unknown command"
                if answers and not answers[-1].startswith(b"* "):
                    last = answers.pop()
                for answer in answers:
                    self.say(answer + b"\r\n")
                self.say(tag + b" " + last + b"\r\n")
                if verb == b"LOGOUT":
                    return

    def say(self, response: bytes) -> None:
        """Send a response, bent."""
        server = self.server
        with server.lock:
            number = server.responses
            server.responses += 1
        self.connection.sendall(server.bend(Said(number, self.selected, response)))

    def read_command(self) -> list[bytes]:
        """Give the lines and literals of the next command, [] at the end."""
        parts = [self.stream.readline()]
        while literal := _LITERAL.search(parts[-1]):
            if not literal[2]:
                self.say(b"+ go on\r\n")
            parts.append(self.stream.read(int(literal[1])))
            parts.append(self.stream.readline())
        return parts if parts[-1].endswith(b"\r\n") else []

    # -- what each command answers: untagged responses, then perhaps the words of the tagged one

    def do_capability(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b"* CAPABILITY " + self.server.capabilities

    def do_noop(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        if self.selected:
            if self.server.late_until != "SELECT":
                self.told = list(self.folder.mails)
            yield b"* %d EXISTS" % len(self.shown)

    def do_login(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b"OK [CAPABILITY %s] logged in" % self.server.capabilities

    def do_subscribe(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b"OK done"

    do_id = do_unsubscribe = do_subscribe

    def do_enable(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b"* ENABLED" + (b" CONDSTORE" if self.counts else b"")

    def do_logout(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b"* BYE good bye"

    def do_namespace(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield b'* NAMESPACE (("" "/")) NIL NIL'

    def do_list(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        if words(rest)[-1:] == [b""]:
            yield b'* LIST (\\Noselect) "/" ""'
            return
        pattern = words(rest.partition(b"RETURN")[0])[-1]
        wanted = re.escape(pattern).replace(rb"\*", b".*").replace(b"%", b"[^/]*")
        for name in sorted(self.server.folders):
            if not re.fullmatch(wanted, name):
                continue
            yield b'* LIST (\\HasNoChildren) "/" "%s"' % name
            if b"STATUS (" in rest:
                yield self.status(name)

    def do_lsub(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        for name in sorted(self.server.folders):
            yield b'* LSUB () "/" "%s"' % name

    def do_status(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        name = words(rest)[0]
        if name not in self.server.folders:
            yield b"NO no such folder"
            return
        yield self.status(name)

    def do_create(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        name = words(rest)[0]
        if name in self.server.folders:
            yield b"NO [ALREADYEXISTS] it exists"
            return
        self.server.folders[name] = self.server.folder()
        yield b"OK made"

    def do_delete(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        gone = self.server.folders.pop(words(rest)[0], None)
        yield b"OK deleted" if gone is not None else b"NO [NONEXISTENT] no such folder"

    def do_rename(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        old, new = words(rest)[:2]
        folders = self.server.folders
        if old not in folders or new in folders:
            yield b"NO not like that"
            return
        folders[new] = folders.pop(old)
        yield b"OK renamed"

    def do_select(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        self.selected = b""
        name = words(rest)[0]
        if name not in self.server.folders:
            yield b"NO [NONEXISTENT] no such folder"
            return
        self.selected = name
        folder = self.folder
        self.server.opened(folder)
        self.told = list(folder.mails)
        if self.server.code:
            yield b"* NO [%s] as it is" % self.server.code
        yield b"* FLAGS (%s)" % _SYSTEM_FLAGS
        yield b"* OK [PERMANENTFLAGS (%s \\*)] kept" % _SYSTEM_FLAGS
        yield b"* %d EXISTS" % len(folder.mails)
        yield b"* 0 RECENT"
        yield b"* OK [UIDVALIDITY %d] valid" % folder.uidvalidity
        yield b"* OK [UIDNEXT %d] next" % folder.uidnext
        if self.counts:
            yield b"* OK [HIGHESTMODSEQ %d] counted" % folder.modseq
        yield b"OK [READ-WRITE] selected"

    do_examine = do_select

    def do_unselect(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        self.selected = b""
        yield b"OK done"

    do_close = do_unselect

    def do_uid_search(self, rest: bytes, command: list[bytes]) -> Iterator[bytes]:
        found = [mail.uid for mail in self.shown if self.matches(mail, rest.upper())]
        if b"RETURN" in rest.upper():
            every = b" ALL " + b",".join(b"%d" % uid for uid in found) if found else b""
            yield b'* ESEARCH (TAG "%s") UID%s' % (command[0].split(b" ")[0], every)
        else:
            yield b" ".join([b"* SEARCH", *(b"%d" % uid for uid in found)])

    def do_uid_fetch(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        chosen, items = rest.split(b" ", 1)
        since = re.search(rb"CHANGEDSINCE (\d+)", items.upper())
        for number, mail in enumerate(self.shown, 1):
            if since is not None and mail.modseq <= int(since[1]):
                continue
            if in_set(mail.uid, chosen, self.folder.uidnext - 1):
                yield b"* %d FETCH (%s)" % (number, b" ".join(self.facts(mail, items.upper())))

    def facts(self, mail: Mail, items: bytes) -> Iterator[bytes]:
        """Give what is told of a message."""
        return _facts(mail, items)

    def do_uid_store(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        chosen, how, flags = rest.split(b" ", 2)
        changed = set(flags.strip(b"\r\n()").split())
        for mail in self.folder.mails:
            if in_set(mail.uid, chosen, self.folder.uidnext - 1):
                mail.flags = {
                    b"+": mail.flags | changed, b"-": mail.flags - changed,
                }.get(how[:1], changed)  # fmt: skip
                self.folder.changed(mail)
        yield b"OK stored"

    def do_uid_expunge(self, rest: bytes, _: list[bytes]) -> Iterator[bytes]:
        folder = self.folder
        yield from self.expunged(
            [mail for mail in folder.mails if in_set(mail.uid, rest, folder.uidnext - 1)]
        )

    def do_expunge(self, _: bytes, __: list[bytes]) -> Iterator[bytes]:
        yield from self.expunged(self.folder.mails)

    def expunged(self, mails: list[Mail]) -> Iterator[bytes]:
        gone = [mail for mail in mails if b"\\Deleted" in mail.flags]
        places = {mail.uid: place for place, mail in enumerate(self.folder.mails, 1)}
        for mail in reversed(gone):
            yield b"* %d EXPUNGE" % places[mail.uid]
        if gone:
            self.folder.remove(gone)
        yield b"OK expunged"

    def do_append(self, rest: bytes, command: list[bytes]) -> Iterator[bytes]:
        name = words(rest)[0]
        folder = self.server.folders.get(name)
        if folder is None:
            yield b"NO [TRYCREATE] no such folder"
            return
        uids = []
        for head, content in zip(command[::2], command[1::2], strict=False):
            flags = re.search(rb"\(([^)]*)\)", head)
            date = re.search(rb'"([^"]*\d\d:\d\d:\d\d [^"]*)"', head)
            uids.append(folder.add(content, flags[1].split() if flags else (), date[1] if date else b"").uid)
        if self.selected == name and not self.server.late_until:
            yield b"* %d EXISTS" % len(folder.mails)
        if b"UIDPLUS" in self.server.capabilities:
            span = b"%d:%d" % (uids[0], uids[-1]) if len(uids) > 1 else b"%d" % uids[0]
            yield b"OK [APPENDUID %d %s] stored" % (folder.uidvalidity, span)
        else:
            yield b"OK stored"

    @property
    def counts(self) -> bool:
        """Whether changes are counted."""
        return b"CONDSTORE" in self.server.capabilities

    def matches(self, mail: Mail, criteria: bytes) -> bool:
        """Tell whether SEARCH finds a message; of the keys those that tests ask for."""
        chosen = re.search(rb"\bUID ([\d:,*]+)", criteria)
        if chosen is not None and not in_set(mail.uid, chosen[1].strip(), self.folder.uidnext - 1):
            return False
        if refused := re.search(rb"\bNOT \(([^)]*)\)", criteria):
            return not self.matches(mail, refused[1])
        if before := re.search(rb'BEFORE "?(\d+-\w+-\d+)', criteria):
            day = datetime.strptime(before[1].decode(), "%d-%b-%Y").replace(tzinfo=UTC)
            return datetime.strptime(mail.date.strip().decode(), "%d-%b-%Y %H:%M:%S %z") < day
        flag = re.search(rb"\b(UN)?(SEEN|DELETED|FLAGGED)\b", criteria)
        return flag is None or ((b"\\" + flag[2].title() in mail.flags) is not bool(flag[1]))

    @property
    def shown(self) -> list[Mail]:
        """What the selected folder shows."""
        return self.told if self.server.late_until else self.folder.mails

    @property
    def folder(self) -> Folder:
        """The selected folder."""
        return self.server.folders[self.selected]

    def status(self, name: bytes) -> bytes:
        folder = self.server.folders[name]
        # Courier counts an open folder as it shows it, GNU imap4d does not.
        late = name == self.selected and self.server.late_until == "NOOP"
        count = len(self.told if late else folder.mails)
        unseen = sum(b"\\Seen" not in mail.flags for mail in folder.mails)
        counted = b" HIGHESTMODSEQ %d" % folder.modseq if self.counts else b""
        return b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d UNSEEN %d%s)' % (
            name, count, folder.uidnext, folder.uidvalidity, unseen, counted,
        )  # fmt: skip


MemoryServer.connection = Connection


def _facts(mail: Mail, items: bytes) -> Iterator[bytes]:
    yield b"UID %d" % mail.uid
    if b"RFC822.SIZE" in items:
        yield b"RFC822.SIZE %d" % len(mail.content)
    if b"FLAGS" in items:
        yield b"FLAGS (%s)" % b" ".join(sorted(mail.flags))
    if b"MODSEQ" in items or b"CHANGEDSINCE" in items:
        yield b"MODSEQ (%d)" % mail.modseq
    if b"INTERNALDATE" in items:
        yield b'INTERNALDATE "%s"' % mail.date
    header = mail.content[: mail.content.index(b"\r\n\r\n") + 4]
    if fields := re.search(rb"BODY\.PEEK\[(HEADER\.FIELDS \(([^)]*)\))\]", items):
        wanted = fields[2].split()
        lines = [line for line in header.split(b"\r\n") if line.partition(b":")[0].upper() in wanted]
        shown = b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        yield b"BODY[%s] {%d}\r\n%s" % (fields[1], len(shown), shown)
    elif b"BODY.PEEK[HEADER]" in items:
        yield b"BODY[HEADER] {%d}\r\n%s" % (len(header), header)
    elif part := re.search(rb"BODY\.PEEK\[\](?:<(\d+)\.(\d+)>)?", items):
        shown = mail.content if part[1] is None else mail.content[int(part[1]) :][: int(part[2])]
        origin = b"" if part[1] is None else b"<%s>" % part[1]
        yield b"BODY[]%s {%d}\r\n%s" % (origin, len(shown), shown)


def words(rest: bytes) -> list[bytes]:
    return [
        re.sub(rb"\\(.)", rb"\1", match[1]) if match[1] is not None else match[3] or b""
        for match in _TOKEN.finditer(rest)
    ]


def in_set(uid: int, chosen: bytes, last: int) -> bool:
    for part in chosen.split(b","):
        first, _, end = part.partition(b":")
        bounds = sorted(last if number == b"*" else int(number) for number in (first, end or first))
        if bounds[0] <= uid <= bounds[1]:
            return True
    return False

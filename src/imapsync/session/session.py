"""A logged-in IMAP session: typed commands, many in flight.

Command methods send at once and give a Pending; await it for the answer. Several in flight:

    answers = [session.status(name, ("MESSAGES", "UIDNEXT")) for name in names]
    statuses = [await answer for answer in answers]

Refusals raise CommandRefused from the await, a lost connection raises ConnectionFailed from every await. No
method looks at capabilities for the caller except where its text says so: an extension that was not announced
is not to be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from imapsync.session.errors import CommandRefused, ConnectionFailed
from imapsync.session.fetch import BodyStream, FetchStream
from imapsync.session.pending import Pending
from imapsync.wire.command import Command, LiteralMode
from imapsync.wire.parser import capability_names
from imapsync.wire.responses import (
    Capabilities,
    Enabled,
    Exists,
    Expunge,
    Fetch,
    Filtered,
    Flags,
    ListEntry,
    MailboxStatus,
    Namespaces,
    Search,
    ServerId,
    Status,
    StatusItems,
    Tagged,
    Unknown,
    Vanished,
)
from imapsync.wire.uidset import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Sequence

    from imapsync.session.certificate import CertificateInfo
    from imapsync.session.endpoint import Endpoint
    from imapsync.session.errors import Side
    from imapsync.session.link import Counters, Link
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import Code, Response, Value

T = TypeVar("T")


class Message(NamedTuple):
    r"""A message to append.

    flags: as on the wire; \Recent must not be among them. internaldate: as Fetch.internaldate has it, None
    for now.
    """

    content: bytes
    flags: tuple[bytes, ...] = ()
    internaldate: bytes | None = None


class Appended(NamedTuple):
    """Where messages went: UIDs in the order given; None when the server did not tell (no UIDPLUS)."""

    uidvalidity: int | None = None
    uids: tuple[int, ...] | None = None


class Copied(NamedTuple):
    """Pairs of COPY and MOVE: UIDs in the source folder and those given in the target."""

    uidvalidity: int
    source: tuple[int, ...]
    target: tuple[int, ...]


class Selected(NamedTuple):
    r"""The mailbox in use and what SELECT told about it; None for what it did not.

    highestmodseq: None too when the mailbox has no mod-sequences. permanent_flags: None: all may be changed;
    b"\*" among them: new keywords may be made. vanished, changed: only with QRESYNC.
    """

    name: MailboxName
    exists: int
    uidvalidity: int | None
    uidnext: int | None
    highestmodseq: int | None
    flags: tuple[bytes, ...]
    permanent_flags: frozenset[bytes] | None
    read_only: bool
    vanished: UidSet
    changed: tuple[Fetch, ...]


class Session:
    """One logged-in connection. Made by `open_session`.

    capabilities: in capitals, as of now. enabled: what ENABLE switched on. selected: the mailbox in use.
    exists: its number of messages, kept up to date. certificate: None without TLS. security: in use, "tls",
    "starttls" or "none". tls_protocol: such as "TLSv1.3". mechanism: how we logged in, "" when nobody did.
    warnings: sentences about the connection.
    """

    def __init__(self, link: Link, endpoint: Endpoint, capabilities: frozenset[str]) -> None:
        self.endpoint = endpoint
        self.capabilities = capabilities
        self.enabled: frozenset[str] = frozenset()
        self.greeting = ""
        self.certificate: CertificateInfo | None = None
        self.security = "none"
        self.tls_protocol = ""
        self.mechanism = ""
        self.warnings: list[str] = []
        self.server_id: dict[str, str] = {}
        self.selected: Selected | None = None
        self.exists = 0
        self._link = link
        self._mode = LiteralMode.of(capabilities)

    # -- the connection

    @property
    def side(self) -> Side | None:
        """Which server."""
        return self._link.side

    @property
    def counters(self) -> Counters:
        """Bytes, commands and round trips so far."""
        return self._link.counters

    @property
    def usable(self) -> bool:
        """Whether commands can still be sent."""
        return self._link.error is None

    def has(self, capability: str) -> bool:
        """Tell whether the server announced a capability (in capitals)."""
        return capability in self.capabilities

    def noop(self) -> Pending[None]:
        """NOOP."""
        return self._send(self._command(b"NOOP"))

    def enable(self, *names: str) -> Pending[frozenset[str]]:
        """ENABLE (RFC 5161): switch on extensions; gives what the server switched on."""
        found: list[frozenset[str]] = []

        def consume(response: Response) -> bool:
            if isinstance(response, Enabled):
                found.append(response.names)
                return True
            return False

        def finish(_: Tagged) -> frozenset[str]:
            switched_on = frozenset().union(*found) if found else frozenset()
            self.enabled |= switched_on
            return switched_on

        command = self._command(b"ENABLE").phrase(" ".join(names).encode("ascii"))
        return self._link.submit(Pending("ENABLE", finish, consume), command)

    def identify(self, fields: Iterable[tuple[str, str]]) -> Pending[None]:
        """ID (RFC 2971): say who we are; the server's answer goes to server_id."""

        def consume(response: Response) -> bool:
            if isinstance(response, ServerId):
                self.server_id = dict(response.fields)
                return True
            return False

        return self._send(self._command(b"ID").pairs(fields), consume=consume)

    async def drain(self) -> None:
        """Wait until little is left to be sent; call it between large appends."""
        await self._link.drain()

    async def logout(self) -> None:
        """Say LOGOUT and close, not waiting for the farewell: everything of value has been answered."""
        if self._link.error is None:
            self._send(self._command(b"LOGOUT"))
        self._link.abort()
        await self._link.closed()

    def abort(self) -> None:
        """Close the socket now; everything in flight fails."""
        self._link.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.logout()

    # -- folders

    def namespaces(self) -> Pending[Namespaces]:
        """NAMESPACE (RFC 2342)."""
        return self._one(self._command(b"NAMESPACE"), Namespaces, Namespaces())

    def list_folders(
        self,
        patterns: Sequence[bytes] = (b"*",),
        *,
        reference: bytes = b"",
        select: Sequence[str] = (),
        returns: Sequence[str] = (),
        status: Sequence[str] = (),
    ) -> Pending[list[ListEntry]]:
        """LIST, with each folder's STATUS when `status` items are asked for.

        select, returns: options of LIST-EXTENDED (RFC 5258), such as "SUBSCRIBED", "CHILDREN", "SPECIAL-USE";
        status: needs LIST-STATUS. Several patterns need LIST-EXTENDED too.
        """
        command = self._command(b"LIST")
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
        return self._list(command, subscribed=False)

    def list_subscribed(self, pattern: bytes = b"*") -> Pending[list[ListEntry]]:
        """LSUB: the subscribed folders, by name."""
        return self._list(self._command(b"LSUB").string(b"").list_pattern(pattern), subscribed=True)

    def status(self, name: MailboxName, items: Sequence[str]) -> Pending[StatusItems]:
        """STATUS of a folder that is not selected; items such as "MESSAGES", "HIGHESTMODSEQ", "SIZE"."""
        found: list[StatusItems] = []

        def consume(response: Response) -> bool:
            if isinstance(response, MailboxStatus) and name.text == response.name.text:
                found.append(response.items)
                return True
            return False

        command = self._command(b"STATUS").mailbox(name).phrase(b"(" + " ".join(items).encode("ascii") + b")")
        pending = Pending("STATUS", lambda _: found[-1] if found else StatusItems(), consume)
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
        answer = _SelectAnswer(name, read_only=read_only)

        def consume(response: Response) -> bool:
            return self._is_first(pending) and answer.take(response)

        def finish(tagged: Tagged) -> Selected:
            self.selected = answer.selected(tagged)
            self.exists = self.selected.exists
            return self.selected

        command = self._command(b"EXAMINE" if read_only else b"SELECT").mailbox(name)
        if qresync is not None:
            command.phrase(b"(QRESYNC (%d %d))" % qresync)
        elif condstore:
            command.phrase(b"(CONDSTORE)")
        pending = Pending("EXAMINE" if read_only else "SELECT", finish, consume)
        pending.takes_all = True
        pending.on_done = lambda: self._select_done(pending)
        return self._link.submit(pending, command)

    def unselect(self) -> Pending[None]:
        """Leave the selected mailbox without expunging: UNSELECT where announced, else EXAMINE and CLOSE."""
        left, self.selected = self.selected, None
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
        return self._send(command)

    def delete(self, name: MailboxName) -> Pending[None]:
        """DELETE."""
        return self._send(self._command(b"DELETE").mailbox(name))

    def rename(self, name: MailboxName, new_name: MailboxName) -> Pending[None]:
        """RENAME."""
        return self._send(self._command(b"RENAME").mailbox(name).mailbox(new_name))

    def subscribe(self, name: MailboxName) -> Pending[None]:
        """SUBSCRIBE."""
        return self._send(self._command(b"SUBSCRIBE").mailbox(name))

    def unsubscribe(self, name: MailboxName) -> Pending[None]:
        """UNSUBSCRIBE."""
        return self._send(self._command(b"UNSUBSCRIBE").mailbox(name))

    def get_acl(self, name: MailboxName) -> Pending[tuple[tuple[str, str], ...]]:
        """GETACL (RFC 4314): (identifier, rights) pairs."""
        found: list[tuple[str, str]] = []

        def consume(response: Response) -> bool:
            if not (isinstance(response, Unknown) and response.name == "ACL"):
                return False
            words = [_text(value) for value in response.arguments[1:]]
            found.extend(zip(words[::2], words[1::2], strict=False))
            return True

        command = self._command(b"GETACL").mailbox(name)
        return self._link.submit(Pending("GETACL", lambda _: tuple(found), consume), command)

    def set_acl(self, name: MailboxName, identifier: str, rights: str) -> Pending[None]:
        """SETACL (RFC 4314)."""
        command = self._command(b"SETACL").mailbox(name).astring(identifier.encode()).astring(rights.encode())
        return self._send(command)

    # -- messages of the selected mailbox

    def fetch(
        self,
        uids: UidSet | bytes,
        items: bytes,
        *,
        changedsince: int | None = None,
        vanished: bool = False,
        on_vanished: Callable[[UidSet], None] | None = None,
    ) -> FetchStream:
        """UID FETCH; records come in batches from the stream.

        uids: bytes such as b"1:*" for open sets. items: such as b"(UID FLAGS INTERNALDATE RFC822.SIZE
        BODY.PEEK[])". Bodies larger than the inline limit come with body None and their size: read those with
        fetch_body. changedsince: CONDSTORE; vanished: QRESYNC, expunged UIDs go to on_vanished.
        """
        stream = FetchStream(self._link, uids, items)

        def consume(response: Response) -> bool:
            if on_vanished is not None and isinstance(response, Vanished) and response.earlier:
                on_vanished(response.uids)
                return True
            return False

        command = self._command(b"UID FETCH").numbers(uids).phrase(items)
        if changedsince is not None:
            command.phrase(b"(CHANGEDSINCE %d%s)" % (changedsince, b" VANISHED" if vanished else b""))
        stream.begin(self._send(command, consume=consume))
        return stream

    def fetch_body(self, uid: int) -> BodyStream:
        """UID FETCH BODY.PEEK[] of one message, as a stream of chunks."""
        stream = BodyStream(self._link, uid)
        command = self._command(b"UID FETCH").number(uid).phrase(b"(UID BODY.PEEK[])")
        stream.begin(self._send(command))
        return stream

    def search(self, criteria: str) -> Pending[UidSet]:
        """UID SEARCH with criteria as a person writes them: 'SENTSINCE 1-Jan-2020 NOT FROM "Müller"'.

        Answers by ESEARCH ranges where announced. EncodingRefused at once when quotes or parentheses do not
        match.
        """
        found: list[UidSet] = []

        def consume(response: Response) -> bool:
            if not isinstance(response, Search):
                return False
            if response.tag is None:
                # Answers of plain SEARCH come in order; one of several lines is taken when no other can be
                # meant.
                if found and sum(other.verb == pending.verb for other in self._link.in_flight.values()) > 1:
                    return False
            elif response.tag != pending.tag:
                return False
            found.append(response.numbers)
            return True

        def finish(_: Tagged) -> UidSet:
            return UidSet(pair for part in found for pair in part.ranges)

        command = self._command(b"UID SEARCH")
        if self.has("ESEARCH"):
            command.phrase(b"RETURN (ALL)")
        command.search_criteria(criteria)
        pending = Pending("UID SEARCH", finish, consume)
        return self._link.submit(pending, command)

    def store(
        self, uids: UidSet, action: bytes, flags: Iterable[bytes], *, unchangedsince: int | None = None
    ) -> Pending[UidSet]:
        """UID STORE, silent; action b"+FLAGS", b"-FLAGS" or b"FLAGS".

        Gives the UIDs that were left alone because they changed after `unchangedsince` (CONDSTORE).
        """
        command = self._command(b"UID STORE").numbers(uids)
        if unchangedsince is not None:
            command.phrase(b"(UNCHANGEDSINCE %d)" % unchangedsince)
        command.phrase(action + b".SILENT").flags(flags)

        def finish(tagged: Tagged) -> UidSet:
            modified = _code_arguments(tagged.code, "MODIFIED")
            return UidSet.parse(modified[0]) if modified and isinstance(modified[0], bytes) else UidSet()

        return self._link.submit(Pending("UID STORE", finish), command)

    def expunge(self, uids: UidSet | None = None) -> Pending[None]:
        r"""UID EXPUNGE of these (needs UIDPLUS), or EXPUNGE of all that are marked \Deleted."""
        if uids is None:
            return self._send(self._command(b"EXPUNGE"))
        return self._send(self._command(b"UID EXPUNGE").numbers(uids))

    def copy(self, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        """UID COPY; gives the pairs when the server tells (UIDPLUS)."""
        return self._copy(b"UID COPY", uids, name)

    def move(self, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        """UID MOVE (RFC 6851); gives the pairs when the server tells."""
        return self._copy(b"UID MOVE", uids, name)

    def filter_sieve(self, uids: UidSet) -> Pending[list[Filtered]]:
        r"""FILTER SIEVE DELIVERY (Pigeonhole's FILTER=SIEVE): run the user's script.

        Gives one record per message that the script acted upon; those it filed elsewhere are marked \Deleted.
        Refused with CommandRefused when the user has no script.
        """
        found: list[Filtered] = []

        def consume(response: Response) -> bool:
            if isinstance(response, Filtered):
                found.append(response)
                return True
            return False

        command = self._command(b"FILTER SIEVE DELIVERY UID").numbers(uids)
        return self._link.submit(Pending("FILTER", lambda _: found, consume), command)

    # -- append

    def append(self, name: MailboxName, messages: Sequence[Message]) -> Pending[Appended]:
        """APPEND; several messages go in one command, which needs MULTIAPPEND: all or nothing (RFC 3502).

        Several APPENDs may be in flight. Call drain() now and then.
        """
        command = self._command(b"APPEND").mailbox(name)
        for message in messages:
            command.message(message.content, message.flags, message.internaldate)
        return self._link.submit(Pending("APPEND", _appended(len(messages))), command)

    async def append_stream(
        self,
        name: MailboxName,
        size_bytes: int,
        chunks: AsyncIterable[bytes],
        flags: tuple[bytes, ...] = (),
        internaldate: bytes | None = None,
    ) -> Appended:
        """APPEND one message of exactly size_bytes, which come from elsewhere; waits for the network.

        If the producer fails, or gives more or less than size_bytes, the connection is closed (a literal
        cannot be broken off otherwise) and the error is raised; the server keeps nothing of the message.
        """
        command = self._command(b"APPEND").mailbox(name).streamed_message(size_bytes, flags, internaldate)
        pending: Pending[Appended] = Pending("APPEND", _appended(1))
        pending.streamed = True
        self._link.submit(pending, command)
        try:
            if await self._link.literal_turn(pending):
                await self._write_literal(size_bytes, chunks)
                self._link.end_literal(pending)
        except BaseException:
            self._link.abort()
            raise
        return await pending

    async def _write_literal(self, size_bytes: int, chunks: AsyncIterable[bytes]) -> None:
        written = 0
        async for chunk in chunks:
            written += len(chunk)
            if written > size_bytes:
                break
            self._link.write(chunk)
            await self._link.drain()
        if written != size_bytes:
            raise ConnectionFailed(
                f"a message of {size_bytes} bytes came with {written}", side=self.side, retryable=False
            )

    # -- inside

    def _command(self, verb: bytes) -> Command:
        return Command(verb, self._mode, binary="BINARY" in self.capabilities)

    def _send(self, command: Command, consume: Callable[[Response], bool] | None = None) -> Pending[None]:
        verb = command.verb.decode("ascii")
        return self._link.submit(Pending(verb, lambda _: None, consume), command)

    def _one(self, command: Command, kind: type[T], default: T) -> Pending[T]:
        found: list[T] = []

        def consume(response: Response) -> bool:
            if isinstance(response, kind):
                found.append(response)
                return True
            return False

        pending = Pending(command.verb.decode("ascii"), lambda _: found[-1] if found else default, consume)
        return self._link.submit(pending, command)

    def _list(self, command: Command, *, subscribed: bool) -> Pending[list[ListEntry]]:
        entries: dict[bytes, ListEntry] = {}

        def consume(response: Response) -> bool:
            if isinstance(response, ListEntry) and response.subscribed_answer is subscribed:
                entries[response.name.raw] = response
                return True
            if isinstance(response, MailboxStatus) and response.name.raw in entries:
                entry = entries[response.name.raw]
                entries[response.name.raw] = entry._replace(status=response.items)
                return True
            return False

        verb = command.verb.decode("ascii")
        return self._link.submit(Pending(verb, lambda _: list(entries.values()), consume), command)

    def _copy(self, verb: bytes, uids: UidSet, name: MailboxName) -> Pending[Copied | None]:
        moved: list[Code] = []

        def consume(response: Response) -> bool:
            # RFC 6851 §4.3: MOVE sends COPYUID in an untagged OK.
            if isinstance(response, Status) and response.code is not None and response.code.name == "COPYUID":
                moved.append(response.code)
                return True
            return False

        def finish(tagged: Tagged) -> Copied | None:
            arguments = _code_arguments(moved[-1] if moved else tagged.code, "COPYUID")
            validity = _validity(arguments)
            if validity is None or len(arguments) != 3:
                return None
            source, target = (
                UidSet.parse(value) if isinstance(value, bytes) else UidSet() for value in arguments[1:]
            )
            if not len(source) == len(target) <= len(uids):
                return None
            return Copied(validity, tuple(source), tuple(target))

        command = self._command(verb).numbers(uids).mailbox(name)
        return self._link.submit(Pending(verb.decode("ascii"), finish, consume), command)

    def _is_first(self, pending: object) -> bool:
        return next(iter(self._link.in_flight.values()), None) is pending

    def _select_done(self, pending: Pending[Selected]) -> None:
        if isinstance(pending.error, CommandRefused):
            # RFC 3501 §6.3.1: a failed SELECT leaves nothing selected.
            self.selected = None

    def observe(self, response: Response) -> None:
        """Follow what the server says on its own account."""
        if isinstance(response, Exists):
            self.exists = response.messages
        elif isinstance(response, Expunge):
            self.exists -= 1
        elif isinstance(response, Vanished) and not response.earlier:
            self.exists -= len(response.uids)
        elif isinstance(response, Capabilities):
            self.set_capabilities(response.names)
        elif (
            isinstance(response, Status) and response.code is not None and response.code.name == "CAPABILITY"
        ):
            self.set_capabilities(capability_names(response.code.arguments))

    def set_capabilities(self, names: frozenset[str]) -> None:
        """Take the server's present capabilities."""
        self.capabilities = names - self.ignored_capabilities
        self._mode = LiteralMode.of(self.capabilities)

    #: Capabilities to act without, whatever the server announces.
    ignored_capabilities: frozenset[str] = frozenset()


class _SelectAnswer:
    """Collects the untagged responses of SELECT."""

    def __init__(self, name: MailboxName, *, read_only: bool) -> None:
        self._name = name
        self._read_only = read_only
        self._exists = 0
        self._flags: tuple[bytes, ...] = ()
        self._codes: dict[str, tuple[Value, ...]] = {}
        self._vanished: list[tuple[int, int]] = []
        self._changed: list[Fetch] = []

    def take(self, response: Response) -> bool:
        """Note a response; false when SELECT has no use for it."""
        if isinstance(response, Exists):
            self._exists = response.messages
        elif isinstance(response, Flags):
            self._flags = response.flags
        elif isinstance(response, Status) and response.code is not None:
            self._codes[response.code.name] = response.code.arguments
        elif isinstance(response, Vanished) and response.earlier:
            self._vanished.extend(response.uids.ranges)
        elif isinstance(response, Fetch):
            self._changed.append(response)
        else:
            return False
        return True

    def selected(self, tagged: Tagged) -> Selected:
        """Give the state that the answer describes."""
        if tagged.code is not None:
            self._codes[tagged.code.name] = tagged.code.arguments
        permanent = self._codes.get("PERMANENTFLAGS")
        permanent_flags = None
        if permanent is not None:
            listed = permanent[0] if permanent and isinstance(permanent[0], tuple) else ()
            permanent_flags = frozenset(flag for flag in listed if isinstance(flag, bytes))
        return Selected(
            name=self._name,
            exists=self._exists,
            uidvalidity=self._number("UIDVALIDITY"),
            uidnext=self._number("UIDNEXT"),
            highestmodseq=self._number("HIGHESTMODSEQ") or None,
            flags=self._flags,
            permanent_flags=permanent_flags,
            read_only=self._read_only or "READ-ONLY" in self._codes,
            vanished=UidSet(self._vanished),
            changed=tuple(self._changed),
        )

    def _number(self, code: str) -> int | None:
        arguments = self._codes.get(code)
        if arguments and isinstance(arguments[0], bytes) and arguments[0].isdigit():
            return int(arguments[0][:19])
        return None


def _appended(count: int) -> Callable[[Tagged], Appended]:
    """Make the reader of APPEND's answer; pairs that do not fit the number of messages are not believed."""

    def finish(tagged: Tagged) -> Appended:
        arguments = _code_arguments(tagged.code, "APPENDUID")
        validity = _validity(arguments)
        if validity is None or len(arguments) != 2 or not isinstance(arguments[1], bytes):
            return Appended()
        uids = UidSet.parse(arguments[1])
        return Appended(validity, tuple(uids)) if len(uids) == count else Appended()

    return finish


def _validity(arguments: tuple[Value, ...]) -> int | None:
    first = arguments[0] if arguments else None
    return int(first) if isinstance(first, bytes) and first.isdigit() and len(first) <= 10 else None


def _code_arguments(code: Code | None, name: str) -> tuple[Value, ...]:
    return code.arguments if code is not None and code.name == name else ()


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

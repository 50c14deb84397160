"""What is given to and got from commands: messages to append, where they went, the state of a mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imapsync.wire.errors import ProtocolError
from imapsync.wire.responses import Exists, Fetch, Flags, Status, Vanished
from imapsync.wire.uidset import MAX_LONG_NUMBER, UidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import Code, Response, Tagged, Value


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
    b"\*" among them: new keywords may be made. vanished, changed: only with QRESYNC. uids_last: false when
    the server says that UIDs end with this opening of the mailbox (UIDNOTSTICKY, RFC 4315 §4).
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
    uids_last: bool = True


#: What is of use of the response codes that come with SELECT; a server may make up any number of others.
_CODES = frozenset({"UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ", "PERMANENTFLAGS", "READ-ONLY", "UIDNOTSTICKY"})


class SelectAnswer:
    """Collects the untagged responses of SELECT."""

    def __init__(self, name: MailboxName, *, read_only: bool, wants_changes: bool = False) -> None:
        self._name = name
        self._read_only = read_only
        self._wants_changes = wants_changes
        self._exists = 0
        #: Without the number nobody knows whether all messages were seen.
        self.told_exists = False
        self._flags: tuple[bytes, ...] = ()
        self._codes: dict[str, tuple[Value, ...]] = {}
        self._vanished: list[tuple[int, int]] = []
        self._changed: list[Fetch] = []

    def take(self, response: Response) -> bool:
        """Note a response; false when SELECT has no use for it."""
        if isinstance(response, Exists):
            self._exists = response.messages
            self.told_exists = True
        elif isinstance(response, Flags):
            self._flags = response.flags
        elif isinstance(response, Status) and response.code is not None:
            if response.code.name in _CODES:
                self._codes[response.code.name] = response.code.arguments
        elif isinstance(response, Vanished) and response.earlier:
            if self._wants_changes:
                self._vanished.extend(response.uids.ranges)
        elif isinstance(response, Fetch):
            if self._wants_changes:
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
            uids_last="UIDNOTSTICKY" not in self._codes,
        )

    def _number(self, code: str) -> int | None:
        arguments = self._codes.get(code)
        if arguments and isinstance(arguments[0], bytes) and arguments[0].isdigit():
            number = int(arguments[0][:20])
            return number if number <= MAX_LONG_NUMBER else None
        return None


def appended_reader(count: int) -> Callable[[Tagged], Appended]:
    """Make the reader of APPEND's answer; pairs that do not fit the number of messages are not believed."""

    def finish(tagged: Tagged) -> Appended:
        arguments = code_arguments(tagged.code, "APPENDUID")
        validity = validity_of(arguments)
        if validity is None or len(arguments) != 2:
            return Appended()
        uids = set_told(arguments[1])
        return Appended(validity, tuple(uids)) if len(uids) == count else Appended()

    return finish


def validity_of(arguments: tuple[Value, ...]) -> int | None:
    """Read the UIDVALIDITY that APPENDUID and COPYUID start with, None when it is no number."""
    first = arguments[0] if arguments else None
    return int(first) if isinstance(first, bytes) and first.isdigit() and len(first) <= 10 else None


def set_told(value: Value) -> UidSet:
    """Read a set in a response code; empty when it is none, since a code only adds to an answer."""
    try:
        return UidSet.parse(value) if isinstance(value, bytes) else UidSet()
    except ProtocolError:
        return UidSet()


def code_arguments(code: Code | None, name: str) -> tuple[Value, ...]:
    """Give the arguments of a response code of this name, none when it is another or absent."""
    return code.arguments if code is not None and code.name == name else ()

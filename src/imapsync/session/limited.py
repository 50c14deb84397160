"""Servers that work on so many messages a command and no more (MESSAGELIMIT, RFC 9738), as Yahoo does.

FETCH and SEARCH then tell of the messages with the highest UIDs and end with `OK [MESSAGELIMIT n uid]`: what
is left lies below that UID. The session goes on by itself. The folder may no longer be the one that is open
then, because commands go out ahead of their answers: it is opened once more for the further command, and what
the callers had opened last is opened again behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from imapsync.session.base import SessionBase
from imapsync.session.errors import AnswerUnusable
from imapsync.session.fetch import first_of
from imapsync.session.pending import Pending
from imapsync.wire.uidset import MAX_NUMBER, UidSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imapsync.session.answers import Selected
    from imapsync.wire.mailbox import MailboxName
    from imapsync.wire.responses import Code

T = TypeVar("T")
#: Commands that one question may take beyond twice those that the folder's size makes likely: a server may
#: show less of a folder than it lets us read, but one that never comes to an end is not followed.
SPARE_COMMANDS = 200


class Opened(NamedTuple):
    """A SELECT or EXAMINE as it was sent, with its answer to come."""

    name: MailboxName
    read_only: bool
    condstore: bool
    answer: Pending[Selected]


class LimitedCommands(SessionBase):
    """Splits what is too much for one command, and goes on where the server broke off."""

    #: What was opened last, by the order of sending.
    opened: Opened | None = None

    def open_again(self, opened: Opened) -> Pending[Selected]:
        """Send the SELECT or EXAMINE of a folder once more."""
        raise NotImplementedError

    def _in_pieces(
        self, uids: UidSet, send: Callable[[UidSet], Pending[T]], join: Callable[[Sequence[T]], T]
    ) -> Pending[T]:
        """Send a command for each piece that the server takes at once; the first refusal is that of all."""
        limit = self.message_limit
        if limit is None or len(uids) <= limit:
            return send(uids)
        pieces = [send(piece) for piece in uids.split(limit)]
        whole = self._made_of(pieces[0].verb)

        def piece_done() -> None:
            if all(piece.done for piece in pieces):
                error = next((piece.error for piece in pieces if piece.error is not None), None)
                if error is not None:
                    whole.fail(error)
                else:
                    whole.give(join([piece.result for piece in pieces]))

        for piece in pieces:
            piece.on_done = piece_done
        piece_done()
        return whole

    def _made_of(self, verb: str) -> Pending[Any]:
        """Make the answer to a question that may take several commands; its maker ends it."""
        whole: Pending[Any] = Pending(verb, lambda _: None)
        whole.note_starving = self._link.gate.note_starving
        return whole


class Course:
    """One question about messages of a folder, from its first command to its last."""

    def __init__(
        self, session: LimitedCommands, uids: UidSet | bytes, send: Callable[[UidSet], Pending[Any]]
    ) -> None:
        self._session = session
        self._opened = session.opened
        self._left = _as_set(uids)
        self._send = send
        self._commands = 1

    def further(self, code: Code | None, count: int, lowest: int) -> Pending[Any] | None:
        """Ask for what lies below the part that the server told of; None when that was all.

        code: of the OK. count, lowest: the messages that were told of. Without a code, an answer of as many
        messages as the limit is taken for a part.
        """
        session = self._session
        limit = session.message_limit
        below = _told_below(code) or (lowest if limit and count >= limit else 0)
        last = max((last for _, last in self._left.ranges), default=0)
        if not 1 < below <= last or not session.usable or self._commands >= self._most_commands:
            return None
        self._left = self._left.within(1, below - 1)
        return self._ask() if self._left else None

    def once_more(self) -> Pending[Any] | None:
        """Ask the same again; None when the connection is gone."""
        return self._ask() if self._session.usable else None

    def _ask(self) -> Pending[Any]:
        """Send a further command, in the folder of the first one."""
        session = self._session
        self._commands += 1
        before, now = self._opened, session.opened
        if before is None or now is before:
            return self._send(self._left)
        again = session.open_again(before)
        answer = self._send(self._left)
        answer.precondition = lambda: _refuse_replaced(before.answer, again)
        if now is not None:
            session.open_again(now)
        return answer

    @property
    def _most_commands(self) -> int:
        return SPARE_COMMANDS + 2 * self._session.exists // (self._session.message_limit or 1)


def _as_set(uids: UidSet | bytes) -> UidSet:
    """Give an open set such as b"7:*" as the numbers that it may stand for."""
    if isinstance(uids, UidSet):
        return uids
    return UidSet(((first_of(uids), MAX_NUMBER),))


def _told_below(code: Code | None) -> int:
    """Give the lowest UID that the server came to (RFC 9738 §3.1), 0 when it told no such thing."""
    if code is None or code.name != "MESSAGELIMIT" or len(code.arguments) < 2:
        return 0
    uid = code.arguments[1]
    return int(uid) if isinstance(uid, bytes) and uid.isdigit() and len(uid) <= 10 else 0


def _refuse_replaced(before: Pending[Selected], again: Pending[Selected]) -> None:
    """AnswerUnusable when a folder that was opened again is another one than before."""
    if again.error is None and before.error is None and again.result.uidvalidity != before.result.uidvalidity:
        raise AnswerUnusable("UID FETCH", "the folder was replaced while it was read")

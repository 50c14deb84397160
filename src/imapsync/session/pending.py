"""A command in flight."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from imapsync.session.errors import CommandRefused, ProtocolViolation
from imapsync.wire.errors import ProtocolError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Generator

    from imapsync.session.errors import SyncError
    from imapsync.wire.responses import Code, Response, Tagged, Unreadable

T = TypeVar("T")


class Pending(Generic[T]):
    """The answer to come of a command on its way. Await it, now or later, once or more often, or drop it.

    It raises CommandRefused for NO and BAD, ConnectionFailed and the like when the connection ends first.
    Cancelling who awaits it does not cancel the command: what was sent cannot be taken back.
    """

    __slots__ = (
        "_error",
        "_finish",
        "_result",
        "_waiters",
        "alone",
        "answers",
        "code",
        "consume",
        "done",
        "note_starving",
        "odd",
        "on_continuation",
        "on_done",
        "precondition",
        "resting",
        "secret",
        "segments",
        "sent_at",
        "streamed",
        "subject",
        "tag",
        "takes_all",
        "verb",
    )

    def __init__(
        self,
        verb: str,
        finish: Callable[[Tagged], T],
        consume: Callable[[Response], bool] | None = None,
        *,
        secret: bool = False,
    ) -> None:
        self.verb = verb
        self.tag = b""
        #: The response code of the OK that ended it.
        self.code: Code | None = None
        #: Names of the responses that the answer is made of; one of them that cannot be read spoils it.
        self.answers: frozenset[str] = frozenset()
        #: Raises CommandRefused when the OK is not to be believed.
        self.precondition: Callable[[], None] | None = None
        self.odd: Unreadable | None = None
        #: Offered each untagged response while in flight; true when it took it.
        self.consume = consume
        self._finish = finish
        self._result: T | None = None
        self._error: SyncError | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self.done = False
        #: Segments still to be sent; None when all are.
        self.segments: deque[bytes] | None = None
        #: When the last byte went to the transport, by the loop's clock; 0 before.
        self.sent_at = 0.0
        #: Whether the literal after the first segment comes from elsewhere.
        self.streamed = False
        #: The folder that it is about, as it was sent; empty for what is about messages, or about all.
        self.subject = b""
        #: Whether nothing is sent behind it before it is answered.
        self.alone = False
        #: Whether all mailbox data is this command's while it is the oldest in flight (SELECT).
        self.takes_all = False
        #: Handles continuation requests in place of the next segment (authentication).
        self.on_continuation: Callable[[bytes], None] | None = None
        #: Told when somebody begins (1) or ends (-1) to wait.
        self.note_starving: Callable[[int], None] | None = None
        #: Called once when the answer is known, before who awaits it goes on.
        self.on_done: Callable[[], None] | None = None
        #: Whether the server owes no answer for now (IDLE).
        self.resting = False
        #: Whether its bytes stay out of traces.
        self.secret = secret

    def succeed(self, tagged: Tagged) -> None:
        """Take the OK that ends the command."""
        self.code = tagged.code
        try:
            if self.precondition is not None:
                self.precondition()
            self._result = self._finish(tagged)
        except ProtocolError as error:
            self._error = ProtocolViolation(f"the server broke the protocol: {error}")
        except CommandRefused as error:
            self._error = error
        self._wake()

    def when_done(self, call: Callable[[], None]) -> None:
        """Call this once the answer is known: at once where the command was not even sent."""
        if self.done:
            call()
        else:
            self.on_done = call

    def give(self, result: T) -> None:
        """End with a result that was made of the answers to several commands."""
        if not self.done:
            self._result = result
            self._wake()

    def fail(self, error: SyncError) -> None:
        """End with an error: refused, or the connection is gone."""
        if not self.done:
            self._error = error
            self._wake()

    @property
    def result(self) -> T:
        """What awaiting gives; only when it is done without an error."""
        return self._result  # type: ignore[return-value]  # None only when T is None

    @property
    def error(self) -> SyncError | None:
        """What awaiting raises, None when it gives a result or is not done."""
        return self._error

    def __await__(self) -> Generator[asyncio.Future[None], None, T]:
        if not self.done:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            if self.note_starving is not None:
                self.note_starving(1)
            try:
                yield from waiter
            finally:
                if self.note_starving is not None:
                    self.note_starving(-1)
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # None only when T is None

    def _wake(self) -> None:
        self.done = True
        self.segments = None
        if self.on_done is not None:
            self.on_done()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

"""One account, listened to for as long as it takes: told is when mail may have come, and how things stand."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, NamedTuple, Never

from imapsync.plan import patience, watching
from imapsync.plan.watching import Ears, Seen, Trouble, Way
from imapsync.session.errors import AskedToWait, CommandRefused, SyncError
from imapsync.session.login import open_session
from imapsync.terms import Side
from imapsync.wire.limits import Bounds
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.credentials import Credentials
    from imapsync.session.endpoint import Endpoint
    from imapsync.session.session import Session

INBOX = MailboxName.from_text("INBOX")
#: A watched server has short answers to give, and there are many of them.
LIMITS = Bounds(
    set_bytes=256 * 1024,
    line_bytes=256 * 1024,
    inline_bytes=8192,
    response_bytes=1024 * 1024,
    buffer_bytes=16_384,
)
#: A server that is asked something while it is watched answers within this time, or is gone.
ANSWER_S = 30.0
#: After so much silence the kernel asks whether the other end is there.
KEEP_ALIVE_S = 60


class Watched(NamedTuple):
    """An account, as it is to be logged in to now, and how it is watched.

    poll_s: how often to look where the server does not tell. wide: whether mail in other folders than INBOX
    is wanted, too, where the server can tell of it (NOTIFY).
    """

    endpoint: Endpoint
    credentials: Credentials
    poll_s: float = 60.0
    wide: bool = False


class Standing(NamedTuple):
    """How an account stands: watched in a way, or why not and for how long (seconds)."""

    way: Way | None = None
    error: SyncError | None = None
    pause_s: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether somebody has to do something: a password, a certificate."""
        return self.error is not None and _trouble(self.error) is Trouble.REFUSED


class Listener:
    """Listens to one account.

    account: gives it, asked before each login. on_news: called when mail may have come since the last call,
    first of all once it is watched. on_standing: called when how it stands has changed; a refusal is told
    once. gate: bounds the logins of several listeners.
    """

    def __init__(
        self,
        account: Callable[[], Watched],
        on_news: Callable[[], None],
        on_standing: Callable[[Standing], None],
        gate: asyncio.Semaphore | None = None,
    ) -> None:
        self._gate = gate or asyncio.Semaphore(1)
        self._account = account
        self._on_news = on_news
        self._on_standing = on_standing
        self._loop = asyncio.get_running_loop()
        self._ears = Ears()
        self._seen: Seen | None = None
        #: Whether anything was told since the last look, and while nothing was asked; when first; and who
        #: ends the present rest for it.
        self._told = self._told_in_time = False
        self._resting = False
        self._first_heard = 0.0
        self._gathered: asyncio.TimerHandle | None = None
        self._rouse: Callable[[], object] | None = None
        self._rest_began = 0.0
        self._failures: dict[Trouble, int] = {}
        self._stood: object = None

    async def listen(self) -> Never:
        """Listen until cancelled."""
        try:
            while True:
                try:
                    await self._watch()
                except SyncError as error:
                    await asyncio.sleep(self._after(error))
        finally:
            if self._gathered is not None:
                self._gathered.cancel()

    async def _watch(self) -> None:
        """Log in and listen until the connection ends: SyncError."""
        self._rest_began = 0.0
        account = self._account()
        patient = account.endpoint.timeout_s or ANSWER_S
        endpoint = account.endpoint._replace(timeout_s=min(patient, ANSWER_S))
        async with self._gate:
            session = await open_session(endpoint, account.credentials, side=Side.SOURCE, limits=LIMITS)
        async with session:
            session.keep_alive(KEEP_ALIVE_S)
            await self._look(session)
            session.on_arrival = self._hear
            if account.wide and session.has("NOTIFY"):
                await _without_refusal(session.notify())
            self._failures.clear()
            while True:
                way = self._ears.way(offered=session.has("IDLE"))
                self._stand(Standing(way))
                rests_s = self._ears.rest_s(way, account.poll_s)
                if way is Way.IDLE:
                    await self._idle(session, rests_s)
                else:
                    await self._wait(rests_s)
                found = await self._look(session)
                ears = self._ears
                self._ears = ears.after_look(found=found) if way is Way.IDLE else ears.after_poll()

    async def _idle(self, session: Session, seconds: float) -> None:
        """Rest in IDLE until something is told or the time is over; a refused IDLE never tells."""
        began = self._rest_began = self._loop.time()
        idling = session.idle()

        def end() -> None:
            # What comes from now on was asked for by this: some servers tell of mail only when a rest ends.
            self._resting = False
            idling.end()

        self._resting = True
        self._rest_with(end)
        timer = self._loop.call_later(seconds, end)
        try:
            await idling
        except CommandRefused:
            self._ears = self._ears._replace(lies=watching.MOST_LIES)
            return
        finally:
            timer.cancel()
            self._resting = False
            self._rouse = None
        self._rest_began = 0.0
        rested_s = self._loop.time() - began
        if not self._told and rested_s < min(seconds, watching.LEAST_REST_S):
            # The server ended it: one that does so all the time is not to be asked all the time.
            await self._wait(min(seconds, watching.LEAST_REST_S) - rested_s)

    async def _wait(self, seconds: float) -> None:
        """Rest without IDLE: servers may tell of mail then, too."""
        roused = asyncio.Event()
        self._rest_with(roused.set)
        try:
            async with asyncio.timeout(seconds):
                await roused.wait()
        except TimeoutError:
            pass
        finally:
            self._rouse = None

    def _rest_with(self, rouse: Callable[[], object]) -> None:
        self._rouse = rouse
        if self._told and self._gathered is None:
            rouse()

    async def _look(self, session: Session) -> bool:
        """Open INBOX anew, which every server answers truthfully; tell whether it held mail untold.

        News is only what a look has seen or was told before it: whatever comes later is news to the next one.
        """
        told, in_time = self._told, self._told_in_time
        self._told = self._told_in_time = False
        if self._gathered is not None:
            self._gathered.cancel()
            self._gathered = None
        selected = await session.select(INBOX, read_only=True)
        seen = Seen(selected.uidvalidity, selected.uidnext, selected.exists)
        news = seen.has_news(self._seen)
        self._seen = seen
        if news or told:
            self._on_news()
        return news and not in_time

    def _hear(self) -> None:
        now = self._loop.time()
        if not self._told:
            self._told = True
            self._first_heard = now
        if self._resting and not self._told_in_time:
            self._told_in_time = True
            self._ears = self._ears.after_told()
        if self._gathered is not None:
            self._gathered.cancel()
        self._gathered = self._loop.call_at(watching.gathered_at(self._first_heard, now), self._gather)

    def _gather(self) -> None:
        self._gathered = None
        if self._rouse is not None:
            self._rouse()

    def _after(self, error: SyncError) -> float:
        """Note and tell what went wrong; give how long to wait."""
        if self._rest_began:
            self._ears = self._ears.after_end(self._loop.time() - self._rest_began)
        trouble = _trouble(error)
        times = self._failures[trouble] = self._failures.get(trouble, 0) + 1
        jitter = random.random()  # noqa: S311 - to keep accounts apart, not secrets
        seconds = watching.pause_s(trouble, times, jitter)
        if isinstance(error, AskedToWait):
            seconds = max(seconds, patience.wait_s(error.wait_s, times - 1, jitter))
        self._stand(Standing(None, error, seconds))
        return seconds

    def _stand(self, standing: Standing) -> None:
        """Tell how things stand, unless that was told already."""
        error = standing.error
        kind = standing.way if error is None else (type(error), error.code)
        if kind != self._stood:
            self._stood = kind
            self._on_standing(standing)


def _trouble(error: SyncError) -> Trouble:
    return Trouble.LOST if error.retryable else Trouble.REFUSED


async def _without_refusal(answer: object) -> None:
    try:
        await answer  # type: ignore[misc]
    except CommandRefused:
        return

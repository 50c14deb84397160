"""Open both sessions, tell what was seen, and open them again when they were lost."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from imapsync.report import events
from imapsync.report.events import Phase
from imapsync.session import errors
from imapsync.session.base import odd_sentence
from imapsync.session.login import open_session
from imapsync.terms import Reason, Side
from imapsync.transfer.context import side_of
from imapsync.transfer.settings import Mode
from imapsync.transfer.waiting import wait

if TYPE_CHECKING:
    from imapsync.account import Account
    from imapsync.session.session import Session
    from imapsync.transfer.context import Run
    from imapsync.wire.responses import Unreadable

#: Times that a step is begun anew after its connection was lost.
STEP_ATTEMPTS = 6
#: How long saying goodbye may take.
LOGOUT_TIMEOUT_S = 2.0
#: Unreadable responses of one connection that are told one by one.
MAX_ODD_TOLD = 10
_CLIENT_ID = (("name", "imapsync"),)


async def connect_both(run: Run, *, login: bool = True) -> None:
    """Open the sessions side by side. Raises the first error, after reporting each side's."""
    run.sink(events.PhaseChanged(Phase.CONNECTING))
    sides = [Side.SOURCE] + ([Side.DESTINATION] if run.settings.destination is not None else [])
    results = await asyncio.gather(
        *(_connect_patiently(run, side, login=login) for side in sides), return_exceptions=True
    )
    failures = []
    for side, result in zip(sides, results, strict=True):
        if isinstance(result, BaseException):
            failures.append(result)
        else:
            _account(run, side).take(result)
    for failure in failures:
        if isinstance(failure, errors.SyncError):
            run.sink(
                events.Problem(
                    Reason(failure.code), str(failure), side_of(failure), details=dict(failure.details)
                )
            )
    if failures:
        raise failures[0]


def _account(run: Run, side: Side) -> Account:
    return run.source if side is Side.SOURCE else run.destination


async def _connect_patiently(run: Run, side: Side, *, login: bool) -> Session:
    """Open one session, waiting where the server asks for it; a mere look at the login does not wait."""
    while True:
        try:
            return await connect(run, side, login=login)
        except errors.AskedToWait as cause:
            if run.settings.mode in (Mode.CONNECT, Mode.LOGIN):
                raise
            await wait(run, cause)


async def connect(run: Run, side: Side, *, login: bool = True, quiet: bool = False) -> Session:
    """Open one session and tell the sink about server, certificate and login."""
    settings = run.settings
    source = side is Side.SOURCE
    endpoint = settings.source if source else settings.destination
    if endpoint is None:
        raise ValueError("there is no destination")
    credentials = settings.source_credentials if source else settings.destination_credentials
    session = await open_session(
        endpoint,
        credentials if login else None,
        side=side,
        trace=settings.source_trace if source else settings.destination_trace,
        client_id=_CLIENT_ID if settings.send_id and not _account(run, side).breaking.at_id else None,
        believes_codes=run.patience.believes_codes,
    )
    if not quiet:
        _tell(run, side, session)
    session.on_odd = partial(_tell_odd, run, side, [0])
    return session


def _tell_odd(run: Run, side: Side, told: list[int], odd: Unreadable) -> None:
    """Tell of a response that could not be read; the line of a folder list costs a folder nobody knows of."""
    told[0] += 1
    if odd.name in ("LIST", "XLIST"):
        run.incomplete_listing = True
        run.errors += 1
        run.sink(events.Problem(Reason.PROTOCOL, f"a folder may be missing: {odd_sentence(odd)}", side))
    elif told[0] <= MAX_ODD_TOLD:
        run.warn(odd_sentence(odd), side)


async def reconnect(run: Run, cause: errors.SyncError) -> None:
    """Replace both sessions after one was lost: the other may be in the middle of an answer.

    Tries for --maxlost; what the servers ask to wait does not count. Raises the last error when nothing came
    of it, which nobody is to try once more, and Parked.
    """
    run.source.server.abort()
    run.destination.server.abort()
    _tell_given_up(run)
    last = cause
    loop = asyncio.get_running_loop()
    began_at = loop.time()
    while True:
        await wait(run, last)
        if isinstance(last, errors.AskedToWait):
            began_at = loop.time()
        try:
            run.source.take(await connect(run, Side.SOURCE, quiet=True))
            run.destination.take(await connect(run, Side.DESTINATION, quiet=True))
        except errors.SyncError as error:
            run.source.server.abort()
            if not error.retryable or loop.time() - began_at >= run.settings.limits.max_lost_s:
                error.retryable = False
                raise
            last = error
            continue
        run.sink(events.Reconnected(side_of(cause) or Side.SOURCE, str(cause)))
        return


def _tell_given_up(run: Run) -> None:
    for account in run.accounts:
        for command in account.breaking.untold():
            run.given_up += 1
            run.warn(f"{command}: the connection broke each time; not sent any more", account.side)


async def leave(run: Run, *, quick: bool = False) -> None:
    """Log out of both sides; `quick` closes the sockets at once."""
    sessions = [account.server for account in run.accounts if account.connected]
    if quick:
        for session in sessions:
            session.abort()
        return
    with contextlib.suppress(errors.SyncError, TimeoutError):
        async with asyncio.timeout(LOGOUT_TIMEOUT_S):
            await asyncio.gather(*(session.logout() for session in sessions))
    for session in sessions:
        session.abort()


def _tell(run: Run, side: Side, session: Session) -> None:
    endpoint = session.endpoint
    certificate = session.certificate
    run.sink(
        events.Connected(
            side,
            endpoint.host,
            endpoint.effective_port(),
            session.security,
            session.greeting,
            session.tls_protocol,
        )
    )
    if certificate is not None:
        run.sink(
            events.CertificateSeen(
                side,
                certificate.subject,
                certificate.issuer,
                certificate.expires,
                certificate.fingerprint,
                certificate.trusted,
                certificate.basis,
            )
        )
    for warning in session.warnings:
        run.warn(warning, side)
    credentials = (
        run.settings.source_credentials if side is Side.SOURCE else run.settings.destination_credentials
    )
    if credentials is not None:
        names = [name for name in session.capabilities if session.clean(name) == name]
        server = " ".join(session.server_id.get(key, "") for key in ("name", "version")).strip()
        run.sink(
            events.LoggedIn(
                side,
                credentials.user,
                session.mechanism,
                tuple(sorted(names)),
                server,
            )
        )

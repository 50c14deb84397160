"""Opens a session: connect, log in, learn what the server can do."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from typing import TYPE_CHECKING

from imapsync.plan.patience import asked_to_wait
from imapsync.plan.tokens import Challenge, challenge_of, claims_of, why_refused
from imapsync.session.connect import Greeted, ask_capabilities, capabilities_of, connect
from imapsync.session.errors import (
    AskedToWait,
    AuthenticationFailed,
    CommandRefused,
    ConnectionFailed,
    LoginDropped,
    PlaintextRefused,
    ProtocolViolation,
    SecretUnavailable,
    TimedOut,
    TokenRefused,
)
from imapsync.session.pending import Pending
from imapsync.session.sasl import PLAINTEXT, WITH_TOKEN, choose, mechanism, offers
from imapsync.session.session import Session
from imapsync.session.trace import Trace
from imapsync.terms import Reason, Side
from imapsync.wire.command import Command, LiteralMode
from imapsync.wire.limits import DEFAULT_LIMITS, Bounds
from imapsync.wire.responses import Capabilities, Status, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.session.credentials import Credentials, Secret
    from imapsync.session.endpoint import Endpoint
    from imapsync.session.errors import SyncError
    from imapsync.session.link import Link
    from imapsync.wire.responses import Response, Tagged

CLIENT_ID = (("name", "imapsync"),)
#: No mechanism of ours needs more exchanges.
_MAX_CHALLENGES = 5


async def open_session(
    endpoint: Endpoint,
    credentials: Credentials | None,
    *,
    side: Side | None = None,
    trace: Callable[[str], None] | None = None,
    client_id: tuple[tuple[str, str], ...] | None = CLIENT_ID,
    ignore_capabilities: frozenset[str] = frozenset(),
    limits: Bounds = DEFAULT_LIMITS,
    believes_codes: bool = True,
) -> Session:
    """Give a session that is logged in, or only connected when credentials is None.

    trace: gets one readable line per command and response, without secrets. client_id: sent with ID where
    announced, None to stay anonymous. ignore_capabilities: act as if the server had not announced them.
    believes_codes: whether [UNAVAILABLE] and its kin without further words mean "later", or are refusals.
    What callables give as credentials is asked for once more when the server refuses it.
    Raises ConnectionFailed, TlsFailed or LoginFailed and their kin, with `side`.
    """
    renewable = credentials is not None and credentials.are_asked_for

    async def opened(credentials: Credentials | None) -> Session:
        lines = Trace(trace) if trace is not None else None
        greeted = await connect(endpoint, side, lines, limits)
        greeted.link.believes_codes = believes_codes
        greeted.link.renewable = renewable
        return await _begin(greeted, credentials, client_id, ignore_capabilities)

    if credentials is None or not renewable:
        return await opened(credentials)
    known = await _asked(credentials, side)
    try:
        return await opened(known)
    except AuthenticationFailed:
        fresh = await _asked(credentials, side)
        if fresh == known:
            raise
        return await opened(fresh)


async def _begin(
    greeted: Greeted,
    credentials: Credentials | None,
    client_id: tuple[tuple[str, str], ...] | None,
    ignore_capabilities: frozenset[str],
) -> Session:
    """Log in over a greeted connection and learn what the server can do; closes it when that fails."""
    link = greeted.link
    if credentials is not None:
        link.redactor.hide(*(secret.reveal() for secret in _secrets(credentials)))
    try:
        session = Session(link, greeted.endpoint, frozenset())
        session.ignored_capabilities = ignore_capabilities
        session.greeting = greeted.greeting
        session.certificate = greeted.certificate
        session.security = greeted.security
        session.tls_protocol = greeted.tls_protocol
        session.warnings += _warnings(greeted)
        for odd in link.early_odd:
            session.observe(odd)
        link.observe = session.observe
        if credentials is None or greeted.preauthenticated:
            fresh = frozenset() if greeted.stale else greeted.capabilities
            session.set_capabilities(fresh or await ask_capabilities(link))
        else:
            async with asyncio.timeout(greeted.endpoint.connect_timeout_s or None):
                session.mechanism, names = await _log_in(greeted, credentials)
            session.set_capabilities(names)
        if session.message_limit is not None and session.has("UIDONLY") and session.has("ENABLE"):
            # Such servers show a part of a folder until they are told that numbers of messages are not used
            # (RFC 9586; Yahoo). No command of ours uses them.
            session.enable("UIDONLY")
        if client_id is not None and session.has("ID") and credentials is not None:
            # The answer may come whenever it likes.
            session.identify(client_id)
    except TimeoutError:
        link.abort()
        message = f"the login did not end within {greeted.endpoint.connect_timeout_s:g} seconds"
        raise TimedOut(message, side=link.side) from None
    except BaseException:
        link.abort()
        raise
    return session


async def _asked(credentials: Credentials, side: Side | None) -> Credentials:
    """Ask for the secrets; what is raised is a failed login."""
    try:
        return await credentials.resolved()
    except SecretUnavailable as error:
        raise SecretUnavailable(error.message, side=side) from error
    except Exception as error:
        # Its text may hold the secret.
        message = f"the secret of {credentials.user} could not be had ({type(error).__name__})"
        raise SecretUnavailable(message, side=side) from error


def _warnings(greeted: Greeted) -> list[str]:
    where = f"{greeted.endpoint.host}:{greeted.endpoint.port}"
    if greeted.certificate is None:
        return [f"the connection to {where} is not encrypted"]
    if greeted.certificate.basis == "first_use":
        seen = f"it is remembered from now on: sha256:{greeted.certificate.fingerprint}"
        return [f"no known authority vouches for the certificate of {where}; {seen}"]
    return []


async def _log_in(greeted: Greeted, credentials: Credentials) -> tuple[str, frozenset[str]]:
    """Authenticate; give the mechanism and the capabilities of the authenticated state.

    RFC 3501 §6.2.3: they may differ from those before.
    """
    link = greeted.link
    announced: list[frozenset[str]] = []

    def observe(response: Response) -> None:
        if isinstance(response, Capabilities):
            announced.append(response.names)
        elif isinstance(response, Status):
            announced.extend(filter(None, [capabilities_of(response.code)]))
        elif isinstance(response, Unreadable):
            before(response)

    before, link.observe = link.observe, observe
    try:
        known = greeted.capabilities
        # What was said before TLS is a hint only; it is good enough to try PLAIN, which we would choose
        # anyway.
        if not known or (greeted.stale and not (offers(known, "PLAIN") and "SASL-IR" in known)):
            known = await ask_capabilities(link)
        announced.clear()
        name = choose(credentials, known)
        code = await _authenticate(greeted, known, credentials, name)
        if credentials.proxy_auth:
            command = Command(b"PROXYAUTH", LiteralMode.SYNCHRONIZING).astring(credentials.user.encode())
            code = await _attempt(greeted, known, credentials, command) or code
        names = code or (announced[-1] if announced else frozenset())
        return name, names or await ask_capabilities(link)
    finally:
        link.observe = before


async def _authenticate(
    greeted: Greeted, known: frozenset[str], credentials: Credentials, name: str
) -> frozenset[str]:
    if not name or (name == "COMMAND" and "LOGINDISABLED" in known):
        raise _refused_by_offer(greeted, known)
    if name in PLAINTEXT and not greeted.secure and "LOGINDISABLED" in known and not offers(known, name):
        raise _refused_by_offer(greeted, known)
    try:
        if name == "COMMAND":
            command = Command(b"LOGIN", LiteralMode.of(known))
            command.astring((credentials.authuser or credentials.user).encode())
            command.string(credentials.password.reveal().encode())
            exchange = None
        else:
            command = Command(b"AUTHENTICATE", LiteralMode.SYNCHRONIZING).phrase(name.encode("ascii"))
            exchange = mechanism(name, credentials, greeted.endpoint.host, greeted.endpoint.port)
    except (ValueError, OSError) as error:
        raise AuthenticationFailed(
            f"these credentials cannot be used: {error}", side=greeted.link.side
        ) from None
    if exchange is None:
        return await _attempt(greeted, known, credentials, command)
    initial = exchange.initial
    if initial is not None and "SASL-IR" in known:
        command.phrase(_coded(greeted.link, initial) or b"=")
        initial = None
    answers = 0
    words = b""

    def answer(challenge: bytes) -> None:
        nonlocal initial, answers, words
        if answers >= _MAX_CHALLENGES:
            greeted.link.end(ProtocolViolation("the login never ends", side=greeted.link.side))
            return
        if initial is not None:
            reply, initial = initial, None
        else:
            try:
                words = _decoded(challenge)
                reply = exchange.answer(answers, words)
            except Exception as error:  # noqa: BLE001 - from here it would end the event loop's callback
                message = f"the login cannot go on: {type(error).__name__} while answering the server"
                greeted.link.end(AuthenticationFailed(message, side=greeted.link.side))
                return
            answers += 1
        greeted.link.write(_coded(greeted.link, reply) + b"\r\n")

    try:
        return await _attempt(greeted, known, credentials, command, answer)
    except AuthenticationFailed as refusal:
        if name not in WITH_TOKEN or credentials.token is None:
            raise
        raise _token_refused(refusal, challenge_of(words), credentials.token.reveal()) from None


def _token_refused(refusal: AuthenticationFailed, challenge: Challenge, token: str) -> TokenRefused:
    why = why_refused(challenge, claims_of(token), time.time())
    return TokenRefused(
        f"{refusal.message} ({_SENTENCES[why]})",
        code=why.value,
        status=challenge.status,
        scope=challenge.scope,
        side=refusal.side,
        server_text=refusal.server_text,
    )


_SENTENCES = {
    Reason.TOKEN_REFUSED: "the access token is not accepted",
    Reason.TOKEN_EXPIRED: "the access token has expired or was revoked",
    Reason.TOKEN_CLOCK: "the access token is not valid yet, a clock is wrong",
    Reason.TOKEN_AUDIENCE: "the access token is for another service",
    Reason.TOKEN_SCOPE: "the access token does not include IMAP",
    Reason.MAILBOX_NOT_GRANTED: "the access token is good, but has no right to this mailbox",
}


def _decoded(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge)
    except binascii.Error:
        return b""


def _refused_by_offer(greeted: Greeted, known: frozenset[str]) -> SyncError:
    if not greeted.secure and ("LOGINDISABLED" in known or "STARTTLS" in known):
        return PlaintextRefused(
            "the server takes passwords only on an encrypted connection", side=greeted.link.side
        )
    offered = ", ".join(sorted(name[5:] for name in known if name.startswith("AUTH="))) or "none"
    return AuthenticationFailed(
        f"no usable authentication mechanism (offered: {offered})", side=greeted.link.side
    )


async def _attempt(
    greeted: Greeted,
    known: frozenset[str],
    credentials: Credentials,
    command: Command,
    on_continuation: Callable[[bytes], None] | None = None,
) -> frozenset[str]:
    """Send the login command, tell its failures apart; give the capabilities of its OK, if it has them."""
    link = greeted.link

    def finish(tagged: Tagged) -> frozenset[str]:
        return capabilities_of(tagged.code)

    pending = Pending(command.verb.decode("ascii"), finish, secret=True)
    pending.on_continuation = on_continuation
    try:
        return await link.submit(pending, command)
    except CommandRefused as refusal:
        text = refusal.server_text
        later = asked_to_wait("LOGIN", refusal.response_code, text, source=link.side is Side.SOURCE)
        if later is not None:
            message = f"the server asks to wait before a login as {credentials.user}: {text}"
            raise AskedToWait(
                message, wait_s=later.wait_s, bare=later.bare, side=link.side, server_text=text
            ) from None
        if refusal.response_code == "PRIVACYREQUIRED" or (not greeted.secure and "LOGINDISABLED" in known):
            message = f"the server takes passwords only on an encrypted connection: {text}"
            raise PlaintextRefused(message, side=link.side, server_text=text) from None
        message = f"login as {credentials.user} refused: {text}"
        raise AuthenticationFailed(
            message, side=link.side, server_text=text, retryable=refusal.retryable
        ) from None
    except (TimedOut, AskedToWait):
        raise
    except ConnectionFailed as failure:
        raise _dropped(link, failure, credentials) from None


def _coded(link: Link, reply: bytes) -> bytes:
    """Code an answer of AUTHENTICATE; from now on it is no word for a log."""
    coded = base64.b64encode(reply)
    link.redactor.hide(coded.decode("ascii"))
    return coded


def _dropped(link: Link, failure: ConnectionFailed, credentials: Credentials) -> LoginDropped:
    text = link.bye
    message = f"the server closed the connection during the login of {credentials.user}"
    return LoginDropped(
        f"{message}: {text}" if text else message, side=link.side, server_text=text or str(failure)
    )


def _secrets(credentials: Credentials) -> list[Secret]:
    candidates = (credentials.password, credentials.token, credentials.oauth_direct)
    return [secret for secret in candidates if secret is not None]

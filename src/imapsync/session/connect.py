"""From a host name to a greeted connection: TLS with its trust decision, STARTTLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import warnings
from typing import TYPE_CHECKING, NamedTuple

from imapsync.plan.patience import asked_to_wait
from imapsync.session.certificate import CertificateInfo, describe
from imapsync.session.endpoint import IMAPS_PORT, Endpoint, Security
from imapsync.session.errors import (
    AskedToWait,
    CertificateProblem,
    CommandRefused,
    ConnectionFailed,
    StarttlsMissing,
    SyncError,
    TimedOut,
    TlsFailed,
)
from imapsync.session.networks import is_within
from imapsync.session.pending import Pending
from imapsync.session.tcp import listens, located, tcp
from imapsync.session.trust import Judge
from imapsync.terms import Side
from imapsync.wire.command import Command, LiteralMode
from imapsync.wire.parser import capability_names
from imapsync.wire.responses import Capabilities, Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from imapsync.session.link import Link
    from imapsync.session.trace import Trace
    from imapsync.wire.limits import Bounds
    from imapsync.wire.responses import Code, Response

#: Handshakes with one server until its certificate is judged: see trust.Judge.
_MAX_ATTEMPTS = 3
_TLS_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
#: Names that c_rehash gives to certificates.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+\Z")


class Greeted(NamedTuple):
    """A connection whose greeting has been read.

    capabilities: announced in the greeting or asked for before STARTTLS, empty when unknown. stale: they were
    seen before TLS and are only a hint. preauthenticated: nobody needs to log in.
    """

    link: Link
    greeting: str
    capabilities: frozenset[str]
    stale: bool
    preauthenticated: bool
    certificate: CertificateInfo | None
    secure: bool
    endpoint: Endpoint

    @property
    def security(self) -> str:
        """What is in use: "tls", "starttls" or "none"."""
        if not self.secure:
            return str(Security.NONE.value)
        used = Security.TLS if self.endpoint.security is Security.TLS else Security.STARTTLS
        return str(used.value)

    @property
    def tls_protocol(self) -> str:
        """The TLS version in use, such as "TLSv1.3", "" without TLS."""
        secured = self.link.transport.get_extra_info("ssl_object")
        return "" if secured is None else str(secured.version() or "")


class _NotVerified(Exception):  # noqa: N818 - a signal between two attempts, never seen outside
    """The authorities do not vouch for the certificate."""


async def connect(endpoint: Endpoint, side: Side | None, trace: Trace | None, limits: Bounds) -> Greeted:
    """Connect as the endpoint wants it; ConnectionFailed, TlsFailed and their kin when that is impossible."""
    endpoint = await _decide(endpoint)
    try:
        async with asyncio.timeout(endpoint.connect_timeout_s or None):
            if endpoint.discreet:
                endpoint = await located(endpoint, side)
            return await _connect(endpoint, side, trace, limits)
    except TimeoutError:
        where = f"{endpoint.host}:{endpoint.port}"
        message = f"{where} did not answer within {endpoint.connect_timeout_s:g} seconds"
        raise TimedOut(message, side=side) from None


async def _decide(endpoint: Endpoint) -> Endpoint:
    """Settle "auto" and the port."""
    security = endpoint.security
    port = endpoint.effective_port()
    if security is Security.AUTO:
        if port == IMAPS_PORT or (not endpoint.port and await listens(endpoint)):
            security, port = Security.TLS, IMAPS_PORT
        else:
            security = Security.STARTTLS_IF_OFFERED
    return endpoint._replace(security=security, port=port)


async def _connect(endpoint: Endpoint, side: Side | None, trace: Trace | None, limits: Bounds) -> Greeted:
    """Connect to an endpoint whose security and port are decided."""
    judge = Judge(endpoint, side)
    for _ in range(_MAX_ATTEMPTS):
        async with _discreetly(endpoint):
            link = await tcp(endpoint, side, trace, limits)
        try:
            greeted = await _greet(link, endpoint, judge)
        except _NotVerified as refusal:
            judge.refused_by_authorities(str(refusal))
            greeted = None
        except BaseException:
            link.abort()
            raise
        if greeted is not None:
            return greeted
        link.abort()
        await link.closed()
    raise TlsFailed("the server shows another certificate at each connection", side=side)


async def _greet(link: Link, endpoint: Endpoint, judge: Judge) -> Greeted | None:
    """Secure the connection and read the greeting; None when the judge wants another handshake."""
    certificate = None
    security = endpoint.security
    async with _discreetly(endpoint):
        if security is Security.TLS:
            certificate = await _secure(link, endpoint, judge)
            if certificate is None:
                return None
        greeting = await link.greeting()
        if not isinstance(greeting, Status):
            raise ConnectionFailed("the server's first words are no greeting", side=link.side)
    names = _checked_greeting(greeting, link)
    text = "" if _is_discreet(endpoint) else greeting.text
    preauthenticated = greeting.status == "PREAUTH"
    stale = False
    if security in (Security.STARTTLS, Security.STARTTLS_IF_OFFERED):
        names = names or await ask_capabilities(link)
        # RFC 3501 §6.2.1: STARTTLS belongs to the unauthenticated state; a PREAUTH greeting takes it away.
        if "STARTTLS" in names and not preauthenticated:
            certificate = await _start_tls(link, endpoint, judge)
            if certificate is None:
                return None
            stale = True
        elif security is Security.STARTTLS:
            raise StarttlsMissing("the server does not offer STARTTLS", side=link.side, server_text=text)
    return Greeted(link, text, names, stale, preauthenticated, certificate, certificate is not None, endpoint)


@contextlib.asynccontextmanager
async def _discreetly(endpoint: Endpoint) -> AsyncIterator[None]:
    """Wait in place of telling why there is no greeting, where nothing may be told of a port.

    The time of the connection then runs out as it does at a silent port. A certificate is told: without it
    nobody could choose to accept it.
    """
    try:
        yield
    except CertificateProblem:
        raise
    except SyncError:
        if _is_discreet(endpoint):
            await asyncio.get_running_loop().create_future()
        raise


def _is_discreet(endpoint: Endpoint) -> bool:
    """Tell whether nothing may be told of what answers there; its addresses are known by now."""
    return any(is_within(address, endpoint.discreet) for address in endpoint.addresses or ())


def _checked_greeting(greeting: Status, link: Link) -> frozenset[str]:
    """Give the capabilities of the greeting, if any; ConnectionFailed when it sends us away."""
    if greeting.status not in ("OK", "PREAUTH"):
        text = greeting.text
        code = greeting.code.name if greeting.code is not None else ""
        later = asked_to_wait("BYE", code, text, source=link.side is Side.SOURCE)
        if later is not None:
            message = f"the server asks to wait before a connection: {text}"
            raise AskedToWait(message, wait_s=later.wait_s, bare=later.bare, side=link.side, server_text=text)
        raise ConnectionFailed(f"the server refuses the connection: {text}", side=link.side, server_text=text)
    return capabilities_of(greeting.code)


def capabilities_of(code: Code | None) -> frozenset[str]:
    """Give the capabilities of a response code, none when it is another."""
    return capability_names(code.arguments) if code is not None and code.name == "CAPABILITY" else frozenset()


async def ask_capabilities(link: Link) -> frozenset[str]:
    """Send CAPABILITY."""
    found: list[frozenset[str]] = []

    def consume(response: Response) -> bool:
        if isinstance(response, Capabilities):
            found.append(response.names)
            return True
        return False

    command = Command(b"CAPABILITY", LiteralMode.SYNCHRONIZING)
    await link.submit(Pending("CAPABILITY", lambda _: None, consume), command)
    return found[-1] if found else frozenset()


async def _start_tls(link: Link, endpoint: Endpoint, judge: Judge) -> CertificateInfo | None:
    pending = Pending("STARTTLS", lambda _: None)
    pending.on_done = link.freeze
    try:
        await link.submit(pending, Command(b"STARTTLS", LiteralMode.SYNCHRONIZING))
    except CommandRefused as refusal:
        text = refusal.server_text
        raise StarttlsMissing(
            f"the server refuses STARTTLS: {text}", side=link.side, server_text=text
        ) from None
    return await _secure(link, endpoint, judge)


async def _secure(link: Link, endpoint: Endpoint, judge: Judge) -> CertificateInfo | None:
    """Do the handshake and have the certificate judged, before a single byte of ours is sent inside."""
    transport = link.transport
    if endpoint.security is Security.TLS and link.received_anything:
        raise TlsFailed("the port does not speak TLS: the server greets in clear", side=link.side)
    try:
        secured = await asyncio.get_running_loop().start_tls(
            transport,
            link,
            tls_context(endpoint, verify=judge.verifies),
            server_hostname=_server_name(endpoint.host),
            ssl_handshake_timeout=endpoint.connect_timeout_s or None,
        )
    except ssl.SSLCertVerificationError as error:
        raise _NotVerified(error.verify_message) from None
    except ssl.SSLError as error:
        raise TlsFailed(_handshake_message(error), side=link.side) from None
    except OSError as error:
        message = f"the server broke off the TLS handshake: {error.strerror or error or 'connection closed'}"
        raise TlsFailed(message, side=link.side) from None
    if secured is None:
        raise TlsFailed("the server broke off the TLS handshake", side=link.side)
    link.use(secured)
    der = secured.get_extra_info("ssl_object").getpeercert(binary_form=True)
    if not der:
        raise TlsFailed("the server showed no certificate", side=link.side)
    return judge.accept(describe(der))


def _server_name(host: str) -> str:
    """Give the name for SNI and the certificate check.

    As bytes where it is US-ASCII: ssl then leaves out the idna codec, whose import costs milliseconds.
    """
    return host.encode("ascii") if host.isascii() else host  # type: ignore[return-value]  # ssl takes both


def _handshake_message(error: ssl.SSLError) -> str:
    if error.reason in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"):
        return "the port does not speak TLS"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return f"the TLS handshake failed: {reason}"


def tls_context(endpoint: Endpoint, *, verify: bool) -> ssl.SSLContext:
    """Give the settings of a handshake with the endpoint; verify: whether authorities have to vouch."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with warnings.catch_warnings():
        # Python deprecates TLS below 1.2; who asks for it has a server that has nothing better.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _TLS_VERSIONS[endpoint.tls_minimum]
    if endpoint.tls_ciphers:
        context.set_ciphers(endpoint.tls_ciphers)
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
        # OpenSSL 3 allows TLS 1.0 and 1.1 only at security level 0.
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    if verify:
        _load_authorities(context, endpoint.ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: str | None) -> None:
    """Trust the named file's authorities, else the system's; its hashed folder costs nothing to load."""
    paths = ssl.get_default_verify_paths()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise TlsFailed(f"cannot read the authorities in {ca_file}: {error}") from None
    elif not os.environ.get(paths.openssl_cafile_env) and _is_hashed(paths.capath):
        context.load_verify_locations(capath=paths.capath)
    else:
        context.set_default_verify_paths()


def _is_hashed(folder: str | None) -> bool:
    try:
        return folder is not None and any(_HASHED_NAME.match(name) for name in os.listdir(folder))
    except OSError:
        return False

"""Reaching a server: ports, encryption, greetings, and what each failure is called."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import greet, open_account, open_scripted, until
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.base import free_port
from tests.servers.dovecot import Dovecot

from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.session.errors import (
    AddressAvoided,
    ConnectionFailed,
    ProtocolViolation,
    StarttlsMissing,
    SyncError,
    TimedOut,
    TlsFailed,
)
from imapsync.session.login import open_session
from imapsync.terms import Side

if TYPE_CHECKING:
    from tests.servers.certificates import Certificate

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    "security", [Security.NONE, Security.STARTTLS, Security.STARTTLS_IF_OFFERED, Security.AUTO]
)
async def test_each_way_in_on_the_plain_port(dovecot: Dovecot, security: Security) -> None:
    dovecot.add_user("ways")
    async with await open_account(dovecot, "ways", security=security) as session:
        assert session.has("UIDPLUS")
        assert session.has("LITERAL+")
        assert "ready" in session.greeting
        expected = "none" if security is Security.NONE else "starttls"
        assert session.security == expected
        assert (session.certificate is None) == (security is Security.NONE)
        assert session.tls_protocol == ("" if security is Security.NONE else "TLSv1.3")
        assert session.mechanism == "PLAIN"
        assert session.side is Side.SOURCE


async def test_imaps(dovecot: Dovecot) -> None:
    dovecot.add_user("tls")
    async with await open_account(dovecot, "tls", security=Security.TLS, port=dovecot.tls_port) as session:
        assert session.security == "tls"
        assert session.certificate is not None
        assert session.certificate.fingerprint == dovecot.fingerprint
        assert session.certificate.subject == "O=Test mail, CN=localhost"


async def test_without_login(dovecot: Dovecot) -> None:
    endpoint = Endpoint(dovecot.host, dovecot.port, Security.STARTTLS, Trust("any"))
    async with await open_session(endpoint, None) as session:
        assert session.has("AUTH=PLAIN")
        assert session.mechanism == ""


async def test_a_server_without_tls_is_used_in_clear_when_allowed_and_says_so() -> None:
    with Dovecot(tls=False) as server:
        server.add_user("anna")
        async with await open_account(server, "anna", security=Security.STARTTLS_IF_OFFERED) as session:
            assert session.warnings == [f"the connection to 127.0.0.1:{server.port} is not encrypted"]
        with pytest.raises(StarttlsMissing) as caught:
            await open_account(server, "anna")
        assert caught.value.code == "starttls_missing"
        assert caught.value.side is Side.SOURCE
        with pytest.raises(TlsFailed) as tls:
            await open_account(server, "anna", security=Security.TLS)
        assert tls.value.code == "tls"
        assert "does not speak TLS" in tls.value.message


async def test_nobody_listens() -> None:
    endpoint = Endpoint("127.0.0.1", free_port(), Security.NONE)
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(endpoint, None, side=Side.DESTINATION)
    assert caught.value.details == {"cause": "refused"}
    assert caught.value.side is Side.DESTINATION
    assert caught.value.retryable


@pytest.mark.parametrize("host", ["x" * 64, "a..b"])
async def test_a_name_that_is_no_host(host: str) -> None:
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(Endpoint(host, 143, Security.NONE), None)
    assert caught.value.details == {"cause": "unknown_host"}
    assert not caught.value.retryable


async def test_a_server_that_says_nothing() -> None:
    async def script(peer: Peer) -> None:
        await peer.until_closed()

    for security in (Security.NONE, Security.STARTTLS, Security.TLS):
        async with ScriptedServer(script) as server:
            with pytest.raises(TimedOut) as caught:
                await open_scripted(server, security=security, connect_timeout_s=0.2)
            assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("greeting", "text"),
    [
        (b"* BYE too many connections", "too many connections"),
        (b"* NO busy", "busy"),
        (b"* 5 EXISTS", ""),
    ],
)
async def test_a_greeting_that_turns_us_away(greeting: bytes, text: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(greeting)
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        with pytest.raises(ConnectionFailed) as caught:
            await open_scripted(server)
        assert caught.value.server_text == text


async def test_a_server_that_is_no_imap_server() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"SSH-2.0-OpenSSH_9.2")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        with pytest.raises(ProtocolViolation):
            await open_scripted(server)


async def test_a_server_that_closes_at_once() -> None:
    async def script(peer: Peer) -> None:
        del peer

    async with ScriptedServer(script) as server:
        with pytest.raises(ConnectionFailed) as caught:
            await open_scripted(server)
        assert caught.value.details == {"cause": "closed"}


async def test_preauth_needs_no_login() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS] welcome")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        assert session.has("UIDPLUS")


async def test_preauth_cannot_take_starttls_away() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome")
        assert await peer.until_closed() == b""

    async with ScriptedServer(script) as server:
        with pytest.raises(StarttlsMissing):
            await open_scripted(server, security=Security.STARTTLS)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.STARTTLS_IF_OFFERED])
async def test_a_refused_starttls_never_goes_on_in_clear(security: Security) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hello")
        await peer.expect("STARTTLS")
        await peer.answer(b"NO not today")
        assert await peer.until_closed() == b""

    async with ScriptedServer(script) as server:
        with pytest.raises(StarttlsMissing) as caught:
            await open_scripted(server, security=security)
        assert caught.value.server_text == "not today"


async def test_responses_injected_behind_starttls_are_refused() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hello")
        await peer.expect("STARTTLS")
        await peer.answer(b"OK go\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\na2 OK injected")
        assert await peer.until_closed() == b""

    async with ScriptedServer(script) as server:
        with pytest.raises(ProtocolViolation):
            await open_scripted(server, security=Security.STARTTLS)


async def test_capabilities_from_before_tls_are_forgotten(certificate: Certificate) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 STARTTLS MULTIAPPEND EVIL] hello")
        await peer.expect("STARTTLS")
        await peer.answer()
        await peer.start_tls(certificate)
        await peer.expect("CAPABILITY")
        await peer.answer(b"OK", b"* CAPABILITY IMAP4rev1 IDLE")
        await peer.expect('LOGIN anna "secret word"')
        await peer.answer()
        await peer.expect("CAPABILITY")
        await peer.answer(b"OK", b"* CAPABILITY IMAP4rev1 UIDPLUS")
        await peer.expect("LOGOUT")

    async with (
        ScriptedServer(script) as server,
        await open_scripted(server, security=Security.STARTTLS) as session,
    ):
        assert session.capabilities == {"IMAP4REV1", "UIDPLUS"}


async def test_capabilities_are_asked_once_when_no_answer_brings_them() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK hello")
        await peer.expect("CAPABILITY")
        await peer.answer(b"OK", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR")
        await peer.expect("AUTHENTICATE PLAIN [A-Za-z0-9+/=]+")
        await peer.answer(b"OK in", b"* CAPABILITY IMAP4rev1 MOVE")
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server, await open_scripted(server) as session:
        assert session.capabilities == {"IMAP4REV1", "MOVE"}


async def test_ignored_capabilities_stay_ignored(dovecot: Dovecot) -> None:
    dovecot.add_user("less")
    endpoint = Endpoint(dovecot.host, dovecot.port, Security.NONE)
    credentials = Credentials("less", Secret("secret"))
    session = await open_session(
        endpoint, credentials, ignore_capabilities=frozenset({"LITERAL+", "CONDSTORE"})
    )
    async with session:
        assert session.has("MULTIAPPEND")
        assert not session.has("LITERAL+")
        assert not session.has("CONDSTORE")


async def test_cancelling_while_connecting_leaves_nothing_behind() -> None:
    async def script(peer: Peer) -> None:
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        task = asyncio.create_task(open_scripted(server))
        await until(lambda: bool(server.peers))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_auto_takes_the_imaps_port_when_it_answers() -> None:
    host = "127.0.0.93"
    with Dovecot(host=host, port=143, tls_port=993) as server:
        server.add_user("anna")
        async with await open_account(server, "anna", security=Security.AUTO, port=0) as session:
            assert (session.security, session.endpoint.port) == ("tls", 993)
    with Dovecot(host=host, port=143, tls_port=free_port(host)) as server:
        server.add_user("anna")
        async with await open_account(server, "anna", security=Security.AUTO, port=0) as session:
            assert (session.security, session.endpoint.port) == ("starttls", 143)


async def test_a_host_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_address(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(Endpoint("mail.example", 143, Security.NONE), None)
    assert caught.value.details == {"cause": "unknown_host"}
    assert not caught.value.retryable


async def test_given_addresses_are_tried_in_order_and_the_name_never_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[object] = []
    original = socket.getaddrinfo

    def spy(host: object, *rest: object, **named: object) -> object:
        looked_up.append(host)
        return original(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    with Dovecot() as server:
        server.add_user("anna")
        closed = "127.77.66.55"
        async with await open_account(
            server, "anna", host="moved.invalid", addresses=(closed, server.host)
        ) as session:
            assert session.endpoint.host == "moved.invalid"
    assert "moved.invalid" not in looked_up


async def test_a_host_that_had_no_address_is_not_looked_up_again() -> None:
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(Endpoint("localhost", 143, Security.NONE, addresses=()), None)
    assert caught.value.details == {"cause": "unknown_host"}
    assert not caught.value.retryable


LOOPBACK = tuple(ipaddress.ip_network(one) for one in ("127.0.0.0/8", "::1"))


@pytest.mark.parametrize(
    "answer",
    [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
async def test_a_name_that_has_moved_into_a_network_to_avoid_gets_no_byte(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connected(peer: Peer) -> None:
        pytest.fail(f"connected: {peer}")

    async with ScriptedServer(connected) as server:
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (answer, server.port))])
        for security in (Security.NONE, Security.TLS, Security.AUTO):
            where = Endpoint("moved.example", 0, security, avoided=LOOPBACK)
            with pytest.raises(AddressAvoided) as caught:
                await open_session(where._replace(port=server.port * (security is not Security.AUTO)), None)
            assert caught.value.details == {"cause": "avoided"}
            assert not caught.value.retryable
        given = Endpoint("moved.example", server.port, Security.NONE, addresses=(answer,), avoided=LOOPBACK)
        with pytest.raises(AddressAvoided):
            await open_session(given, None)


async def test_of_several_addresses_only_those_to_avoid_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with Dovecot() as server, socket.create_server(("127.77.66.55", server.port)) as inside:
        inside.setblocking(False)
        server.add_user("anna")
        answers = [(2, 1, 6, "", (host, server.port)) for host in ("127.77.66.55", server.host)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        avoided = (ipaddress.ip_network("127.77.0.0/16"),)
        async with await open_account(server, "anna", host="both.example", avoided=avoided) as session:
            assert await session.list_folders()  # logged in
        with pytest.raises(BlockingIOError):
            inside.accept()


async def _says_nothing(peer: Peer) -> None:
    await peer.until_closed()


async def _hangs_up(peer: Peer) -> None:
    del peer


async def _is_no_imap(peer: Peer) -> None:
    await peer.send(b"SSH-2.0-OpenSSH_9.2")
    await peer.until_closed()


@pytest.mark.parametrize("security", [Security.NONE, Security.STARTTLS, Security.TLS])
async def test_a_discreet_engine_tells_no_port_from_a_silent_one(security: Security) -> None:
    """RFC 3501 §7.1.5: what greets with anything but OK, PREAUTH or BYE is no IMAP server."""

    async def outcome(port: int) -> tuple[str, str, str, bool]:
        where = Endpoint("localhost", port, security, Trust("any"), connect_timeout_s=1.0, discreet=LOOPBACK)
        began = time.monotonic()
        with pytest.raises(SyncError) as caught:
            await open_session(where, None)
        told = caught.value.message.replace(str(port), "PORT")
        return caught.value.code, told, caught.value.server_text, time.monotonic() - began >= 1.0

    async with (
        ScriptedServer(_says_nothing) as silent,
        ScriptedServer(_hangs_up) as closing,
        ScriptedServer(_is_no_imap) as other,
    ):
        ports = [silent.port, closing.port, other.port, free_port("127.0.0.1")]
        told = await asyncio.gather(*(outcome(port) for port in ports))
    assert set(told) == {("timeout", "localhost:PORT did not answer within 1 seconds", "", True)}


async def test_a_discreet_engine_says_what_an_imap_server_lacks_but_not_its_banner() -> None:
    async def greets(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] Dovecot of node 1 ready")
        await peer.until_closed()

    async with ScriptedServer(greets) as server:
        where = Endpoint("localhost", server.port, Security.STARTTLS, discreet=LOOPBACK)
        with pytest.raises(StarttlsMissing) as caught:
            await open_session(where, None)
        assert caught.value.server_text == ""
        with pytest.raises(StarttlsMissing, match="STARTTLS") as caught:
            await open_session(where._replace(discreet=(ipaddress.ip_network("10.0.0.0/8"),)), None)
        assert caught.value.server_text == "Dovecot of node 1 ready"


async def test_a_discreet_engine_looks_a_name_up_once_and_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with Dovecot() as server:
        server.add_user("anna")
        answers = [[(2, 1, 6, "", (server.host, server.port))]]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop())
        async with await open_account(server, "anna", host="once.example", discreet=LOOPBACK) as session:
            assert session.endpoint.host == "once.example"
    assert not answers


async def test_a_discreet_engine_says_that_a_name_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_address(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(Endpoint("mail.example", 143, Security.NONE, discreet=LOOPBACK), None)
    assert (caught.value.details, caught.value.retryable) == ({"cause": "unknown_host"}, True)


async def test_a_name_with_letters_beyond_ascii_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def no_address(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    with pytest.raises(ConnectionFailed) as caught:
        await open_session(Endpoint("bücher.example", 143, Security.NONE), None)
    assert caught.value.retryable
    assert asked == ["bücher.example"]


async def test_the_handshake_is_broken_off() -> None:
    async def script(peer: Peer) -> None:
        await peer.read(10)

    async with ScriptedServer(script) as server:
        with pytest.raises(TlsFailed) as caught:
            await open_scripted(server, security=Security.TLS)
        assert caught.value.code == "tls"


async def test_two_connections_use_the_greeting_of_each() -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("LOGOUT")

    async with ScriptedServer(script) as server:
        for _ in range(2):
            async with await open_scripted(server) as session:
                assert session.greeting == "ready"


def test_every_error_has_its_own_code_or_its_parents() -> None:
    def tree(kind: type[SyncError]) -> set[type[SyncError]]:
        return {kind}.union(*(tree(child) for child in kind.__subclasses__()))

    codes = {kind.default_code for kind in tree(SyncError) if kind.__module__.endswith("session.errors")}
    assert codes == {
        "address_avoided", "authentication", "certificate_changed", "certificate_untrusted", "connection",
        "fetch", "internal", "login_dropped", "parked", "plaintext_refused", "protocol", "starttls_missing",
            "throttled", "timeout", "tls", "token_unavailable",
    }  # fmt: skip

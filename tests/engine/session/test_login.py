"""Logging in: mechanisms, odd passwords, and a diagnosis for each failure."""

from __future__ import annotations

import asyncio
import base64
import pickle
from typing import TYPE_CHECKING

import pytest
from tests.engine.session.helpers import INBOX, open_scripted, until
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.dovecot import MASTER_USER, Dovecot
from tests.servers.oauth import access_token

from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.session.errors import (
    AskedToWait,
    AuthenticationFailed,
    CommandRefused,
    ConnectionFailed,
    LoginDropped,
    LoginFailed,
    PlaintextRefused,
    ProtocolViolation,
    SecretUnavailable,
    SignedOut,
    TimedOut,
    TokenRefused,
)
from imapsync.session.login import open_session
from imapsync.terms import Reason, Side

if TYPE_CHECKING:
    from pathlib import Path

    from imapsync.session.session import Session

pytestmark = pytest.mark.servers
PASSWORD = 'p:ä"ss\\wörd 密码 {5}'


async def log_in(
    server: Dovecot, credentials: Credentials, security: Security = Security.STARTTLS
) -> Session:
    endpoint = Endpoint(server.host, server.port, security, Trust("any"))
    return await open_session(endpoint, credentials, side=Side.DESTINATION)


@pytest.mark.parametrize("mechanism", ["", "PLAIN", "LOGIN", "CRAM-MD5", "COMMAND", "plain"])
async def test_each_mechanism_with_any_password(dovecot: Dovecot, mechanism: str) -> None:
    dovecot.add_user("mech", PASSWORD)
    credentials = Credentials("mech", Secret(PASSWORD), mechanism=mechanism)
    async with await log_in(dovecot, credentials) as session:
        assert (await session.select(INBOX)).exists == 0


async def test_the_command_with_literals_where_no_literal_plus_is() -> None:
    with Dovecot(without=["LITERAL+", "SASL-IR"]) as server:
        server.add_user("anna", PASSWORD)
        for mechanism in ("COMMAND", "PLAIN"):
            async with await log_in(
                server, Credentials("anna", Secret(PASSWORD), mechanism=mechanism)
            ) as session:
                await session.noop()


async def test_for_another_user_by_sasl_and_by_name(dovecot: Dovecot) -> None:
    dovecot.add_user("boss")
    master = Secret(dovecot.master_password)
    for credentials in (
        Credentials("boss", master, authuser=MASTER_USER),
        Credentials(f"boss*{MASTER_USER}", master),
    ):
        async with await log_in(dovecot, credentials) as session:
            await session.noop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "COMMAND"])
async def test_a_wrong_password(dovecot: Dovecot, mechanism: str) -> None:
    dovecot.add_user("wrong")
    with pytest.raises(AuthenticationFailed) as caught:
        await log_in(dovecot, Credentials("wrong", Secret("not the one"), mechanism=mechanism))
    assert caught.value.code == "authentication"
    assert caught.value.side is Side.DESTINATION
    assert not caught.value.retryable
    assert "Authentication failed" in caught.value.server_text


async def test_a_wrong_password_is_tried_once_though_the_answer_is_slow() -> None:
    with Dovecot(penalty=True) as server:
        server.add_user("anna")
        with pytest.raises(AuthenticationFailed):
            await log_in(server, Credentials("anna", Secret("not the one")))
        await until(lambda: "auth failed" in server.log_text())
        assert server.log_text().count("auth failed, 1 attempts") == 1


async def test_an_unknown_user_with_the_master_password_is_dropped(dovecot: Dovecot) -> None:
    with pytest.raises(LoginFailed) as caught:
        await log_in(dovecot, Credentials(f"nobody*{MASTER_USER}", Secret(dovecot.master_password)))
    assert isinstance(caught.value, (LoginDropped, AuthenticationFailed))


async def test_dropped_during_login() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        await peer.expect('LOGIN anna "secret word"')
        await peer.send(b"* BYE Internal error about secret word")

    async with ScriptedServer(script) as server:
        with pytest.raises(LoginDropped) as caught:
            await open_scripted(server)
        assert caught.value.code == "login_dropped"
        assert caught.value.server_text == "Internal error about ***"
        assert "secret word" not in str(caught.value)


async def test_a_login_that_is_never_answered() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        with pytest.raises(TimedOut):
            await open_scripted(server, timeout_s=0.2)


async def test_a_server_that_chats_instead_of_answering_the_login() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        while True:
            try:
                await peer.send(b"* OK still here")
            except ConnectionError:
                return
            await asyncio.sleep(0.01)

    async with ScriptedServer(script) as server:
        with pytest.raises(TimedOut):
            await open_scripted(server, connect_timeout_s=0.3)


async def test_servers_that_want_encryption_first() -> None:
    # From its own address Dovecot takes passwords in clear.
    with Dovecot(required=True, host="127.0.0.2") as server:
        server.add_user("anna")
        credentials = Credentials("anna", Secret("secret"))
        for mechanism in ("", "PLAIN", "COMMAND"):
            with pytest.raises(PlaintextRefused) as caught:
                await log_in(server, credentials._replace(mechanism=mechanism), Security.NONE)
            assert caught.value.code == "plaintext_refused"
        async with await log_in(server, credentials) as session:
            await session.noop()


async def test_privacy_required_said_only_in_the_answer() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        await peer.expect("LOGIN .*")
        await peer.answer(b"NO [PRIVACYREQUIRED] encrypt first")

    async with ScriptedServer(script) as server:
        with pytest.raises(PlaintextRefused):
            await open_scripted(server)


@pytest.mark.parametrize("after", ["greeting", "login"])
@pytest.mark.parametrize("closes", [True, False])
async def test_a_login_that_is_refused_for_now_is_no_wrong_password(after: str, closes: bool) -> None:
    async def script(peer: Peer) -> None:
        words = b"[UNAVAILABLE] directory is down, try again in 3 minutes"
        if after == "greeting":
            await peer.send(b"* BYE " + words)
            return
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        await peer.expect("LOGIN .*")
        if closes:
            await peer.send(b"* BYE " + words)
        else:
            await peer.answer(b"NO " + words)

    async with ScriptedServer(script) as server:
        with pytest.raises(AskedToWait) as caught:
            await open_scripted(server)
        assert caught.value.retryable
        assert caught.value.wait_s == 180
        assert "directory is down" in caught.value.server_text


async def scripted_login(
    credentials: Credentials, capabilities: bytes, *exchange: tuple[str, bytes]
) -> list[bytes]:
    """Log in against (expected line, reply) pairs; gives the client's lines."""
    lines: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 " + capabilities + b"] hi")
        for number, (expected, reply) in enumerate(exchange):
            if number == 0:
                await peer.expect(expected)
                lines.append(peer.lines[-1])
            else:
                lines.append(await peer.read_line())
                assert lines[-1].decode().strip() == expected
            await peer.send(reply.replace(b"TAG", peer.tag))
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        endpoint = Endpoint(server.host, server.port, Security.NONE)
        session = await open_session(endpoint, credentials, client_id=None)
        session.abort()
    return lines


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


OK = b"TAG OK [CAPABILITY IMAP4rev1] in"


async def test_xoauth2(tmp_path: Path) -> None:
    wanted = encoded("user=anna\1auth=Bearer tok\1\1")
    token_file = tmp_path / "token"
    token_file.write_text("tok\nrest")
    for credentials in (
        Credentials("anna", token=Secret("tok")),
        Credentials("anna", token_file=str(token_file)),
        Credentials("anna", oauth_direct=Secret(wanted)),
        Credentials("anna", Secret("tok"), mechanism="XOAUTH2"),
    ):
        await scripted_login(credentials, b"AUTH=XOAUTH2 SASL-IR", (f"AUTHENTICATE XOAUTH2 {wanted}", OK))
        await scripted_login(credentials, b"AUTH=XOAUTH2", ("AUTHENTICATE XOAUTH2", b"+ "), (wanted, OK))


async def test_oauthbearer_and_its_error_challenge() -> None:
    credentials = Credentials("an,na", token=Secret("tok"))
    lines = await scripted_login(
        credentials, b"AUTH=OAUTHBEARER SASL-IR", ("AUTHENTICATE OAUTHBEARER .*", OK)
    )
    answer = base64.b64decode(lines[0].split()[-1]).decode()
    assert answer.startswith("n,a=an=2Cna,\1host=127.0.0.1\1port=")
    assert answer.endswith("\1auth=Bearer tok\1\1")
    with pytest.raises(TokenRefused) as caught:
        await scripted_login(
            credentials,
            b"AUTH=OAUTHBEARER SASL-IR",
            ("AUTHENTICATE OAUTHBEARER .*", b"+ " + encoded('{"status":"401","scope":"mail"}').encode()),
            (encoded("\1"), b"TAG NO no"),
        )
    assert caught.value.code == Reason.TOKEN_EXPIRED
    assert caught.value.details == {"token_status": "401", "token_scope": "mail"}


async def test_the_challenge_of_xoauth2_says_why() -> None:
    credentials = Credentials("anna", token=Secret("tok"))
    wanted = encoded("user=anna\1auth=Bearer tok\1\1")
    with pytest.raises(TokenRefused) as caught:
        await scripted_login(
            credentials,
            b"AUTH=XOAUTH2",
            ("AUTHENTICATE XOAUTH2", b"+ "),
            (wanted, b"+ " + encoded('{"status":"403"}').encode()),
            ("", b"TAG NO AUTHENTICATE failed."),
        )
    assert caught.value.code == Reason.TOKEN_SCOPE
    assert "tok" not in str(caught.value).replace("token", "")


async def test_a_refused_token_is_asked_for_once_more_if_there_is_another() -> None:
    refused = encoded('{"status":"401"}').encode()
    tried: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi")
        words = (await peer.expect("AUTHENTICATE XOAUTH2 (.*)"))[1]
        tried.append(base64.b64decode(words).decode().split("Bearer ")[1].strip("\1"))
        if tried[-1] == "fresh":
            await peer.answer(b"OK [CAPABILITY IMAP4rev1] in")
        else:
            tag = peer.tag
            await peer.send(b"+ " + refused)
            assert await peer.read_line() == b"\r\n"
            await peer.send(tag + b" NO no")
        await peer.until_closed()

    def giving(*tokens: str) -> Credentials:
        left = list(tokens)
        return Credentials("anna", token=Secret(lambda: left.pop(0) if len(left) > 1 else left[0]))

    async with ScriptedServer(script) as server:
        endpoint = Endpoint(server.host, server.port, Security.NONE)
        (await open_session(endpoint, giving("stale", "fresh"), client_id=None)).abort()
        assert tried == ["stale", "fresh"]
        tried.clear()
        with pytest.raises(TokenRefused):
            await open_session(endpoint, giving("stale"), client_id=None)
        assert tried == ["stale"]
        tried.clear()
        with pytest.raises(TokenRefused):
            await open_session(endpoint, giving("stale", "staler", "fresh"), client_id=None)
        assert tried == ["stale", "staler"]


async def test_a_real_server_validates_the_token() -> None:
    with Dovecot(tokens=True) as server:
        server.add_user("anna", PASSWORD)
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):

            async def logged_in(token: str, mechanism: str = mechanism) -> None:
                credentials = Credentials("anna", mechanism=mechanism, token=Secret(token))
                async with await log_in(server, credentials) as session:
                    await session.select(INBOX)

            await logged_in(access_token("anna"))
            with pytest.raises(TokenRefused) as caught:
                await logged_in(access_token("anna", lasts_s=-90))
            assert caught.value.code == Reason.TOKEN_EXPIRED
            with pytest.raises(TokenRefused) as caught:
                await logged_in(access_token("anna", nbf=2_000_000_000))
            assert caught.value.code == Reason.TOKEN_CLOCK
            with pytest.raises(TokenRefused) as caught:
                await logged_in("opaque")
            assert caught.value.details["token_status"] in ("401", "invalid_token")


async def test_proxyauth() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1] hi")
        await peer.expect('LOGIN admin "secret word"')
        await peer.answer()
        await peer.expect("PROXYAUTH anna")
        await peer.answer(b"OK [CAPABILITY IMAP4rev1 PROXIED] now anna")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        credentials = Credentials("anna", Secret("secret word"), authuser="admin", proxy_auth=True)
        session = await open_session(
            Endpoint(server.host, server.port, Security.NONE), credentials, client_id=None
        )
        assert session.has("PROXIED") or not session.capabilities
        session.abort()


async def test_no_mechanism_in_common() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] hi")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        with pytest.raises(PlaintextRefused):
            await open_scripted(server)


async def test_a_login_that_asks_for_ever() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi")
        await peer.expect("AUTHENTICATE PLAIN")
        for _ in range(50):
            await peer.send(b"+ ")
            if not await peer.read_line():
                return

    async with ScriptedServer(script) as server:
        with pytest.raises((ProtocolViolation, LoginDropped, ConnectionFailed)):
            await open_scripted(server)


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials("an\0na", Secret("x")),
        Credentials("anna", Secret("x"), mechanism="NTLM"),
        Credentials("anna", Secret("x\r\nb NOOP"), mechanism="COMMAND"),
        Credentials("anna", oauth_direct=Secret("not base64!")),
        Credentials("anna", token_file="/nonexistent/token"),
        Credentials("an\0na", Secret("x"), mechanism="CRAM-MD5"),
        Credentials("anna", Secret("x\udc80"), mechanism="CRAM-MD5"),
        Credentials("anna", Secret(lambda: "x\udc80")),
    ],
)
async def test_credentials_that_cannot_be_used(dovecot: Dovecot, credentials: Credentials) -> None:
    with pytest.raises(AuthenticationFailed):
        await log_in(dovecot, credentials)


@pytest.mark.parametrize("cause", [KeyError("hunter2"), OSError("no token server"), ValueError()])
async def test_what_a_callable_for_a_secret_raises_is_a_failed_login(
    dovecot: Dovecot, cause: Exception
) -> None:
    def ask() -> str:
        raise cause

    with pytest.raises(SecretUnavailable) as caught:
        await log_in(dovecot, Credentials("anna", token=Secret(ask)))
    assert caught.value.__cause__ is cause
    assert "hunter2" not in str(caught.value)
    assert caught.value.side is Side.DESTINATION


async def test_traces_and_errors_show_no_secret(dovecot: Dovecot) -> None:
    dovecot.add_user("trace", "hush hush 12")
    lines: list[str] = []
    endpoint = Endpoint(dovecot.host, dovecot.port, Security.NONE)
    for mechanism in ("PLAIN", "LOGIN", "COMMAND", "CRAM-MD5"):
        credentials = Credentials("trace", Secret("hush hush 12"), mechanism=mechanism)
        async with await open_session(endpoint, credentials, trace=lines.append) as session:
            await session.select(INBOX)
        assert "hush" not in repr(credentials)
    text = "\n".join(lines)
    assert "hush" not in text
    for secret in (encoded("\0trace\0hush hush 12"), encoded("hush hush 12")):
        assert secret not in text
    assert "C: a1 AUTHENTICATE ***" in lines
    assert "C: a1 LOGIN ***" in lines
    assert any(line.startswith("C: ") and line.endswith(' SELECT "INBOX"') for line in lines)
    assert any(line.startswith("S: Exists(") for line in lines)


def test_secrets_do_not_leak_by_accident() -> None:
    secret = Secret("abc")
    assert "abc" not in f"{secret} {secret!r} {secret:>20} {[secret]} {Credentials('u', secret)}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret == Secret("abc")
    assert secret != Secret("abd")
    assert hash(secret) == hash(Secret("abc"))
    assert bool(secret)
    assert not Secret("")


@pytest.mark.parametrize(
    "refusal", [b"NO [AUTHENTICATIONFAILED] expired", b"BAD User is authenticated but not connected."]
)
async def test_a_login_that_ends_before_its_connection_is_made_anew_where_it_can_be(refusal: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi")
        await peer.expect("AUTHENTICATE XOAUTH2 .*")
        await peer.answer(b"OK [CAPABILITY IMAP4rev1] in")
        await peer.expect("SELECT .*")
        await peer.answer(
            b"OK [READ-WRITE] open", b"* 0 EXISTS", b"* OK [UIDVALIDITY 1] v", b"* OK [UIDNEXT 1] n"
        )
        await peer.expect("SELECT .*")
        await peer.answer(refusal)
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        endpoint = Endpoint(server.host, server.port, Security.NONE)
        for token, ends in ((Secret(lambda: "tok"), SignedOut), (Secret("tok"), CommandRefused)):
            session = await open_session(endpoint, Credentials("anna", token=token), client_id=None)
            await session.select(INBOX)
            with pytest.raises(ends) as caught:
                await session.select(INBOX)
            assert caught.type is ends
            session.abort()


async def test_a_mailbox_that_was_never_within_reach_is_no_expired_login() -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] hi")
        await peer.expect("AUTHENTICATE XOAUTH2 .*")
        await peer.answer(b"OK [CAPABILITY IMAP4rev1] in")
        await peer.expect("SELECT .*")
        await peer.answer(b"BAD User is authenticated but not connected.")
        await peer.until_closed()

    async with ScriptedServer(script) as server:
        endpoint = Endpoint(server.host, server.port, Security.NONE)
        session = await open_session(
            endpoint, Credentials("anna", token=Secret(lambda: "tok")), client_id=None
        )
        with pytest.raises(CommandRefused) as caught:
            await session.select(INBOX)
        assert caught.value.code == "not_connected"
        session.abort()

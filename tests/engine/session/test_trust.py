"""Whose certificate is accepted, in every mode, and that nothing is sent to a server that is not."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.session.helpers import greet, open_account, open_scripted
from tests.engine.session.scripted import Peer, ScriptedServer
from tests.servers.certificates import self_signed
from tests.servers.dovecot import Dovecot

from imapsync.session.certificate import describe
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.session.errors import CertificateChanged, CertificateUntrusted, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.certificates import Certificate

pytestmark = pytest.mark.servers


@pytest.fixture(params=[Security.STARTTLS, Security.TLS], ids=lambda security: security.value)
def security(request: pytest.FixtureRequest) -> Security:
    value: Security = request.param
    return value


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    """Run a Dovecot of its own: its certificate is swapped."""
    with Dovecot() as started:
        started.add_user("anna")
        yield started


async def enter(server: Dovecot, security: Security, trust: str, **changes: Any) -> str:  # noqa: ANN401
    """Log in and out; give why the certificate was accepted."""
    port = server.tls_port if security is Security.TLS else server.port
    async with await open_account(
        server, "anna", security=security, port=port, trust=Trust.parse(trust), **changes
    ) as session:
        assert session.certificate is not None
        assert session.certificate.trusted == (session.certificate.basis in ("ca", "fingerprint"))
        return session.certificate.basis


async def test_any(server: Dovecot, security: Security) -> None:
    assert await enter(server, security, "any") == "any"


async def test_ca(server: Dovecot, security: Security) -> None:
    assert await enter(server, security, "ca", ca_file=server.ca_file) == "ca"
    with pytest.raises(CertificateUntrusted) as caught:
        await enter(server, security, "ca")
    details = caught.value.details
    assert details["fingerprint"] == server.fingerprint
    assert details["subject"] == details["issuer"] == "O=Test mail, CN=localhost"
    assert details["expires"].endswith("Z")
    assert "self-signed" in caught.value.message.replace("self signed", "self-signed")


async def test_fingerprint(server: Dovecot, security: Security) -> None:
    colons = ":".join(server.fingerprint.upper()[index : index + 2] for index in range(0, 64, 2))
    assert await enter(server, security, f"sha256:{colons}") == "fingerprint"
    with pytest.raises(CertificateUntrusted):
        await enter(server, security, "sha256:" + "0" * 64)


async def test_another_name_is_not_trusted(server: Dovecot, security: Security, tmp_path: Path) -> None:
    elsewhere = self_signed(tmp_path, alternative_names="DNS:elsewhere.example")
    before = server.certificate
    server.restart(elsewhere)
    try:
        with pytest.raises(CertificateUntrusted):
            await enter(server, security, "ca", ca_file=server.ca_file)
    finally:
        server.restart(before)


async def test_first_use_is_remembered_and_another_certificate_refused(
    server: Dovecot, security: Security, tmp_path: Path
) -> None:
    store = tmp_path / "deep" / "trust.json"
    before = server.certificate
    assert await enter(server, security, "tofu", tofu_path=str(store)) == "first_use"
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert await enter(server, security, "tofu", tofu_path=str(store)) == "remembered"
    server.restart(self_signed(tmp_path, "other"))
    try:
        with pytest.raises(CertificateChanged) as caught:
            await enter(server, security, "tofu", tofu_path=str(store))
        assert caught.value.code == "certificate_changed"
        assert caught.value.details["fingerprint"] == server.fingerprint
        # A change to a certificate that the authorities vouch for is no attack.
        assert await enter(server, security, "tofu", tofu_path=str(store), ca_file=server.ca_file) == "ca"
    finally:
        server.restart(before)
    assert list(store.parent.iterdir()) == [store]


async def test_a_vouched_certificate_does_not_fall_back_to_first_use(
    server: Dovecot, security: Security, tmp_path: Path
) -> None:
    store = str(tmp_path / "trust.json")
    before = server.certificate
    assert await enter(server, security, "tofu", tofu_path=store, ca_file=server.ca_file) == "ca"
    server.restart(self_signed(tmp_path, "attacker"))
    try:
        with pytest.raises(CertificateChanged):
            await enter(server, security, "tofu", tofu_path=store)
    finally:
        server.restart(before)
    # The same certificate stays welcome when the authorities no longer vouch for it (expired, say).
    assert await enter(server, security, "tofu", tofu_path=store) == "remembered"


async def test_first_use_without_a_file_lasts_as_long_as_the_process(
    server: Dovecot, security: Security
) -> None:
    assert await enter(server, security, "tofu") == "first_use"
    assert await enter(server, security, "tofu") == "remembered"


async def test_first_use_warns_with_the_fingerprint(server: Dovecot) -> None:
    async with await open_account(server, "anna", trust=Trust("tofu")) as session:
        assert len(session.warnings) == 1
        assert server.fingerprint in session.warnings[0]


async def test_the_usual_case_needs_one_connection(certificate: Certificate, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await greet(peer)
        await peer.expect("LOGOUT")

    store = tmp_path / "trust.json"
    async with ScriptedServer(script, certificate) as server:
        known = {f"127.0.0.1:{server.port}": {"sha256": certificate.fingerprint, "ca": False}}
        store.write_text(json.dumps({"version": 1, "servers": known}))
        session = await open_scripted(
            server, security=Security.TLS, trust=Trust("tofu"), tofu_path=str(store)
        )
        await session.logout()
        assert len(server.peers) == 1


@pytest.mark.parametrize("trust", ["ca", "tofu", "sha256:" + "1" * 64])
async def test_no_byte_is_sent_inside_an_untrusted_connection(
    trust: str, certificate: Certificate, tmp_path: Path
) -> None:
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready")
        heard.append(await peer.until_closed())

    store = tmp_path / "trust.json"
    async with ScriptedServer(script, certificate) as server:
        known = {f"127.0.0.1:{server.port}": {"sha256": "2" * 64, "ca": False}}
        store.write_text(json.dumps({"version": 1, "servers": known}))
        with pytest.raises((CertificateUntrusted, CertificateChanged)):
            await open_scripted(server, security=Security.TLS, trust=Trust.parse(trust), tofu_path=str(store))
    assert not any(heard)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"servers": {"a": 5}}', b"\xff"])
async def test_a_damaged_trust_file_stops_us(server: Dovecot, tmp_path: Path, content: bytes) -> None:
    store = tmp_path / "trust.json"
    store.write_bytes(content)
    with pytest.raises(TlsFailed, match="damaged"):
        await enter(server, Security.STARTTLS, "tofu", tofu_path=str(store))
    assert store.read_bytes() == content


async def test_a_trust_file_that_cannot_be_used(server: Dovecot, tmp_path: Path) -> None:
    with pytest.raises(TlsFailed, match="cannot read"):
        await enter(server, Security.STARTTLS, "tofu", tofu_path=str(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(TlsFailed, match="cannot"):
        await enter(server, Security.STARTTLS, "tofu", tofu_path=str(tmp_path / "file" / "trust.json"))
    with pytest.raises(TlsFailed, match="authorities"):
        await enter(server, Security.STARTTLS, "ca", ca_file=str(tmp_path / "missing"))


async def test_the_systems_authorities_are_used(
    server: Dovecot, security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", server.ca_file)
    assert await enter(server, security, "ca") == "ca"


async def test_old_tls_only_when_asked_for(server: Dovecot) -> None:
    assert await enter(server, Security.STARTTLS, "any", tls_minimum="1.3") == "any"
    assert await enter(server, Security.STARTTLS, "any", tls_minimum="1.0", tls_ciphers="") == "any"
    assert await enter(server, Security.STARTTLS, "any", tls_ciphers="ECDHE+AESGCM") == "any"


@pytest.mark.parametrize("text", ["", "yes", "sha256:", "sha256:zz", "sha1:" + "0" * 40])
def test_trust_arguments_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="trust must be"):
        Trust.parse(text)


def test_trust_arguments_come_back_as_text() -> None:
    for text in ("ca", "tofu", "any", "sha256:" + "ab" * 32):
        assert str(Trust.parse(text.upper())) == text


def test_ports_by_security() -> None:
    assert Endpoint("h", security=Security.TLS).effective_port() == 993
    assert Endpoint("h", security=Security.STARTTLS).effective_port() == 143
    assert Endpoint("h", 1143).effective_port() == 1143


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x03\x02\x01\x05", b"\x31\x00", bytes(300)]
)
def test_an_unreadable_certificate_still_has_a_fingerprint(der: bytes) -> None:
    seen = describe(der)
    assert len(seen.fingerprint) == 64
    assert seen.subject == seen.issuer == seen.expires == ""


def test_names_in_certificates_cannot_draw_on_a_terminal(tmp_path: Path) -> None:
    import ssl

    made = self_signed(tmp_path, common_name="evil\x1b[2Jname")
    seen = describe(ssl.PEM_cert_to_DER_cert(made.cert_file.read_text()))
    assert seen.subject == "O=Test mail, CN=evil[2Jname"

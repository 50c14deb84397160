"""The endpoints of a source are no way into the cluster: none is asked there, whatever its name and port."""

from __future__ import annotations

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.servers.authority import CLIENT, SECRET, TENANT, Authority
from tests.servers.certificates import self_signed

from imapsync_tasks import sources
from imapsync_tasks.instance import Settings
from imapsync_tasks.reach import Reach
from imapsync_tasks.sourcestore import Stored
from syncctl import oauth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.module.conftest import Node

SERVER = {"source": "s", "remotehostname": "imap.example.org", "remoteport": 993, "security": "ssl"}
APPLICATION = {**SERVER, "auth": "microsoft_app", "client_id": CLIENT, "tenant": TENANT}
DEVICE = {**SERVER, "auth": "microsoft_device", "client_id": CLIENT, "tenant": TENANT}
NAME = "login.example.org"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """Give a token endpoint whose certificate is for a name that only `lead` lets be known."""
    with Authority(tmp_path, alternative_names=f"DNS:{NAME},IP:127.0.0.1") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate.cert_file))
        yield server


def lead(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[list[str]]:
    """Let the name lead to addresses, each lookup to the next of `answers`; give those that are left."""
    left, real = list(answers), socket.getaddrinfo

    def ask(
        host: str, port: int | None, family: int = 0, kind: int = 0, **more: int
    ) -> list[tuple[object, ...]]:
        if host != NAME:
            return list(real(host, port, family, more.get("type", kind)))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port or 0)) for one in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return left


def judge(node: Node, *allowed: str) -> Reach:
    return Reach(node.store, Settings(cluster_network="198.51.100.0/24", allowed_hosts=allowed))


def outcome(reach: Reach, url: str) -> str:
    """Give the key of the refusal of a token; "" when there was one."""
    stored = Stored(sources.from_request({**APPLICATION, "token_url": url}), {"client_secret": SECRET})
    try:
        oauth.by_application(reach, stored, "")
    except oauth.TokenTrouble as trouble:
        return trouble.code
    return ""


def port_of(authority: Authority) -> int:
    return int(authority.url("").rpartition(":")[2].rstrip("/"))


SPELLINGS = [
    "127.0.0.1",
    "localhost",
    "0x7f000001",
    "2130706433",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "x@127.0.0.1",
]


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_token_endpoint_is_no_port_scanner(node: Node, authority: Authority, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            closed = gone.getsockname()[1]
        for port in (silent.getsockname()[1], closed, port_of(authority), 443):
            url = f"https://{host}:{port}/token"
            assert outcome(judge(node), url) == "token_endpoint_not_allowed"
            stored = Stored(sources.from_request({**DEVICE, "device_url": url}), {})
            with pytest.raises(oauth.TokenTrouble, match="token_endpoint_not_allowed"):
                oauth.device(judge(node), stored)
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert authority.asked == []


def test_an_endpoint_of_several_addresses_is_not_asked_when_one_is_inside(
    node: Node, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://{NAME}:{port_of(authority)}/token"
    for addresses in (["192.0.2.1", "127.0.0.1"], ["198.51.100.9"], ["169.254.169.254"]):
        lead(monkeypatch, addresses)
        assert outcome(judge(node), url) == "token_endpoint_not_allowed"
    assert authority.asked == []


def test_an_endpoint_is_asked_where_it_was_judged_and_by_its_own_name(
    node: Node, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"https://{NAME}:{port_of(authority)}/token"
    left = lead(monkeypatch, ["127.0.0.9", "127.0.0.1"], ["198.51.100.9"])
    assert outcome(judge(node, "127.0.0.0/8"), url) == ""
    assert left == [["198.51.100.9"]]
    assert len(authority.asked) == 1
    assert authority.hosts == [url.split("/")[2]]


def test_an_endpoint_whose_certificate_is_for_another_name_is_told_nothing(
    node: Node, authority: Authority
) -> None:
    url = f"https://localhost:{port_of(authority)}/token"
    assert outcome(judge(node, "localhost"), url) == "token_endpoint_unreachable"
    assert authority.asked == []


def test_an_endpoint_leads_nobody_elsewhere(
    node: Node, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(307)
            self.send_header("Location", authority.url("token"))
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            return

    certificate = self_signed(tmp_path, "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert_file))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            url = f"https://localhost:{server.server_address[1]}/token"
            assert outcome(judge(node, "localhost", "127.0.0.1"), url) == "token_endpoint_unreachable"
        finally:
            server.shutdown()
    assert authority.asked == []


def test_who_signs_in_by_an_endpoint_inside_is_told_that_it_is_not_allowed(node: Node) -> None:
    node.publish(cluster_network="198.51.100.0/24")
    assert node.action("set-source", {**DEVICE, "device_url": "https://198.51.100.9/device"}).exit_code == 0
    told = node.action("sign-in", {"source": "s"}).output
    assert (told["state"], told["error"]) == ("failed", "token_endpoint_not_allowed")
    given = {**APPLICATION, "client_secret": SECRET, "token_url": "https://127.0.0.1:22/"}
    assert node.action("set-source", given).exit_code == 0
    assert "token_endpoint_not_allowed" in node.syncctl("token", "s", "anna").stderr
    assert node.action("list-sources").output["sources"][0]["trouble"] == "token_endpoint_not_allowed"

"""A stored password stays with its server, and a form for a remote account is no port scanner."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import Node, request
from tests.module.test_actions import refused
from tests.servers.certificates import self_signed

from imapsync_tasks import instance, reach
from imapsync_tasks.engine import Remote
from syncctl import probe
from syncctl.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORED = {"remotehostname": "imap.foo.com", "remoteport": 143, "security": "tls", "tls_trust": "tofu"}
WHICH = {"localuser": "administrator", "task_id": "a0241w"}

ELSEWHERE = [
    {"remotehostname": "evil.example"},
    {"remoteport": 993},
    {"remoteusername": "other"},
    {"security": ""},
    {"tls_trust": "any"},
]
KEPT: list[dict[str, object]] = [
    {},
    {"remotehostname": "IMAP.foo.com"},
    {"security": "ssl"},
    {"tls_trust": "ca"},
    {"tls_trust": "sha256:" + "ab" * 32},
]


def account(**changes: object) -> dict[str, object]:
    """Give test-remote's input for the stored task, without its password."""
    members = ("remotehostname", "remoteport", "remoteusername", "security")
    given = request(remotepassword="")
    return (
        {key: given[key] for key in members} | {"remotepassword": "", "tls_trust": "tofu"} | WHICH | changes
    )


@pytest.mark.parametrize("change", ELSEWHERE, ids=str)
def test_a_stored_password_goes_to_no_other_server(idle: Node, change: dict[str, object]) -> None:
    name = idle.save(**STORED)
    before = idle.snapshot()
    given = request(remotepassword="", tls_trust="tofu") | change
    refused(idle.action("create-task", given), "remotepassword", "password_required", 10)
    for action in ("test-remote", "list-remote-folders"):
        refused(idle.action(action, account(**change)), "remotepassword", "password_required", 10)
    assert idle.snapshot() == before
    assert not (idle.home / "runs").exists(), "the engine was asked to log in"
    given["remotepassword"] = "new"
    assert idle.action("create-task", given).exit_code == 0
    assert idle.store.password(name) == "new"


@pytest.mark.parametrize("change", KEPT, ids=str)
def test_a_stored_password_stays_where_nothing_gets_weaker(idle: Node, change: dict[str, object]) -> None:
    name = idle.save(**STORED)
    step = idle.action("create-task", request(remotepassword="", tls_trust="tofu") | change)
    assert step.exit_code == 0, step
    assert idle.store.password(name) == "password"
    assert idle.store.load(name).security == change.get("security", "tls")


def test_a_pin_is_not_taken_for_an_authority(idle: Node) -> None:
    idle.save(**STORED | {"tls_trust": "ca"})
    pin = request(remotepassword="", tls_trust="sha256:" + "ab" * 32)
    refused(idle.action("create-task", pin), "remotepassword", "password_required", 10)


def test_a_damaged_task_gives_its_password_to_nobody(idle: Node) -> None:
    name = idle.save(**STORED)
    idle.paths.env(name).write_text("LOCALUSER=administrator\n")
    given = request(remotepassword="", tls_trust="tofu")
    refused(idle.action("create-task", given), "remotepassword", "password_required", 10)


def inside(**settings: object) -> instance.Settings:
    """Give settings of a cluster with a network."""
    return instance.Settings(cluster_network="198.51.100.0/24")._replace(**settings)  # type: ignore[arg-type]


def judged(node: Node, host: str, port: int, settings: instance.Settings) -> str | None:
    """Give the key of the refusal of a server."""
    asked = reach.Reach(node.store, settings)
    reason = asked.refusal(Remote(host, port, "u", "tls", "tofu"))
    return reason.error if reason else None


LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "0x7f000001", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost"]
WRAPPED = [
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::198.51.100.7",
]
INSIDE = [
    *LOOPBACK,
    *WRAPPED,
    "127。0。0。1",
    "0xc6336407",
    "0.1.2.3",
    "0.0.0.0",  # noqa: S104
    "::",
    "169.254.1.2",
    "fe80::1",
    "198.51.100.7",
    "::ffff:198.51.100.7",
]


@pytest.mark.parametrize("host", INSIDE)
def test_only_imap_ports_are_tried_inside_whatever_the_spelling(node: Node, host: str) -> None:
    for port in (22, 80, 6379, 144, 65535):
        assert judged(node, host, port, inside()) == "host_not_allowed"
    for port in (143, 993):
        assert judged(node, host, port, inside()) is None
    older = node.save(remotehostname=host, remoteport=6379)
    assert judged(node, host, 6379, inside()) == "host_not_allowed"
    node.paths.place(older).unlink()
    assert judged(node, host, 6379, inside()) is None
    assert judged(node, host, 6380, inside()) == "host_not_allowed"


@pytest.mark.parametrize(
    ("address", "inside_it"),
    [
        ("198.51.100.7", True),
        ("::ffff:198.51.100.7", True),
        ("127.0.0.1", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("localhost", False),
    ],
)
def test_only_an_address_is_inside_by_itself(address: str, *, inside_it: bool) -> None:
    assert reach.is_inside(address, "198.51.100.0/24") is inside_it


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid"])
def test_any_port_is_tried_outside(node: Node, host: str) -> None:
    assert judged(node, host, 22, inside()) is None


def test_a_name_that_moves_inside_before_it_is_tried_is_tried_where_it_was(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["192.0.2.1", "198.51.100.7"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (answers.pop(0), 0))])
    asked = reach.Reach(node.store, inside())
    remote = Remote("moving.example", 22, "u", "tls", "tofu")
    assert asked.refusal(remote) is None
    assert asked.way(remote) == ["--via1=192.0.2.1"]
    assert answers == ["198.51.100.7"]


def test_a_name_without_an_address_is_not_looked_up_again_by_the_engine(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    asked = reach.Reach(node.store, inside())
    assert asked.way(Remote("late.example", 22, "u", "tls", "tofu")) == ["--via1=none"]


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "LOCALHOST"])
def test_an_administrator_can_allow_hosts(node: Node, allowed: str) -> None:
    assert judged(node, "localhost", 22, inside(allowed_hosts=(allowed, "198.51.100.9"))) is None
    assert judged(node, "127.0.0.2", 22, inside(allowed_hosts=("127.0.0.1",))) == "host_not_allowed"


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001", "::ffff:127.0.0.1", "localhost"])
def test_a_form_is_no_port_scanner(idle: Node, host: str) -> None:
    given = request(remotehostname=host, remoteport=6379)
    refused(idle.action("create-task", given), "remotehostname", "host_not_allowed", 3)
    answer = idle.action(
        "test-remote", account(remotehostname=host, remoteport=6379, remotepassword="x")
    ).output
    assert answer == {
        "ok": False,
        "error": "host_not_allowed",
        "field": "remotehostname",
        "server_text": "",
        "certificate": None,
        "capabilities": [],
    }
    folders = account(remotehostname=host, remoteport=6379, remotepassword="x")
    refused(idle.action("list-remote-folders", folders), "remotehostname", "host_not_allowed", 3)
    assert not (idle.home / "runs").exists(), "the engine was asked to connect"
    idle.publish(allowed_hosts=("127.0.0.1",))
    assert idle.action("create-task", given).exit_code == 0


def reporting(node: Node, error: dict[str, str]) -> Path:
    """Make the engine report one error; give a file with a line of each run."""
    runs = node.home / "reported"
    report: dict[str, object] = {"exit_code": 1, "errors": [{"side": "host1", **error}]}
    loop = f"case $word in --report=*) echo '{json.dumps(report)}' >${{word#--report=}};; esac"
    node.engine(f"#!/bin/sh\necho >>'{runs}'\nfor word; do {loop}; done\n")
    return runs


def test_each_look_at_an_account_is_bound_to_the_address_that_was_judged(idle: Node) -> None:
    seen = idle.home / "seen"
    idle.engine(f"""#!/bin/sh\nprintf '%s\\n' "$@" >> '{seen}'\n""")
    for host, address in (("0x7f000001", "127.0.0.1"), ("nowhere.invalid", "none")):
        idle.action("create-task", request(remotehostname=host))
        for look in ("test-remote", "list-remote-folders"):
            idle.action(look, account(remotehostname=host, remotepassword="x"))
        words = seen.read_text().split()
        assert words.count(f"--host1={host}") == 3
        assert [word for word in words if word.startswith("--via1")] == [f"--via1={address}"] * 3
        assert words.count("--discreet1=127.0.0.0/8") == (3 if address == "127.0.0.1" else 0)
        seen.unlink()


def _serve(listener: socket.socket, banner: bytes, context: ssl.SSLContext | None) -> None:
    """Say something to whoever connects, then nothing more, until the listener is shut down."""
    with ExitStack() as peers, suppress(OSError):
        while True:
            peer = peers.enter_context(listener.accept()[0])
            with suppress(OSError):
                if context:
                    peer = peers.enter_context(context.wrap_socket(peer, server_side=True))
                peer.sendall(banner)


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[list[tuple[str, int]]]:
    """Give ports at loopback that are closed, silent and of other services, each as (address, port)."""
    certificate = self_signed(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    kinds: list[tuple[int, bytes, ssl.SSLContext | None]]
    kinds = [(143, b"", None), (143, b"SSH-2.0-OpenSSH_9.2\r\n", None), (993, b"SSH-2.0\r\n", None)]
    kinds += [(993, b"", context), (993, b"220 smtp\r\n", context)]
    open_ones = [("127.0.143.9", 143), ("127.0.143.9", 993)]
    with ExitStack() as stack:
        for number, (port, banner, wrapped) in enumerate(kinds, 1):
            where = (f"127.0.143.{number}", port)
            listener = stack.enter_context(socket.create_server(where))
            serving = threading.Thread(target=_serve, args=(listener, banner, wrapped))
            serving.start()
            stack.callback(serving.join)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            open_ones.append(where)
        yield open_ones


@pytest.mark.servers
def test_ports_inside_answer_alike_whether_closed_silent_or_of_something_else(
    mail: Node, ports: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.publish(cluster_network="198.51.100.0/24")
    for name, value in mail.environ.items():
        monkeypatch.setenv(name, value)
    patience_s = 5.0
    monkeypatch.setattr(probe, "CHECK_S", patience_s)
    context = Context.from_environment()

    def told(where: tuple[str, int]) -> dict[str, object]:
        host, port = where
        security = "ssl" if port == 993 else "tls"
        changes = {"remotehostname": host, "remoteport": port, "security": security, "tls_trust": "any"}
        began = time.monotonic()
        answer = probe.test_remote(context, account(remotepassword="x", **changes))
        assert time.monotonic() - began >= patience_s - 1, "it came too early"
        # Whose end comes first on a busy machine, the engine's wait or its own, says nothing of the port.
        assert answer.pop("server_text") in ("", f"{host}:{port} did not answer within 4 seconds")
        return answer

    with ThreadPoolExecutor(len(ports)) as pool:
        answers = list(pool.map(told, ports))
    nothing = {"ok": False, "error": "check_hostname_or_tcp_port", "field": "remoteport"}
    assert answers == [nothing | {"certificate": None, "capabilities": []}] * len(ports)


def test_of_many_accounts_at_a_silent_server_inside_only_some_are_waited_for(idle: Node) -> None:
    runs = reporting(idle, {"code": "timeout", "text": "did not answer"})
    where = {"remotehostname": "127.0.0.1", "remoteport": 143, "security": "tls"}
    signs = {"source": "inside", "auth": "master", "master_user": "m", "master_password": "p"}
    assert idle.action("set-source", signs | where).exit_code == 0
    users = [f"user{number}" for number in range(40)]
    results = idle.action("test-source", {"source": "inside", "remoteusernames": users}).output["results"]
    assert {one["error"] for one in results} == {"check_hostname_or_tcp_port"}
    assert len(results) == 40
    assert len(runs.read_text().splitlines()) < 40


def test_a_server_that_is_allowed_tells_at_once_what_it_is(idle: Node) -> None:
    reporting(idle, {"code": "protocol", "server_text": "SSH-2.0-OpenSSH_9.2"})
    idle.publish(allowed_hosts=("127.0.0.1",))
    step = idle.action("test-remote", account(remotehostname="127.0.0.1", remotepassword="x"))
    assert step.output["server_text"] == "SSH-2.0-OpenSSH_9.2"


def test_allowed_hosts_are_kept_and_handed_to_the_container(idle: Node) -> None:
    given = {"mail_server": "uuid", "mail_host": "127.0.0.1", "allowed_hosts": ["10.5.4.7", "a b"]}
    done = idle.helper("../actions/configure-module/10validate", given=json.dumps(given).encode())
    assert done.returncode != 0
    given["allowed_hosts"] = ["10.5.4.7", "mail.example.org", "10.6.0.0/16"]
    assert idle.helper("../actions/configure-module/20save", given=json.dumps(given).encode()).returncode == 0
    stored = (idle.state / "environment").read_text()
    assert "ALLOWED_HOSTS=10.5.4.7,mail.example.org,10.6.0.0/16\n" in stored
    idle.environ["ALLOWED_HOSTS"] = "10.5.4.7,mail.example.org"
    assert idle.helper("expand-cron").returncode == 0
    assert instance.published(idle.paths).allowed_hosts == ("10.5.4.7", "mail.example.org")


def test_the_network_known_before_counts_while_redis_is_away(idle: Node) -> None:
    idle.publish(cluster_network="10.5.4.0/24")
    assert idle.helper("expand-cron").returncode == 0
    assert instance.published(idle.paths).cluster_network == "10.5.4.0/24"


def test_the_settings_file_of_an_older_version_is_read(idle: Node) -> None:
    idle.paths.settings.write_text('{"mail_server": "uuid", "mail_host": "10.5.4.1", "allowed_hosts": 1}')
    settings = instance.published(idle.paths)
    assert (settings.mail_host, settings.allowed_hosts, settings.cluster_network) == ("10.5.4.1", (), "")

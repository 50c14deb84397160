"""Whose server a mail address has: asked of a real name server and a real web server, both ours."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.servers.certificates import self_signed
from tests.servers.names import NameServer, WebServer

from imapsync_tasks import sourceactions
from imapsync_tasks.errors import RefusedError
from syncctl import recognition, resolving
from syncctl.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from tests.module.conftest import Node
    from tests.servers.certificates import Certificate
    from tests.servers.names import Page

DOMAIN = "example.org"
FILE = "/mail/config-v1.1.xml"
FIRST = f"autoconfig.{DOMAIN}{FILE}"
SECOND = f"{DOMAIN}/.well-known/autoconfig{FILE}"
CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <displayName>Mail of %EMAILDOMAIN%</displayName>
    <incomingServer type="pop3"><hostname>pop.example.org</hostname><port>995</port>
      <socketType>SSL</socketType><authentication>password-cleartext</authentication></incomingServer>
    {}
  </emailProvider>
</clientConfig>
"""


def server(
    host: str = "imap.%EMAILDOMAIN%",
    port: object = 993,
    security: str = "SSL",
    *ways: str,
    kind: str = "imap",
) -> str:
    told = "".join(f"<authentication>{way}</authentication>" for way in ways or ("password-cleartext",))
    return (
        f'<incomingServer type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{security}</socketType>{told}<username>%EMAILADDRESS%</username></incomingServer>"
    )


def config(*servers: str) -> bytes:
    return CONFIG.replace("{}", "".join(servers)).encode()


class World(NamedTuple):
    """An instance, the name server that it asks, and a web server at the names of DOMAIN."""

    node: Node
    names: NameServer
    web: WebServer

    def ask(self, address: str = DOMAIN) -> dict[str, Any]:
        """Ask as the action does, in this process."""
        context = Context(self.node.paths, self.node.store, "imapsync", 143)
        domain = address.rpartition("@")[2]
        return recognition.recognize(
            context, {"domain": domain, "address": address if "@" in address else ""}
        )

    def outcomes(self) -> list[object]:
        """Give what came of each place."""
        return [row["outcome"] for row in self.ask()["tried"]]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    names = f"DNS:*.{DOMAIN},DNS:{DOMAIN},DNS:*.example.net"
    folder = tmp_path_factory.mktemp("web")
    return self_signed(folder, "web", common_name=DOMAIN, alternative_names=names)


@pytest.fixture
def world(
    node: Node, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    with NameServer() as asked, WebServer(certificate) as web:
        for name, path in (
            ("SYNCCTL_RESOLV_CONF", asked.configuration(tmp_path)),
            ("SSL_CERT_FILE", certificate.cert_file),
        ):
            node.environ[name] = str(path)
            monkeypatch.setenv(name, str(path))
        asked.records[DOMAIN, "MX"] = [f"10 mx.{DOMAIN}."]
        for name in (DOMAIN, f"autoconfig.{DOMAIN}", "other.example.net"):
            asked.records[name, "A"] = [web.address]
        node.publish(allowed_hosts=("127.0.0.0/8",))
        yield World(node, asked, web)


def redirect(place: str) -> Page:
    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", place)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return page


# --- by the servers that take a domain's mail ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("exchangers", "found"),
    [
        ("0 example-org.mail.protection.outlook.com.", "office365 microsoft_app outlook.office365.com 16"),
        ("0 example-org.j-v1.mx.microsoft.", "office365 microsoft_app outlook.office365.com 16"),
        ("0 x.olc.protection.outlook.com.", "office365 microsoft_device outlook.office365.com 16"),
        ("1 ASPMX.L.Google.com., 5 alt1.aspmx.l.google.com.", "gmail google_service imap.gmail.com 15"),
        ("1 smtp.google.com.", "gmail google_service imap.gmail.com 15"),
        ("5 gmail-smtp-in.l.google.com.", "gmail google_code imap.gmail.com 15"),
        ("1 mta7.am0.yahoodns.net.", "yahoo password imap.mail.yahoo.com 5"),
        ("1 mx-aol.mail.gm0.yahoodns.net.", "yahoo password imap.aol.com 5"),
        ("10 mx01.mail.icloud.com.", "icloud password imap.mail.me.com 2"),
        ("10 in1-smtp.messagingengine.com.", "fastmail password imap.fastmail.com 0"),
    ],
)
def test_a_provider_is_known_by_the_servers_that_take_its_mail(
    world: World, exchangers: str, found: str
) -> None:
    world.names.records[DOMAIN, "MX"] = exchangers.split(", ")
    answer = world.ask(f"anna@{DOMAIN}")
    members = ("provider", "auth", "remotehostname", "max_connections")
    assert " ".join(str(answer[name]) for name in members) == found
    assert (answer["remoteport"], answer["security"], answer["title"] != "") == (993, "ssl", True)
    assert (answer["learned"], answer["reason"]) == ("mx", None)
    assert answer["learned_from"] in exchangers.lower()
    assert answer["tried"] == [{"place": f"MX {DOMAIN}", "outcome": "found"}]
    assert not world.web.asked, "the address was told to somebody who need not know it"


def test_a_provider_that_only_helps_out_is_not_taken_for_the_one(world: World) -> None:
    world.names.records[DOMAIN, "MX"] = [f"10 mx.{DOMAIN}.", "20 aspmx.l.google.com."]
    assert world.outcomes() == ["unknown", "not_there", "not_there"]


def test_a_name_that_ends_like_a_providers_is_not_the_providers(world: World) -> None:
    world.names.records[DOMAIN, "MX"] = ["1 aspmx.l.google.com.example.net.", "1 notaspmx.l.google.com."]
    assert world.outcomes()[0] == "unknown"


# --- by the domain's own word -------------------------------------------------------------------------------


def test_the_file_of_the_domain_tells_its_server_and_the_action_gives_it(world: World) -> None:
    world.web.pages[FIRST] = config(
        server("mail.example.org", 143, "STARTTLS", "OAuth2", "password-cleartext")
    )
    step = world.node.action("recognize-source", {"address": "Anna@Example.ORG"})
    assert step.exit_code == 0, step
    assert step.output == {
        "domain": DOMAIN,
        "found": True,
        "provider": None,
        "title": "Mail of example.org",
        "remotehostname": "mail.example.org",
        "remoteport": 143,
        "security": "tls",
        "auth": "password",
        "sign_in": ["oauth2", "password"],
        "max_connections": 0,
        "learned": "autoconfig",
        "learned_from": f"https://{FIRST}",
        "reason": None,
        "tried": [
            {"place": f"MX {DOMAIN}", "outcome": "unknown"},
            {"place": f"https://{FIRST}", "outcome": "found"},
            {"place": f"https://{SECOND}", "outcome": "not_there"},
        ],
    }
    assert f"{FIRST}?emailaddress=Anna%40example.org" in world.web.asked
    assert not step.error


def test_the_file_may_be_at_the_domain_itself(world: World) -> None:
    world.web.pages[SECOND] = config(server())
    answer = world.ask()
    assert (answer["remotehostname"], answer["learned_from"]) == (f"imap.{DOMAIN}", f"https://{SECOND}")
    assert world.web.asked.count(SECOND) == 1, "without an address none is told"


def test_the_file_is_looked_for_where_no_server_takes_mail(world: World) -> None:
    world.web.pages[FIRST] = config(server())
    del world.names.records[DOMAIN, "MX"]
    assert world.outcomes() == ["not_there", "found", "not_there"]
    world.names.records[DOMAIN, "MX"] = ["0 ."]  # RFC 7505
    assert world.outcomes() == ["not_there", "found", "not_there"]


@pytest.mark.parametrize(
    ("servers", "found"),
    [
        ([server("a.org", 143, "plain"), server("b.org", 143, "STARTTLS"), server("c.org")], "c.org 993 ssl"),
        ([server("a.org", 143, "plain")], "a.org 143 "),
        ([server("a.org", 1993), server("b.org")], "a.org 1993 ssl"),
        ([server("a b.org"), server("b.org", 0), server("c.org", "x"), server("d.org")], "d.org 993 ssl"),
        (
            [server("a.org", 993, "TLS1.9"), server("b.org", kind="exchange"), server("c.org")],
            "c.org 993 ssl",
        ),
    ],
)
def test_of_several_servers_the_best_protected_that_can_be_one(
    world: World, servers: list[str], found: str
) -> None:
    world.web.pages[FIRST] = config(*servers)
    answer = world.ask()
    assert f"{answer['remotehostname']} {answer['remoteport']} {answer['security']}" == found


def test_a_known_provider_behind_a_file_has_its_facts(world: World) -> None:
    world.web.pages[FIRST] = config(server("imap.gmail.com", 993, "SSL", "password-cleartext"))
    answer = world.ask()
    assert (answer["provider"], answer["auth"], answer["max_connections"]) == ("gmail", "google_service", 15)
    assert answer["sign_in"] == ["oauth2", "app-password"]


def test_a_server_without_passwords_is_signed_in_to_by_a_person(world: World) -> None:
    world.web.pages[FIRST] = config(server("imap.example.org", 993, "SSL", "OAuth2"))
    assert world.ask()["auth"] == "oauth_code"


def test_an_international_domain_is_asked_for_by_its_encoded_name(world: World) -> None:
    world.names.records["xn--bro-hoa.example", "MX"] = ["0 x.mail.protection.outlook.com."]
    step = world.node.action("recognize-source", {"address": "anna@Büro.example."})
    assert (step.output["domain"], step.output["provider"]) == ("xn--bro-hoa.example", "office365")


# --- nothing, and what is not to be believed or waited for --------------------------------------------------


def test_a_domain_that_does_not_exist_is_asked_for_nothing_else(world: World) -> None:
    step = world.node.action("recognize-source", {"address": "anna@nobody.example"})
    assert step.exit_code == 0, step
    assert (step.output["found"], step.output["reason"]) == (False, "unknown_domain")
    assert step.output["tried"] == [{"place": "MX nobody.example", "outcome": "unknown_domain"}]
    assert world.names.asked == [("nobody.example", "MX")]


def test_nothing_is_known_is_an_answer(world: World) -> None:
    answer = world.ask()
    assert (answer["found"], answer["reason"], answer["remotehostname"]) == (False, "nothing_known", None)
    assert [row["outcome"] for row in answer["tried"]] == ["unknown", "not_there", "not_there"]


def test_a_silent_name_server_is_said_and_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "_LOOKUP_S", 0.3)
    world.names.silent = True
    began = time.monotonic()
    answer = world.ask()
    assert (answer["reason"], answer["tried"][0]["outcome"]) == ("no_answer", "no_answer")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no XML",
        b"<html><body>Not found</body></html>",
        config(),
        config(server("imap.example.org:993")),
        config(server("imap.example.org", 99999)),
        config(server("", 993)),
        CONFIG.replace(
            '<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.0" encoding="no-such"?>'
        ).encode(),
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + config(server("imap.&a;.org")).partition(b"\n")[2],
        b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + config(server()).partition(b"\n")[2],
        b"<a>" * 20_000 + b"</a>" * 10,
        config(server()) + b" " * 70_000,
    ],
    ids=str,
)
def test_a_file_that_is_none_is_not_used(world: World, content: bytes) -> None:
    world.web.pages[FIRST] = content
    assert world.outcomes() == ["unknown", "unusable", "not_there"]


@pytest.mark.parametrize(
    ("place", "outcome"),
    [
        (f"https://other.example.net{FILE}", "found"),
        (f"//other.example.net{FILE}", "found"),
        (f"https://{FIRST}", "unusable"),  # round and round
        (f"http://other.example.net{FILE}", "unusable"),
        (f"https://other.example.net:8443{FILE}", "unusable"),
        (f"https://other.example.net:x{FILE}", "unusable"),
        (f"https://anna:secret@other.example.net{FILE}", "unusable"),
        ("https://..", "unusable"),
        ("https://[", "unusable"),
        ("file:///etc/passwd", "unusable"),
        ("https://127.0.0.1/x", "not_there"),
        ("", "unusable"),
        ("https://nobody.example/x", "not_there"),
    ],
)
def test_where_a_redirection_may_lead(world: World, place: str, outcome: str) -> None:
    world.web.pages[FIRST] = redirect(place)
    world.web.pages[f"other.example.net{FILE}"] = config(server())
    assert world.outcomes()[1] == outcome
    assert len(world.web.asked) < 8


def test_a_server_that_nobody_vouches_for_is_not_believed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.web.pages[FIRST] = world.web.pages[SECOND] = config(server())
    monkeypatch.setenv("SSL_CERT_FILE", str(self_signed(tmp_path, "another").cert_file))
    assert world.outcomes() == ["unknown", "not_trusted", "not_trusted"]
    monkeypatch.setenv("SSL_CERT_FILE", str(world.web.certificate.cert_file))
    world.names.records["elsewhere.test", "A"] = [world.web.address]
    world.web.pages[FIRST] = redirect("https://elsewhere.test/")  # a name that the certificate lacks
    assert world.outcomes()[1] == "not_trusted"


def test_no_request_goes_into_the_cluster(world: World) -> None:
    world.web.pages[FIRST] = world.web.pages[SECOND] = config(server())
    world.node.publish()
    assert world.outcomes() == ["unknown", "not_allowed", "not_allowed"]
    assert not world.web.asked
    # Nor by a redirection, nor to a name that has an address outside as well.
    world.node.publish(allowed_hosts=(f"autoconfig.{DOMAIN}",))
    world.names.records["other.example.net", "A"] = ["192.0.2.1", world.web.address]
    world.web.pages[FIRST] = redirect(f"https://other.example.net{FILE}")
    assert world.outcomes() == ["unknown", "not_allowed", "not_allowed"]
    assert world.web.asked == [FIRST]


def test_a_name_is_looked_up_once_what_was_judged_is_what_is_asked(world: World) -> None:
    world.web.pages[FIRST] = config(server())
    assert world.outcomes()[1] == "found"
    assert world.names.asked.count((f"autoconfig.{DOMAIN}", "A")) == 1


def test_a_server_that_is_silent_or_drips_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_request: BaseHTTPRequestHandler) -> None:
        world.web.ended.wait(20)

    def drips(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not world.web.ended.wait(0.05):
            request.wfile.write(b"X")

    monkeypatch.setattr(recognition, "PLACE_S", 0.8)
    world.web.pages |= {FIRST: silent, SECOND: drips}
    began = time.monotonic()
    assert world.outcomes() == ["unknown", "no_answer", "no_answer"]
    assert time.monotonic() - began < 5


def test_what_is_no_mail_address_is_refused(world: World) -> None:
    step = world.node.action("recognize-source", {"address": "anna"})
    told = step.output[0]
    assert (step.exit_code, told["error"], told["field"]) == (10, "invalid_value", "address")
    assert not world.names.asked


@pytest.mark.parametrize(
    "address",
    [
        *("", "anna", "@example.org", "anna@", "anna@org", "10.0.0.1", "anna@[10.0.0.1]", "anna@::1"),
        *("a@b..org", "a b@c.org", "anna@-x.org", "a@" + "x" * 64 + ".org", "a@" + "x." * 200 + "org"),
    ],
)
def test_what_can_be_no_mail_address(address: str) -> None:
    with pytest.raises(RefusedError) as refused:
        sourceactions.recognize_source({"address": address})
    assert refused.value.refusals[0].error == "invalid_value"

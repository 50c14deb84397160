"""Sources: servers entered once, signed in to by the stand-in for the OAuth servers and a real Dovecot."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.module.conftest import Node, request
from tests.module.waiting import until
from tests.servers.authority import CLIENT, SECRET, TENANT, USER_CODE, Authority
from tests.servers.certificates import self_signed
from tests.servers.dovecot import Dovecot

from imapsync_tasks import runtime, sources, sourcestore
from syncctl import tokens
from syncctl.oauth import Granted

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE: dict[str, Any] = {
    "source": "office",
    "remotehostname": "imap.example.org",
    "remoteport": 993,
    "security": "ssl",
}
MICROSOFT = {**BASE, "auth": "microsoft_app", "tenant": TENANT, "client_id": CLIENT, "client_secret": SECRET}
PASSWORD = {**BASE, "auth": "password"}


@pytest.fixture
def authority(node: Node, tmp_path: Path) -> Iterator[Authority]:
    with Authority(tmp_path) as server:
        node.environ["SSL_CERT_FILE"] = str(server.certificate.cert_file)
        node.publish(allowed_hosts=("127.0.0.0/8",))
        yield server


def token(node: Node, user: str = "anna", source: str = "office") -> subprocess.CompletedProcess[str]:
    return node.syncctl("token", source, user)


def put(node: Node, authority: Authority, **changes: object) -> None:
    given = {**MICROSOFT, "token_url": authority.url("token"), **changes}
    assert node.action("set-source", given).exit_code == 0


def listed(node: Node) -> dict[str, Any]:
    answer = node.action("list-sources")
    assert answer.exit_code == 0, answer
    row: dict[str, Any] = answer.output["sources"][0]
    return row


def kept(node: Node) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(node.paths.source_tokens("office").read_text())
    return content


# --- files and actions --------------------------------------------------------------------------------------


def test_a_source_is_set_listed_without_its_secret_and_deleted(node: Node) -> None:
    assert node.action("set-source", MICROSOFT).output == {"source": "office", "created": True}
    answer = node.action("list-sources")
    assert SECRET not in json.dumps(answer.output)
    row = answer.output["sources"][0]
    assert (row["tenant"], row["stored"], row["state"], row["tasks"]) == (
        TENANT,
        ["client_secret"],
        "ready",
        0,
    )
    assert node.paths.source("office").stat().st_mode & 0o777 == 0o600
    assert node.action("delete-source", {"source": "office"}).exit_code == 0
    assert node.action("list-sources").output == {"sources": []}


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"tenant": ""}, "value_required", "tenant"),
        ({"client_secret": ""}, "secret_required", "client_secret"),
        ({"token_url": "http://login.example.org/token"}, "invalid_value", "token_url"),
        ({"source": "../office"}, "invalid_value", "source"),
        ({"auth": "kerberos"}, "invalid_value", "auth"),
        ({"expires_on": "2027-02-30"}, "invalid_value", "expires_on"),
    ],
)
def test_what_a_source_cannot_be_is_refused(
    node: Node, changes: dict[str, object], error: str, field: str
) -> None:
    answer = node.action("set-source", {**MICROSOFT, **changes})
    assert answer.exit_code == 10
    assert (answer.output[0]["error"], answer.output[0]["field"]) == (error, field)
    assert not node.paths.source_names()


@pytest.mark.parametrize(
    "changes",
    [{"remotehostname": "evil.example.org"}, {"token_url": "https://evil.example.org/"}, {"tenant": "e"}],
)
def test_a_stored_secret_does_not_go_to_another_server(node: Node, changes: dict[str, object]) -> None:
    node.action("set-source", MICROSOFT)
    asked = {**MICROSOFT, "client_secret": "", **changes}
    assert node.action("set-source", asked).output[0]["error"] == "secret_required"
    same = {**MICROSOFT, "client_secret": "", "max_connections": 4}
    assert node.action("set-source", same).exit_code == 0
    assert sourcestore.load(node.paths, "office").secrets == {"client_secret": SECRET}


def test_a_task_with_a_source_has_its_server_and_holds_it(node: Node) -> None:
    node.action("set-source", PASSWORD)
    before = {"remotehostname": "", "remoteport": 0, "security": ""}
    name = node.save(source="office", **before)
    task = node.store.load(name)
    assert (task.remotehostname, task.remoteport, task.security) == ("imap.example.org", 993, "ssl")
    refused = node.action("delete-source", {"source": "office"})
    assert (refused.exit_code, refused.output[0]["error"]) == (1, "source_in_use")
    moved = node.action("set-source", {**PASSWORD, "remotehostname": "evil.example.org"})
    assert moved.output[0]["error"] == "source_in_use"
    assert listed(node)["tasks"] == 1


def test_a_task_without_a_source_is_byte_for_byte_what_it_was(node: Node) -> None:
    assert "SOURCE" not in node.paths.env(node.save()).read_text()


def test_a_task_of_an_unknown_source_is_refused(node: Node) -> None:
    given = {key: value for key, value in request(source="none").items() if not key.startswith("remote")}
    answer = node.action("create-task", {**given, "remoteusername": "anna"})
    assert (answer.exit_code, answer.output[0]["error"]) == (2, "source_not_found")


def test_csv_rows_may_name_a_source_in_place_of_a_server(node: Node) -> None:
    node.action("set-source", MICROSOFT)
    text = "localusername,remoteusername,source\nbob,anna,office\nbob,anna2,none\n"
    answer = node.action("check-csv-tasks", {"csv_secret": text})
    rows = answer.output["rows"]
    assert [row["status"] for row in rows] == ["new", "invalid"]


# --- tokens -------------------------------------------------------------------------------------------------


def test_eight_who_ask_at_once_are_given_one_token(node: Node, authority: Authority) -> None:
    put(node, authority)
    asking = [
        subprocess.Popen(
            [sys.executable, "-m", "syncctl", "token", "office", f"user{number}"],
            stdout=subprocess.PIPE,
            env=node.environ,
        )
        for number in range(8)
    ]
    given = {process.communicate()[0] for process in asking}
    assert len(given) == 1
    assert len(authority.asked) == 1
    assert authority.asked[0]["scope"] == "https://outlook.office365.com/.default"


def test_a_run_that_still_listens_to_the_old_server_gets_no_token_of_the_new_one(
    node: Node, authority: Authority
) -> None:
    put(node, authority, remotehostname="evil.example.org")
    old = node.syncctl("token", "office", "anna", "evil.example.org", "993")
    assert old.returncode == 0
    put(node, authority)
    later = node.syncctl("token", "office", "anna", "evil.example.org", "993")
    assert (later.returncode, later.stdout) == (77, "")
    assert node.syncctl("token", "office", "anna", "imap.example.org", "993").returncode == 0


@pytest.mark.parametrize("anew", [False, True], ids=["changed", "deleted and made anew"])
@pytest.mark.parametrize("changes", [{"remotehostname": "evil.example.org"}, {"security": ""}], ids=str)
def test_a_token_that_was_on_its_way_when_its_source_was_changed_goes_to_no_other_server(
    node: Node, changes: dict[str, object], *, anew: bool
) -> None:
    def save(**given: object) -> sourcestore.Stored:
        source = sources.from_request({**MICROSOFT, **given})
        with node.store.locked():
            if anew:
                sourcestore.remove(node.store, "office")
            sourcestore.save(node.store, source, {"client_secret": SECRET})
        return sourcestore.load(node.paths, "office")

    before = save()
    after = save(**changes)
    tokens.keep(node.paths, before, {}, "", Granted("the token", 3600.0, "the refresh token"))
    assert sourcestore.tokens(node.paths, after) == {}
    assert listed(node)["state"] == "ready"
    again = save(max_connections=4)
    tokens.keep(node.paths, again, {}, "", Granted("the token", 3600.0, ""))
    stronger = save(tls_trust="ca")
    tokens.keep(node.paths, again, {}, "", Granted("the token", 3600.0, ""))
    assert sourcestore.tokens(node.paths, stronger)["access"]


STRANGE: list[object] = [[], "x", {}, {"auth": "password"}]


def test_tokens_of_a_strange_place_are_nobodys_and_those_without_one_are_older(node: Node) -> None:
    assert node.action("set-source", MICROSOFT).exit_code == 0
    stored = sourcestore.load(node.paths, "office")
    odd = sources.place(stored.source)
    for place in [*STRANGE, odd | {"tls_trust": 5}, odd | {"tls_trust": "x"}]:
        node.paths.source_tokens("office").write_text(json.dumps({"refresh_token": "r", "place": place}))
        assert sourcestore.tokens(node.paths, stored) == {}
    node.paths.source_tokens("office").write_text(json.dumps({"refresh_token": "r"}))
    assert sourcestore.tokens(node.paths, stored) == {"refresh_token": "r"}


def test_a_token_is_renewed_before_it_ends(node: Node, authority: Authority) -> None:
    authority.lasts_s = 3
    put(node, authority)
    token(node)
    until(lambda: kept(node)["access"][""]["renew_at"] < time.time())
    assert token(node).returncode == 0
    assert len(authority.asked) == 2


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (("invalid_client", "AADSTS7000215: Invalid client secret provided."), "client_secret_refused"),
        (
            ("invalid_client", "AADSTS7000222: The provided client secret keys are expired."),
            "client_secret_expired",
        ),
        (("invalid_request", "AADSTS90002: Tenant 'x' not found."), "tenant_not_found"),
        (("unauthorized_client", "AADSTS700016: Application not found."), "client_not_found"),
        (("invalid_grant", "AADSTS65001: The user or administrator has not consented."), "consent_missing"),
        (
            ("invalid_client", "AADSTS700024: Client assertion is not within its valid time range."),
            "clock_wrong",
        ),
        (("server_error", "later"), "token_request_refused"),
    ],
)
def test_each_refusal_has_its_reason_and_is_not_asked_for_again_at_once(
    node: Node, authority: Authority, refusal: tuple[str, str], code: str
) -> None:
    put(node, authority)
    authority.refuses = refusal
    first, second = token(node), token(node)
    assert (first.returncode, first.stdout) == (77, "")
    assert code in first.stderr
    assert code in second.stderr
    assert len(authority.asked) == 1
    assert listed(node)["trouble"] == code


def test_a_refresh_token_that_rotates_is_kept_and_a_revoked_one_asks_for_a_sign_in(
    node: Node, authority: Authority
) -> None:
    authority.lasts_s = 0  # each token is used up at once
    put(node, authority, auth="oauth_refresh", client_secret="", refresh_token="refresh-0")
    assert token(node).returncode == 0
    assert token(node).returncode == 0
    assert kept(node)["refresh_token"] == "refresh-2"
    authority.rotated = 7  # revoked
    assert "sign_in_needed" in token(node).stderr
    asked = len(authority.asked)
    assert "sign_in_needed" in token(node).stderr
    assert len(authority.asked) == asked  # never a loop
    assert listed(node)["state"] == "sign_in"


def test_a_device_code_is_typed_and_signs_in(node: Node, authority: Authority) -> None:
    put(node, authority, auth="microsoft_device", client_secret="", device_url=authority.url("devicecode"))
    assert listed(node)["state"] == "sign_in"
    begun = node.action("sign-in", {"source": "office"})
    assert (begun.output["state"], begun.output["user_code"]) == ("device", USER_CODE)
    assert "the-device-code" not in json.dumps(begun.output)
    assert node.action("sign-in", {"source": "office"}).output["state"] == "device"
    authority.approved = True
    assert node.action("sign-in", {"source": "office"}).output["state"] == "done"
    assert listed(node)["state"] == "ready"
    assert token(node).returncode == 0


def test_a_consent_in_the_browser_is_pasted_back(node: Node, authority: Authority) -> None:
    put(node, authority, auth="google_code", client_secret=SECRET, authorize_url=authority.url("authorize"))
    begun = node.action("sign-in", {"source": "office"})
    assert begun.output["state"] == "visit"
    ended = authority.consent(begun.output["authorize_url"])
    done = node.action("sign-in", {"source": "office", "response_secret": ended})
    assert done.output["state"] == "done"
    assert token(node).returncode == 0


def test_a_consent_of_another_sign_in_is_not_taken(node: Node, authority: Authority) -> None:
    put(node, authority, auth="google_code", authorize_url=authority.url("authorize"))
    node.action("sign-in", {"source": "office"})
    pasted = "http://127.0.0.1/?state=other&code=x"
    done = node.action("sign-in", {"source": "office", "response_secret": pasted})
    assert (done.output["state"], done.output["error"]) == ("failed", "sign_in_answer_wrong")
    assert authority.asked == []


def key_and_certificate(tmp_path: Path) -> tuple[str, str]:
    """Give an RSA key and its certificate in PEM form."""
    made = self_signed(tmp_path, "application")
    key = tmp_path / "rsa.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=application",
         "-days", "30", "-keyout", str(key), "-out", str(made.cert_file)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return key.read_text(), made.cert_file.read_text()


def public_key(certificate: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    return found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_certificate_signs_for_the_application_and_its_end_is_shown(
    node: Node, authority: Authority, tmp_path: Path
) -> None:
    key, certificate = key_and_certificate(tmp_path)
    authority.public_key = public_key(certificate)
    put(node, authority, client_secret="", certificate_key=key + certificate)
    assert token(node).returncode == 0
    assert "client_assertion" in authority.asked[0]
    assert listed(node)["expires"]


def test_a_service_account_speaks_for_each_user(node: Node, authority: Authority, tmp_path: Path) -> None:
    key, certificate = key_and_certificate(tmp_path)
    authority.public_key = public_key(certificate)
    account = {"client_email": "robot@example.iam", "private_key": key, "private_key_id": "1"}
    put(node, authority, auth="google_service", client_secret="", service_account_key=json.dumps(account))
    first, second = token(node, "anna"), token(node, "bert")
    assert first.returncode == second.returncode == 0
    assert first.stdout != second.stdout
    authority.refuses = ("invalid_grant", "Invalid JWT Signature.")
    authority.clock_s = 700
    assert "clock_wrong" in token(node, "carl").stderr


def test_a_token_endpoint_that_nobody_vouches_for_is_told(node: Node, authority: Authority) -> None:
    put(node, authority)
    del node.environ["SSL_CERT_FILE"]
    assert "token_endpoint_unreachable" in token(node).stderr
    assert authority.asked == []


# --- connections --------------------------------------------------------------------------------------------


def test_tasks_of_a_source_that_may_have_two_connections_run_one_after_the_other(idle: Node) -> None:
    idle.publish(max_parallel=4)
    assert idle.action("set-source", {**PASSWORD, "max_connections": 2}).exit_code == 0
    server = {"remotehostname": "", "remoteport": 0, "security": ""}
    names = [idle.save(task_id=f"t{number}", source="office", **server) for number in range(3)]
    (idle.home / "seconds").write_text("0.3")
    idle.syncctl("start", "--detach", *names)
    with idle.store.locked():
        states = [one.state for one in runtime.states(idle.paths, names).values()]
    assert sorted(states) == ["queued", "queued", "running"]
    until(lambda: all(runtime.result(idle.paths, name) for name in names))


def test_tasks_of_one_account_keep_to_the_connections_that_its_provider_has(idle: Node) -> None:
    idle.publish(max_parallel=8)
    apple = {"remotehostname": "imap.mail.me.com", "remoteport": 993, "security": "ssl"}  # two connections
    anna = [idle.save(task_id=f"t{number}", remoteusername="anna", **apple) for number in range(3)]
    others = [idle.save(task_id="b", remoteusername="bob", **apple), idle.save(task_id="c")]
    idle.syncctl("start", "--detach", *anna, *others)

    def states(names: list[str]) -> list[str]:
        with idle.store.locked():
            found = runtime.states(idle.paths, names)
        return [found[name].state for name in names]

    assert states(anna) == ["running", "queued", "queued"]
    assert states(others) == ["running", "running"]
    idle.syncctl("stop", anna[0])
    until(lambda: states(anna) == ["stopped", "running", "queued"])


# --- mail ---------------------------------------------------------------------------------------------------


@pytest.mark.servers
def test_mail_arrives_by_tokens_that_end_between_runs_and_no_secret_is_anywhere(
    node: Node, authority: Authority
) -> None:
    from tests.module.test_servers import messages

    with Dovecot(tokens=True) as remote, Dovecot() as local:
        remote.add_user("anna", "remote secret")
        local.add_user("bob", "local secret")
        remote.fill("anna", {"INBOX": messages(20)})
        node.environ |= {
            "MAIL_HOST": local.host,
            "SYNCCTL_MAIL_PORT": str(local.port),
            "SYNCCTL_ENGINE": str(Path(sys.executable).with_name("imapsync")),
        }
        node.publish(mail_host=local.host, allowed_hosts=("127.0.0.0/8",))
        node.paths.master_password.write_text(local.master_password)
        put(node, authority, remotehostname=remote.host, remoteport=remote.port, security="", tls_trust="any")
        looked = node.action("test-source", {"source": "office", "remoteusernames": ["anna", "nobody"]})
        assert [one["ok"] for one in looked.output["results"]] == [True, False], looked
        given = request(localuser="bob", remoteusername="anna", source="office", cron="", exclude="")
        asked = {key: given[key] for key in given if key not in ("remotehostname", "remoteport", "security")}
        del asked["remotepassword"]
        made = node.action("create-task", asked)
        assert made.exit_code == 0, made
        name = "bob_a0241w"
        until(lambda: runtime.result(node.paths, name))
        result = runtime.result(node.paths, name)
        assert result
        assert (result["exit_code"], result["messages_transferred"]) == (0, 20)
        assert not node.paths.pwd(name).exists()
        # The token has come to its end: the next run gets another, unasked.
        content = kept(node)
        content["access"][""]["renew_at"] = 0
        node.paths.source_tokens("office").write_text(json.dumps(content))
        asked_before = len(authority.asked)
        assert node.syncctl("start", name).returncode == 0
        assert len(authority.asked) == asked_before + 1
        secrets = [SECRET, *(one["token"] for one in kept(node)["access"].values())]
        own = (".source", ".token")
        for path in (path for path in node.state.rglob("*") if path.is_file() and path.suffix not in own):
            held = path.read_bytes()
            assert not any(secret.encode() in held for secret in secrets), path
        told = json.dumps(
            [node.action("list-tasks").output, node.action("list-sources").output, looked.output]
        )
        assert not any(secret in told for secret in secrets)

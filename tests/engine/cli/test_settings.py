"""Options become the engine's settings, contradictions become sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imapsync.cli.errors import InputError, UsageError
from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.cli.settings import settings
from imapsync.cli.values import complete
from imapsync.plan.selection import fingerprint
from imapsync.session.endpoint import Security
from imapsync.transfer.settings import Mode, Settings

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = [
    "--host1",
    "a",
    "--user1",
    "u",
    "--password1",
    "p",
    "--host2",
    "b",
    "--user2",
    "v",
    "--password2",
    "q",
]


def made(*words: str, accounts: list[str] | None = None) -> Settings:
    parsed, problems = Parser(TABLE).read([*(ACCOUNTS if accounts is None else accounts), *words])
    assert problems == []
    return settings(complete(parsed), {}, "/nowhere", lambda _: None)


@pytest.mark.parametrize(
    ("words", "security"),
    [
        ([], Security.AUTO),
        (["--ssl1"], Security.TLS),
        (["--tls1"], Security.STARTTLS),
        (["--nossl1"], Security.STARTTLS_IF_OFFERED),
        (["--nossl1", "--tls1"], Security.STARTTLS),
        (["--ssl1", "--notls1"], Security.TLS),
        (["--nossl1", "--notls1"], Security.NONE),
        (["--nossl", "--notls"], Security.NONE),
        (["--notls1"], Security.TLS),
        (["--notls1", "--port1", "143"], Security.NONE),
        (["--notls1", "--port1", "993"], Security.TLS),
    ],
)
def test_what_is_asked_to_be_encrypted_is_never_sent_in_clear(words: list[str], security: Security) -> None:
    assert made(*words).source.security is security
    assert made("--ssl2", *words).destination is not None


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ([], Mode.SYNC),
        (["--dry"], Mode.SYNC),
        (["--justconnect"], Mode.CONNECT),
        (["--justlogin"], Mode.LOGIN),
        (["--justfolders"], Mode.FOLDERS),
        (["--justfoldersizes", "--dry"], Mode.SIZES),
        (["--verify"], Mode.VERIFY),
        (["--verify=content"], Mode.VERIFY),
    ],
)
def test_how_far_a_run_goes(words: list[str], mode: Mode) -> None:
    assert made(*words).mode is mode


def test_host1_alone_only_connects() -> None:
    only = made(accounts=["--host1", "a"])
    assert only.mode is Mode.CONNECT
    assert only.destination is None
    assert only.source_credentials is None


def test_one_side_is_enough_to_log_in_and_to_measure() -> None:
    for word in ("--justlogin", "--justfoldersizes"):
        only = made(word, accounts=ACCOUNTS[:6])
        assert only.destination is None
        assert only.source_credentials is not None
    with pytest.raises(UsageError, match="--host2, --user2"):
        made(accounts=ACCOUNTS[:6])


@pytest.mark.parametrize(
    ("words", "option", "sentence"),
    [
        (["--port1", "70000"], "port1", "from 1 to 65535"),
        (["--ssl1", "--tls1"], "tls1", "exclude each other"),
        (["--trust2", "maybe"], "trust2", "tofu"),
        (["--trust2", "sha256:12"], "trust2", "sha256:FINGERPRINT"),
        (["--sslargs1", "SSL_key=x"], "sslargs1", "SSL_verify_mode"),
        (["--authmech1", "NTLM"], "authmech1", "PLAIN"),
        (["--proxyauth1"], "proxyauth1", "--authuser1"),
        (["--timeout1", "-1"], "timeout1", "negative"),
        (["--discreet1", "local"], "discreet1", "'local' is no IP address or network"),
        (["--host1", "a b"], "host1", "no host name"),
        (["--via1", "192.0.2.1", "--via1", "example.org"], "via1", "'example.org' is no IP address"),
        (["--via1", "none", "--via1", "192.0.2.1"], "via1", "'none' is no IP address"),
        (["--avoid1", "10.0.0.1/8"], "avoid1", "'10.0.0.1/8' is no IP address or network"),
        (["--exclude", "("], "exclude", "never closed"),
        (["--exclude", ""], "exclude", "empty"),
        (["--include", "a\\p{L}"], "include", "\\p"),
        (["--skipmess", "m/(/"], "skipmess", "never closed"),
        (["--regexmess", "s/a/b/e"], "regexmess", "Perl code"),
        (["--regexflag", "m/a/"], "regexflag", "change something"),
        (["--regextrans2", "s/$foo/x/"], "regextrans2", "Perl variable"),
        (["--delete2foldersonly", "/[/"], "delete2foldersonly", "missing"),
        (["--sep1", "//"], "sep1", "one character"),
        (["--f1f2", "a="], "f1f2", "no folder of host2"),
        (["--useheader", "Message Id"], "useheader", "no header name"),
        (["--connections", "0"], "connections", "between 1 and"),
        (["--errorsmax", "0"], "errorsmax", "at least 1"),
        (["--maxsize", "-1"], "maxsize", "negative"),
        (["--search", "ALL\r\nx"], "search1", "SEARCH"),
        (["--setflag1", "a b"], "setflag1", "no flag"),
        (["--setflag1", "\\Recent"], "setflag1", "no flag that a client may set"),
    ],
)
def test_contradictions_name_their_option(words: list[str], option: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(*words)
    assert caught.value.option == option
    assert sentence in caught.value.problems[0]
    assert f"--{option}" in caught.value.problems[0] or option.startswith("search")


def test_defaults_are_the_documented_ones() -> None:
    found = made()
    assert found.flags.resync
    assert found.content.keep_dates
    assert found.folders.subscribe
    assert found.sizes_at_start
    assert found.sizes_at_end
    assert found.limits.errors_max == 50
    assert found.limits.max_sleep_s == 2
    assert not found.deletion.source
    assert not found.deletion.destination
    assert found.source.trust.mode == "tofu"
    assert found.source.tofu_path == "/nowhere/.local/state/imapsync/trust.json"


def test_a_host_can_be_bound_to_addresses_or_to_none() -> None:
    assert made().source.addresses is None
    assert made("--via1", "192.0.2.1", "--via1", "2001:db8::1").source.addresses == (
        "192.0.2.1",
        "2001:db8::1",
    )
    assert made("--via1", "none").source.addresses == ()


def test_a_host_can_be_kept_from_networks() -> None:
    assert made().source.avoided == ()
    found = made("--avoid1", "10.0.0.0/8", "--avoid1", "::1")
    assert [str(network) for network in found.source.avoided] == ["10.0.0.0/8", "::1/128"]


def test_a_host_can_be_treated_discreetly() -> None:
    assert made().source.discreet == ()
    found = made("--discreet1", "10.0.0.0/8", "--discreet1", "::1")
    assert [str(network) for network in found.source.discreet] == ["10.0.0.0/8", "::1/128"]


def test_names_reach_their_rules() -> None:
    found = made(
        *[
            "--delete2foldersbutnot",
            "/^Keep/",
            "--search1",
            "UNSEEN",
            "--setflag1",
            "seen",
            "--setflag1",
            "$Done",
        ],
        *["--noexpunge1", "--delete1older", "2.5", "--nofoldersizes", "--maxage", "3", "--f1f2", "a=b=c"],
        *["--state", "/x/s", "--trust1", "any", "--truststore2", "/y"],
    )
    assert found.deletion.destination_folders
    assert found.deletion.destination_folders_but_not[0]("Keeper")
    assert found.selection.source_search == "UNSEEN"
    assert found.selection.destination_search is None
    assert found.flags.set_on_source == ("\\Seen", "$Done")
    assert found.deletion.source_expunge is False
    assert found.deletion.source_older_days == 2.5
    assert not found.sizes_at_end
    assert found.selection.max_age_days == 3
    assert found.folders.forced == {"a": "b=c"}
    assert not found.folders.personal_only
    assert made("--personal1").folders.personal_only
    assert found.source.trust.mode == "any"
    assert found.source.tofu_path == "/x/s.trust"
    assert found.destination is not None
    assert found.destination.tofu_path == "/y"


@pytest.mark.parametrize(
    ("words", "removed", "by_uid"),
    [
        ([], True, True),
        (["--expunge2"], True, True),
        (["--noexpunge2"], False, True),
        (["--nouidexpunge2"], False, False),
        (["--nouidexpunge2", "--expunge2"], True, False),
        (["--noexpunge2", "--nouidexpunge2"], False, False),
    ],
)
def test_how_messages_leave_host2(words: list[str], removed: bool, by_uid: bool) -> None:
    rules = made("--delete2", *words).deletion
    assert (rules.destination_expunge, rules.destination_uid_expunge) == (removed, by_uid)


def test_patterns_see_both_spellings_of_a_folder() -> None:
    rules = made("--exclude", "^Envoy&AOk-s$", "--include", "^É").folders
    assert rules.exclude[0]("Envoyés")
    assert rules.include[0]("École")
    rename = made(
        *["--regextrans2", "s/Envoy&AOk-s/Sent/"],
        *["--regextrans2", "s,^${h2_prefix},${h2_prefix}Old${h2_sep},"],
    ).folders.rename
    assert rename[0]("Envoyés", "INBOX.", ".") == "Sent"
    assert rename[0]("Autres é", "INBOX.", ".") == "Autres é"
    assert rename[1]("INBOX.a", "INBOX.", ".") == "INBOX.Old.a"


def test_a_token_comes_as_text_or_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("tok\nrest\n")
    assert (
        made("--oauthaccesstoken1", str(file)).source_credentials
        == made("--oauthaccesstoken1", str(file)).source_credentials
    )
    by_file = made(
        "--oauthaccesstoken1", str(file), accounts=[*ACCOUNTS[:4], *ACCOUNTS[6:]]
    ).source_credentials
    assert by_file is not None
    assert by_file.token_file == str(file)
    by_text = made("--oauthaccesstoken1", "abc", accounts=[*ACCOUNTS[:4], *ACCOUNTS[6:]]).source_credentials
    assert by_text is not None
    assert by_text.token is not None
    assert by_text.token.reveal() == "abc"


def test_a_password_file_that_cannot_be_read_is_an_input_error() -> None:
    with pytest.raises(InputError, match="--passfile1"):
        made("--passfile1", "/nonexistent/file", accounts=[*ACCOUNTS[:4], *ACCOUNTS[6:]])


@pytest.mark.parametrize("option", ["--skipmess", "--regexflag"])
def test_another_pattern_is_another_rule_for_the_journal(option: str) -> None:
    one, other = (made(option, f"s/{letter}/x/" if option == "--regexflag" else letter) for letter in "ab")
    same = made(option, "s/a/x/" if option == "--regexflag" else "a")

    def rules(chosen: Settings) -> str:
        return fingerprint(chosen.selection, chosen.flags)

    assert rules(one) != rules(other)
    assert rules(one) == rules(same)

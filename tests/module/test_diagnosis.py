"""What a form is told of the engine's report of a short run: a table of reports."""

from __future__ import annotations

from typing import Any

import pytest

from imapsync_tasks import diagnosis

FOUND = {"subject": "s", "issuer": "i", "expires": "2027", "fingerprint": "ab", "trusted": False}


def failed(*errors: dict[str, Any], **report: Any) -> dict[str, Any]:  # noqa: ANN401 - a report's members
    """Give the report of a run with errors."""
    return {"exit_code": 1, "errors": list(errors), **report}


@pytest.mark.parametrize(
    ("error", "key", "field"),
    [
        ({"code": "usage", "option": "exclude"}, "invalid_exclude", "exclude"),
        ({"code": "usage", "option": "port1"}, "validation_failed", "remotehostname"),
        ({"side": "host1", "code": "authentication"}, "bad_user_credentials", "remotepassword"),
        ({"side": "host1", "code": "connection"}, "check_hostname_or_tcp_port", "remoteport"),
        (
            {"side": "host1", "code": "connection", "cause": "unknown_host"},
            "check_hostname_or_tcp_port",
            "remotehostname",
        ),
        ({"side": "host1", "code": "tls", "cause": "unknown_host"}, "ssl_encryption_error", "security"),
        ({"side": "host1", "code": "never heard of"}, "validation_failed", "remotehostname"),
        ({"side": "host2", "code": "login_dropped"}, "mailbox_not_found", "localuser"),
        ({"side": "host2", "code": "authentication"}, "master_password_refused", "localuser"),
        ({"side": "host2", "code": "tls"}, "mail_server_unreachable", "localuser"),
    ],
    ids=str,
)
def test_each_error_belongs_to_a_field(error: dict[str, Any], key: str, field: str) -> None:
    (one,) = diagnosis.refusals(failed(error), both=True)
    assert (one.error, one.as_json()["field"]) == (key, field)


@pytest.mark.parametrize(
    ("report", "both", "expected"),
    [
        ({"exit_code": 0, "errors": [{"code": "tls"}]}, True, []),
        (failed(), True, ["validation_failed"]),
        ({"exit_code": 1, "errors": "odd"}, True, ["validation_failed"]),
        ({"exit_code": 1, "errors": ["odd"]}, True, ["validation_failed"]),
        (failed(late=True), True, ["check_hostname_or_tcp_port"]),
        (failed(late=True, host1={"login": True}), True, ["mail_server_unreachable"]),
        (failed(late=True, host1={"login": True}), False, ["validation_failed"]),
        (failed(late=True, host1={"login": True}, host2={"login": True}), True, ["validation_failed"]),
        (failed({"side": "host2", "code": "tls"}, late=True), True, ["mail_server_unreachable"]),
        (
            failed(
                {"side": "host2", "code": "tls"},
                {"side": "host1", "code": "authentication"},
            ),
            True,
            ["bad_user_credentials", "mail_server_unreachable"],
        ),
    ],
    ids=[
        *("it worked", "no word", "no list", "no error", "the remote side was silent", "the local side was"),
        *("only the remote side was asked", "both logins worked", "one side told, nothing of the other"),
        "the remote side first",
    ],
)
def test_what_is_told_of_a_login_check(report: dict[str, Any], both: bool, expected: list[str]) -> None:
    assert [one.error for one in diagnosis.refusals(report, both=both)] == expected


def test_two_errors_of_one_field_are_told_once_the_first_of_them() -> None:
    first, second = ({"side": "host1", "code": "tls", "text": text} for text in ("first", "second"))
    (one,) = diagnosis.refusals(failed(first, second), both=False)
    assert one.details["server_text"] == "first"


@pytest.mark.parametrize(
    ("report", "silent"),
    [
        (failed({"side": "host1", "code": "timeout"}), True),
        (failed({"side": "host2", "code": "timeout"}), False),
        (failed({"side": "host1", "code": "authentication"}), False),
        (failed(late=True), True),
        (failed(late=True, host1={"login": True}), False),
        ({"exit_code": 0, "errors": []}, False),
    ],
)
def test_a_server_that_did_not_greet_in_time_is_silent(report: dict[str, Any], *, silent: bool) -> None:
    assert diagnosis.is_silent(report) is silent


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, ""),
        ({"text": "ours"}, "ours"),
        ({"text": "ours", "server_text": "the server's"}, "the server's"),
        ({"text": "ours", "server_text": ""}, "ours"),
    ],
    ids=["nothing", "our words", "the server's words", "an empty answer"],
)
def test_what_the_server_said_is_told_before_our_words(said: dict[str, str], told: str) -> None:
    report = failed({"side": "host1", "code": "authentication", **said})
    assert diagnosis.remote_login(report)["server_text"] == told
    (one,) = diagnosis.refusals(report, both=True)
    assert one.details["server_text"] == told


def test_of_what_a_server_said_so_much_is_told_as_a_form_can_show() -> None:
    (one,) = diagnosis.refusals(failed({"side": "host1", "code": "tls", "text": "x" * 600}), both=True)
    assert one.details["server_text"] == "x" * 500


def test_a_look_at_a_remote_account_blames_no_local_side() -> None:
    late = failed(late=True, host1={"login": True})
    assert diagnosis.remote_login(late)["error"] == "validation_failed"
    answer = diagnosis.folders(late)["refusals"]
    assert isinstance(answer, list)
    assert [one["error"] for one in answer] == ["validation_failed"]


def test_a_look_at_a_remote_account_tells_certificate_and_capabilities() -> None:
    side = {"certificate": FOUND | {"other": 1}, "capabilities": ["IMAP4rev1", 5]}
    answer = diagnosis.remote_login({"exit_code": 0, "host1": side})
    assert (answer["ok"], answer["error"], answer["field"]) == (True, None, None)
    assert (answer["certificate"], answer["capabilities"]) == (FOUND, ["IMAP4rev1", "5"])
    refused = {"side": "host1", "code": "certificate_changed", "text": "changed", **FOUND}
    answer = diagnosis.remote_login(failed(refused, host1={"capabilities": 5}))
    assert (answer["ok"], answer["error"], answer["field"]) == (False, "certificate_changed", "tls_trust")
    assert (answer["server_text"], answer["certificate"], answer["capabilities"]) == ("changed", FOUND, [])
    no_fingerprint = {"exit_code": 0, "host1": {"certificate": {"subject": "s"}}}
    assert diagnosis.remote_login(no_fingerprint)["certificate"] is None


def test_folders_are_listed_with_inbox_first_and_odd_ones_as_they_are() -> None:
    listed = [
        {"name": "b", "selectable": False},
        {"name": "A", "messages": 3, "bytes": 9},
        {"name": "INBOX"},
        5,
    ]
    rows = diagnosis.folders({"exit_code": 0, "host1": {"folder_list": listed}})["folders"]
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == ["INBOX", "", "A", "b"]
    assert [row["selectable"] for row in rows] == [True, True, True, False]
    assert (rows[2]["messages"], rows[2]["size_bytes"]) == (3, 9)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        ({"exit_code": 0, "host1": {}}, "validation_failed"),
        ({"exit_code": 0, "host1": {"folder_list": "x"}}, "validation_failed"),
        (
            failed({"side": "host1", "code": "authentication"}, host1={"folder_list": []}),
            "bad_user_credentials",
        ),
    ],
    ids=["no list", "odd list", "no login"],
)
def test_folders_that_could_not_be_read_are_refused(report: dict[str, Any], error: str) -> None:
    answer = diagnosis.folders(report)
    assert answer.keys() == {"refusals"}
    assert isinstance(answer["refusals"], list)
    assert [one["error"] for one in answer["refusals"]] == [error]


@pytest.mark.parametrize(
    "report",
    [failed(host1={"folders": 1}, host2={"folders": 1}), {"exit_code": 0, "host1": {"folders": 1}}, {}],
    ids=["it failed", "one side only", "nothing"],
)
def test_without_both_sides_there_are_no_informations(report: dict[str, Any]) -> None:
    assert diagnosis.informations(report) == {"status": False}


def test_informations_count_what_was_counted() -> None:
    sides = {"host1": {"folders": 2, "messages": 30, "bytes": 400}, "host2": {"folders": "x", "messages": 3}}
    assert diagnosis.informations({"exit_code": 0, **sides}) == {
        "status": True,
        "host1Folders": 2, "host1Messages": 30, "host1Sizes": 400,
        "host2Folders": 0, "host2Messages": 3, "host2Sizes": 0,
    }  # fmt: skip


def test_a_certificate_that_is_not_accepted_is_shown_with_its_fingerprint() -> None:
    changed = {"side": "host1", "code": "certificate_changed", **FOUND}
    (one,) = diagnosis.refusals(failed(changed), both=True)
    assert one.value == FOUND
    (one,) = diagnosis.refusals(failed(changed | {"fingerprint": "ab"} | {"code": "tls"}), both=True)
    assert one.value == FOUND
    del changed["fingerprint"]
    (one,) = diagnosis.refusals(failed(changed), both=True)
    assert one.value == ""

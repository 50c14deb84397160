"""get-report: a file for the customer, of a mailbox or of a project, in which foreign text stays text."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.report.test_html import Cells
from tests.module.conftest import IMAGEROOT, ROOT, Node, request
from tests.module.test_projects import ended, project
from tests.servers.client import NewMessage

from imapsync_tasks import runtime

if TYPE_CHECKING:
    from tests.servers.dovecot import Dovecot

WORDS = json.loads((IMAGEROOT / "pypkg" / "imapsync_tasks" / "words.json").read_text())
HOSTILE = '=cmd|"/c calc"!A1 <script src="http://x.example/x.js"></script>{{ 7 * 7 }}'


def got(node: Node, **asked: object) -> dict[str, Any]:
    done = node.action("get-report", asked)
    assert done.exit_code == 0, done
    answer: dict[str, Any] = done.output
    return answer


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_report_of_a_project_says_who_is_there_and_who_is_not(node: Node) -> None:
    project(node, stage="full", title=HOSTILE)
    names = [node.save(task_id=f"t{number}", project="wave1", remoteusername=HOSTILE) for number in range(3)]
    for name, end in ((names[0], (0, None)), (names[1], (161, "authentication"))):
        with node.store.locked():
            runtime.publish(node.paths, name, ended(*end), [], 0)
    table = got(node, project="wave1", format="csv")
    assert (table["file_name"], table["media_type"]) == ("wave1.csv", "text/csv")
    *told, problem = rows(table["content"])
    assert [row["state"] for row in told] == ["in_step", "sign_in", "checked"]
    assert {row["remoteusername"] for row in told} == {f"'{HOSTILE}"}
    assert [problem[key] for key in ("row", "localuser", "code")] == [
        "problem",
        "administrator",
        "authentication",
    ]
    for language, words in (("en", "1 of 3 Mailboxes complete"), ("it", "1 di 3 Caselle complete")):
        page = Cells(got(node, project="wave1", format="html", language=language)["content"])
        assert page.verdict == words
        assert page.asked == []
        assert "script" not in page.tags
        assert len([row for row in page.rows if row[0].startswith(HOSTILE)]) == 3
        why = WORDS[language]["outcomes"]["authentication"]
        assert [why["text"], "1", "administrator", why["remedy"]] in page.rows
        assert ["administrator", "", why["text"], why["remedy"]] in page.rows
    facts = json.loads(got(node, project="wave1", format="json")["content"])
    assert (facts["mailboxes_total"], len(facts["mailboxes"])) == (3, 3)


LOST = {
    "folder": HOSTILE, "uid": 7, "message_id": "<7@x>", "subject": HOSTILE, "size_bytes": 70_000,
    "date": "2024-01-02T03:04:05+00:00",
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_report_of_a_project_names_every_exception_with_what_helps(node: Node, language: str) -> None:
    project(node, stage="full")
    large, odd, lost = (node.save(task_id=f"t{number}", project="wave1") for number in range(3))
    failed = LOST | {"reason": "too_big", "server_text": "[TOOBIG]", "uidvalidity": 1, "remedy": "x"}
    folder = {"side": "host2", "folder": "Odd", "code": "folder_create", "text": "no", "remedy": "x"}
    missing = LOST | {"kind": "missing", "expected": "", "found": ""}
    late = LOST | {
        "uid": 8,
        "message_id": None,
        "kind": "date",
        "expected": "1700000000",
        "found": "1700000100",
    }
    counts = {"checked": 5, "equal": 3, "exceptions_total": 2, "method": "content"}
    verified = {"ended_at": 2e9, "exit_code": 121, "verify": counts | {"exceptions": [missing, late]}}
    with node.store.locked():
        runtime.publish(node.paths, large, ended(0, None) | {"messages_failed": 1}, [failed], 1)
        runtime.publish(node.paths, odd, ended(117, "folder_create"), [], 0)
        runtime.publish(node.paths, lost, ended(0, None), [], 0)
        runtime.keep_verification(node.paths, lost, verified, "content", 121)
    told = {"engine": "1.0.0", "options": "--exclude Later", "exit_code": 117, "errors": [folder]}
    node.paths.told(odd).write_text(json.dumps(told | {"skipped": {"present": 3, "size": 4}}))
    page = got(node, project="wave1", language=language)["content"]
    found, words = Cells(page), WORDS[language]
    assert found.asked == []
    assert "script" not in found.tags
    too_big, create = words["failures"]["too_big"], words["outcomes"]["folder_create"]
    last = ["administrator", HOSTILE, "<7@x>", LOST["date"], "68.4 KiB"]
    assert [*last, too_big["text"] + "[TOOBIG]", too_big["remedy"]] in found.rows
    assert ["administrator", "Odd", create["text"] + "no", create["remedy"]] in found.rows
    assert [*last, words["kinds"]["missing"], words["kind_remedies"]["missing"]] in found.rows
    (dates,) = [row for row in found.rows if "UID 8" in row]
    assert "2023-11-14 22:13 UTC / 2023-11-14 22:15 UTC" in dates[5]
    groups = [row[0] for row in found.rows if row[1:3] == ["1", "administrator"]]
    reasons = ("folder_create", "messages_failed", "verify")
    assert groups == [words["outcomes"][reason]["text"] for reason in reasons]
    for text in ("imapsync 1.0.0", "--exclude Later", f"<dt>{words['skips']['size']}</dt><dd>4</dd>"):
        assert text in html.unescape(page)
    assert HOSTILE in html.unescape(got(node, project="wave1", subjects=True)["content"])
    table = rows(got(node, project="wave1", format="csv")["content"])
    assert [row["row"] for row in table][3:] == ["failure", "problem", "difference", "difference"]
    assert "subject" not in table[0]


def test_exceptions_of_which_only_the_first_were_kept_are_all_counted(node: Node) -> None:
    project(node, stage="full")
    name = node.save(project="wave1")
    failed = LOST | {"reason": "too_big", "server_text": "", "uidvalidity": 1, "remedy": ""}
    failures = [failed | {"uid": uid} for uid in range(1, runtime.MAX_FAILURES + 1)]
    missing = LOST | {"kind": "missing", "expected": "", "found": ""}
    counts = {"checked": 5000, "equal": 2500, "exceptions_total": 2500, "method": "headers"}
    verified = {"ended_at": 2e9, "exit_code": 121, "verify": counts | {"exceptions": [missing]}}
    with node.store.locked():
        runtime.publish(node.paths, name, ended(0, None) | {"messages_failed": 1500}, failures, 1500)
        runtime.keep_verification(node.paths, name, verified, "headers", 121)
    facts = json.loads(got(node, project="wave1", format="json")["content"])
    assert (len(facts["failures"]), len(facts["differences"])) == (runtime.MAX_FAILURES, 1)
    assert facts["exceptions_total"] == 1500 + 2500
    page = got(node, project="wave1")["content"]
    assert f"{4000 - runtime.MAX_FAILURES - 1}</p>" in page


@pytest.mark.parametrize("moment", [10**15, -(10**15)])
def test_a_moment_that_no_calendar_has_costs_no_more_than_itself(node: Node, moment: int) -> None:
    project(node, stage="full")
    name = node.save(project="wave1")
    counts = {"checked": 5, "equal": 5, "exceptions_total": 0, "method": "headers", "exceptions": []}
    with node.store.locked():
        runtime.publish(node.paths, name, ended(0, None), [], 0)
        verified = {"ended_at": moment, "exit_code": 0, "verify": counts}
        runtime.keep_verification(node.paths, name, verified, "headers", 0)
        result = json.loads(node.paths.result(name).read_text())
        node.paths.result(name).write_text(json.dumps(result | {"started_at": moment}))
    assert "1 of 1 Mailboxes" in Cells(got(node, project="wave1")["content"]).verdict
    (row,) = rows(got(node, project="wave1", format="csv")["content"])
    assert (row["last_run"], row["verified_at"], row["messages_here"]) == ("", "", "1")


def test_json_has_the_subjects_always_and_the_words_about_it_say_so(node: Node) -> None:
    project(node, stage="full")
    name = node.save(project="wave1")
    failed = LOST | {"subject": "Salary", "reason": "too_big", "server_text": "", "uidvalidity": 1}
    with node.store.locked():
        runtime.publish(node.paths, name, ended(0, None) | {"messages_failed": 1}, [failed], 1)
    made = {
        (kind, subjects): got(node, project="wave1", format=kind, subjects=subjects)["content"]
        for kind in ("html", "csv", "json")
        for subjects in (False, True)
    }
    assert made["json", False] == made["json", True]
    named = {key for key, content in made.items() if "Salary" in content}
    assert named == {("html", True), ("csv", True), ("json", False), ("json", True)}
    schema = json.loads((IMAGEROOT / "actions" / "get-report" / "validate-input.json").read_text())
    assert "json has the subjects always" in schema["properties"]["subjects"]["description"]
    for language in ("en", "it", "de", "fr", "es"):
        words = json.loads((ROOT / "ui" / "public" / "i18n" / language / "translation.json").read_text())
        assert "JSON" in words["projects"]["subjects"]


def test_the_fingerprint_in_the_page_of_a_project_is_that_of_the_json_that_is_taken_later(node: Node) -> None:
    project(node, stage="full")
    node.save(project="wave1")
    page = got(node, project="wave1")["content"]
    time.sleep(1.1)  # the clock is not to be in it
    machine = got(node, project="wave1", format="json")["content"]
    assert f"SHA-256 {hashlib.sha256(machine.encode()).hexdigest()}" in page


@pytest.mark.parametrize(
    ("asked", "error", "code"),
    [
        ({}, "invalid_value", 10),
        ({"project": "wave1", "localuser": "bob", "task_id": "a"}, "invalid_value", 10),
        ({"project": "wave1", "format": "pdf"}, "invalid_value", 10),
        ({"project": "wave1", "language": "xx"}, "invalid_value", 10),
        ({"project": "wave1"}, "project_not_found", 2),
        ({"localuser": "bob", "task_id": "a"}, "report_not_found", 2),
    ],
)
def test_what_there_is_no_report_of_is_refused(
    node: Node, asked: dict[str, object], error: str, code: int
) -> None:
    refused = node.action("get-report", asked)
    assert (refused.exit_code, refused.output[0]["error"]) == (code, error)


@pytest.mark.servers
def test_the_report_of_a_mailbox_is_that_of_its_last_run(mail: Node, remote: Dovecot) -> None:
    task = {"localuser": "bob", "task_id": "a"}
    mail.save(
        **request(
            **task, remotehostname=remote.host, remoteport=remote.port, security="", remoteusername="anna",
            remotepassword="remote secret", exclude="",
        )
    )  # fmt: skip
    with remote.client("anna") as client:
        client.append(b"INBOX", [NewMessage(b"Message-Id: <%d@x>\r\n\r\nhello\r\n" % n) for n in range(3)])
        client.append(b"<b>=1+1", [NewMessage(b"Message-Id: <9@x>\r\n\r\nhello\r\n")])
    assert mail.action("get-report", task).output[0]["error"] == "report_not_found"
    mail.syncctl("start", "bob_a")
    machine = got(mail, **task, format="json")["content"]
    assert json.loads(machine)["messages_transferred"] == 4
    page = got(mail, **task)["content"]
    cells = Cells(page)
    assert cells.verdict == "All 4 selected messages of the old mailbox are in the new one."
    assert ["INBOX", "=", "3", "3", "0", "0", "0", "0"] in [row[:8] for row in cells.rows]
    assert f"SHA-256 {hashlib.sha256(machine.encode()).hexdigest()}" in page
    assert "remote secret" not in page + machine
    assert str(mail.paths.imapsync) not in page
    table = rows(got(mail, **task, format="csv")["content"])
    assert [(row["row"], row["source"], row["copied"]) for row in table] == [
        ("folder", "INBOX", "3"),
        ("folder", "<b>=1+1", "1"),
    ]
    account = request(
        **task, remotehostname=remote.host, remoteport=remote.port, security="", remoteusername="anna",
        remotepassword="remote secret", exclude="Later", foldersynchronization="exclusion",
    )  # fmt: skip
    mail.save(**account)
    told = html.unescape(got(mail, **task)["content"])
    assert "Later" not in told  # the options of the run, not those of now
    assert json.loads(machine)["options"] in told
    assert "--exclude" not in json.loads(machine)["options"]
    mail.syncctl("start", "bob_a")
    assert "Later" in got(mail, **task)["content"]
    assert json.loads(got(mail, **task, format="json")["content"])["messages_transferred"] == 0
    facts = json.loads(mail.paths.told("bob_a").read_text())
    mail.paths.told("bob_a").write_text(json.dumps(facts | {"options": ""}))  # of an earlier version
    assert "Later" in got(mail, **task)["content"]
    mail.paths.told("bob_a").write_bytes(b"{")
    assert mail.action("get-report", task).output[0]["error"] == "report_not_found"

"""import-csv-tasks: the file, the rows, the texts, and what is created."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.module.conftest import IMAGEROOT, Node, request
from tests.module.waiting import until

from imapsync_tasks import csvtable, files, interruption, runtime

HEADER = "localusername,remoteusername,remotepassword,remotehostname,remoteport,security\n"
ROW = "foo,user1@example.org,secret,imap.example.org,993,ssl\n"
#: What the parser must keep: each cell is quoted as RFC 4180 says.
PASSWORDS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=50
)


def quoted(text: str) -> str:
    """Quote a cell."""
    return '"' + text.replace('"', '""') + '"'


def run(node: Node, content: str | bytes, *words: str) -> tuple[int, str]:
    """Run the command; give exit code and text."""
    given_ = content if isinstance(content, bytes) else content.encode()
    done = node.helper("import-csv-tasks", *words, given=given_)
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, done.stdout.decode()


@settings(deadline=None)  # a loaded machine says nothing about the parser
@given(password=PASSWORDS)
def test_any_password_arrives_unchanged(password: str) -> None:
    table = csvtable.parse(HEADER + f"foo,u,{quoted(password)},h.example,143,tls\n")
    assert not table.rows[0].issues
    assert csvtable.request(table.rows[0], "a1")["remotepassword"] == password


def test_rows_have_the_numbers_of_a_spreadsheet() -> None:
    text = "\n" + HEADER + "\n" + 'foo,u,"a\nb",h,143,\n' + ",,,,,\n" + ROW
    table = csvtable.parse(text)
    assert [row.number for row in table.rows] == [4, 6]
    assert [issue.column for issue in table.rows[0].issues] == ["remotepassword"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, end: str) -> None:
    text = (HEADER + "foo,u,pässwörd,h.example,143,tls\n").replace("\n", end)
    (row,) = csvtable.parse(csvtable.decode(text.encode(encoding))).rows
    assert row.cells["remotepassword"] == "pässwörd"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Missing required columns: the file is empty"),
        (HEADER.encode() + b"foo,u,p\xe4ss,h,143,tls\n", "Invalid text encoding in line 2"),
        (HEADER.encode("utf-16-le"), "Invalid file: it holds NUL bytes"),
        (HEADER.replace(",", ";").encode(), "Invalid delimiter ';'"),
        (b"localusername,remoteusername\n", "Missing required columns: remotepassword, remotehostname"),
        (HEADER.replace("security", "Security").encode(), "Missing required columns: security"),
        (HEADER.strip().encode() + b",note\n", "Invalid columns: note"),
        (HEADER.strip().encode() + b",security\n", "a column appears twice"),
        (HEADER.encode() + b'foo,"u,p\n', "Invalid CSV near row 2"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(node: Node, content: bytes, sentence: str) -> None:
    code, text = run(node, content)
    assert (code, text.startswith("✗ "), sentence in text) == (1, True, True), text


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("foo,,p,h,143,tls", "Missing required value: remoteusername"),
        ("foo,u,,h,143,tls", "Missing required value: remotepassword"),
        ("foo,u,p,h,imap,tls", "Invalid port number 'imap'"),
        ("foo,u,p,h,70000,tls", "Invalid port number '70000'"),
        ("foo,u,p,h,143,starttls", "Invalid security 'starttls'"),
        ("../foo,u,p,h,143,tls", "Invalid localusername '../foo'"),
        ("foo,u,p,h h,143,tls", "Invalid remotehostname 'h h'"),
        ("foo,u,p,h,143,tls,x", "Invalid row: 7 values for 6 columns"),
        ("foo", "Missing required value: remotehostname"),
    ],
)
def test_check_mode_tells_each_wrong_row(node: Node, row: str, sentence: str) -> None:
    before = node.snapshot()
    code, text = run(node, HEADER + ROW + row + "\n", "--check")
    assert code == 1
    assert f"✗ Row 3: {sentence}" in text
    assert "No tasks were created (check-only mode)." in text
    assert node.snapshot() == before


def test_the_sample_file_passes_the_check(node: Node) -> None:
    code, text = run(node, (IMAGEROOT / "examples" / "users.csv").read_bytes(), "-c")
    assert code == 0
    assert text.splitlines() == [
        "📋 CSV Column Validation:",
        "  Delimiter: ',' (comma-separated)",
        f"  Found 6 column(s): {', '.join(sorted(csvtable.REQUIRED))}",
        "  Column order: does not matter (mapped by header name)",
        "  ✓ All 6 required columns present",
        "  ✓ Found 3 data row(s) (empty lines skipped)",
        "🔍 Validating row data...",
        "  ✓ All 3 rows validated successfully",
        "  ✓ Generated 3 unique task IDs",
        "✓ CSV file is valid. No tasks were created (check-only mode).",
    ]


def test_an_import_can_be_run_again_and_applied(idle: Node) -> None:
    extra = HEADER.strip() + ",cron,delete_remote,exclude,foldersynchronization\n"
    text = extra + 'foo,User1@example.org,=1+1,imap.example.org,993,ssl,5m,yes,"a,b",exclusion\n'
    text += "bar,user2@example.org,p,imap.example.org,143,tls,,,,\n"
    text += "FOO,USER1@example.org,p,IMAP.example.org,993,ssl,,,,\n"
    code, output = run(idle, text)
    assert code == 0
    assert "Creating task for foo (ID: " in output
    assert "✓ Success: bar (created, row 3)" in output
    assert "Skipped FOO: this account appears twice in this file" in output
    assert "📊 Summary: 2 successful, 0 failed (2 created, 0 updated, 1 skipped)" in output
    tasks = {task.localuser: task for task in map(idle.store.load, idle.store.names())}
    assert tasks["foo"].exclude == "a,b"
    assert (tasks["foo"].delete_remote, tasks["foo"].cron, tasks["bar"].cron) == (True, "5m", "")
    assert len(tasks["foo"].task_id) == 6
    assert idle.store.password(tasks["foo"].name) == "=1+1"
    code, output = run(idle, text)
    assert code == 0
    assert (
        f"task {tasks['foo'].task_id} of foo already syncs this account (--update applies the file to it)"
        in output
    )
    assert "(0 created, 0 updated, 3 skipped)" in output
    changed = HEADER + "FOO,USER1@EXAMPLE.ORG,new,IMAP.EXAMPLE.ORG,143,tls\n"
    code, output = run(idle, changed, "--update")
    assert (code, "Updating task for FOO" in output, "1 updated" in output) == (0, True, True)
    task = idle.store.load(tasks["foo"].name)
    assert (task.remoteusername, task.remotehostname) == ("User1@example.org", "imap.example.org")
    assert (task.remoteport, task.security, task.exclude, task.cron) == (143, "tls", "a,b", "5m")
    assert idle.store.password(task.name) == "new"
    assert len(idle.store.names()) == 2


def refusing(node: Node, user: str) -> None:
    """Make the engine refuse the login of one remote user."""
    bad = {"exit_code": 16, "errors": [{"side": "host1", "code": "authentication", "server_text": "no way"}]}
    good = {"exit_code": 0, "errors": []}
    node.engine(
        "#!/bin/sh\nanswer='" + json.dumps(good) + "'\n"
        "for word; do case $word in\n"
        f"--user1={user}) answer='{json.dumps(bad)}';;\n"
        '--report=*) report="${word#--report=}";; esac; done\necho "$answer" >"$report"\n'
    )


def test_a_refused_row_does_not_hold_up_the_others(idle: Node) -> None:
    refusing(idle, "user7")
    rows = "".join(f"foo,user{number},p,h.example,143,tls\n" for number in range(12))
    code, output = run(idle, HEADER + rows + "foo,,p,h,143,tls\n")
    refusal = (
        "✗ Row 9: foo failed: The remote server refused the user or password (user7@h.example:143): no way"
    )
    assert code == 1
    assert refusal in output
    assert "✗ Row 14: foo failed: Missing required value: remoteusername" in output
    assert "11 successful, 2 failed (11 created, 0 updated, 0 skipped)" in output
    assert len(idle.store.names()) == 11


def test_logins_are_verified_and_nothing_is_made(idle: Node) -> None:
    refusing(idle, "user2")
    rows = "".join(f"foo,user{number},p,h.example,143,tls\n" for number in range(3))
    code, output = run(idle, HEADER + rows, "--verify-only")
    assert code == 1
    assert "2 verified, 1 failed (0 skipped). Nothing was created." in output
    assert "✗ Row 4: foo failed: The remote server refused the user or password" in output
    assert "Success: foo (verified, row 2)" in output
    assert idle.store.names() == []
    answer = idle.action("import-csv-tasks", {"csv_secret": HEADER + rows, "verify": True}).output
    assert (answer["verified"], answer["failed"], answer["created"]) == (2, 1, 0)
    kept = last_import(idle)["import"]["results"]
    assert [one["status"] for one in kept] == ["verified", "verified", "failed"]
    assert idle.store.names() == []


def test_tasks_are_created_without_being_started_or_for_a_time_to_come(idle: Node) -> None:
    refusing(idle, "nobody")
    extra = HEADER.strip() + ",cron\n"
    code, output = run(idle, extra + "foo,user1,p,h.example,143,tls,5m\n", "--start", "no")
    assert code == 0, output
    rows = "foo,user2,p,h.example,143,tls,\nfoo,user3,p,h.example,143,tls,1h\n"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() + 7200))
    step = idle.action("import-csv-tasks", {"csv_secret": extra + rows, "start": when})
    assert (step.exit_code, step.output["created"]) == (0, 2)
    tasks = [idle.store.load(name) for name in idle.store.names()]
    assert {task.remoteusername: task.cron for task in tasks} == {"user1": "5m", "user2": when, "user3": "1h"}
    with idle.store.locked():
        states = runtime.states(idle.paths, idle.store.names())
    assert {one.state for one in states.values()} == {"stopped"}
    assert all(runtime.result(idle.paths, name) is None for name in states)


@pytest.mark.parametrize("start", ["later", "2020-01-01 00:00", "2026-02-30 00:00"])
def test_a_start_that_cannot_be_is_told_before_anything_is_done(idle: Node, start: str) -> None:
    done = idle.helper("import-csv-tasks", "--start", start, given=(HEADER + ROW).encode())
    assert done.returncode == 2
    assert "a time to come" in done.stderr.decode()
    step = idle.action("import-csv-tasks", {"csv_secret": HEADER + ROW, "start": start})
    assert (step.exit_code, step.output[0]["field"]) == (10, "start")
    assert idle.store.names() == []


def hanging(node: Node, first: int) -> None:
    """Make the engine log in as userN at once for N below `first`, and never for the others."""
    node.engine(
        "#!/bin/sh\nfor word; do case $word in\n"
        '--user1=user*) number="${word#--user1=user}";;\n'
        '--report=*) report="${word#--report=}";; esac; done\n'
        f'case "$*" in *--justlogin*) [ "$number" -lt {first} ] || exec sleep 60;; esac\n'
        'echo \'{"exit_code": 0, "errors": []}\' >"$report"\n'
    )


ROWS = HEADER + "".join(f"foo,user{number},p,h.example,143,tls\n" for number in range(8))


def begun(node: Node, program: Path, given: str, *words: str) -> subprocess.Popen[str]:
    """Start a program and wait until three of its rows are done."""
    source = node.home / "given"
    source.write_text(given)
    with source.open() as file, (node.home / "told").open("w") as told:
        process = subprocess.Popen(
            # What runs in the background of a shell would not hear of SIGINT.
            ["env", "--default-signal", program, *words],
            stdin=file,
            stdout=told,
            stderr=subprocess.STDOUT,
            cwd=node.state,
            env={**node.environ, "AGENT_COMFD": "1"} if not words else node.environ,
            text=True,
            start_new_session=True,
        )
    until(lambda: len(done_rows(node)) == 3, 60)
    return process


def done_rows(node: Node) -> list[int]:
    """Give the rows that the instance notes as done."""
    found = files.read_json(node.paths.csv_import) or {}
    rows = found.get("rows")
    return rows if isinstance(rows, list) else []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_cancelled_import_says_which_rows_were_done(idle: Node, number: signal.Signals) -> None:
    hanging(idle, 3)
    process = begun(idle, IMAGEROOT / "bin" / "import-csv-tasks", ROWS, "--update")
    os.killpg(process.pid, number)
    assert process.wait(20) == interruption.INTERRUPTED
    told = (idle.home / "told").read_text()
    assert "✗ Cancelled. Rows done: 2-4; rows not done: 5-9" in told
    assert "3 successful, 0 failed (3 created, 0 updated, 0 skipped)" in told
    assert len(idle.store.names()) == 3
    hanging(idle, 99)
    code, output = run(idle, ROWS)
    assert (code, "(5 created, 0 updated, 3 skipped)" in output, "cut off" in output) == (0, True, False)


def importing(node: Node, given: str) -> subprocess.Popen[str]:
    """Start the command in a group of its own."""
    with (node.home / "told").open("w") as told:
        process = subprocess.Popen(
            ["env", "--default-signal", IMAGEROOT / "bin" / "import-csv-tasks"],
            stdin=subprocess.PIPE,
            stdout=told,
            stderr=subprocess.STDOUT,
            cwd=node.state,
            env=node.environ,
            text=True,
            start_new_session=True,
        )
    assert process.stdin
    process.stdin.write(given)
    process.stdin.flush()
    return process


def told(node: Node) -> str:
    """Give what the command has told so far."""
    return (node.home / "told").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_import_that_waits_for_another_one_cannot_be_cancelled(idle: Node, number: signal.Signals) -> None:
    hanging(idle, 99)
    before = idle.paths.csv_import
    before.write_text("of the other one")
    with files.locked(idle.paths.import_lock), importing(idle, ROWS) as process:
        assert process.stdin
        process.stdin.close()
        until(lambda: "Creating task for foo" in told(idle), 30)
        os.killpg(process.pid, number)
        assert process.wait(20) == interruption.INTERRUPTED
    assert "✗ Cancelled. Rows done: none; rows not done: 2-9" in told(idle)
    assert idle.store.names() == []
    assert before.read_text() == "of the other one"


def test_an_import_cancelled_while_its_file_is_read_ends_with_a_traceback(idle: Node) -> None:
    with importing(idle, HEADER) as process:
        until(lambda: _listens(process.pid), 30)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == interruption.INTERRUPTED
    assert told(idle) == "✗ Cancelled before anything was read or done.\n"


def _listens(pid: int) -> bool:
    """Tell whether a process has put handlers on the signals that end it."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_a_signal_while_the_created_tasks_start_costs_their_start_and_the_summary(idle: Node) -> None:
    hanging(idle, 99)
    podman = idle.home / "bin" / "podman"
    wait = f'echo >"{idle.home}/starting"; until [ -e "{idle.home}/go" ]; do sleep 0.05; done'
    gate = f'case "$*" in *restart*) {wait};; esac'
    first, rest = podman.read_text().split("\n", 1)
    podman.write_text(f"{first}\n{gate}\n{rest}")
    with importing(idle, ROWS) as process:
        assert process.stdin
        process.stdin.close()
        until((idle.home / "starting").exists, 60)
        os.killpg(process.pid, signal.SIGTERM)
        (idle.home / "go").touch()
        assert process.wait(60) == 0
    assert "8 successful, 0 failed (8 created, 0 updated, 0 skipped)" in told(idle)
    until(lambda: all(runtime.result(idle.paths, name) for name in idle.store.names()), 60)
    assert len(idle.store.names()) == 8


def test_the_rows_of_an_import_that_was_killed_are_told_by_the_next(idle: Node) -> None:
    hanging(idle, 3)
    process = begun(idle, IMAGEROOT / "bin" / "import-csv-tasks", ROWS, "--update")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    hanging(idle, 99)
    code, output = run(idle, ROWS)
    assert (code, "(5 created, 0 updated, 3 skipped)" in output) == (0, True)
    assert "was cut off. Rows of its file that were done: 2-4\n" in output
    assert "was cut off" not in run(idle, ROWS)[1]


def last_import(node: Node, **data: object) -> dict[str, Any]:
    """Give the answer of get-import."""
    step = node.action("get-import", data)
    assert step.exit_code == 0, step.error
    answer: dict[str, Any] = step.output
    return answer


def test_the_last_import_is_told_until_somebody_dismisses_it(idle: Node) -> None:
    assert last_import(idle) == {"import": None, "running": False}
    step = idle.action("import-csv-tasks", {"csv_secret": ROWS, "rows": [2, 3]})
    found = last_import(idle)
    assert [found["running"], found["import"]["total"]] == [False, 2]
    assert found["import"]["ended_at"] >= found["import"]["began_at"]
    told = [{**one} for one in found["import"]["results"]]
    assert all(one.pop("remoteusername") for one in told)
    assert told == step.output["results"]
    assert last_import(idle, dismiss="another") == found
    assert last_import(idle, dismiss=found["import"]["id"]) == {"import": None, "running": False}


def test_an_import_under_way_is_told_and_one_that_was_killed_has_no_end(idle: Node) -> None:
    hanging(idle, 3)
    process = begun(idle, IMAGEROOT / "bin" / "import-csv-tasks", ROWS, "--update")
    until(lambda: last_import(idle)["running"])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    found = last_import(idle)
    assert (found["running"], found["import"]["ended_at"], found["import"]["total"]) == (False, None, 8)


def test_of_an_import_under_way_only_how_far_it_is_can_be_asked(idle: Node) -> None:
    idle.action("import-csv-tasks", {"csv_secret": ROWS, "rows": [2, 3]})
    with files.locked(idle.paths.import_lock):  # as one that goes on holds it
        whole, brief = last_import(idle), last_import(idle, brief=True)
    assert (whole["running"], whole["import"]["done"], len(whole["import"]["results"])) == (True, 2, 2)
    assert brief == {**whole, "import": {**whole["import"], "results": []}}
    assert last_import(idle, brief=True)["import"] == whole["import"]


def test_a_cancelled_action_answers_with_what_was_done(idle: Node) -> None:
    hanging(idle, 3)
    given_ = json.dumps({"csv_secret": ROWS, "update": False})
    process = begun(idle, IMAGEROOT / "actions" / "import-csv-tasks" / "20import", given_)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(20) == interruption.INTERRUPTED
    lines = (idle.home / "told").read_text().splitlines()
    answer = json.loads(next(line for line in lines if line.startswith("{")))
    assert (answer["created"], answer["not_done"]) == (3, 5)
    assert [one["row"] for one in answer["results"] if one["status"] == "not_done"] == [5, 6, 7, 8, 9]


def test_a_row_cannot_take_the_id_of_another_task(idle: Node) -> None:
    idle.save(localuser="foo", task_id="taken")
    extra = HEADER.strip() + ",task_id\n"
    ids = ("taken", "new", "new", "a b")
    rows = "".join(f"foo,u{number},p,h.example,143,tls,{one}\n" for number, one in enumerate(ids))
    code, output = run(idle, extra + rows)
    assert code == 1
    assert "✗ Row 2: Invalid task_id: another task has it" in output
    assert "✗ Row 4: Invalid task_id: another task has it" in output
    assert "✗ Row 5: Invalid task_id 'a b'" in output
    assert idle.store.names() == ["foo_new", "foo_taken"]


def test_the_page_shares_the_rules(idle: Node) -> None:
    refusing(idle, "bad")
    idle.save(localuser="old", remoteusername="u", remotehostname="h.example")
    text = HEADER + "foo,a,p,h.example,143,tls\nold,U,p,h.example,143,tls\n"
    text += "foo,bad,p,h.example,143,tls\nfoo,b,p,h.example,x,tls\n"
    answer = idle.action("check-csv-tasks", {"csv_secret": text}).output
    assert answer["counts"] == {"new": 2, "existing": 1, "repeated": 0, "invalid": 1}
    assert [row["status"] for row in answer["rows"]] == ["new", "existing", "new", "invalid"]
    assert answer["rows"][1]["task_id"] == "a0241w"
    assert answer["rows"][3]["errors"] == [
        {"field": "remoteport", "error": "invalid_value", "text": "Invalid port number 'x'"}
    ]
    assert "remotepassword" not in answer["rows"][0]["values"]
    changes = [
        {"row": 5, "field": "remoteport", "value": "993"},
        {"row": 5, "remotepassword": "new"},
        {"row": 99, "field": "remoteport", "value": "1"},
    ]
    given_ = {"csv_secret": text, "changes": changes, "rows": [3, 4, 5], "update": False}
    step = idle.action("import-csv-tasks", given_)
    assert {key: step.output[key] for key in ("created", "updated", "skipped", "failed")} == {
        "created": 1,
        "updated": 0,
        "skipped": 1,
        "failed": 1,
    }
    assert [(row["row"], row["status"], row["field"]) for row in step.output["results"]] == [
        (3, "skipped", None),
        (4, "failed", "remotepassword"),
        (5, "created", None),
    ]
    assert "set-progress 100" in step.status
    (made,) = [name for name in idle.store.names() if name.startswith("foo_")]
    assert (idle.store.load(made).remoteport, idle.store.password(made)) == (993, "new")
    assert "secret" not in json.dumps(step.output)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_separator_of_a_spreadsheet_is_found(idle: Node, mark: str) -> None:
    text = (HEADER + 'foo,u,"p;,w",h.example,143,tls\n').replace(",", mark)
    answer = idle.action("check-csv-tasks", {"csv_secret": text}).output
    assert (answer["valid"], answer["counts"]["new"]) == (True, 1)
    code, told = run(idle, text, "--check", "--delimiter", "auto")
    assert (code, f"Delimiter: {mark!r}" in told) == (0, True)


def test_a_row_without_a_mailbox_is_found_before_anything_is_tried(idle: Node) -> None:
    known = {"mail_server": "uuid", "asked_at": time.time(), "mailboxes": ["Foo"], "error": None}
    idle.paths.mailboxes.write_text(json.dumps(known))
    text = HEADER + "foo@x.org,u,p,h.example,143,tls\nnobody,u,p,h.example,143,tls\n"
    rows = idle.action("check-csv-tasks", {"csv_secret": text}).output["rows"]
    assert [row["status"] for row in rows] == ["new", "invalid"]
    assert [(one["field"], one["error"]) for one in rows[1]["errors"]] == [
        ("localusername", "mailbox_not_found")
    ]
    # What Mail does not say for sure is no fault of the row.
    idle.paths.mailboxes.write_text(json.dumps({**known, "error": "mail_server_unreachable"}))
    rows = idle.action("check-csv-tasks", {"csv_secret": text}).output["rows"]
    assert [row["status"] for row in rows] == ["new", "new"]


def test_a_bad_file_is_an_answer_for_the_page(node: Node) -> None:
    answer = node.action("check-csv-tasks", {"csv_secret": "a;b\n"}).output
    assert (answer["valid"], answer["error"].startswith("Missing required columns: ")) == (False, True)
    step = node.action("import-csv-tasks", {"csv_secret": "a;b\n"})
    assert (step.exit_code, step.output[0]["error"], step.output[0]["value"]) == (10, "invalid_csv", "")


def test_help_and_a_terminal_without_utf8(node: Node) -> None:
    node.environ["LANG"] = "C"
    node.environ["PYTHONCOERCECLOCALE"] = "0"
    node.environ["PYTHONUTF8"] = "0"
    assert "--update" in run(node, "", "--help")[1]
    assert run(node, HEADER + ROW, "-c")[0] == 0


def test_nothing_configured_is_told(node: Node) -> None:
    node.environ["MAIL_HOST"] = ""
    code, text = run(node, HEADER + ROW)
    assert code == 1
    assert "No mail server is set" in text


def test_request_of_an_existing_task_keeps_what_the_file_does_not_say(node: Node) -> None:
    task = node.store.load(node.save(**request(cron="9m", sieve_enabled=True)))
    (row,) = csvtable.parse(HEADER + ROW).rows
    made = csvtable.request(row, task.task_id, task)
    assert (made["cron"], made["sieve_enabled"], made["remoteport"]) == ("9m", True, 993)
    assert os.path.exists(node.paths.env(task.name))


def test_a_row_is_named_by_its_account_with_server_or_source() -> None:
    cells = {"remoteusername": "u", "remotehostname": "h", "remoteport": "143"}
    assert csvtable.Row(2, cells).account == "u@h:143"
    assert csvtable.Row(2, cells | {"source": "office"}).account == "u@office"


def test_a_file_of_too_many_rows_is_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvtable, "MAX_ROWS", 2)
    assert len(csvtable.parse(HEADER + ROW * 2 + "\n").rows) == 2
    with pytest.raises(csvtable.CsvError, match="Too many rows: at most 2"):
        csvtable.parse(HEADER + ROW * 3)


# --- what a file need not say -------------------------------------------------------------------------------

HOUSE = {"remotehostname": "imap.house.example", "remoteport": 993, "security": "ssl"}


@pytest.mark.parametrize(
    ("text", "server"),
    [
        (HEADER + "foo,u,p;w,imap.house.example,993,ssl\n", {}),
        ("localusername;remoteusername;remotepassword\nfoo;u;p;w\n".replace("p;w", '"p;w"'), HOUSE),
        ("foo,u,p;w,imap.house.example,993,ssl\n", {}),
        ('foo\tu\t"p;w"\nbar\tv\tx\n', HOUSE),
        ('foo;u;"p;w"\nbar;v;a,b,c,d\n', HOUSE),
    ],
)
def test_the_server_of_all_rows_is_given_once_and_columns_go_by_position(
    text: str, server: dict[str, object]
) -> None:
    layout = csvtable.Layout.of({"server": server, "header": "auto"})
    row = csvtable.parse(text, csvtable.separator(text), layout).rows[0]
    assert row.issues == ()
    asked = csvtable.request(row, "a1")
    assert {name: asked[name] for name in ("localuser", "remoteusername", "remotepassword", *HOUSE)} == {
        "localuser": "foo",
        "remoteusername": "u",
        "remotepassword": "p;w",
        **HOUSE,
    }


def test_a_row_with_a_server_of_its_own_keeps_it() -> None:
    text = HEADER + "foo,u,p,,,\n" + "bar,v,p,imap.other.example,143,\n"
    rows = csvtable.parse(text, layout=csvtable.Layout.of({"server": HOUSE})).rows
    assert [csvtable.request(row, "a1")["remotehostname"] for row in rows] == [
        "imap.house.example",
        "imap.other.example",
    ]
    assert [row.cells["security"] for row in rows] == ["ssl", ""]


def test_a_row_with_too_many_values_under_a_server_given_once_can_be_corrected(idle: Node) -> None:
    asked = {
        "csv_secret": "bob;v;x\nanna;a@x;p;w\n",
        "header": "auto",
        "server": HOUSE,
        "changes": [
            {"row": 2, "field": "localusername", "value": "anna"},
            {"row": 2, "field": "remoteusername", "value": "a@x"},
        ],
    }
    step = idle.action("check-csv-tasks", asked)
    assert step.exit_code == 0, step.error
    row = step.output["rows"][1]
    assert [one["field"] for one in row["errors"]] == ["remotepassword"]
    assert {name: row["values"][name] for name in HOUSE} == {name: str(one) for name, one in HOUSE.items()}
    password = {"row": 2, "remotepassword": "p;w"}
    step = idle.action("check-csv-tasks", {**asked, "changes": [*asked["changes"], password]})
    assert step.output["counts"]["new"] == 2


def test_a_typing_error_in_the_server_given_once_is_corrected_in_the_row(idle: Node) -> None:
    asked: dict[str, Any] = {
        "csv_secret": "foo,u,p\n",
        "header": "auto",
        "server": {"remotehostname": "imap house", "remoteport": 99999, "security": "slz"},
    }
    assert idle.action("check-csv-tasks", asked).output["counts"]["invalid"] == 1
    asked["changes"] = [{"row": 1, "field": name, "value": str(value)} for name, value in HOUSE.items()]
    (row,) = idle.action("check-csv-tasks", asked).output["rows"]
    assert (row["status"], row["errors"]) == ("new", [])
    assert idle.action("import-csv-tasks", asked).output["created"] == 1
    (task,) = map(idle.store.load, idle.store.names())
    assert {name: getattr(task, name) for name in HOUSE} == HOUSE


@pytest.mark.parametrize(
    ("columns", "cells", "port", "security"),
    [
        ("remotehostname,remoteport,security", ",143,tls", 143, "tls"),
        ("remotehostname,remoteport,security", ",143,", 143, ""),
        ("remotehostname,remoteport,security", ",,tls", 993, "tls"),
        ("remotehostname,remoteport,security", ",,", 993, "ssl"),
        ("remoteport", "1993", 1993, "ssl"),
        ("security", "", 993, "ssl"),
    ],
)
def test_a_row_keeps_its_own_port_and_encryption_beside_the_host_of_all_rows(
    columns: str, cells: str, port: int, security: str
) -> None:
    text = f"localusername,remoteusername,remotepassword,{columns}\nfoo,u,p,{cells}\n"
    (row,) = csvtable.parse(text, layout=csvtable.Layout.of({"server": HOUSE})).rows
    asked = csvtable.request(row, "a1")
    told = tuple(asked[name] for name in HOUSE)
    assert (row.issues, told) == ((), (HOUSE["remotehostname"], port, security))


@pytest.mark.parametrize(
    ("text", "layout", "sentence"),
    [
        ("foo,u,p\n", {"header": "auto"}, "has 3 values. Without a header the columns are localusername,"),
        ("foo,u,p,h,143\n", {"header": "auto", "server": HOUSE}, "has 5 values"),
        ("foo,u,p\n", {"server": HOUSE}, "Missing required columns: localusername"),
        ("localusername,user\n", {"header": "auto", "server": HOUSE}, "Missing required columns: remoteuser"),
    ],
)
def test_a_file_without_a_header_that_cannot_be_understood_says_what_would_be_right(
    text: str, layout: dict[str, object], sentence: str
) -> None:
    with pytest.raises(csvtable.CsvError, match=sentence):
        csvtable.parse(text, ",", csvtable.Layout.of(layout))


def test_the_command_and_the_page_give_the_server_of_all_rows(idle: Node) -> None:
    source = {"source": "house", "auth": "master", "master_user": "m", "master_password": "s", **HOUSE}
    assert idle.action("set-source", source).exit_code == 0
    code, text = run(idle, "foo;u1\nfoo;u2\n", "--header", "auto", "-d", "auto", "--source", "house")
    assert code == 0, text
    code, text = run(idle, "foo,u3,p\n", "--header", "auto", "--host", "imap.house.example", "--port", "993")
    assert code == 0, text
    asked = {"csv_secret": "foo\tu4\tp\n", "header": "auto", "server": {"source": "nowhere"}}
    (row,) = idle.action("check-csv-tasks", asked).output["rows"]
    assert [one["error"] for one in row["errors"]] == ["source_not_found"]
    asked["server"] = HOUSE
    assert idle.action("check-csv-tasks", asked).output["counts"]["new"] == 1
    assert idle.action("import-csv-tasks", asked).output["created"] == 1
    tasks = {task.remoteusername: task for task in map(idle.store.load, idle.store.names())}
    assert {user: (task.source, task.remotehostname) for user, task in tasks.items()} == {
        "u1": ("house", "imap.house.example"),
        "u2": ("house", "imap.house.example"),
        "u3": ("", "imap.house.example"),
        "u4": ("", "imap.house.example"),
    }
    assert [tasks[user].security for user in ("u3", "u4")] == ["tls", "ssl"]

"""Fields, their rules, and the form of the files: ours, and that of the upstream module."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.module.conftest import request

from imapsync_tasks import envfile, rules, schedule
from imapsync_tasks.errors import RefusedError, TaskFileError
from imapsync_tasks.task import Task, from_env, from_request, to_env

UPSTREAM = """
TASK_ID=a0241w
LOCALUSER=foo
REMOTEUSERNAME=user@domain.com
REMOTEHOSTNAME=imap.domain.com
REMOTEPORT=993
SECURITY=--ssl1
DELETE_LOCAL=--delete2
DELETEFOLDER=--delete2folders
EXCLUDE=,folder1,^folder2$
DELETE_REMOTE=--delete1older=15
SIEVE_ENABLED=1
EXPUNGE_REMOTE=--noexpungeaftereach
CRON=2h
FOLDER_INBOX=--folder\\ 'INBOX'
FOLDERSYNCHRONIZATION=inbox
"""


def test_an_upstream_file_is_read_as_it_was_meant() -> None:
    task = from_env("foo_a0241w", envfile.parse(UPSTREAM.encode()))
    assert task == Task(
        localuser="foo",
        task_id="a0241w",
        remoteusername="user@domain.com",
        remotehostname="imap.domain.com",
        remoteport=993,
        security="ssl",
        delete_local=True,
        delete_remote=True,
        delete_remote_older=15,
        exclude="folder1,^folder2$",
        cron="2h",
        foldersynchronization="inbox",
        sieve_enabled=True,
    )


def test_what_we_write_is_the_upstream_form_with_our_keys_after_it() -> None:
    text = envfile.render(to_env(from_env("foo_a0241w", envfile.parse(UPSTREAM.encode()))))
    assert text == UPSTREAM + "TLS_TRUST=tofu\n"


def test_unknown_keys_are_kept() -> None:
    values = envfile.parse((UPSTREAM + "# a comment = x\nOTHER=a=b \nbad line\n").encode())
    assert to_env(from_env("foo_a0241w", values))["OTHER"] == "a=b "


def test_a_file_without_our_oldest_keys_still_means_something() -> None:
    values = envfile.parse(b"REMOTEUSERNAME=u\nREMOTEHOSTNAME=h.example.org\nREMOTEPORT=143\nEXCLUDE=,a\n")
    task = from_env("foo_a1", values)
    assert (task.foldersynchronization, task.exclude_patterns, task.security) == ("exclusion", ["a"], "")


@pytest.mark.parametrize(
    ("name", "changed", "reason"),
    [
        ("foo_a1", "REMOTEPORT=x", "missing or wrong: remoteport"),
        ("foo_a1", "REMOTEPORT=99999", "missing or wrong: remoteport"),
        ("foo_a1", "LOCALUSER=bar", "LOCALUSER and TASK_ID do not match the file name"),
        ("foobar", "", "the file name is not <localuser>_<task_id>.env"),
        ("*_a1", "", "missing or wrong: localuser"),
        ("foo_a1", "SECURITY=--both", "missing or wrong: security"),
        ("foo_a1", "CRON=often", "missing or wrong: cron"),
        ("foo_a1", "DELETE_REMOTE=--delete1older=soon", "missing or wrong: delete_remote_older"),
    ],
)
def test_a_broken_file_says_why(name: str, changed: str, reason: str) -> None:
    text = f"REMOTEUSERNAME=u\nREMOTEHOSTNAME=h\nREMOTEPORT=143\nFOLDERSYNCHRONIZATION=all\n{changed}\n"
    with pytest.raises(TaskFileError, match=f"^{re.escape(reason)}$"):
        from_env(name, envfile.parse(text.encode()))


def test_a_file_that_is_no_text_says_where() -> None:
    with pytest.raises(TaskFileError, match="at byte 2"):
        envfile.parse(b"A=\xff")


SAFE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)


TASKS = st.fixed_dictionaries(
    {
        "exclude": SAFE_LINE,
        "remoteusername": SAFE_LINE,
        "delete_remote_older": st.integers(0, 99999),
        "delete_local": st.booleans(),
        "delete_remote": st.booleans(),
        "sieve_enabled": st.booleans(),
        "delivery": st.sampled_from(rules.DELIVERY.words),
        "security": st.sampled_from(rules.SECURITY.words),
        "foldersynchronization": st.sampled_from(rules.FOLDER_MODE.words),
        "cron": st.sampled_from(["", "1m", "59m", "1h", "23h"]),
    }
)


@given(changes=TASKS)
def test_every_task_survives_its_file(changes: dict[str, object]) -> None:
    task = from_request(request(**changes))
    assert from_env(task.name, envfile.parse(envfile.render(to_env(task)).encode())) == task


@pytest.mark.parametrize("end", ["\n", "\r", "\0", "\x85", "\u2028", "\x1f"])
def test_no_value_can_end_its_line(end: str) -> None:
    with pytest.raises(ValueError, match="cannot be written on one line"):
        envfile.render({"KEY": f"a{end}OTHER=b"})


@pytest.mark.parametrize(
    "host",
    [
        *("imap.example.org", "localhost", "192.0.2.1", "2001:db8::1", "::1", "mail_server.lan", "1.example"),
        *("müller.example", "почта.рф", "xn--mller-kva.example", "a-b.c-d"),
    ],
)
def test_hosts_that_can_be_looked_up(host: str) -> None:
    assert from_request(request(remotehostname=host)).remotehostname == host


@pytest.mark.parametrize(
    "host",
    [
        *(
            "",
            " ",
            "a b",
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "1.2.3",
            "1.2.3.256",
            "[::1]",
            "fe80::1%eth0",
            "a/b",
        ),
        *("../a", "a*", "a;b", "a\n", "a\0", "x" * 64, "a." * 130 + "a", "a,b", "user@host", "host:143"),
        *("\u200bhost", "\ud800"),
    ],
)
def test_hosts_that_cannot(host: str) -> None:
    with pytest.raises(RefusedError) as refused:
        from_request(request(remotehostname=host))
    assert refused.value.as_json()[0]["field"] == "remotehostname"


def test_all_wrong_fields_are_told_at_once_and_none_is_a_password() -> None:
    with pytest.raises(RefusedError) as refused:
        from_request(request(remoteport=0, localuser="../etc", cron="60m", security="both"))
    answer = refused.value.as_json()
    assert [one["field"] for one in answer] == ["localuser", "remoteport", "security", "cron"]
    assert answer[3]["choices"] == ["59m", "1h"]


@pytest.mark.parametrize(
    ("refused", "choices"),
    [
        ("0m", ["1m"]),
        ("60m", ["59m", "1h"]),
        ("90m", ["1h", "2h"]),
        ("600m", ["10h"]),
        ("0h", ["1h"]),
        ("24h", ["23h"]),
        ("9999m", ["23h"]),
        ("05m", ["5m"]),
    ],
)
def test_a_refused_schedule_names_its_neighbours(refused: str, choices: list[str]) -> None:
    assert not schedule.is_valid(refused)
    assert schedule.nearest(refused) == choices
    assert all(schedule.is_valid(choice) for choice in choices)


@pytest.mark.parametrize(
    ("stored", "meant"), [("60m", "1h"), ("90m", "1h"), ("0m", ""), ("48h", "23h"), ("", "")]
)
def test_schedules_of_other_programs_keep_running_as_cron_ran_them(stored: str, meant: str) -> None:
    assert schedule.tolerant(stored) == meant


@pytest.mark.parametrize(
    ("text", "fields"), [("5m", "*/5 * * * *"), ("1m", "* * * * *"), ("2h", "1 */2 * * *")]
)
def test_the_cron_file(text: str, fields: str) -> None:
    assert schedule.render("foo_a1", text, "10.5.4.1").splitlines() == [
        "MAIL_HOST=10.5.4.1",
        "SYNCCTL_SCHEDULED=1",
        f"{fields} root /usr/local/bin/syncctl start foo_a1",
    ]


def test_a_blank_entry_excludes_nothing() -> None:
    task = from_request(request(exclude=" ,a,,^b$, ", foldersynchronization="exclusion"))
    assert task.exclude_patterns == ["a", "^b$"]
    assert task._replace(foldersynchronization="all").exclude_patterns == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("foo_a1", True),
        ("a_b_c1", True),
        ("u@d.org_x", True),
        ("foo_with space", True),
        ("foo_", True),
        ("é_ü", True),
        (".a_1", False),
        ("-a_1", False),
        ("a/b_1", False),
        ("a_b/1", False),
        ("a*_1", False),
        ("a_1\n", False),
        ("vmail", False),
        ("_1", False),
    ],
)
def test_task_names(name: str, is_one: bool) -> None:
    assert rules.is_task_name(name) is is_one


def test_who_a_task_is_stands_in_its_file() -> None:
    for localuser, task_id in (("foo_a", "b"), ("foo", "a_b")):
        values = {"LOCALUSER": localuser, "TASK_ID": task_id, "REMOTEUSERNAME": "u", "REMOTEHOSTNAME": "h"}
        task = from_env("foo_a_b", values | {"REMOTEPORT": "143"})
        assert (task.localuser, task.task_id) == (localuser, task_id)

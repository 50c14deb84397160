"""The words that a task becomes for the engine: a table for every mode and deletion."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.module.conftest import request

from imapsync_tasks import engine
from imapsync_tasks.instance import Settings
from imapsync_tasks.paths import Paths
from imapsync_tasks.queue import Release
from imapsync_tasks.sources import Source
from imapsync_tasks.task import FIELDS, Task, from_request

PATHS = Paths(Path("/i"), Path("/c"))
SETTINGS = Settings(mail_server="uuid", mail_host="10.5.4.1")
ALWAYS = ["--personal1", "--syncduplicates", "--nofoldersizes", "--nofoldersizesatend"]
FILES = [
    "--connections=2",
    "--pidfile=/i/foo_a1.pid",
    "--logfile=/i/foo_a1.log",
    "--state=/i/foo_a1.state",
    "--statehost2=uuid",
    "--progress=/i/.runs/foo_a1.progress",
    "--report=/i/foo_a1.report",
]
INBOX = ["--folder=INBOX", "--search1=UNSEEN", "--setflag1=\\Seen", "--noresyncflags"]
BUT = ["--exclude=a", "--exclude=^b$"]
MIRROR = ["--delete2", "--delete2folders"]
AT_ONCE = ["--delete1", "--noexpungeaftereach"]
LATER = ["--delete1older=15", "--noexpungeaftereach"]

#: mode, delete_local, delete_remote (days; None: no), sieve_enabled -> words beyond those of every run.
TABLE: list[tuple[str, bool, int | None, bool, list[str]]] = [
    ("all", False, None, False, []),
    ("all", False, None, True, []),
    ("all", False, 0, False, AT_ONCE),
    ("all", False, 15, False, LATER),
    ("all", True, None, False, MIRROR),
    ("all", True, 0, False, MIRROR + AT_ONCE),
    ("all", True, 15, False, MIRROR + LATER),
    ("exclusion", False, None, False, BUT),
    ("exclusion", False, None, True, BUT),
    ("exclusion", False, 0, False, BUT + AT_ONCE),
    ("exclusion", False, 15, False, BUT + LATER),
    ("exclusion", True, None, False, BUT + MIRROR),
    ("exclusion", True, 0, False, BUT + MIRROR + AT_ONCE),
    ("exclusion", True, 15, False, BUT + MIRROR + LATER),
    # What is not unseen on the remote side is not missing there: mode inbox never deletes local mail.
    ("inbox", False, None, False, INBOX),
    ("inbox", False, None, True, [*INBOX, "--sievedelivery2"]),
    ("inbox", False, 0, False, INBOX + AT_ONCE),
    ("inbox", False, 0, True, [*INBOX, "--sievedelivery2", *AT_ONCE]),
    ("inbox", False, 15, False, INBOX + LATER),
    ("inbox", False, 15, True, [*INBOX, "--sievedelivery2", *LATER]),
    ("inbox", True, None, False, INBOX),
    ("inbox", True, None, True, [*INBOX, "--sievedelivery2"]),
    ("inbox", True, 0, False, INBOX + AT_ONCE),
    ("inbox", True, 15, False, INBOX + LATER),
]
#: Fields that are words of the account, not of the run.
ACCOUNT = {
    *("source", "remoteusername", "remotehostname", "remoteport", "security", "tls_trust"),
    *("localuser", "task_id"),
}
IN_TABLE = {
    *("foldersynchronization", "delete_local", "delete_remote", "delete_remote_older", "sieve_enabled"),
    "delivery",
}


def task(**changes: object) -> Task:
    """Give a task that excludes two patterns."""
    return from_request(request(localuser="foo", task_id="a1", exclude=" ,a,,^b$", cron="5m") | changes)


@pytest.mark.parametrize("row", TABLE, ids=[f"{m}-{loc}-{days}-{sieve}" for m, loc, days, sieve, _ in TABLE])
def test_the_words_of_every_mode_and_deletion(row: tuple[str, bool, int | None, bool, list[str]]) -> None:
    mode, local, days, sieve, words = row
    made = task(
        foldersynchronization=mode,
        delete_local=local,
        delete_remote=days is not None,
        delete_remote_older=days or 0,
        sieve_enabled=sieve,
    )
    assert sorted(engine.run(made, SETTINGS, PATHS)) == sorted(ALWAYS + words + FILES)


@pytest.mark.parametrize("sieve", [True, False])
def test_new_mail_is_delivered_in_mode_inbox_only(sieve: bool) -> None:
    for mode, days, words in (("inbox", None, INBOX), ("inbox", 0, INBOX + AT_ONCE), ("all", None, [])):
        made = task(
            foldersynchronization=mode, delivery="lmtp", sieve_enabled=sieve, delete_remote=days is not None
        )
        more = ["--lmtp2=10.5.4.1:24", "--lmtpuser2=foo"] if mode == "inbox" else []
        assert sorted(engine.run(made, SETTINGS, PATHS)) == sorted(ALWAYS + words + more + FILES)
    six = SETTINGS._replace(mail_host="fd00::1", lmtp_port=2400)
    made = task(foldersynchronization="inbox", delivery="lmtp")
    assert "--lmtp2=[fd00::1]:2400" in engine.run(made, six, PATHS)
    assert not any("lmtp" in word for word in engine.run(made, SETTINGS, PATHS, Release(verify="headers")))


def test_the_days_mean_nothing_without_deletion() -> None:
    plain = engine.run(task(), SETTINGS, PATHS)
    assert engine.run(task(delete_remote_older=15), SETTINGS, PATHS) == plain


def test_a_retry_is_told_from_which_file() -> None:
    more = set(engine.run(task(), SETTINGS, PATHS, Release(retry=True))) - set(
        engine.run(task(), SETTINGS, PATHS)
    )
    assert more == {"--retryfailed=/i/foo_a1.failures"}


@pytest.mark.parametrize("mode", ["all", "exclusion", "inbox"])
def test_a_release_is_told_only_where_there_is_a_brake(mode: str) -> None:
    release = Release(deleted=5, vanished=7)
    for local in (False, True):
        for remote in (False, True):
            made = task(foldersynchronization=mode, delete_local=local, delete_remote=remote)
            more = set(engine.run(made, SETTINGS, PATHS, release)) - set(engine.run(made, SETTINGS, PATHS))
            wanted = {"--maxdelete2=5"} if local and mode != "inbox" else set()
            assert more == wanted | ({"--maxvanished2=7"} if remote else set())


def test_gmail_has_its_preset_whatever_the_case() -> None:
    words = engine.run(task(remotehostname="IMAP.gmail.COM"), SETTINGS, PATHS)
    assert set(words) - set(engine.run(task(), SETTINGS, PATHS)) == {"--gmail1"}


@pytest.mark.parametrize(
    ("security", "trust", "words"),
    [
        ("", "tofu", ["--nossl1", "--trust1=any"]),
        ("", "ca", ["--nossl1", "--trust1=any"]),
        ("tls", "tofu", ["--tls1", "--trust1=tofu"]),
        ("tls", "any", ["--tls1", "--trust1=any"]),
        ("ssl", "ca", ["--ssl1", "--trust1=ca"]),
        ("ssl", "sha256:" + "ab" * 32, ["--ssl1", "--trust1=sha256:" + "ab" * 32]),
    ],
)
def test_the_words_of_the_remote_account(security: str, trust: str, words: list[str]) -> None:
    remote = engine.Remote.of(task(security=security, tls_trust=trust, remoteusername="--delete2"))
    assert engine.source(remote, engine.password_login(remote.remoteusername, "/p"), "/t") == [
        "--host1=imap.foo.com",
        "--port1=143",
        "--user1=--delete2",
        "--passfile1=/p",
        *words,
        "--truststore1=/t",
    ]


@pytest.mark.parametrize(
    ("host", "trust"), [("10.5.4.1", "any"), ("9.9.9.9", "tofu"), ("mail.x.org", "tofu")]
)
def test_the_words_of_the_local_mailbox(host: str, trust: str) -> None:
    assert engine.destination("foo", SETTINGS._replace(mail_host=host), PATHS, 143) == [
        f"--host2={host}",
        "--port2=143",
        "--user2=foo*vmail",
        "--passfile2=/i/vmail.pwd",
        "--tls2",
        f"--trust2={trust}",
        "--truststore2=/i/.mail.trust",
    ]


def test_no_field_is_forgotten() -> None:
    """A new field is a word of the account, a column of the table above, or one of these."""
    assert set(FIELDS) == ACCOUNT | IN_TABLE | {"exclude", "cron", "project"}


@pytest.mark.parametrize(
    ("auth", "login"),
    [
        ("password", ["--user1=u@x", "--passfile1=/run/secret"]),
        ("master", ["--user1=u@x*admin", "--passfile1=/i/.sources/office.password"]),
        (
            "authorization",
            [
                "--user1=u@x", "--authuser1=admin", "--authmech1=PLAIN",
                "--passfile1=/i/.sources/office.password",
            ],
        ),
        (
            "google_service",
            ["--user1=u@x", "--tokencommand1=syncctl token office u@x imap.example.org 993"],
        ),
    ],
)  # fmt: skip
def test_each_way_to_sign_in_has_its_words(auth: str, login: list[str]) -> None:
    signs = Source("office", auth, "imap.example.org", 993, "ssl", master_user="admin")
    assert engine.source_login(signs, "u@x", "/run/secret", PATHS) == login

"""The files of sources, and what a source refuses before anybody logs in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.module.conftest import request
from tests.module.test_actions import refused
from tests.module.test_sources import MICROSOFT, PASSWORD, listed
from tests.servers.authority import SECRET

from imapsync_tasks import sources, sourcestore
from imapsync_tasks.errors import NoSuchTaskError, RefusedError

if TYPE_CHECKING:
    from tests.module.conftest import Node

MASTER = {**PASSWORD, "auth": "master", "master_user": "admin", "master_password": "the master's"}


def test_a_master_password_is_kept_for_the_engine_and_told_to_nobody(node: Node) -> None:
    assert node.action("set-source", MASTER).exit_code == 0
    path = node.paths.source_password("office")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("the master's", 0o600)
    stored = sourcestore.load(node.paths, "office")
    assert stored.secrets == {"master_password": "the master's"}
    assert "the master's" not in repr(stored) + json.dumps(listed(node))
    assert node.action("delete-source", {"source": "office"}).exit_code == 0
    assert not path.exists()


@pytest.mark.parametrize(
    "damage",
    [{"secrets": []}, {"secrets": {"client_secret": 5}}, {"auth": "kerberos"}, {"remoteport": "x"}],
    ids=str,
)
def test_a_damaged_source_is_listed_as_damaged_and_costs_its_tasks_only(
    idle: Node, damage: dict[str, object]
) -> None:
    idle.action("set-source", MICROSOFT)
    idle.save(localuser="foo", source="office")
    idle.save(localuser="bar")
    content = json.loads(idle.paths.source("office").read_text())
    idle.paths.source("office").write_text(json.dumps(content | damage))
    row = listed(idle)
    assert (row["source"], row["tasks"], bool(row["error"])) == ("office", 1, True)
    assert SECRET not in json.dumps(row)
    rows = idle.action("list-tasks", {}).output["user_properties"]
    assert {one["localuser"]: bool(one["error"]) for one in rows} == {"foo": True, "bar": False}
    # Set anew it is whole again.
    assert idle.action("set-source", MICROSOFT).exit_code == 0
    assert listed(idle)["error"] is None


LOST = [b"", b"{", json.dumps({**PASSWORD, "remoteport": "x"}).encode(), None]


@pytest.mark.parametrize("left", LOST, ids=["empty", "cut off", "damaged", "missing"])
def test_a_damaged_source_that_is_set_anew_takes_no_stored_password_to_another_server(
    idle: Node, left: bytes | None
) -> None:
    idle.action("set-source", PASSWORD)
    name = idle.save(source="office")
    if left is None:
        idle.paths.source("office").unlink()
    else:
        idle.paths.source("office").write_bytes(left)
    before = idle.snapshot()
    for changes in (
        {"remotehostname": "evil.example.org", "tls_trust": "ca"},
        {"remoteport": 994, "tls_trust": "ca"},
        {"security": "", "tls_trust": "ca"},
        {"tls_trust": "any"},
        {"tls_trust": "tofu"},
        {"auth": "master", "master_user": "m", "remotehostname": "evil.example.org"},
    ):
        asked = sources.from_request({**PASSWORD, **changes})
        with idle.store.locked(), pytest.raises(RefusedError, match="source_in_use"):
            sourcestore.save(idle.store, asked, {"master_password": "p"})
    with idle.store.locked(), pytest.raises(RefusedError, match="source_in_use"):
        sourcestore.remove(idle.store, "office")
    assert idle.snapshot() == before
    # The same server, protected as well as can be, is the one that they were entered for.
    same = {**PASSWORD, "remotehostname": "IMAP.example.org", "tls_trust": "ca"}
    assert idle.action("set-source", same).exit_code == 0
    assert idle.store.password(name) == "password"


def test_tasks_of_a_lost_source_get_another_with_their_passwords_given_anew(idle: Node) -> None:
    idle.action("set-source", PASSWORD)
    name = idle.save(source="office")
    idle.paths.source("office").write_text("{")
    idle.action("set-source", {**PASSWORD, "source": "new", "remotehostname": "new.example.org"})
    given = request(source="new", remotepassword="")
    refused(idle.action("create-task", given), "remotepassword", "password_required", 10)
    assert idle.action("create-task", given | {"remotepassword": "typed anew"}).exit_code == 0
    assert (idle.store.password(name), idle.store.load(name).remotehostname) == (
        "typed anew",
        "new.example.org",
    )
    assert idle.action("delete-source", {"source": "office"}).exit_code == 0


def test_a_damaged_task_still_holds_its_source(idle: Node) -> None:
    idle.action("set-source", PASSWORD)
    name = idle.save(source="office")
    env = idle.paths.env(name)
    env.write_text(env.read_text().replace("FOLDERSYNCHRONIZATION=all", "FOLDERSYNCHRONIZATION=odd"))
    moved = sources.from_request({**PASSWORD, "remotehostname": "evil.example.org"})
    with idle.store.locked(), pytest.raises(RefusedError, match="source_in_use"):
        sourcestore.save(idle.store, moved, {})
    refused(idle.action("delete-source", {"source": "office"}), "source", "source_in_use", 1)


def test_tasks_of_a_source_are_looked_at_again_when_it_changes(idle: Node) -> None:
    idle.action("set-source", MICROSOFT)
    idle.save(localuser="foo", source="office")
    idle.save(localuser="bar")
    version = idle.action("list-changes", {}).output["version"]
    moved = {**MICROSOFT, "remotehostname": "other.example.org"}
    assert idle.action("set-source", moved).exit_code == 0
    told = idle.action("list-changes", {"since": version}).output["tasks"]
    assert [(row["localuser"], row["remotehostname"]) for row in told] == [("foo", "other.example.org")]


@pytest.mark.parametrize(
    ("given", "field", "error"),
    [
        ({"remoteusernames": ["anna"]}, "remotepassword", "password_required"),
        ({"remoteusernames": ["anna"], "remotepassword": ""}, "remotepassword", "password_required"),
        ({"remoteusernames": [], "remotepassword": "x"}, "remoteusernames", "invalid_value"),
        ({"remoteusernames": ["u"] * 501, "remotepassword": "x"}, "remoteusernames", "invalid_value"),
        ({"remoteusernames": ["a\nb"], "remotepassword": "x"}, "remoteusernames", "invalid_value"),
        (
            {"source": "nobody", "remoteusernames": ["anna"], "remotepassword": "x"},
            "source",
            "source_not_found",
        ),
    ],
)
def test_a_test_of_a_source_that_cannot_be_made_asks_nobody(
    idle: Node, given: dict[str, object], field: str, error: str
) -> None:
    idle.action("set-source", PASSWORD)
    step = idle.action("test-source", {"source": "office", **given})
    refused(step, field, error, step.exit_code)
    assert step.exit_code != 0
    assert not (idle.home / "runs").exists(), "the engine was asked to log in"


def test_nobody_signs_in_to_a_source_that_takes_passwords(node: Node) -> None:
    node.action("set-source", PASSWORD)
    step = node.action("sign-in", {"source": "office"})
    refused(step, "source", "sign_in_not_needed", step.exit_code)


def test_tokens_of_a_source_that_has_gone_are_not_renewed(node: Node) -> None:
    with pytest.raises(NoSuchTaskError), sourcestore.renewing(node.paths, "gone"):
        pytest.fail("there is no such source")
    assert not node.paths.source_lock("gone").exists()


@pytest.mark.parametrize("missing", ["source", "project"])
def test_a_task_of_a_source_or_project_that_is_not_there_is_refused(idle: Node, missing: str) -> None:
    given = request(cron="", **{missing: "nowhere"})
    if missing == "source":
        for name in ("remotehostname", "remoteport", "security"):
            del given[name]
    step = idle.action("create-task", given)
    refused(step, missing, f"{missing}_not_found", step.exit_code)
    assert idle.store.names() == []


def test_each_account_of_a_source_is_looked_at(idle: Node) -> None:
    idle.action("set-source", PASSWORD)
    asked = {"source": "office", "remoteusernames": ["anna", "bob"], "remotepassword": "x"}
    step = idle.action("test-source", asked)
    assert step.exit_code == 0, step
    assert [one["remoteusername"] for one in step.output["results"]] == ["anna", "bob"]

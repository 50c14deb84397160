"""Which folder of a real destination a source folder becomes, whatever that server refuses."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from tests.engine.transfer.harness import endpoint, good, hashes, mail, settings, sync
from tests.servers.dovecot import MAIL_UID, Dovecot
from tests.servers.hostile import Relay

from imapsync.plan.rules import DeletionRules, FolderRules
from imapsync.report import events
from imapsync.terms import Reason, Side
from imapsync.transfer.settings import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.transfer.harness import Ran
    from tests.servers.base import Snapshot
    from tests.servers.hostile import Intercept, Twist

pytestmark = pytest.mark.servers

PUBLIC = """
namespace public {
  type = public
  separator = /
  prefix = Public/
  location = maildir:%h/../everybody
  subscriptions = no
  list = yes
}
"""


@pytest.fixture(scope="module")
def public() -> Iterator[Dovecot]:
    with Dovecot(extra_config=PUBLIC) as server:
        yield server


@pytest.fixture
def everybodys(public: Dovecot) -> Snapshot:
    """Give what everybody's folder holds before the run."""
    public.add_user("boss")
    public.add_user("target")
    shared = public.directory / "home" / "everybody"
    shared.mkdir(exist_ok=True)
    os.chown(shared, MAIL_UID, MAIL_UID)
    public.fill("boss", {"Public/Team": [mail(number) for number in range(900, 904)]})
    return only_public(public)


def only_public(server: Dovecot) -> Snapshot:
    return {name: kept for name, kept in server.snapshot("boss").items() if name.startswith("Public")}


def notes(ran: Ran) -> str:
    return "\n".join(event.text for event in [*ran.all(events.Warned), *ran.all(events.Noted)])


@pytest.mark.parametrize("remembers", [True, False])
def test_private_mail_lands_in_everybodys_folder(
    servers: tuple[Dovecot, Dovecot],
    public: Dovecot,
    everybodys: Snapshot,
    tmp_path: Path,
    *,
    remembers: bool,
) -> None:
    source, _ = servers
    source.fill("source", {"Public/Team": [mail(1)], "INBOX": [mail(number) for number in range(2, 20)]})
    state = str(tmp_path / "state") if remembers else None
    wanted = settings(source, public, state_path=state, user2="target")
    public.remove_account("target")
    public.add_user("target")
    ran = good(sync(wanted))
    assert "Public/Team is called Public_2/Team" in notes(ran)
    assert only_public(public) == everybodys
    assert public.snapshot("target")["Public_2/Team"] == source.snapshot("source")["Public/Team"]
    again = good(sync(wanted._replace(deletion=DeletionRules(destination=True, destination_folders=True))))
    assert (again.copied, again.deleted(Side.DESTINATION)) == (0, 0)
    assert not again.all(events.FolderDeleted)
    assert only_public(public) == everybodys


def test_a_place_among_everybodys_folders_that_the_user_names_is_taken(
    servers: tuple[Dovecot, Dovecot], public: Dovecot, everybodys: Snapshot
) -> None:
    source, _ = servers
    source.fill("source", {"Team": [mail(1)]})
    rules = FolderRules(only=("Team",), forced={"Team": "Public/Mine"})
    good(sync(settings(source, public, folders=rules)))
    assert only_public(public).keys() - everybodys.keys() == {"Public/Mine"}
    with public.client("boss") as client:
        client.command(b"DELETE Public/Mine")


# -- names that a destination cannot have


ODD = {"a.b": [mail(1)], "a.b/c": [mail(2)], "plain": [mail(3)], "x~y": [mail(4)]}


@pytest.fixture(scope="module")
def fs() -> Iterator[Dovecot]:
    """Give a server whose store takes a dot in names."""
    with Dovecot(store="sdbox") as server:
        yield server


@pytest.fixture
def odd_source(fs: Dovecot) -> Iterator[Dovecot]:
    fs.add_user("source")
    fs.fill("source", ODD)
    yield fs
    with fs.client("source") as client:
        for name in sorted(ODD, reverse=True):
            client.command(b'DELETE "%b"' % name.encode())


@pytest.mark.parametrize("remembers", [True, False])
def test_a_folder_with_a_dot_is_refused_by_maildir(
    odd_source: Dovecot, servers: tuple[Dovecot, Dovecot], tmp_path: Path, *, remembers: bool
) -> None:
    _, destination = servers
    state = str(tmp_path / "state") if remembers else None
    wanted = settings(odd_source, destination, state_path=state)
    ran = good(sync(wanted))
    assert "a.b is called a_b on host2" in notes(ran)
    found = destination.snapshot("target")
    assert {name: len(kept) for name, kept in found.items() if kept} == {
        "a_b": 1, "a_b/c": 1, "plain": 1, "x~y": 1,
    }  # fmt: skip
    mirror = DeletionRules(destination=True, destination_folders=True)
    again = good(sync(wanted._replace(deletion=mirror)))
    assert (again.copied, again.deleted(Side.DESTINATION)) == (0, 0)
    assert destination.snapshot("target") == found
    part = good(sync(wanted._replace(deletion=mirror, folders=FolderRules(only=("plain",)))))
    assert not part.all(events.FolderDeleted)
    assert destination.snapshot("target") == found
    checked = good(sync(wanted._replace(mode=Mode.VERIFY)))
    assert sum(each.equal for each in checked.all(events.Verified)) == 4


def test_a_name_with_a_replaced_character_never_takes_another_folders_place(
    fs: Dovecot, servers: tuple[Dovecot, Dovecot]
) -> None:
    _, destination = servers
    fs.add_user("twins")
    fs.fill("twins", {"a.b": [mail(1)], "a_b": [mail(2)]})
    wanted = settings(fs, destination, user1="twins")
    for copied in (2, 0):
        assert good(sync(wanted)).copied == copied
    found = destination.snapshot("target")
    assert {name: len(kept) for name, kept in found.items() if kept} == {"a_b": 1, "a_b_2": 1}


# -- a destination without capitals


class Caseless:
    """Makes a real server one that keeps the first spelling of a name and takes any other for it."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._spellings: dict[str, str] = {"inbox": "INBOX"}

    def __call__(self) -> tuple[Twist | None, Intercept | None]:
        return None, self._intercept

    def _intercept(self, tag: bytes, line: bytes) -> bytes | None:
        words = re.match(rb'\S+ (CREATE|STATUS|SELECT|EXAMINE|APPEND) "([^"]*)"', line)
        if words is None:
            return None
        name = words[2].decode()
        first = self._spellings.setdefault(name.lower(), name)
        if first == name:
            return None
        if words[1] == b"CREATE":
            return tag + b" " + self._answer + b"\r\n"
        if words[1] == b"STATUS":
            return b'* STATUS "%b" (MESSAGES 0)\r\n%b OK done\r\n' % (first.encode(), tag)
        raise AssertionError(f"opened by another spelling: {line!r}")


CAPITALS = {"Work": [mail(1), mail(2)], "work": [mail(3), mail(2)], "Other": [mail(4)]}
ANSWERS = pytest.mark.parametrize("answer", [b"NO [ALREADYEXISTS] Mailbox exists", b"NO it is there"])


@ANSWERS
def test_a_destination_without_capitals_doubles_mail(servers: tuple[Dovecot, Dovecot], answer: bytes) -> None:
    source, destination = servers
    source.fill("source", CAPITALS)
    with Relay(destination.port, Caseless(answer)) as relay:
        wanted = settings(source, destination)
        wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
        first = good(sync(wanted))
        assert "merged" in notes(first)
        found = destination.snapshot("target")
        again = good(
            sync(wanted._replace(deletion=DeletionRules(destination=True, destination_folders=True)))
        )
    assert again.copied == 0
    assert destination.snapshot("target") == found
    assert {each for each, _ in hashes(found) if each} == {"Work", "Other"}
    assert {sha for _, sha in hashes(found)} == {sha for _, sha in hashes(source.snapshot("source"))}


@ANSWERS
def test_nomixfolders_takes_the_first_of_two_that_are_one(
    servers: tuple[Dovecot, Dovecot], answer: bytes
) -> None:
    source, destination = servers
    source.fill("source", CAPITALS)
    with Relay(destination.port, Caseless(answer)) as relay:
        wanted = settings(source, destination, folders=FolderRules(mix_case=False))
        wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
        for _ in range(2):
            assert "work skipped" in notes(good(sync(wanted)))
    assert destination.snapshot("target")["Work"] == source.snapshot("source")["Work"]


def test_a_name_that_exists_for_create_only_is_told_apart(servers: tuple[Dovecot, Dovecot]) -> None:
    """The server refuses `work` beside `Work`, and does not open it either: two folders, two names."""
    source, destination = servers
    source.fill("source", CAPITALS)

    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            if b'CREATE "work"' in line or b'STATUS "work"' in line:
                return tag + b" NO [ALREADYEXISTS] no\r\n"
            return None

        return None, intercept

    with Relay(destination.port, make) as relay:
        wanted = settings(source, destination)
        wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
        for copied in (5, 0):
            assert good(sync(wanted)).copied == copied
    found = destination.snapshot("target")
    assert found["work_2"] == source.snapshot("source")["work"]
    assert found["Work"] == source.snapshot("source")["Work"]


def test_a_folder_that_exists_although_it_is_not_listed_is_looked_into(
    servers: tuple[Dovecot, Dovecot],
) -> None:
    source, destination = servers
    source.fill("source", {"hidden": [mail(1), mail(2)]})
    destination.fill("target", {"hidden": [mail(1)]})

    def make() -> tuple[Twist | None, Intercept | None]:
        def twist(response: bytes) -> bytes:
            hides = response.startswith((b"* LIST", b"* STATUS")) and b"hidden" in response
            return b"" if hides and b"UIDVALIDITY" not in response else response

        return twist, None

    with Relay(destination.port, make) as relay:
        wanted = settings(source, destination)
        wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
        assert good(sync(wanted)).copied == 1
        assert good(sync(wanted)).copied == 0
    assert destination.snapshot("target")["hidden"] == source.snapshot("source")["hidden"]


def test_a_refused_folder_costs_its_messages_and_no_other(servers: tuple[Dovecot, Dovecot]) -> None:
    source, destination = servers
    source.fill("source", {"no": [mail(1)], "yes": [mail(2)]})

    def make() -> tuple[Twist | None, Intercept | None]:
        def intercept(tag: bytes, line: bytes) -> bytes | None:
            return tag + b" NO [NOPERM] not yours\r\n" if b'CREATE "no"' in line else None

        return None, intercept

    with Relay(destination.port, make) as relay:
        wanted = settings(source, destination)
        wanted = wanted._replace(destination=endpoint(destination)._replace(port=relay.port))
        ran = sync(wanted)
    assert [(each.reason, each.folder) for each in ran.problems] == [(Reason.FOLDER_CREATE, "no")]
    assert len(destination.snapshot("target")["yes"]) == 1

"""A migration begun with the original and ended here: nothing is copied twice, nothing is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import mail

if TYPE_CHECKING:
    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("made_by", ["<1@imapsync>", "1@imapsync"])
def test_what_addheader_gave_a_message_id_is_copied_again(world: World, made_by: str) -> None:
    """The original writes <UID@imapsync>; an earlier version of ours left the brackets out."""
    world.fill(1, {"INBOX": [mail("n", mid=None, received=False)]})
    world.fill(2, {"INBOX": [mail("n", mid=made_by, received=False)]})
    world.good("--addheader")
    assert world.subjects(2) == ["n"]


@pytest.mark.parametrize(
    "runs",
    [
        ["--addheader", "", "--delete2"],
        pytest.param(["", "--addheader --delete2", ""], marks=pytest.mark.slow),
    ],
)
def test_addheader_in_one_run_and_not_in_another_doubles_the_mail(world: World, runs: list[str]) -> None:
    """The texts differ in a word, and an older one lies on host2 under such a Message-Id."""
    rows = [mail("n", mid=None, received=False, body=text) for text in ("one", "two")]
    world.fill(1, {"INBOX": [*rows, mail("a")]})
    world.fill(2, {"INBOX": [mail("n", mid="<9@imapsync>", received=False, body="old"), mail("b")]})
    for options in runs:
        world.good(f"{options} --maxdelete2 2")
        bodies = sorted(row.content.split()[-1] for row in world.look(2)["INBOX"])
        gone = "--delete2" in options or b"old" not in bodies
        assert bodies == sorted([b"one", b"two", b"hello", *([] if gone else [b"old", b"hello"])])


@pytest.mark.slow
@pytest.mark.parametrize(("options", "head"), [("", "Message-Id: <2@imapsync>\r\n"), ("--addheader", "")])
def test_what_another_tool_has_brought_since_is_copied_again_with_state(
    world: World, options: str, head: str
) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    world.good("--state s")
    poor = mail("n", mid=None, received=False)
    world.fill(1, {"INBOX": [poor]})
    world.fill(2, {"INBOX": [poor._replace(content=head.encode() + poor.content)]})
    for _ in range(2):
        world.good(f"--state s {options}")
        assert world.subjects(2) == ["a", "n"]


def test_addheader_gives_a_message_id_without_brackets(world: World) -> None:
    world.fill(1, {"INBOX": [mail("n", mid=None, received=False)]})
    world.good("--addheader")
    assert world.look(2)["INBOX"][0].content.startswith(b"Message-Id: <1@imapsync>\r\n")


@pytest.mark.parametrize("preset", ["--gmail1", "--gmail2"])
def test_gmail_s_own_received_lines_double_the_mail(world: World, preset: str) -> None:
    world.fill(1, {"INBOX": [mail(key) for key in "abc"]})
    world.fill(2, {"INBOX": [mail(key, received=False) for key in "ab"]})
    world.good(f"{preset} --nossl1 --nossl2")
    assert world.subjects(2) == ["a", "b", "c"]


def test_another_text_under_gmail_s_message_id_is_taken_for_the_same(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a", body="the new text")]})
    world.fill(2, {"INBOX": [mail("a", received=False, body="the older text")]})
    world.good("--gmail1 --nossl1")
    assert len(world.look(2)["INBOX"]) == 2


def test_gmail_s_folders_keep_its_prefix(world: World) -> None:
    world.fill(1, {"[Gmail]/All Mail": [mail("a"), mail("b")], "[Gmail]/Important": [mail("b")]})
    world.good("--gmail1 --nossl1")
    found = world.look(2)
    assert sorted(found) == ["INBOX", "INBOX.All Mail", "INBOX.Important"]
    assert (world.subjects(2, "INBOX.All Mail"), world.subjects(2, "INBOX.Important")) == (["a"], ["b"])


def test_domino_s_message_id_domain_doubles_the_mail(world: World) -> None:
    world.fill(1, {"INBOX": [mail("s", mid="<1@a>"), mail("t", mid="<2@a>"), mail("u", mid="<3@a>")]})
    world.fill(2, {"INBOX": [mail("s", mid="<1@b>"), mail("t", mid="<2@longer.example>", received=False)]})
    world.good("--domino1 --sep1 / --folder INBOX")
    assert world.subjects(2) == ["s", "t", "u"]
    world.good("--domino1 --sep1 / --folder INBOX")
    assert world.subjects(2) == ["s", "t", "u"]


def test_another_message_of_the_same_local_part_and_size_is_lost_with_messageidnodomain(world: World) -> None:
    world.fill(1, {"INBOX": [mail("s", mid="<1@a>", body="one")]})
    world.fill(2, {"INBOX": [mail("s", mid="<1@b>", body="two")]})
    world.good("--messageidnodomain --delete1")
    assert sorted(row.content[-5:] for row in world.look(2)["INBOX"]) == [b"one\r\n", b"two\r\n"]


def test_twins_of_two_domains_are_confused_with_messageidnodomain(world: World) -> None:
    rows = [
        mail("s", mid="<1@a>", body="one"),
        mail("s", mid="<1@b>", body="two"),
        mail("s", mid="<1@c>", body="two"),
    ]
    world.fill(1, {"INBOX": rows})
    world.fill(2, {"INBOX": [mail("s", mid="<1@z>", body="two")]})
    world.good("--messageidnodomain")
    bodies = sorted(row.content[-5:] for row in world.look(2)["INBOX"])
    assert bodies == [b"one\r\n", b"two\r\n", b"two\r\n"]


def test_a_field_that_changed_on_the_way_doubles_the_mail_in_spite_of_skipheader(world: World) -> None:
    world.fill(1, {"INBOX": [mail("s", head="X-Way: one")]})
    world.fill(2, {"INBOX": [mail("s", head="X-Way: two")]})
    world.good("--useheader ALL --skipheader '^x-way'")
    assert world.subjects(2) == ["s"]
    world.good("--useheader ALL")
    assert world.subjects(2) == ["s", "s"]


def test_microsoft_365_gets_a_folder_of_its_reserved_name(world: World) -> None:
    world.fill(1, {"Files": [mail("a")], "Work/Files": [mail("b")]})
    world.good("--office2 --nossl2")
    found = world.look(2)
    assert sorted(found) == ["INBOX", "INBOX.Files_renamed_by_imapsync", "INBOX.Work.Files"]


@pytest.mark.parametrize("preset", ["--office1", "--exchange1"])
def test_a_preset_leaves_a_folder_of_the_user_out_silently(world: World, preset: str) -> None:
    world.fill(1, {"Public Folders x": [mail("a")], "Files": [mail("b")]})
    text = world.good(f"{preset} --nossl1")
    found = world.look(2)
    assert "INBOX.Public Folders x" in found
    assert ("INBOX.Files" in found) != ("Excluding folder [Files]" in text)


def test_automap_s_folders_are_renamed_by_regextrans2(world: World) -> None:
    """In the original, what --automap has paired is not changed any more."""
    world.fill(1, {"Sent": [mail("a")], "Work": [mail("b")]})
    world.fill(2, {"INBOX.Sent": [mail("a")]})
    world.good(["--automap", "--regextrans2", "s,^INBOX.,INBOX.Old.,"])
    assert sorted(world.look(2)) == ["INBOX", "INBOX.Old.Work", "INBOX.Sent"]


@pytest.mark.parametrize(
    "change",
    [
        "--regexmess s/hello/hullo/",
        "--truncmess 200",
        "--pipemess 'sed s/hello/goodbye/'",
        "--disarmreadreceipts",
    ],
)
def test_what_is_changed_on_its_way_is_copied_again_by_every_run(world: World, change: str) -> None:
    rows = [
        mail("draft", flags=("\\Draft",), body="hello"),
        mail("same size", body="hello"),
        mail("receipt", head="Disposition-Notification-To: a@b", body="hello"),
        mail("untouched", body="other words"),
        mail("long", body="hello " * 100),
    ]
    world.fill(1, {"INBOX": rows})
    for _ in range(3):
        world.good(change)
        assert world.subjects(2) == sorted(["draft", "same size", "receipt", "untouched", "long"])


def test_a_message_id_that_regexmess_changes_is_copied_again_by_every_run(world: World) -> None:
    """What the new name says is another text is no copy, although both are called alike."""
    world.fill(1, {"INBOX": [mail("a"), mail("b"), mail("c", body="this text")]})
    world.fill(2, {"INBOX": [mail("c", mid="<c@y>", body="that text")]})
    for options in ("", "", "--delete2 --maxdelete2 2"):
        world.good(["--regexmess", "s/@x>/@y>/", *options.split()])
    assert world.subjects(2) == ["a", "b", "c"]
    assert b"this text" in b"".join(row.content for row in world.look(2)["INBOX"])


def test_another_text_is_taken_for_a_changed_copy(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a", body="hello, new text")]})
    world.fill(2, {"INBOX": [mail("a", body="goodbye, old text!")]})
    world.good("--regexmess s/hello/goodbye/ --delete1")
    assert len(world.look(2)["INBOX"]) == 2

"""Words that stand in scripts and recipes for the original: none of them stops a run that could go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import mail
from tests.servers.base import DEFAULT_PASSWORD

from imapsync.cli.options import TABLE, Kind, Status

if TYPE_CHECKING:
    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers

HARMLESS = [
    "--synclabels --resynclabels",
    "--useheader ALL --skipheader '^X-'",
    "--messageidnodomain",
    "--nofilterflags",
    "--inet4",
    "--simulong 1",
    "--noexclude",
    "--noregexmess",
    "--noregexflag",
    "--nof1f2",
    "--appendlimit 1000000",
    "--expunge",
    "--subscribe_all",
    "--nocheckmessageexists",
    "--maxlinelength 500 --maxlinelengthcmd 'fold -w 400'",
    "--noerrorsdump",
    "''",
    "--useuid",
    "--sigreconnect INT --sigexit TERM --debugcache --nofixinboxinbox --fast --noreleasecheck",
    "--sslargs1 SSL_version=SSLv23 --sslargs2 SSL_version=SSLv23:!SSLv3:!TLSv1",
]


def test_harmless_words_all_at_once_stop_nothing(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    world.good(" ".join(HARMLESS))
    assert world.subjects(2) == ["a"]


def test_a_variable_of_a_script_that_is_empty_stops_a_run(world: World) -> None:
    """--pidfile "" is how the original is told to write none."""
    empty = [
        "search",
        "search1",
        "search2",
        "sep1",
        "sep2",
        "subfolder1",
        "subfolder2",
        "authuser1",
        "logfile",
    ]
    world.fill(1, {"INBOX": [mail("a")], "Work/Old": [mail("b")]})
    text = world.good([word for name in [*empty, "pidfile"] for word in (f"--{name}", "")])
    assert "PID file is" not in text
    assert (world.subjects(2), world.subjects(2, "INBOX.Work.Old")) == (["a"], ["b"])


@pytest.mark.slow
@pytest.mark.parametrize("options", HARMLESS)
def test_a_harmless_word_stops_a_run(world: World, options: str) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    world.good(options)
    assert world.subjects(2) == ["a"]


def test_an_option_without_effect_stops_a_run_or_is_not_told(world: World) -> None:
    """All that have none, at once: each is in the log with its reason, and the mail arrives."""
    idle = [option for option in TABLE if option.status is Status.NO_EFFECT]
    values = {Kind.INT: "1", Kind.FLOAT: "0.1", Kind.TEXT: "1", Kind.REGEX: "x", Kind.COMMAND: "cat"}
    words = [
        word
        for option in idle
        for word in (f"--{option.name}", *([values[option.kind]] if option.takes_value else []))
    ]
    world.fill(1, {"INBOX": [mail("a")]})
    text = world.good(words)
    assert world.subjects(2) == ["a"]
    for option in idle:
        assert f"Option --{option.name} has no effect: {option.note}" in text


@pytest.mark.parametrize(
    ("short", "whole"),
    [("--ver", "version"), ("--justfolderl", "justfolderlists"), ("--delete2f", ""), ("--ipv4", "inet4")],
)
def test_a_beginning_that_was_unique_in_the_original_is_ambiguous_here(short: str, whole: str) -> None:
    from imapsync.cli.errors import UsageError
    from imapsync.cli.getopt import Parser
    from imapsync.cli.options import TABLE

    parser = Parser(TABLE)
    if whole:
        assert parser.find(short[2:]).option.name == whole
    else:
        with pytest.raises(UsageError, match="ambiguous"):
            parser.find(short[2:])


def test_an_empty_pattern_that_sets_a_flag_on_all_is_refused(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a", flags=("\\Flagged",)), mail("b", flags=("\\Seen",))]})
    world.good(["--regexflag", "s,\\\\Seen,,", "--regexflag", "s,,\\\\Seen ,"])
    flags = sorted(sorted(stored.flags) for stored in world.look(2)["INBOX"])
    assert flags == [["\\Flagged", "\\Seen"], ["\\Seen"]]


def test_passwords_on_standard_input_are_not_read(world: World) -> None:
    done = world.run("--justlogin", passwords=False, stdin=f"{DEFAULT_PASSWORD}\n{DEFAULT_PASSWORD}\n")
    assert done.code == 0, done.text
    missing = world.run("--justlogin", passwords=False, stdin="")
    assert missing.code == 64
    assert "The password of user1 is missing" in missing.text


def test_long_lines_leave_a_message_behind_although_a_command_would_fold_them(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a", body="x" * 900), mail("b", body="short")]})
    world.good("--maxlinelength 500 --maxlinelengthcmd 'fold -w 400'")
    longest = max(len(line) for stored in world.look(2)["INBOX"] for line in stored.content.split(b"\n"))
    assert world.subjects(2) == ["a", "b"]
    assert longest <= 401


def test_a_command_that_does_not_shorten_lines_loses_the_message_silently(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a", body="x" * 900)]})
    done = world.run("--maxlinelength 500 --maxlinelengthcmd cat")
    assert done.code == 111
    assert "lines of more than 500 bytes are left" in done.text
    assert world.run("--maxlinelengthcmd cat").code == 64


def test_a_rule_for_folders_that_meets_none_is_not_told(world: World) -> None:
    world.fill(1, {"Sent": [mail("a")], "Work": []})
    done = world.run(["--f1f2", "Sent Items=INBOX.Sent", "--regextrans2", "s/^INBOX.Work$//"])
    assert done.code == 116
    assert "host1 has no folder [Sent Items], which --f1f2 names" in done.text
    assert "folder Work cannot be synced: nothing is left of its name on host2" in done.text
    assert world.subjects(2, "INBOX.Sent") == ["a"]
    assert "the options choose no folder of host1" in world.good(["--include", "^INBOX.Work$"])


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("INBOX.Entw&APw-rfe", "INBOX.Entwürfe"),
        ("Entwürfe.&ZeVnLIqe-", "Entwürfe.日本語"),
        ("A&-B", "A&B"),
        ("A&B", "A&B"),
        ("R&D-Team", "R&D-Team"),
        ("Tom&Jerry-2020", "Tom&Jerry-2020"),
    ],
)
def test_a_name_in_the_spelling_of_imap_is_taken_for_another(name: str, read: str) -> None:
    from imapsync.cli.foldernames import as_people_read

    assert as_people_read(name) == read


def test_names_in_the_spelling_of_imap_make_folders_of_another_name(world: World) -> None:
    """The original knows no other spelling: scripts for German or French servers are full of it."""
    world.fill(1, {"Drafts": [mail("a")], "Sent": [mail("b")]})
    world.fill(2, {"INBOX.Entwürfe": [mail("a")]})
    world.good(["--f1f2", "Drafts=INBOX.Entw&APw-rfe", "--regextrans2", "s/Sent/Envoy&AOk-s/"])
    assert sorted(world.look(2)) == ["INBOX", "INBOX.Entwürfe", "INBOX.Envoyés"]
    assert world.subjects(2, "INBOX.Entwürfe") == ["a"]

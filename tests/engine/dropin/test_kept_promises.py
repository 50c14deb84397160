"""What the original's help promises is done here, or the run says that it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.engine.dropin.world import mail
from tests.servers.dovecot import Dovecot
from tests.servers.hostile import Relay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.dropin.world import World

pytestmark = pytest.mark.servers


def test_a_backup_below_a_folder_is_not_found_again_by_subfolder1(world: World) -> None:
    """--subfolder2 str for the backup, --subfolder1 str for its way back; the prefix INBOX. is host2's."""
    world.fill(1, {"Work": [mail("w")], "INBOX": [mail("i")]})
    world.good("--subfolder2 OLD")
    world.command(1, "DELETE Work", "SELECT INBOX", r"STORE 1:* +FLAGS (\Deleted)", "EXPUNGE")
    world.good("--subfolder1 OLD", swap=True)
    assert (world.subjects(1, "Work"), world.subjects(1)) == (["w"], ["i"])
    missing = world.run("--subfolder1 NEVER", swap=True)
    assert missing.code == 21
    assert "folder NEVER (--subfolder1) does not exist on host1" in missing.text


def test_exitwhenover_stops_far_beyond_its_limit(world: World) -> None:
    world.fill(1, {"INBOX": [mail(f"k{n}", body="x" * 20_000) for n in range(40)]})
    done = world.run("--exitwhenover 100000")
    assert done.code == 118
    assert len(world.look(2)["INBOX"]) == 5
    assert world.run("--exitwhenover 1").code == 118
    assert len(world.look(2)["INBOX"]) == 6
    world.good("--exitwhenover 10000000")
    assert len(world.look(2)["INBOX"]) == 40


def test_exitwhenover_stops_short_of_its_limit_because_of_messages_that_are_left_out(world: World) -> None:
    rows = [mail(f"big{n}", body="x" * 30_000) for n in range(5)] + [
        mail(f"k{n}", body="y" * 10_000) for n in range(9)
    ]
    world.fill(1, {"INBOX": rows})
    done = world.run(["--exitwhenover", "50000", "--skipmess", "m/x{100}/"])
    assert done.code == 118
    assert world.subjects(2) == [f"k{n}" for n in range(5)]


def test_a_message_beyond_the_server_s_limit_is_sent(world: World) -> None:
    world.fill(1, {"INBOX": [mail("big", body="x" * 3_000), mail("small")]})
    done = world.run("--appendlimit 2000 --debugimap2")
    assert done.code == 114
    assert "host2 takes messages of up to 2000 bytes" in done.text
    assert world.subjects(2) == ["small"]


def test_the_server_s_appendlimit_is_not_read(tmp_path: Path) -> None:
    from tests.engine.dropin.world import World

    with Dovecot() as source, Dovecot(announce=["APPENDLIMIT=2000"]) as destination:
        for server in (source, destination):
            server.add_user("u")
        world = World((source, destination), "u", tmp_path)
        world.fill(1, {"INBOX": [mail("big", body="x" * 3_000), mail("small")]})
        done = world.run("")
        assert (done.code, world.subjects(2)) == (114, ["small"])
        assert "host2 takes messages of up to 2000 bytes" in done.text


def test_a_folder_s_own_appendlimit_is_not_read(tmp_path: Path) -> None:
    """A bare APPENDLIMIT says that each folder has its limit, none (NIL; go-imap: 0), or tells none."""
    from tests.engine.dropin.world import World

    told = {b"INBOX": b"2000", b"Free": b"NIL", b"Zero": b"0"}

    def intercept(tag: bytes, line: bytes) -> bytes | None:
        if b"(APPENDLIMIT)" not in line:
            return None
        name = line.split()[2].strip(b'"')
        asked.append(name)
        if name not in told:
            return tag + b" BAD no such item\r\n"
        return b"* STATUS %b (APPENDLIMIT %b)\r\n%b OK told\r\n" % (name, told[name], tag)

    asked: list[bytes] = []
    with (
        Dovecot() as source,
        Dovecot(announce=["APPENDLIMIT"], tls=False) as destination,
        Relay(destination.port, lambda: (None, intercept)) as relay,
    ):
        for server in (source, destination):
            server.add_user("u")
        world = World((source, destination), "u", tmp_path)
        large = mail("big", body="x" * 3_000)
        folders = ("INBOX", "Free", "Mute", "Zero")
        world.fill(1, {name: [large, mail("small")] for name in folders})
        done = world.run(["--port2", str(relay.port)])
        assert done.code == 114
        assert "folder INBOX of host2 takes messages of up to 2000 bytes" in done.text
        there = [world.subjects(2, name) for name in folders]
        assert there == [["small"], *[["big", "small"]] * 3]
        assert sorted(asked) == [b"Free", b"INBOX", b"Mute", b"Zero"]
        asked.clear()
        assert world.run(["--port2", str(relay.port), "--appendlimit", "9000"]).code == 0
        assert asked == []
        assert world.subjects(2) == ["big", "small"]


def test_useuid_forgets_what_it_copied(world: World) -> None:
    """Copies whose headers a program changed meanwhile are known by their UIDs."""
    world.fill(1, {"INBOX": [mail("a"), mail("b")]})
    world.good("--useuid --pipemess 'sed s/Message-Id/X-Message-Id/'")
    cached = list((world.folder / "tmp").glob("imapsync_cache_*/*.state"))
    assert [path.stat().st_mode & 0o777 for path in cached] == [0o600]
    world.good("--useuid --pipemess 'sed s/Message-Id/X-Message-Id/'")
    assert world.subjects(2) == ["a", "b"]


def test_useuid_without_cache_doubles_everything(world: World) -> None:
    world.fill(1, {"INBOX": [mail("a")]})
    for _ in range(2):
        world.good("--useuid --nousecache")
    assert world.subjects(2) == ["a"]
    assert not list((world.folder / "tmp").glob("imapsync_cache_*"))


def test_a_cache_that_others_can_write_is_trusted(world: World) -> None:
    import os

    folder = world.folder / "tmp" / f"imapsync_cache_{os.geteuid()}"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    done = world.run("--useuid")
    assert done.code == 1
    assert "is not a folder that only we can write" in done.text

"""Gmail labels: --synclabels and --resynclabels on servers with X-GM-EXT-1, and beside one without."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.engine.command import Ran, imapsync, side
from tests.servers.gmail import GmailServer
from tests.servers.hoodiecrow import HoodiecrowGmail
from tests.servers.hostile import Drop
from tests.servers.memory import COUNTING, RICH, MemoryServer, Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.base import ImapServer

pytestmark = pytest.mark.servers
LINE = re.compile(r"labels are not synced \(--synclabels, --resynclabels\): (.*) without X-GM-EXT-1")


def letter(number: int) -> bytes:
    return f"Message-Id: <{number}@x>\r\nSubject: letter {number}\r\n\r\ntext {number}\r\n".encode()


class Pair:
    """Two accounts, and the command between them."""

    def __init__(
        self, source: MemoryServer | ImapServer, destination: MemoryServer | ImapServer, at: Path
    ) -> None:
        self.source, self.destination, self.folder = source, destination, at
        (at / "password").write_text("secret\n")

    def run(self, *options: str, exit_code: int = 0) -> Ran:
        words = [
            word
            for number, server in ((1, self.source), (2, self.destination))
            for word in side(
                number, server.host, server.port, "anna", self.folder / "password", "--notls{}", "--nossl{}"
            )
        ]
        ran = imapsync(self.folder, *words, "--nofoldersizes", *options)
        assert ran.exit_code == exit_code, ran.output[-3000:]
        return ran


@pytest.fixture(
    params=[
        pytest.param(False, id="memory of no run", marks=pytest.mark.slow),
        pytest.param(True, id="state file"),
    ]
)
def options(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """Give the options of all runs of a test."""
    return ("--state", str(tmp_path / "state")) if request.param else ()


@pytest.fixture
def gmail() -> Iterator[tuple[GmailServer, GmailServer]]:
    capabilities = COUNTING + b" X-GM-EXT-1"
    with GmailServer(capabilities) as source, GmailServer(capabilities) as destination:
        yield source, destination


def test_a_copy_has_not_the_labels_of_its_original(
    gmail: tuple[GmailServer, GmailServer], tmp_path: Path, options: tuple[str, ...]
) -> None:
    source, destination = gmail
    source.deliver(letter(1), b"\\Inbox", b"Work", b"\\Important")
    source.deliver(letter(2), b"\\Inbox", b'a "quoted" \\ label', b"Entw&APw-rfe")
    source.deliver(letter(3), b"Work", b"\\Sent")
    wanted = {letter(n): source.labels(letter(n)) for n in (1, 2, 3)}
    pair = Pair(source, destination, tmp_path)
    only = (*options, "--folder", "INBOX", "--folder", "Work", "--synclabels")
    pair.run(*only)
    assert {letter(n): destination.labels(letter(n)) for n in (1, 2, 3)} == wanted
    pair.run(*only)
    assert {letter(n): destination.labels(letter(n)) for n in (1, 2, 3)} == wanted
    assert destination.contents() == {**source.contents(), b"INBOX": sorted([letter(1), letter(2)])}


def test_labels_of_what_was_there_are_not_made_equal(
    gmail: tuple[GmailServer, GmailServer], tmp_path: Path, options: tuple[str, ...]
) -> None:
    source, destination = gmail
    source.deliver(letter(1), b"\\Inbox", b"Work", b"\\Important")
    source.deliver(letter(2), b"\\Inbox")
    destination.deliver(letter(1), b"\\Inbox", b"Private")
    destination.deliver(letter(2), b"\\Inbox", b"work", b"Private")
    pair = Pair(source, destination, tmp_path)
    only = (*options, "--folder", "INBOX")
    pair.run(*only, "--synclabels")
    assert destination.labels(letter(1)) == {b"\\Inbox", b"Private"}, "only copies of a run get labels"
    dry = pair.run(*only, "--resynclabels", "--dry")
    assert "would change labels of 2 messages of INBOX" in dry.output
    assert destination.labels(letter(1)) == {b"\\Inbox", b"Private"}
    ran = pair.run(*only, "--resynclabels")
    assert "changed labels of 2 messages of INBOX" in ran.output
    assert destination.labels(letter(1)) == {b"\\Inbox", b"Work", b"\\Important"}
    assert destination.labels(letter(2)) == {b"\\Inbox"}
    # Now that nothing else has changed.
    with source.lock:
        source.set_label(source.folders[b"INBOX"].mails[0], b"Work", wanted=False)
        source.set_label(source.folders[b"INBOX"].mails[1], b"Later", wanted=True)
    pair.run(*only, "--resynclabels")
    assert destination.labels(letter(1)) == {b"\\Inbox", b"\\Important"}
    assert destination.labels(letter(2)) == {b"\\Inbox", b"Later"}
    assert "labels of" not in pair.run(*only, "--resynclabels").output


def test_labels_double_mail_or_take_it_out_of_its_folder(
    gmail: tuple[GmailServer, GmailServer], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """All folders, renamed ones among them; what host2 has besides stays, and twice is as good as once."""
    source, destination = gmail
    source.deliver(letter(1), b"\\Inbox", b"Work", b"Work/2024")
    source.deliver(letter(2), b"Work")
    destination.deliver(letter(3), b"Mine")
    pair = Pair(source, destination, tmp_path)
    words = (*options, "--synclabels", "--resynclabels", "--f1f2", "Work=Arbeit")
    for _ in range(3):
        pair.run(*words)
        assert destination.labels(letter(1)) == {b"\\Inbox", b"Arbeit", b"Work/2024"}
        assert destination.labels(letter(2)) == {b"Arbeit"}
        assert destination.labels(letter(3)) == {b"Mine"}


def test_a_label_that_is_refused_costs_more_than_itself(
    gmail: tuple[GmailServer, GmailServer], tmp_path: Path
) -> None:
    source, destination = gmail
    source.deliver(letter(1), b"\\Inbox", b"Work", b"Bad")
    source.deliver(letter(2), b"\\Inbox", b"Bad")
    destination.refused = {b"Bad"}
    ran = Pair(source, destination, tmp_path).run("--folder", "INBOX", "--synclabels")
    assert destination.labels(letter(1)) == {b"\\Inbox", b"Work"}
    assert ran.output.count("the label 'Bad' is refused by host2") == 1


def test_copies_that_nobody_named_stay_without_labels(tmp_path: Path) -> None:
    """Without UIDPLUS they are looked for."""
    bare = b"IMAP4rev1 X-GM-EXT-1"
    with GmailServer(bare) as source, GmailServer(bare) as destination:
        source.deliver(letter(1), b"\\Inbox", b"Work")
        source.deliver(letter(2), b"\\Inbox")
        destination.deliver(letter(3), b"\\Inbox")
        Pair(source, destination, tmp_path).run("--folder", "INBOX", "--synclabels")
        assert destination.labels(letter(1)) == {b"\\Inbox", b"Work"}
        assert destination.labels(letter(2)) == {b"\\Inbox"}


@pytest.mark.slow
@pytest.mark.parametrize("after", [b"FETCH (UID 1 X-GM-LABELS", b"OK stored"])
def test_a_connection_that_is_lost_over_labels_costs_them(
    gmail: tuple[GmailServer, GmailServer], tmp_path: Path, options: tuple[str, ...], after: bytes
) -> None:
    source, destination = gmail
    source.deliver(letter(1), b"\\Inbox", b"Work", b"Home")
    lost: list[int] = []

    def bend(said: Said) -> bytes:
        if after in said.response and not lost:
            lost.append(said.number)
            raise Drop
        return said.response

    destination.bend = bend
    Pair(source, destination, tmp_path).run(*options, "--folder", "INBOX", "--synclabels")
    assert lost
    assert destination.labels(letter(1)) == {b"\\Inbox", b"Work", b"Home"}
    assert destination.contents()[b"INBOX"] == [letter(1)]


@pytest.mark.parametrize("lacks", ["host1", "host2"])
def test_a_server_without_labels_is_told_in_one_line(tmp_path: Path, lacks: str) -> None:
    with GmailServer() as gmail, MemoryServer(RICH) as plain:
        source, destination = (plain, gmail) if lacks == "host1" else (gmail, plain)
        source.folders[b"INBOX"].add(letter(1))
        pair = Pair(source, destination, tmp_path)
        ran = pair.run("--synclabels", "--resynclabels")
        assert LINE.findall(ran.output) == [lacks]
        assert ran.report["errors_total"] == 0
        assert "Warning" not in ran.output
        assert destination.contents()[b"INBOX"] == [letter(1)]
        assert not LINE.findall(pair.run("--nosynclabels").output)


@pytest.mark.skipif(shutil.which("npm") is None, reason="hoodiecrow needs npm (scripts/install)")
def test_hoodiecrow_keeps_other_labels_than_its_mail_has(tmp_path: Path) -> None:
    """It shows the label of the open folder, too, and couples no folder to a label."""
    with HoodiecrowGmail() as source, HoodiecrowGmail() as destination:
        for server in (source, destination):
            server.add_user("anna", "secret")
        with source.client("anna") as client:
            for number in (1, 2):
                client.command(b"APPEND INBOX {%d+}\r\n%s" % (len(letter(number)), letter(number)))
            client.command(b"SELECT INBOX")
            client.command(b'UID STORE 1 +X-GM-LABELS (Work "Muy Importante" \\Important)')
        pair = Pair(source, destination, tmp_path)
        pair.run("--synclabels")
        assert labels(destination) == {
            1: ["Muy Importante", "Work", "\\Important", "\\Inbox"],
            2: ["\\Inbox"],
        }
        with source.client("anna") as client:
            client.command(b"SELECT INBOX")
            client.command(b"UID STORE 1 -X-GM-LABELS (Work)")
            client.command(b"UID STORE 2 +X-GM-LABELS (Home)")
        pair.run("--synclabels", "--resynclabels")
        assert labels(destination) == {
            1: ["Muy Importante", "\\Important", "\\Inbox"],
            2: ["Home", "\\Inbox"],
        }


def labels(server: ImapServer) -> dict[int, list[str]]:
    """Give UID -> labels of INBOX, read without the engine."""
    found = {}
    with server.client("anna") as client:
        client.command(b"EXAMINE INBOX")
        for line in client.command(b"UID FETCH 1:* (UID X-GM-LABELS)"):
            uid = re.search(rb"UID (\d+)", line)
            listed = re.search(rb"X-GM-LABELS \(([^)]*)\)", line)
            assert uid, line
            assert listed, line
            words = re.findall(rb'"((?:\\.|[^"])*)"|([^ ]+)', listed[1])
            found[int(uid[1])] = sorted(
                (re.sub(rb"\\(.)", rb"\1", quoted) if quoted else plain).decode() for quoted, plain in words
            )
    return found

"""Events become numbers, lines, the JSON report and the progress file."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from imapsync.report import events, summary
from imapsync.report.collector import Collector
from imapsync.report.counters import MAX_KEPT, Counters
from imapsync.report.document import CONTENT, Ending, as_bytes, document
from imapsync.report.events import Phase, Skip
from imapsync.report.files import replace_file
from imapsync.report.lines import lines_of
from imapsync.report.progress import Progress
from imapsync.terms import Reason, Side

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = (
    events.FolderTotals("INBOX", 2, 300, mapped_to="INBOX"),
    events.FolderTotals("Envoyés/A", 1, 4000, mapped_to="Envoyés.A", special_use="\\Sent"),
    events.FolderTotals("Public", 50, 999999, selected=False),
)
RUN: list[events.Event] = [
    events.PhaseChanged(Phase.CONNECTING),
    events.Connected(Side.SOURCE, "old.example", 993, "tls", "* OK ready", "TLSv1.3"),
    events.CertificateSeen(
        Side.SOURCE, "CN=old.example", "CN=CA", "2027-01-01T00:00:00Z", "ab" * 32, True, "ca"
    ),
    events.LoggedIn(Side.SOURCE, "anna", "PLAIN", ("IMAP4REV1", "UIDPLUS"), "Dovecot"),
    events.Connected(Side.DESTINATION, "new.example", 143, "none"),
    events.LoggedIn(Side.DESTINATION, "anna", "LOGIN"),
    events.FoldersListed(Side.SOURCE, FOLDERS, "/", ""),
    events.FoldersListed(Side.DESTINATION, FOLDERS[:1], ".", "INBOX."),
    events.WorkPlanned(4, 5000),
    events.FolderCreated("Envoyés.A"),
    events.FolderSubscribed("Envoyés.A"),
    events.PhaseChanged(Phase.COPYING),
    events.FolderStarted("INBOX", "INBOX", 1, 2),
    events.FolderCompared("INBOX", "INBOX", 5, 1, 5, source_duplicates=1, to_copy=3, missing_source=1),
    events.MessagesSkipped("INBOX", 1, Skip.PRESENT, 100),
    events.MessagesCopied("INBOX", "INBOX", (1, 3), (100, 2000), (11, 12)),
    events.MessageFailed(
        "INBOX", 4, Reason.OVERQUOTA, "[OVERQUOTA] full", "", "<4@x>", "Hi\x1b[2J", None, 700
    ),
    events.FlagsChanged(Side.DESTINATION, "INBOX", 3),
    events.MessagesDeleted(Side.SOURCE, "INBOX", 2),
    events.MessagesDeleted(Side.DESTINATION, "INBOX", 1, expunged=False, duplicates=True),
    events.FilterRan("INBOX", 2, 1),
    events.FolderFinished("INBOX", "INBOX"),
    events.FolderStarted("Envoyés/A", "Envoyés.A", 2, 2),
    events.FolderCompared("Envoyés/A", "Envoyés.A", 1, 0, 0, unidentified=1, to_copy=1),
    events.MessagesSkipped("Envoyés/A", 1, Skip.VANISHED, 50, uids=(7,), planned=True),
    events.FolderFinished("Envoyés/A", "Envoyés.A"),
    events.Problem(Reason.FOLDER_CREATE, "no such name", Side.DESTINATION, "a\nb", {"response": "CANNOT"}),
    events.Reconnected(Side.SOURCE, "connection lost"),
    events.Warned("look out", Side.SOURCE),
    events.Noted("by the way"),
    events.FolderDeleted(Side.DESTINATION, "Old"),
    events.PhaseChanged(Phase.DONE),
]
ENDING = Ending(113, "EXIT_OVERQUOTA", "host2 is over quota", 1000.0, 1012.5, dry=False)


def collected(run: list[events.Event]) -> tuple[Counters, str]:
    written: list[str] = []
    collector = Collector(written.append)
    for event in run:
        collector(event)
    return collector.counters, "".join(written)


def test_the_report_counts_what_happened() -> None:
    found = document(collected(RUN)[0], ENDING)
    assert found["host1"] == {"folders": 2, "messages": 3, "bytes": 4300}
    assert found["host2"] == {"folders": 1, "messages": 2, "bytes": 300}
    wanted = {
        "messages_transferred": 2,
        "bytes_transferred": 2100,
        "messages_skipped": 2,
        "skipped": {"present": 1, "vanished": 1},
        "messages_failed": 1,
        "messages_missing": 1,
        "messages_identified": 5,
        "messages_unidentified": 1,
        "messages_deleted1": 2,
        "messages_deleted2": 1,
        "messages_filtered": 2,
        "flags_changed": 3,
        "folders_created": 1,
        "folders_deleted": 1,
        "failures_total": 1,
        "errors_total": 2,
        "exit_code": 113,
        "seconds": 12.5,
    }
    assert {name: found[name] for name in wanted} == wanted
    assert found["failures"] == [
        {
            "folder": "INBOX",
            "uid": 4,
            "uidvalidity": 0,
            "message_id": "<4@x>",
            "subject": "Hi\x1b[2J",
            "date": None,
            "size_bytes": 700,
            "reason": "overquota",
            "server_text": "[OVERQUOTA] full",
            "remedy": "free_space",
        }
    ]
    assert found["errors"] == [
        {
            "side": "host2",
            "code": "folder_create",
            "text": "no such name",
            "folder": "a\nb",
            "remedy": "map_folder",
            "response": "CANNOT",
        }
    ]


def test_the_log_has_the_lines_that_scripts_grep() -> None:
    counters, log = collected(RUN)
    lines = log.splitlines()
    for wanted in (
        "Host1 Nb folders:               2 folders",
        "Host1 Nb messages:              3 messages",
        "Host1 Total size:            4300 bytes (4.199 KiB)",
        "Host2 Nb folders:               1 folders",
        "msg INBOX/1 {100} copied to INBOX/11",
        "msg INBOX/3 {2000} copied to INBOX/12",
        "msg Envoyés/A/7 skipped: is no longer on host1",
        "Err msg INBOX/4 {700} not copied, overquota: [OVERQUOTA] full",
        "Host2: folder [Envoyés.A] created",
        "Host1: connected to old.example port 993 with SSL TLSv1.3",
        "Host1: success login with user [anna] auth [PLAIN]",
        "Host2: WARNING: this connection is not encrypted, others may read password and mail",
        "by the way",
        "Host1: WARNING: look out",
    ):
        assert wanted in lines
    facts = summary.RunFacts(1000.0, 1012.5, dry=False, peak_memory_bytes=30 << 20, cpu_s=0.5)
    statistics = dict(line.split(":", 1) for line in summary.statistics(counters, facts)[1:])
    found = {label.strip(): value.strip() for label, value in statistics.items()}
    for label, value in (
        ("Messages transferred", "2"),
        ("Messages skipped", "2"),
        ("Total bytes transferred", "2100 (2.051 KiB)"),
        ("Transfer time", "12.5 sec"),
        ("Folders synced", "2/2 synced"),
        ("Messages found duplicate on host1", "1"),
        ("Messages deleted on host1", "2"),
        ("Biggest message transferred", "2000 bytes (1.953 KiB)"),
        ("Message rate", "0.2 messages/s"),
        ("Average bandwidth rate", "0.2 KiB/s"),
        ("Messages found in host1 not in host2", "1 messages"),
    ):
        assert found[label] == value
    assert summary.error_count(counters) == "Detected 2 errors"
    assert summary.exit_line(113, "EXIT_OVERQUOTA", "host2 is over quota", errors=(2, 50), pid=9) == (
        "Exiting with return value 113 (EXIT_OVERQUOTA: host2 is over quota) 2/50 nb_errors/max_errors PID 9"
    )


def test_the_verdict() -> None:
    counters, _ = collected(RUN)
    assert summary.verdict(counters, complete=True, dry=False) == [
        "The sync is not finished, there are 1 messages in host1 that are not on host2.",
        "There are 1 unidentified messages on host1, recognised by all of their headers.",
    ]
    good, _ = collected([events.FolderCompared("a", "a", 7, 7, 7)])
    assert summary.verdict(good, complete=True, dry=False) == [
        "The sync looks good, all 7 identified messages in host1 are on host2.",
        "There is no unidentified message on host1.",
    ]
    removed, _ = collected(
        [events.FolderCompared("a", "a", 7, 5, 7), events.MessagesSkipped("a", 2, Skip.REMOVED_BY_USER)]
    )
    assert summary.verdict(removed, complete=True, dry=False)[:2] == [
        "The sync looks good, all 5 identified messages in host1 are on host2.",
        "2 messages of host1 were deleted on host2 by the user and are not copied again.",
    ]
    harmless, _ = collected([events.Problem(Reason.FLAGS, "no"), events.FolderCompared("a", "a", 7, 7, 7)])
    assert "looks good" in summary.verdict(harmless, complete=True, dry=False)[0]
    doubtful, _ = collected([events.Problem(Reason.FOLDER_CREATE, "no", folder="b")])
    assert "there are folders" in summary.verdict(doubtful, complete=True, dry=False)[0]
    # Nobody has looked at all of host1, so nothing is said of what it has not.
    (only,) = summary.verdict(good, complete=False, dry=False)
    assert "not finished" in only
    assert "would be copied" in summary.verdict(good, complete=True, dry=True)[0]


def test_failures_are_listed_with_what_to_do() -> None:
    text = "\n".join(summary.failures(collected(RUN)[0]))
    assert "folder [INBOX] uid 4 700 bytes subject [Hi\\x1b[2J]: overquota: [OVERQUOTA] full" in text
    assert "Free space in the destination mailbox" in text
    assert "Host2 folder [a\\x0ab] folder_create: no such name" in text
    assert summary.failures(Counters()) == []


def test_a_copy_that_turns_out_not_to_be_there_is_taken_back() -> None:
    counters, lines = collected(
        [
            events.MessagesCopied("INBOX", "INBOX", (1, 3), (100, 2000), (11, 12)),
            events.CopyLost("INBOX", 3, 2000),
            events.MessageFailed("INBOX", 3, Reason.NOT_STORED, size_bytes=2000),
        ]
    )
    assert (counters.transferred, counters.transferred_bytes, counters.failed) == (1, 100, 1)
    assert "msg INBOX/3 {2000} is not counted as copied any more" in lines


def test_copies_that_vanished_together_are_no_good_end() -> None:
    counters, lines = collected([events.CopiesDoubted(7)])
    assert "Host2: 7 copies have vanished together" in lines
    verdict = summary.verdict(counters, complete=True, dry=False)[0]
    assert "7 copies have vanished" in verdict
    assert "--maxvanished2" in verdict


def test_no_line_carries_control_characters_from_a_server() -> None:
    nasty = "a\x1b[2J\r\nHost1 Nb messages: 7\x07\u202e\x00é"
    made: list[events.Event] = [
        events.Connected(Side.SOURCE, nasty, 1, nasty, nasty, nasty),
        events.CertificateSeen(Side.SOURCE, nasty, nasty, nasty, nasty, False, nasty),
        events.LoggedIn(Side.SOURCE, nasty, nasty, (nasty,), nasty),
        events.Reconnected(Side.SOURCE, nasty),
        events.FoldersListed(Side.SOURCE, (events.FolderTotals(nasty, 1, 1, mapped_to=nasty),), nasty, nasty),
        events.FolderStarted(nasty, nasty, 1, 1),
        events.FolderCompared(nasty, nasty, 1, 1, 1, unidentified=1),
        events.FolderCompared(nasty, nasty, 1, 1, 1, unchanged=True),
        events.MessagesCopied(nasty, nasty, (1,), (1,)),
        events.CopyLost(nasty, 1, 1),
        events.CopiesDoubted(1),
        events.MessagesSkipped(nasty, 1, Skip.PATTERN),
        events.MessageFailed(nasty, 1, Reason.APPEND, nasty, nasty, nasty, nasty, nasty, 1),
        events.FlagsChanged(Side.SOURCE, nasty, 1),
        events.MessagesDeleted(Side.SOURCE, nasty, 1),
        events.FolderCreated(nasty),
        events.FolderDeleted(Side.SOURCE, nasty),
        events.FolderSubscribed(nasty),
        events.FilterRan(nasty, 1),
        events.Problem(Reason.SELECT, nasty, Side.SOURCE, nasty, {nasty: nasty}),
        events.Warned(nasty),
        events.Noted(nasty, Side.DESTINATION),
        events.VerifyMismatch(nasty, 1, nasty, nasty, nasty, nasty),
        events.Verified(nasty, nasty, 1, 1),
    ]
    for event in made:
        for line in lines_of(event):
            assert line.isprintable(), event
    counters, _ = collected(made)
    for line in summary.failures(counters):
        assert line.isprintable()


def test_every_event_is_known_to_the_collector() -> None:
    counted = {events.PhaseChanged, events.WorkPlanned, events.FolderFinished, events.PartSent}
    for kind in events.Event.__args__:
        assert kind in counted or lines_of.dispatch(kind) is not lines_of.dispatch(object)


def test_lists_are_bounded() -> None:
    many: list[events.Event] = [events.MessageFailed("a", uid, Reason.APPEND) for uid in range(MAX_KEPT + 5)]
    counters, _ = collected(many)
    found = document(counters, ENDING)
    assert isinstance(found["failures"], list)
    assert len(found["failures"]) == MAX_KEPT
    assert found["failures_total"] == MAX_KEPT + 5
    assert summary.failures(counters)[-1] == f"and {MAX_KEPT + 5 - summary.MAX_LISTED} more"


def test_login_and_folder_reports() -> None:
    counters, _ = collected(RUN)
    login = document(counters, Ending(0, "EX_OK", "", 0, 1, dry=False, login_only=True, sides=(Side.SOURCE,)))
    side = login["host1"]
    assert isinstance(side, dict)
    assert side["login"] is True
    assert side["capabilities"] == ["IMAP4REV1", "UIDPLUS"]
    assert side["certificate"] == {
        "subject": "CN=old.example",
        "issuer": "CN=CA",
        "expires": "2027-01-01T00:00:00Z",
        "fingerprint": "ab" * 32,
        "trusted": True,
    }
    sizes = document(counters, Ending(0, "EX_OK", "", 0, 1, dry=False, list_folders=True))
    side = sizes["host1"]
    assert isinstance(side, dict)
    assert side["folder_list"][1] == {
        "name": "Envoyés/A",
        "delimiter": "/",
        "special_use": "\\Sent",
        "selectable": True,
        "messages": 1,
        "bytes": 4000,
    }
    nothing = document(
        Counters(), Ending(101, "X", "", 0, 1, dry=False, login_only=True, sides=(Side.SOURCE,))
    )
    assert nothing["host1"] == {"login": False, "capabilities": [], "certificate": None}
    assert nothing["host2"] is None


def test_verify_is_part_of_the_report() -> None:
    counters, _ = collected(
        [
            events.Verified("INBOX", "INBOX", 10, 8),
            events.VerifyMismatch("INBOX", 3, "missing", message_id="<3@x>"),
            events.VerifyMismatch("INBOX", 4, "flags", "\\Seen", ""),
        ]
    )
    found = document(counters, Ending(111, "X", "", 0, 1, dry=False, verify=True))
    assert found["messages_missing"] == 1
    assert found["errors_total"] == 1
    verify = found["verify"]
    assert isinstance(verify, dict)
    assert (verify["checked"], verify["equal"], verify["exceptions_total"]) == (10, 8, 2)
    assert verify["exceptions"][1]["expected"] == "\\Seen"
    assert (verify["method"], verify["missing"], verify["different"]) == ("headers", 1, 0)
    assert "Verified 10 messages of host1: 8 are equal on host2, 2 exceptions." in summary.verdict(
        counters, complete=True, dry=False
    )


def test_a_verification_by_content_tells_what_it_found() -> None:
    counters, _ = collected(
        [
            events.FolderCompared("INBOX", "INBOX", 10, 12, 10),
            events.ContentsRead("INBOX", 9, 900),
            events.VerifyMismatch("INBOX", 3, "content", "sha256 1", "sha256 2"),
            events.VerifyMismatch("INBOX", 4, "unproven", "sha256 1"),
            events.VerifyMismatch("INBOX", 5, "deleted_by_user"),
            events.Verified(
                "INBOX", "INBOX", 10, 7, different=1, extra=3, left_out=2, unproven=1, dates=(0, 86_400)
            ),
            events.Verified("Locked", "Locked", 0, 0, unproven=6, refused=True),
        ]
    )
    ending = Ending(121, "X", "", 0, 1, dry=False, verify=True, method=CONTENT)
    found = document(counters, ending)
    verify = found["verify"]
    assert isinstance(verify, dict)
    assert {key: value for key, value in verify.items() if key != "exceptions"} == {
        "method": "content", "checked": 10, "equal": 7, "missing": 0, "extra": 3, "different": 1,
        "left_out": 2, "removed": 1, "unproven": 7, "bytes_read": 900, "exceptions_total": 3,
    }  # fmt: skip
    assert (found["messages_missing"], found["errors_total"]) == (0, 2)
    folders = found["folders"]
    assert isinstance(folders, list)
    inbox, locked = folders
    assert [inbox[key] for key in ("messages", "extra", "unproven", "different", "verified")] == [
        *(10, 3, 1, 3, True)
    ]
    assert (inbox["first_date"], inbox["last_date"]) == ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z")
    assert [locked[key] for key in ("messages", "unproven", "verified", "first_date")] == [6, 6, False, None]
    told = summary.verdict(counters, complete=True, dry=False, method=CONTENT)
    assert told[1:3] == [
        (
            "Verified by content (SHA-256 of all that each message says, on both sides) and headers: "
            "0 missing, 3 extra on host2, 1 different, 2 left out on purpose, 1 removed on host2 by the "
            "user, 7 that cannot be proven."
        ),
        "Not all of host1 is proven on host2: 1 messages say something else there, 1 could not be compared.",
    ]


def test_a_row_has_the_first_and_the_last_date_of_what_was_copied() -> None:
    counters, _ = collected(
        [
            events.MessagesCopied("INBOX", "INBOX", (1, 2), (9, 9), (), (200, 300)),
            events.MessagesCopied("INBOX", "INBOX", (3,), (9,)),
            events.MessagesCopied("INBOX", "INBOX", (4,), (9,), (), (100, 100)),
        ]
    )
    found = document(counters, Ending(0, "X", "", 0, 1, dry=False))
    folders = found["folders"]
    assert isinstance(folders, list)
    assert [(row["first_date"], row["last_date"], row["verified"]) for row in folders] == [
        ("1970-01-01T00:01:40Z", "1970-01-01T00:05:00Z", None)
    ]


def test_the_report_file_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    path.chmod(0o644)
    counters, _ = collected([events.Problem(Reason.SELECT, "lone \udce9 surrogate")])
    replace_file(str(path), as_bytes(counters, ENDING))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["errors"][0]["text"] == "lone ? surrogate"
    assert os.listdir(tmp_path) == ["report.json"]
    with pytest.raises(OSError, match="No such file"):
        replace_file(str(tmp_path / "no" / "r"), b"")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_written_once_a_second_and_at_each_phase(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    clock = Clock()
    collector = Collector(lambda _: None)
    collector.progress = Progress(
        str(path), 42, collector.counters, wall=lambda: clock() + 1e9, monotonic=clock
    )

    def shown() -> dict[str, object]:
        found = json.loads(path.read_text())
        assert isinstance(found, dict)
        return found

    collector(events.PhaseChanged(Phase.COPYING))
    collector(events.WorkPlanned(10, 1000))
    collector(events.FolderStarted("INBOX", "INBOX", 1, 3))
    assert shown()["messages_total"] == 0
    clock.now += 1
    collector(events.MessagesCopied("INBOX", "INBOX", (1, 2), (100, 100)))
    assert shown()["messages_done"] == 0
    collector.tick()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = shown()
    assert {
        name: found[name] for name in ("version", "pid", "phase", "folder", "folders_done", "folders_total")
    } == {
        "version": 1,
        "pid": 42,
        "phase": "copying",
        "folder": "INBOX",
        "folders_done": 0,
        "folders_total": 3,
    }
    assert (found["messages_done"], found["messages_total"]) == (2, 10)
    assert (found["bytes_done"], found["bytes_total"]) == (200, 1000)
    assert (found["messages_per_second"], found["bytes_per_second"]) == (2.0, 200.0)
    assert found["eta_seconds"] == 4
    clock.now += 0.5
    collector(events.MessageFailed("INBOX", 3, Reason.APPEND, size_bytes=100))
    collector.tick()
    assert shown()["failures"] == 0
    collector(events.PhaseChanged(Phase.DONE))
    found = shown()
    assert (found["phase"], found["failures"], found["messages_done"], found["eta_seconds"]) == (
        "done",
        1,
        3,
        None,
    )


def test_bytes_of_a_large_message_count_as_they_go_out_and_once(tmp_path: Path) -> None:
    clock = Clock()
    counters = Counters()
    progress = Progress(str(tmp_path / "p"), 1, counters, wall=clock, monotonic=clock)

    def bytes_done(event: events.Event) -> object:
        counters.add(event)
        return progress.document(clock.now)["bytes_done"]

    assert bytes_done(events.WorkPlanned(2, 900)) == 0
    assert bytes_done(events.PartSent("a", 1, 100)) == 100
    assert bytes_done(events.PartSent("a", 1, 300)) == 300
    assert bytes_done(events.PartSent("a", 1, 200)) == 200  # sent anew after a lost connection
    assert bytes_done(events.MessagesCopied("a", "a", [1], [400])) == 400
    assert bytes_done(events.PartSent("a", 2, 100)) == 500
    assert bytes_done(events.MessageFailed("a", 2, Reason.APPEND, size_bytes=500)) == 900


def test_rates_follow_the_last_seconds(tmp_path: Path) -> None:
    clock = Clock()
    counters = Counters()
    counters.add(events.WorkPlanned(100_000, 1))
    counters.add(events.PhaseChanged(Phase.COPYING))
    progress = Progress(str(tmp_path / "p"), 1, counters, wall=clock, monotonic=clock)
    for _ in range(60):
        clock.now += 1
        counters.add(events.MessagesCopied("a", "a", range(100), [0] * 100))
        progress.tick()
    for _ in range(20):
        clock.now += 1
        counters.add(events.MessagesCopied("a", "a", range(10), [0] * 10))
        progress.tick()
    assert progress.document(clock.now)["messages_per_second"] == 10.0


def test_a_progress_file_that_cannot_be_written_is_given_up(tmp_path: Path) -> None:
    clock = Clock()
    progress = Progress(str(tmp_path / "no" / "p"), 1, Counters(), wall=clock, monotonic=clock)
    progress.write()
    assert progress.failure is not None
    (tmp_path / "no").mkdir()
    progress.write()
    assert not (tmp_path / "no" / "p").exists()

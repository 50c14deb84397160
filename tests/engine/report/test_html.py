"""The report for people: its numbers, its texts in each language, and hostile text that stays text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from markupsafe import escape

from imapsync.report import events
from imapsync.report.counters import Counters
from imapsync.report.document import Ending, as_bytes
from imapsync.report.events import Skip
from imapsync.report.html import LANGUAGES, Who, page
from imapsync.terms import Reason, Side

HOSTILE = '<script src="http://x.example/x.js"></script>{{ 7 * 7 }}\u202e\x1b[2J'
WHO = Who("anna · old.example", "anna · new.example", "--host1 old.example --password1 MASKED")
DONE = Ending(0, "EX_OK", "successful termination", 1_700_000_000.0, 1_700_000_060.5, dry=False)


def ended(code: int, text: str, *, dry: bool = False, verify: bool = False) -> Ending:
    return Ending(code, "SOME_NAME", text, 1_700_000_000.0, 1_700_000_060.5, dry=dry, verify=verify)


def texts(language: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        resources.files("imapsync.report").joinpath("page", f"{language}.json").read_text("utf-8")
    )
    return loaded


class Cells(HTMLParser):
    """Keeps the rows of all tables, every tag, and every address that a browser would ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.asked: list[str] = []
        self.verdict = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.asked += [str(value) for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag in ("td", "th", "strong"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("td", "th"):
            self.rows[-1][-1] += data
        if self._inside == "strong":
            self.verdict += data


def made(*happened: events.Event, ending: Ending = DONE, language: str = "en", subjects: bool = True) -> str:
    counters = Counters()
    for event in happened:
        counters.add(event)
    return page(as_bytes(counters, ending), WHO, language, subjects=subjects)


WORK = (
    events.WorkPlanned(2, 300),
    events.FolderCompared("INBOX", "INBOX", 9, 4, 9, to_copy=2),
    events.MessagesSkipped("INBOX", 4, Skip.PRESENT),
    events.MessagesSkipped("INBOX", 2, Skip.SIZE, 9_000_000),
    events.MessagesSkipped("INBOX", 1, Skip.REMOVED_BY_USER),
    events.MessagesCopied("INBOX", "INBOX", (8, 9), (100, 200), (), (1_700_000_000, 1_700_050_000)),
    events.FolderCompared("Sent", "Gesendet", 3, 3, 3, unchanged=True),
    events.MessagesSkipped("Sent", 3, Skip.PRESENT),
)


def test_a_row_says_what_became_of_a_folder() -> None:
    found = Cells(made(*WORK))
    dates = "2023-11-14 2023-11-15"
    assert ["INBOX", "=", "9", "2", "4", "2", "1", "0", "300 B", dates] in found.rows
    assert ["Sent", "Gesendet", "3", "0", "3", "0", "0", "0", "0 B", ""] in found.rows
    assert ["Total", "", "12", "2", "7", "2", "1", "0", "300 B", ""] in found.rows
    assert found.verdict == "All 9 selected messages of the old mailbox are in the new one."


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_did_not_arrive_is_named_with_reason_and_remedy(language: str) -> None:
    failed = events.MessageFailed(
        "INBOX", 9, Reason.TOO_BIG, "[TOOBIG] no", "", "<9@x>", "Holiday", "2024-01-02T03:04:05Z", 70_000
    )
    broken = events.Problem(Reason.FOLDER_CREATE, "the folder Odd cannot be made", Side.DESTINATION, "Odd")
    ending = ended(114, "host2 refused messages")
    text = made(events.WorkPlanned(1, 70_000), failed, broken, ending=ending, language=language)
    found = Cells(text)
    words = texts(language)["reasons"]
    row = next(row for row in found.rows if "Holiday" in row)
    assert row[3] == "68.4 KiB"
    assert words["too_big"]["text"] in row[4]
    assert "[TOOBIG] no" in row[4]
    assert row[5] == words["too_big"]["remedy"]
    assert any(words["folder_create"]["text"] in "".join(row) and "Odd" in row[0] for row in found.rows)
    assert found.verdict == texts(language)["missing"].format(count=1)
    assert f'lang="{language}"' in text


def test_subjects_stay_away_when_nobody_wants_them() -> None:
    failed = events.MessageFailed("INBOX", 9, Reason.FETCH, "", "", "<9@x>", "Private matter")
    found = made(events.WorkPlanned(1, 1), failed, subjects=False)
    assert "Private matter" not in found
    assert "&lt;9@x&gt;" in found


def test_hostile_subjects_and_folder_names_stay_text() -> None:
    failed = events.MessageFailed(HOSTILE, 1, Reason.APPEND, HOSTILE, "", HOSTILE, HOSTILE, HOSTILE)
    mismatch = events.VerifyMismatch(HOSTILE, 1, "flags", HOSTILE, HOSTILE)
    compared = events.FolderCompared(HOSTILE, HOSTILE + "2", 1, 1, 1)
    text = made(compared, failed, mismatch, ending=ended(114, HOSTILE, verify=True))
    found = Cells(text)
    assert "script" not in found.tags
    assert not found.asked
    assert "{{ 7 * 7 }}" in text
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_the_fingerprint_is_that_of_the_machine_readable_report() -> None:
    report = as_bytes(Counters(), DONE)
    assert f"SHA-256 {hashlib.sha256(report).hexdigest()}" in page(report, WHO, "en", subjects=True)


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        (ended(10, "cannot connect"), "not_complete"),
        (ended(0, "x", dry=True), "dry"),
        (ended(121, "not proven"), "not_complete"),
    ],
)
def test_a_run_that_ended_otherwise_is_no_success(ending: Ending, verdict: str) -> None:
    text = made(ending=ending)
    assert Cells(text).verdict == texts("en")[verdict]
    assert "verdict good" not in text


def test_the_verification_is_told() -> None:
    told = (
        events.Verified("INBOX", "INBOX", 10, 9),
        events.VerifyMismatch("INBOX", 4, "flags", "\\Seen", ""),
    )
    found = Cells(made(*told, ending=ended(0, "good", verify=True)))
    remedies = texts("en")["kind_remedies"]
    flags = "flagsOld: \\Seen; New: "
    assert ["INBOX", "UID 4", "", "", flags, remedies["flags"]] in found.rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_verification_found_is_named_with_dates_that_people_read_and_what_helps(language: str) -> None:
    lost = ("<4@x>", "Private matter", "2024-01-02T03:04:05+00:00", 70_000)
    told = (
        events.VerifyMismatch("INBOX", 4, "missing", "", "", *lost),
        events.VerifyMismatch("INBOX", 5, "date", "1700000000", "1700000100", "<5@x>"),
    )
    words = texts(language)
    text = made(*told, ending=ended(121, "bad", verify=True), language=language)
    rows = Cells(text).rows
    assert ["INBOX", "Private matter", lost[2], "68.4 KiB", words["kinds"]["missing"]] in [
        row[:5] for row in rows
    ]
    (dates,) = [row for row in rows if "<5@x>" in row]
    assert "2023-11-14 22:13:20 UTC" in dates[4]
    assert dates[5] == words["kind_remedies"]["date"]
    assert "Private matter" not in made(*told, ending=ended(121, "bad", verify=True), subjects=False)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_method_of_the_verification_and_what_it_could_not_prove_are_told(language: str) -> None:
    told = (
        events.Verified("INBOX", "INBOX", 10, 9, extra=77),
        events.VerifyMismatch("INBOX", 4, "content", "sha256 a", "sha256 b"),
        events.Verified("Locked", "Locked", 0, 0, unproven=66, refused=True),
    )
    words = texts(language)
    by_content = ended(121, "not proven", verify=True)
    content = made(*told, ending=replace(by_content, method="content"), language=language)
    headers = made(*told, ending=by_content, language=language)
    assert str(escape(words["verify_method_content"])) in content
    assert str(escape(words["verify_method"])) in headers
    for text in (content, headers):
        assert "<li>Locked</li>" in text
        assert words["more"] not in text  # the exception is listed
        assert f"<dt>{words['found_counts']['extra']}</dt><dd>77</dd>" in text
        assert f"<dt>{words['found_counts']['unproven']}</dt><dd>66</dd>" in text
    (row,) = [row for row in Cells(content).rows if "UID 4" in row]
    assert "sha256 a" in row[4]
    assert row[5] == words["kind_remedies"]["content"]


def test_a_report_of_an_earlier_version_is_still_a_page() -> None:
    facts = json.loads(as_bytes(Counters(), ended(0, "good", verify=True)))
    for name in ("method", "missing", "extra", "different", "left_out", "removed", "unproven", "bytes_read"):
        del facts["verify"][name]
    short = {"folder": "INBOX", "uid": 4, "message_id": None, "kind": "date", "expected": "x", "found": None}
    facts["verify"] |= {"exceptions": [short], "exceptions_total": 1}
    row = {"source": "INBOX", "destination": "INBOX", "messages": 1, "copied": 1, "bytes": 1, "already": 0}
    facts["folders"] = [row | {"left_out": 0, "removed": 0, "failed": 0, "different": 0}]
    found = Cells(page(json.dumps(facts).encode(), WHO, "en", subjects=True))
    assert ["INBOX", "=", "1", "1", "0", "0", "0", "0", "1 B", ""] in found.rows


def _keys(value: object) -> object:
    return {key: _keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_each_language_has_each_text() -> None:
    english = texts("en")
    for language in LANGUAGES:
        found = texts(language)
        assert _keys(found) == _keys(english)
        assert set(found["reasons"]) == {reason.value for reason in Reason}
        assert set(found["skips"]) == {why.value for why in Skip}

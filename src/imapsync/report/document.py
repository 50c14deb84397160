"""The JSON report: the same facts as the text, for programs. docs/exit-codes.md describes its members."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapsync import __version__
from imapsync.report.events import Skip
from imapsync.report.remedies import remedy_code
from imapsync.terms import Side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imapsync.report.counters import Counters
    from imapsync.report.events import MessageFailed, Problem
    from imapsync.report.rows import FolderRow

HOST = {Side.SOURCE: "host1", Side.DESTINATION: "host2"}
#: Methods of a verification.
HEADERS, CONTENT = "headers", "content"
#: Folders that get another name and are listed.
MAX_RENAMED = 1_000
#: Longest text copied from a server or a message into one member.
MAX_TEXT = 2_000


@dataclass(frozen=True)
class Ending:
    """How the process ends, and what kind of run it was.

    sides: those that the run was about. complete: it came to its end, whatever failed on the way. method: how
    it verified, `HEADERS` or `CONTENT`. options: its command line, without secrets.
    """

    exit_code: int
    exit_name: str
    exit_text: str
    started_at: float
    ended_at: float
    dry: bool
    complete: bool = False
    verify: bool = False
    method: str = HEADERS
    list_folders: bool = False
    login_only: bool = False
    sides: tuple[Side, ...] = ()
    options: str = ""


def document(counters: Counters, ending: Ending) -> dict[str, object]:
    """Give the report as JSON values."""
    result: dict[str, object] = {
        "version": 1,
        "engine": __version__,
        "options": ending.options,
        "started_at": round(ending.started_at, 3),
        "ended_at": round(ending.ended_at, 3),
        "seconds": round(ending.ended_at - ending.started_at, 3),
        "dry": ending.dry,
        "complete": ending.complete,
        "exit_code": ending.exit_code,
        "exit_name": ending.exit_name,
        "exit_text": ending.exit_text,
        "run_again_at": next(
            (found.details["run_again_at"] for found in counters.problems if "run_again_at" in found.details),
            None,
        ),
        "host1": _side(counters, Side.SOURCE, ending),
        "host2": _side(counters, Side.DESTINATION, ending),
        "messages_transferred": counters.transferred,
        "messages_skipped": counters.skipped_total,
        "skipped": {why.value: count for why, count in sorted(counters.skipped.items())},
        "messages_failed": counters.failed,
        "messages_missing": counters.missing,
        "messages_identified": counters.identified,
        "messages_unidentified": counters.sides[Side.SOURCE].unidentified,
        "messages_deleted1": counters.sides[Side.SOURCE].deleted,
        "messages_deleted2": counters.sides[Side.DESTINATION].deleted,
        "messages_filtered": counters.filtered,
        "flags_changed": counters.flags_changed,
        "folders_created": counters.folders_created,
        "folders_deleted": counters.folders_deleted,
        "bytes_transferred": counters.transferred_bytes,
        "folders": [_folder(row) for row in counters.folders],
        "failures": [_failure(failure) for failure in counters.failures],
        "failures_total": counters.failed,
        "errors": [_problem(problem) for problem in counters.problems],
        "errors_total": counters.errors,
    }
    if counters.foreseen is not None:
        result["foreseen"] = {
            "renamed": [
                {"source": _text(source), "destination": _text(destination)}
                for source, destination in counters.foreseen.renamed[:MAX_RENAMED]
            ],
            "renamed_total": len(counters.foreseen.renamed),
            "limit_bytes": counters.foreseen.limit_bytes,
            "too_large": counters.foreseen.too_large,
        }
    if ending.verify:
        result["verify"] = {
            "method": ending.method,
            "checked": counters.verified,
            "equal": counters.verified_equal,
            "missing": counters.mismatches["missing"],
            "extra": counters.verified_extra,
            "different": counters.verified_different,
            "left_out": counters.verified_left_out,
            "removed": counters.mismatches["deleted_by_user"],
            "unproven": counters.unproven,
            "bytes_read": counters.compared_bytes,
            "exceptions_total": sum(counters.mismatches.values()),
            "exceptions": [
                {
                    "folder": _text(found.folder),
                    "uid": found.uid,
                    "message_id": _text(found.message_id),
                    "subject": _text(found.subject),
                    "date": _text(found.date),
                    "size_bytes": found.size_bytes,
                    "kind": found.kind,
                    "expected": _text(found.expected),
                    "found": _text(found.found),
                }
                for found in counters.mismatch_list
            ],
        }
    return result


def as_bytes(counters: Counters, ending: Ending) -> bytes:
    """Give the report as it stands in its file."""
    import json

    return json.dumps(document(counters, ending), ensure_ascii=True, indent=1).encode("ascii") + b"\n"


def _folder(row: FolderRow) -> dict[str, object]:
    return {
        "source": _text(row.source),
        "destination": _text(row.destination),
        "messages": row.messages,
        "copied": row.copied,
        "bytes": row.copied_bytes,
        "already": row.skipped[Skip.PRESENT],
        "left_out": row.left_out,
        "removed": row.skipped[Skip.REMOVED_BY_USER],
        "failed": row.failed,
        "different": row.different,
        "extra": row.extra,
        "unproven": row.unproven,
        "verified": row.verified,
        "first_date": _date(row.dates, 0),
        "last_date": _date(row.dates, 1),
    }


def _date(dates: tuple[int, int] | None, which: int) -> str | None:
    """Give a moment as ISO 8601 in UTC."""
    return None if dates is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(dates[which]))


def _side(counters: Counters, which: Side, ending: Ending) -> dict[str, object] | None:
    facts = counters.sides[which]
    totals = facts.totals_at_end or facts.totals
    side: dict[str, object] = {}
    if totals is not None:
        side.update(folders=totals.folders, messages=totals.messages, bytes=totals.size_bytes)
    if ending.login_only and which in ending.sides:
        side["login"] = facts.login is not None
        side["capabilities"] = [] if facts.login is None else list(facts.login.capabilities)
        seen = facts.certificate
        side["certificate"] = None
        if seen is not None:
            side["certificate"] = {
                "subject": _text(seen.subject),
                "issuer": _text(seen.issuer),
                "expires": _text(seen.expires),
                "fingerprint": _text(seen.fingerprint),
                "trusted": seen.trusted,
            }
    if ending.list_folders and facts.listing is not None:
        side["folder_list"] = [
            {
                "name": _text(folder.name),
                "delimiter": _text(facts.listing.separator),
                "special_use": _text(folder.special_use) or None,
                "selectable": folder.selectable,
                "messages": folder.messages,
                "bytes": folder.size_bytes,
            }
            for folder in facts.listing.folders
        ]
    return side or None


def _failure(failure: MessageFailed) -> dict[str, object]:
    return {
        "folder": _text(failure.folder),
        "uid": failure.uid,
        "uidvalidity": failure.uidvalidity,
        "message_id": _text(failure.message_id),
        "subject": _text(failure.subject),
        "date": _text(failure.date),
        "size_bytes": failure.size_bytes,
        "reason": failure.reason.value,
        "server_text": _text(failure.server_text),
        "remedy": failure.remedy or remedy_code(failure.reason),
    }


def _problem(problem: Problem) -> Mapping[str, object]:
    # The details never stand in for the four members that every error has.
    return {
        **{key: _text(value) for key, value in problem.details.items()},
        "side": None if problem.side is None else HOST[problem.side],
        "code": problem.reason.value,
        "text": _text(problem.text),
        "folder": _text(problem.folder) or None,
        "remedy": remedy_code(problem.reason),
    }


def _text(text: str | None) -> str | None:
    """Cut foreign text; lone surrogates become question marks, because not every JSON reader takes them."""
    if text is None:
        return None
    return text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")

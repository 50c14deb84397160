"""The report of a task for people and for spreadsheets, made of what the engine told of its last run."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imapsync_tasks import engine, files
from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, TaskFileError
from imapsync_tasks.spreadsheet import cell
from syncctl.context import engine_environment

if TYPE_CHECKING:
    from imapsync_tasks.task import Task
    from syncctl.context import Context

_FOLDER: Final = (
    *("source", "destination", "messages", "copied", "already", "left_out", "removed", "failed"),
    *("different", "extra", "unproven", "verified", "bytes", "first_date", "last_date"),
)
#: What a comparison of both accounts says of a folder.
_FOUND: Final = ("different", "extra", "unproven", "verified", "first_date", "last_date")
_FAILURE: Final = ("folder", "uid", "message_id", "subject", "date", "size_bytes", "reason", "server_text")
_DIFFERENCE: Final = (
    *("folder", "uid", "message_id", "subject", "date", "size_bytes"),
    *("kind", "expected", "found"),
)
#: Longest report of the engine that is read: a hundred thousand failures have room.
_MAX_BYTES: Final = 64 << 20


def report(context: Context, request: Json) -> Json:
    """Give {"content"} of a request {"task", "format", "language", "subjects"}, or {"refusals"}."""
    name, subjects = str(request["task"]), request.get("subjects") is True
    try:
        task = context.store.load(name)
        content = files.read(context.paths.told(name), _MAX_BYTES)
        facts = json.loads(content)
    except (OSError, ValueError, NoSuchTaskError, TaskFileError):
        return {"refusals": [Refusal("report_not_found").as_json()]}
    verified = files.read_json(context.paths.verified(name)) or {}
    if isinstance(verified.get("verify"), dict):
        facts |= {
            "folders": _compared(_rows(facts, "folders"), _rows(verified, "folders")),
            "verify": verified["verify"],
            "verified_at": verified.get("ended_at"),
        }
        content = json.dumps(facts, indent=1).encode("ascii")
    if request["format"] == "json":
        return {"content": content.decode("ascii", "replace")}
    if request["format"] == "csv":
        return {"content": _table(facts, subjects=subjects)}
    return {"content": _page(context, task, content, str(request["language"]), subjects=subjects)}


def _page(context: Context, task: Task, content: bytes, language: str, *, subjects: bool) -> str:
    """Let the engine make the page. OSError, with its words, when it does not."""
    settings = context.settings()
    with tempfile.TemporaryDirectory(prefix="syncctl-") as folder:
        given, made = Path(folder) / "report", Path(folder) / "page"
        given.write_bytes(content)
        done = subprocess.run(
            [
                context.engine,
                *(f"--reportfrom={given}", f"--reporthtml={made}", f"--reportlang={language}"),
                "--reportsubjects" if subjects else "--noreportsubjects",
                *(f"--host1={task.remotehostname}", f"--user1={task.remoteusername}"),
                *(f"--host2={settings.mail_host}", f"--user2={task.localuser}"),
                # Of a run that did not tell its options: those that the task has now.
                *engine.for_people(engine.run(task, settings, context.paths)),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=engine_environment(),
            check=False,
        )
        if done.returncode:
            raise OSError(done.stderr.strip()[:500])
        return made.read_text("utf-8")


def _compared(folders: list[Json], verified: list[Json]) -> list[Json]:
    """Give the rows of the last run with what the last comparison says of each folder, and its own rows."""
    told = {row.get("source"): row for row in verified}
    rows = [
        row | {name: value for name, value in told.pop(row.get("source"), {}).items() if name in _FOUND}
        for row in folders
    ]
    return [*rows, *told.values()]


def _table(facts: Json, *, subjects: bool) -> str:
    """Give folders, failures, then what a comparison found, in one table; the first column says which."""
    text = io.StringIO()
    failure, difference = (
        tuple(name for name in names if subjects or name != "subject") for names in (_FAILURE, _DIFFERENCE)
    )
    columns = dict.fromkeys(("row", *_FOLDER, *failure, *difference))
    table = csv.DictWriter(text, list(columns))
    table.writeheader()
    verify = facts.get("verify")
    differences = _rows(verify, "exceptions") if isinstance(verify, dict) else []
    for kind, names, rows in (
        ("folder", _FOLDER, _rows(facts, "folders")),
        ("failure", failure, _rows(facts, "failures")),
        ("difference", difference, differences),
    ):
        for row in rows:
            table.writerow({"row": kind} | {name: cell(row.get(name)) for name in names})
    return text.getvalue()


def _rows(facts: Json, name: str) -> list[Json]:
    found = facts.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

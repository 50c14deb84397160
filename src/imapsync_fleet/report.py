"""What came of all accounts, for people (HTML), spreadsheets (CSV) and programs (JSON)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections import Counter
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from imapsync import __version__
from imapsync.cli.errors import InputError, OutputError
from imapsync.report.files import replace_file
from imapsync.report.safe import human_bytes, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imapsync_fleet.directory import Result

_COLUMNS: Final = (
    *("shown", "exit_code", "exit_name", "messages", "copied", "copied_bytes", "failed", "missing"),
    *("began_at", "ended_at", "run_again_at", "text"),
)
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def totals(results: Sequence[Result]) -> dict[str, object]:
    """Give the sums over all accounts."""
    return {
        "accounts": len(results),
        "complete": sum(not result.exit_code for result in results),
        "messages_copied": sum(result.copied for result in results),
        "bytes_copied": sum(result.copied_bytes for result in results),
        "messages_failed": sum(result.failed for result in results),
        "messages_missing": sum(result.missing for result in results),
        "exits": dict(Counter(result.exit_name for result in results)),
    }


def status_lines(results: Sequence[Result], working: Mapping[str, Any] | None) -> list[str]:
    """Give how far the work is, for people. working: what the process at work wrote last."""
    lines = []
    if working is not None:
        done = working.get("accounts_before", 0) + working.get("accounts_done", 0)
        size = human_bytes(working.get("bytes_copied", 0))
        lines.append(
            f"Working ({working.get('command')}): {done} of {working.get('accounts')} accounts, "
            f"{working.get('messages_copied')} messages ({size}) copied."
        )
        for name, numbers in (working.get("running") or {}).items():
            share = f"{numbers.get('messages', 0)}/{numbers.get('messages_planned', 0)}"
            lines.append(f"  {printable(name)}  {share} messages")
    for name, count in sorted(Counter(result.exit_name for result in results).items()):
        lines.append(f"{count:6} {name}")
    lines += [
        f"  {printable(result.shown)}: {result.exit_code} {result.exit_name}: {result.text}"
        for result in results
        if result.exit_code
    ]
    return lines


def write_reports(folder: str, command: str, results: Sequence[Result]) -> list[str]:
    """Write report.json, .csv and .html and give their paths. OutputError; InputError without Jinja2."""
    paths = [os.path.join(folder, f"report.{kind}") for kind in ("json", "csv", "html")]
    machine = json.dumps(
        {
            "version": 1,
            "engine": __version__,
            "command": command,
            "totals": totals(results),
            "accounts": [result._asdict() for result in results],
        },
        indent=1,
    ).encode()
    contents = (machine, _table(results).encode("utf-8-sig"), _page(machine, command, results).encode())
    try:
        for path, content in zip(paths, contents, strict=True):
            replace_file(path, content)
    except OSError as error:
        raise OutputError(f"The report in '{folder}' cannot be written: {error.strerror or error}.") from None
    return paths


def _table(results: Sequence[Result]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for result in results:
        table.writerow([_cell(getattr(result, name)) for name in _COLUMNS])
    return text.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _page(machine: bytes, command: str, results: Sequence[Result]) -> str:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise InputError("The report needs Jinja2: pip install 'ns8-imapsync[report]'.") from None
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = resources.files("imapsync_fleet").joinpath("fleet.html.j2").read_text("utf-8")
    ended = max(result.ended_at for result in results)
    rows = [
        {
            **result._asdict(),
            "shown": printable(result.shown, 200),
            "text": printable(result.text, 300),
            "size": human_bytes(result.copied_bytes),
        }
        for result in sorted(results, key=lambda one: (not one.exit_code, one.shown))
    ]
    return environment.from_string(template).render(
        engine=__version__,
        command=command,
        ended=datetime.fromtimestamp(ended, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        totals=totals(results),
        size=human_bytes(sum(result.copied_bytes for result in results)),
        rows=rows,
        digest=hashlib.sha256(machine).hexdigest(),
    )

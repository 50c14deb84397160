"""The command import-csv-tasks: texts for a terminal around `csvimport`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from imapsync_tasks import csvimport, csvtable, steps
from imapsync_tasks.csvprogress import cut_off, ranges
from imapsync_tasks.errors import RefusedError
from imapsync_tasks.interruption import INTERRUPTED, InterruptedWaitError, Interruption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.csvimport import Outcome, Plan, Way

_DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}
_NAMES: Final = {mark: name for name, mark in _DELIMITERS.items()}
_RULE: Final = "=" * 70
_HELP: Final = """\
Create IMAP synchronization tasks from a CSV file on standard input:

  runagent -m imapsync1 import-csv-tasks < users.csv
  runagent -m imapsync1 import-csv-tasks --check < users.csv
  runagent -m imapsync1 import-csv-tasks --verify-only < users.csv
  runagent -m imapsync1 import-csv-tasks --update < users.csv
  runagent -m imapsync1 import-csv-tasks --start "2026-12-24 22:00" < users.csv

The first row names the columns, in any order, separated by commas (or as --delimiter says). With --header
auto a file without such a row is read by position, in the order of the required columns.
Required: {required}
Optional: {optional}
--source, or --host, --port and --security, stand for the server of all rows that have none: then the file
needs local user, remote user and password only (and no password where the source signs in by itself).
Every required column but security must have a value. A value that holds a comma, a quote or a line end is
put in quotes. Rows whose account (local user, remote user, remote host) is synced by a task already are
skipped, unless --update applies the file to that task. --verify-only tries every login on both sides and
makes nothing. --start TIME is for tasks without a schedule; the others run as theirs says.
Sample: ../examples/users.csv

Exit code: 0 when all rows were created, updated, verified or skipped; 75 when it was cancelled (a signal, a
closed terminal) before all rows were done: they are told, and the same command goes on; 1 otherwise.
"""


def main(words: Sequence[str]) -> int:
    """Run the command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)
    parser = argparse.ArgumentParser(
        prog="import-csv-tasks",
        description=_HELP.format(
            required=", ".join(csvtable.REQUIRED), optional=", ".join(csvtable.OPTIONAL)
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--check", action="store_true", help="check the file and create nothing")
    parser.add_argument(
        "-u", "--update", action="store_true", help="apply the file to tasks that exist already"
    )
    parser.add_argument(
        "-d",
        "--delimiter",
        choices=[*_DELIMITERS, "auto"],
        default="comma",
        help="what separates the columns; auto: as the header tells (default: comma)",
    )
    parser.add_argument(
        "--header",
        choices=["needed", "auto"],
        default="needed",
        help="auto: a first row that names no column is a row like the others (default: needed)",
    )
    parser.add_argument("--source", help="the source of rows that name no server")
    parser.add_argument("--host", help="the server of rows that name none; with --port and --security")
    parser.add_argument("--port", default="143", help="its port (default: 143)")
    parser.add_argument(
        "--security", choices=["tls", "ssl", ""], default="tls", help="its encryption (default: tls)"
    )
    parser.add_argument(
        "--verify-only", action="store_true", help="try the logins of all rows and create nothing"
    )
    parser.add_argument(
        "--start",
        metavar="now|no|TIME",
        default="now",
        help="when the tasks start: now, not by themselves, or once at TIME, as 2026-12-24 22:00 "
        "by the clock of the node (default: now)",
    )
    options = parser.parse_args(words)
    try:
        way = csvimport.Way.of(
            {"update": options.update, "verify": options.verify_only, "start": options.start}
        )
    except RefusedError:
        parser.error(f"argument --start: {options.start!r}: now, no, or a time to come (YYYY-MM-DD HH:MM)")
    try:
        with Interruption() as interruption:
            with interruption.waiting():
                given = sys.stdin.buffer.read()
            text = csvtable.decode(given)
            mark = _DELIMITERS.get(options.delimiter) or csvtable.separator(text)
            table = csvtable.parse(text, mark, _layout(options))
            plans = _validate(table, mark, options)
            if options.check:
                return int(any(one.status == csvimport.INVALID for one in plans))
            return _import(plans, way, interruption)
    except InterruptedWaitError:
        _say("✗ Cancelled before anything was read or done.")
        return INTERRUPTED
    except csvtable.CsvError as error:
        _say(f"✗ {error}")
    except RefusedError as refused:
        _say(f"✗ {csvimport.sentence(refused.refusals[0])}")
    return 1


def _layout(options: argparse.Namespace) -> csvtable.Layout:
    """Give what the file need not say."""
    if options.source:
        server = {"source": options.source}
    elif options.host:
        server = {
            "remotehostname": options.host,
            "remoteport": options.port,
            "security": options.security,
        }
    else:
        server = {}
    return csvtable.Layout(server, options.header == "auto")


def _validate(table: csvtable.Table, mark: str, options: argparse.Namespace) -> list[Plan]:
    """Judge the file, telling what is found."""
    _say("📋 CSV Column Validation:")
    _say(f"  Delimiter: {mark!r} ({_NAMES[mark]}-separated)")
    _say(f"  Found {len(table.columns)} column(s): {', '.join(sorted(table.columns))}")
    _say("  Column order: does not matter (mapped by header name)")
    _say(f"  ✓ All {len(csvtable.REQUIRED)} required columns present")
    _say(f"  ✓ Found {len(table.rows)} data row(s) (empty lines skipped)")
    _say("🔍 Validating row data...")
    plans = csvimport.plan(table, steps.store())
    bad = [one for one in plans if one.status == csvimport.INVALID]
    for one in bad:
        for issue in one.row.issues:
            _say(f"  ✗ Row {one.row.number}: {issue.text}")
    for one in plans:
        _say_duplicate(one, update=options.update)
    if bad:
        _say(f"  ✗ {len(bad)} of {len(plans)} rows are invalid")
    else:
        _say(f"  ✓ All {len(plans)} rows validated successfully")
    new = sum(one.status == csvimport.NEW for one in plans)
    _say(f"  ✓ Generated {new} unique task IDs")
    if options.check:
        verdict = "✗ CSV file has invalid rows." if bad else "✓ CSV file is valid."
        _say(f"{verdict} No tasks were created (check-only mode).")
    return plans


def _say_duplicate(one: Plan, *, update: bool) -> None:
    user = one.row.cells.get("localusername", "")
    if one.status == csvimport.EXISTING and update:
        _say(
            f"  Row {one.row.number}: task {one.task_id} of {user} already syncs this account: it is updated"
        )
    elif one.status == csvimport.EXISTING:
        _say(
            f"  Row {one.row.number}: task {one.task_id} of {user} already syncs this account "
            "(--update applies the file to it)"
        )
    elif one.status == csvimport.REPEATED:
        _say(f"  Row {one.row.number}: the account of {user} appears twice in this file")


def _import(plans: list[Plan], way: Way, interruption: Interruption) -> int:
    """Run the plans, telling each outcome."""
    before = cut_off(steps.store().paths)
    if before:
        _say(f"  {before}")
    doing = "login verification" if way.verify else "task creation"
    _say(f"📦 Starting {doing} with module: {os.environ.get('MODULE_ID', 'imapsync')}")
    _say(f"Processing {len(plans)} user(s)...")
    for one in plans:
        user = one.row.cells.get("localusername", "")
        if way.verify:
            continue
        if one.status == csvimport.NEW:
            _say(f"Creating task for {user} (ID: {one.task_id})...")
        elif one.status == csvimport.EXISTING and way.update:
            _say(f"Updating task for {user} (ID: {one.task_id})...")
    counts = dict.fromkeys(way.counted, 0)
    done = []
    for outcome in csvimport.run(plans, way=way, interruption=interruption):
        counts[outcome.status] += 1
        if outcome.status != csvimport.NOT_DONE:
            done.append(outcome.plan.row.number)
            _say(_told(outcome))
    left = {one.row.number for one in plans} - set(done)
    _say(_RULE)
    _say(_summary(counts))
    if left:
        _say(f"✗ Cancelled. Rows done: {ranges(done)}; rows not done: {ranges(left)}")
    _say(_RULE)
    if left:
        return INTERRUPTED
    return int(counts["failed"] > 0)


def _summary(counts: dict[str, int]) -> str:
    failed, skipped = counts["failed"], counts["skipped"]
    if csvimport.VERIFIED in counts:
        verified = counts[csvimport.VERIFIED]
        return f"📊 Summary: {verified} verified, {failed} failed ({skipped} skipped). Nothing was created."
    successful = counts["created"] + counts["updated"]
    return (
        f"📊 Summary: {successful} successful, {failed} failed "
        f"({counts['created']} created, {counts['updated']} updated, {skipped} skipped)"
    )


def _told(outcome: Outcome) -> str:
    user = outcome.plan.row.cells.get("localusername", "")
    row = outcome.plan.row.number
    if outcome.status == "failed":
        return f"  ✗ Row {row}: {user} failed: {outcome.text}"
    if outcome.status == "skipped":
        return f"  - Row {row}: Skipped {user}: {outcome.text}"
    return f"  ✓ Success: {user} ({outcome.status}, row {row})"


def _say(text: str) -> None:
    with suppress(OSError):  # a closed terminal: what is done is noted on disk
        sys.stdout.write(text + "\n")

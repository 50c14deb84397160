"""One account's run, a coroutine among others of its process: with its own log, report, state and end."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from typing import TYPE_CHECKING

from imapsync import __version__
from imapsync.cli.errors import InputError, OutputError, PatternTimeout, UsageError
from imapsync.cli.exitcodes import Exit, exit_of, fatal_exit
from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.cli.output import Output
from imapsync.cli.runner import fatal_code
from imapsync.cli.secrets import masked_words
from imapsync.cli.settings import settings
from imapsync.cli.tokencommand import output_of
from imapsync.cli.values import complete
from imapsync.report import document, summary
from imapsync.report.collector import Collector
from imapsync.report.events import Problem
from imapsync.report.files import replace_file
from imapsync.report.safe import printable
from imapsync.session.errors import SecretUnavailable
from imapsync.terms import Reason, Side
from imapsync.transfer import Mode, Stop, run
from imapsync_fleet.directory import Job, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imapsync.report.counters import Counters
    from imapsync.transfer import Company, Settings

#: What the engine does for each command of the fleet.
MODES: Mapping[str, Mode] = {"run": Mode.SYNC, "check": Mode.LOGIN, "verify": Mode.VERIFY}
_PARSER = Parser(TABLE)


async def work(
    job: Job,
    folder: str,
    watch: Callable[[Counters], None] = lambda _counters: None,
    company: Company | None = None,
) -> Result:
    """Do the job with its files in `folder`; never raises for what a server or a wrong option does.

    watch: gets the run's counters when it begins, to be looked at meanwhile. company: of the runs of this
    process. Cancel the task to end the run in good order.
    """
    output = Output(shown=False)
    collector = Collector(output.write)
    watch(collector.counters)
    began_at = time.time()
    ending, wanted, complete_run = Exit.EX_SOFTWARE, None, False
    try:
        output.open_log(folder, "log" if job.command == "run" else f"{job.command}.log")
        output.lines(
            f"Here is imapsync {__version__}, started on {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
            f"Options used: {' '.join(map(printable, masked_words(_PARSER, job.words)))}",
        )
        wanted = _settings(job, folder, await _passwords(job.commands))
        outcome = await run(wanted, collector, company=company)
        counters = collector.counters
        complete_run = outcome.stop is Stop.DONE
        ending = (
            fatal_code(outcome.error)
            if outcome.stop is Stop.FATAL
            else exit_of(outcome.stop, counters.reasons, missing=counters.missing, dry=wanted.dry)
        )
    except (UsageError, InputError, OutputError, PatternTimeout) as error:
        reason = {UsageError: Reason.USAGE, PatternTimeout: Reason.USAGE, InputError: Reason.NO_INPUT}.get(
            type(error), Reason.OUTPUT
        )
        collector.counters.add(Problem(reason, str(error)))
        ending = fatal_exit(reason, None)
    except asyncio.CancelledError:
        ending = Exit.EXIT_BY_SIGNAL
    except Exception as error:  # noqa: BLE001 - a defect met by one account is no reason to stop the others
        import traceback

        output.lines(*traceback.format_exc().splitlines())
        collector.counters.add(Problem(Reason.INTERNAL, f"{type(error).__name__} in the engine, see the log"))
    facts = document.Ending(
        exit_code=ending.number,
        exit_name=ending.name,
        exit_text=ending.meaning,
        started_at=began_at,
        ended_at=time.time(),
        dry=wanted is not None and wanted.dry,
        verify=job.command == "verify",
        login_only=job.command == "check",
        sides=tuple(Side),
    )
    _tell(output, collector.counters, facts, complete=complete_run)
    output.close()
    _write_report(folder, job.command, collector.counters, facts)
    return _result(job, collector.counters, facts)


async def _passwords(commands: tuple[str, str]) -> list[str]:
    """Give the words with the passwords that the commands print. InputError."""
    words = []
    for side, command in enumerate(commands, 1):
        if not command:
            continue
        option = f"passwordcommand{side}"
        try:
            output = await output_of(shlex.split(command), option)
        except (SecretUnavailable, ValueError) as error:
            raise InputError(f"No password of user{side}: {error}.") from None
        password = output.partition(b"\n")[0].removesuffix(b"\r").decode("utf-8", "replace")
        if not password:
            raise InputError(f"No password of user{side}: the command of --{option} prints none.")
        words.append(f"--password{side}={password}")
    return words


def _settings(job: Job, folder: str, passwords: list[str]) -> Settings:
    words = [*job.words, *passwords, f"--state={os.path.join(folder, 'state')}"]
    if job.bytes_left is not None:
        words = [f"--exitwhenover={max(1, job.bytes_left)}", *words]
    given, problems = _PARSER.read(words)
    if problems:
        raise UsageError(*problems)
    made = settings(complete(given), {}, os.path.expanduser("~"), lambda _line: None)
    mode = MODES[job.command]
    state = None if mode is Mode.LOGIN else made.state
    return made._replace(mode=mode, state=state, sizes_at_start=False, sizes_at_end=False)


def _tell(output: Output, counters: Counters, ending: document.Ending, *, complete: bool) -> None:
    output.lines(*summary.failures(counters))
    if not ending.login_only:
        output.lines(*summary.verdict(counters, complete=complete, dry=ending.dry))
    said = f"Ended with {ending.exit_code} ({ending.exit_name}: {ending.exit_text})"
    output.lines(summary.error_count(counters), said)


def _write_report(folder: str, command: str, counters: Counters, ending: document.Ending) -> None:
    name = "report.json" if command == "run" else f"{command}-report.json"
    try:
        replace_file(os.path.join(folder, name), document.as_bytes(counters, ending))
    except OSError as error:
        counters.add(Problem(Reason.OUTPUT, f"the report cannot be written: {error.strerror or error}"))


def _result(job: Job, counters: Counters, ending: document.Ending) -> Result:
    problem = next(iter(counters.problems), None)
    failure = next(iter(counters.failures), None)
    text = problem.text if problem is not None else (failure.server_text if failure is not None else "")
    told = [one.details["run_again_at"] for one in counters.problems if "run_again_at" in one.details]
    return Result(
        name=job.name,
        shown=job.shown,
        command=job.command,
        round=job.round,
        fingerprint=job.fingerprint,
        exit_code=ending.exit_code,
        exit_name=ending.exit_name,
        began_at=round(ending.started_at, 3),
        ended_at=round(ending.ended_at, 3),
        messages=sum(row.messages for row in counters.folders),
        copied=counters.transferred,
        copied_bytes=counters.transferred_bytes,
        failed=counters.failed,
        missing=counters.missing,
        text=printable(text or "", 300),
        reasons={reason.value: count for reason, count in counters.reasons.items()},
        run_again_at=told[0] if told else None,
    )

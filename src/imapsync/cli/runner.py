"""One run from its options to its exit code: log, pid file, signals, the engine, the reports."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING

from imapsync import __version__
from imapsync.cli import page, signals
from imapsync.cli.errors import InputError, OutputError, PatternTimeout, PidFileError, UsageError
from imapsync.cli.exitcodes import Exit, exit_of, fatal_exit
from imapsync.cli.options import TABLE, Status
from imapsync.cli.output import DEFAULT_LOG_FOLDER, Output, default_log_name
from imapsync.cli.pidfile import DEFAULT_NAME, PidFile
from imapsync.cli.secrets import shown_words
from imapsync.cli.settings import DEFAULT_ERRORS_MAX, errors_max, settings
from imapsync.cli.values import complete
from imapsync.report import document, summary
from imapsync.report.collector import Collector
from imapsync.report.events import Problem, Warned
from imapsync.report.files import replace_file
from imapsync.report.progress import Progress
from imapsync.report.safe import printable
from imapsync.terms import Reason, Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync.cli.getopt import Parsed, Parser
    from imapsync.transfer import Outcome, Settings

#: How long a run that was asked to end may tidy up before it is ended without.
GRACE_S = 4.0
#: How often the progress file is looked at.
TICK_S = 0.5
#: Allocations between two collections; the usual 700 makes them run all the time while an index is read.
GC_THRESHOLDS = (50_000, 20, 20)


class Runner:
    """Holds what a run needs from its first log line to its last.

    holds_pid_file: false when the process that began the run holds it.
    """

    def __init__(
        self,
        parser: Parser,
        words: Sequence[str],
        given: Parsed,
        environment: dict[str, str],
        *,
        holds_pid_file: bool = True,
    ) -> None:
        self._holds_pid_file = holds_pid_file
        self._parser = parser
        self._words = words
        self._given = given
        self._environment = environment
        self._output = Output()
        self._collector = Collector(self._output.write)
        self._started_at = time.time()
        self._pid_file: PidFile | None = None
        self._settings: Settings | None = None
        self._errors_max = DEFAULT_ERRORS_MAX
        self._began = False
        self._complete = False
        self._signalled = False
        #: Where the page for people goes, once that is known to be possible.
        self._page_path = ""

    def run(self, problems: Sequence[str] = ()) -> int:
        """Do it all; give the exit code. `problems` are those that reading the command line found."""
        signals.watch()
        try:
            code = self._guarded(problems)
        except UsageError as error:
            option = {"option": error.option} if error.option else {}
            code = self._refuse(Reason.USAGE, error.problems, option)
        except PatternTimeout as error:
            code = self._refuse(Reason.USAGE, (str(error),), {})
        except InputError as error:
            code = self._refuse(Reason.NO_INPUT, (str(error),), {})
        except PidFileError as error:
            code = self._refuse(Reason.PID_FILE, (str(error),), {})
        except OutputError as error:
            code = self._refuse(Reason.OUTPUT, (str(error),), {})
        except KeyboardInterrupt:
            # A signal before the event loop runs, for example at the password prompt.
            code = self._refuse(Reason.SIGNAL, ("Ended by a signal.",), {})
        except Exception as error:  # noqa: BLE001 - a defect of ours still ends with a report and a code
            import traceback

            self._output.lines(*traceback.format_exc().splitlines())
            code = self._refuse(Reason.INTERNAL, (f"{type(error).__name__} in the engine, see the log",), {})
        self._end(code)
        return code.number

    def _guarded(self, problems: Sequence[str]) -> Exit:
        signals.raise_if_received()
        if problems:
            raise UsageError(*problems)
        options = complete(self._given)
        self._errors_max = errors_max(options)
        home = os.path.expanduser("~")
        self._settings = settings(options, self._environment, home, self._trace)
        if self._settings.report_to:
            self._settings = self._settings._replace(compose_report=self._report_message)
        self._page_path = page.check(options)
        self._open_log(options)
        self._greet()
        if self._holds_pid_file:
            self._hold_pid_file(options)
        progress = options.text("progress")
        if progress:
            self._collector.progress = Progress(
                progress, os.getpid(), self._collector.counters, time.time, time.monotonic
            )
            self._collector.progress.write()
            if self._collector.progress.failure is not None:
                raise OutputError(
                    f"The file '{progress}' of --progress cannot be written: "
                    f"{self._collector.progress.failure.strerror}."
                )
        import asyncio

        signals.raise_if_received()
        return asyncio.run(self._work(self._settings))

    async def _work(self, wanted: Settings) -> Exit:
        import asyncio

        from imapsync.transfer import run

        # What is loaded stays; beyond it, indexes of many messages are no reason to look for garbage often.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()
        self._began = True
        self._show(wanted)
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(run(wanted, self._collector))
        ticker = asyncio.ensure_future(self._tick())

        def stop(name: str) -> None:
            if self._signalled:
                self._leave_at_once()
            self._signalled = True
            self._output.lines(f"Got the signal {name}: ending the run; once more ends it at once.")
            work.cancel()
            loop.call_later(GRACE_S, self._leave_at_once)

        for number in signals.ENDING:
            loop.add_signal_handler(number, stop, number.name)
        early = signals.received()
        if early is not None:
            stop(early.name)
        try:
            outcome = await work
        except asyncio.CancelledError:
            return Exit.EXIT_BY_SIGNAL
        finally:
            ticker.cancel()
            # The handlers of the loop go with it: none of them may be in between.
            signals.ignore(lambda: [loop.remove_signal_handler(number) for number in signals.ENDING])
        return self._code(outcome)

    def _show(self, wanted: Settings) -> None:
        """Show the run by bars, where somebody watches it at a terminal that can and rich is installed."""
        from imapsync.transfer.settings import Mode

        given = self._given
        plain = not given.flag("progressbar", default=True) or any(
            given.given(name) for name in ("debug", "debugimap", "debugimap1", "debugimap2")
        )
        if plain or wanted.mode is not Mode.SYNC or not _terminal_can_draw():
            return
        try:
            from imapsync.cli.screen import Screen
        except ImportError:
            return
        ends = [f"{given.text(f'user{side}')}@{given.text(f'host{side}')}" for side in "12"]
        screen = Screen(self._collector.counters, " → ".join(ends))
        self._output.screen = self._collector.watcher = screen
        screen.begin()

    def _stop_showing(self) -> bool:
        """Give the terminal back; tell whether the run was shown there."""
        screen, self._output.screen = self._output.screen, None
        self._collector.watcher = None
        if screen is None:
            return False
        screen.end(self._collector.counters.folders)
        return True

    async def _tick(self) -> None:
        import asyncio

        while True:
            self._collector.tick()
            await asyncio.sleep(TICK_S)

    def _code(self, outcome: Outcome) -> Exit:
        from imapsync.transfer import Stop

        if outcome.stop is Stop.FATAL:
            return fatal_code(outcome.error)
        self._complete = outcome.stop is Stop.DONE
        counters = self._collector.counters
        return exit_of(outcome.stop, counters.reasons, missing=counters.missing, dry=self._dry)

    @property
    def _dry(self) -> bool:
        return self._given.flag("dry") if self._settings is None else self._settings.dry

    @property
    def _method(self) -> str:
        content = self._settings is not None and self._settings.verify_content
        return document.CONTENT if content else document.HEADERS

    @property
    def _sides(self) -> tuple[Side, ...]:
        if self._settings is None:
            return ()
        return (Side.SOURCE,) if self._settings.destination is None else tuple(Side)

    def _refuse(self, reason: Reason, problems: Sequence[str], details: dict[str, str]) -> Exit:
        """Say on standard error what stands in the way, and keep it for the report."""
        for problem in problems:
            print(f"imapsync: {printable(problem)}", file=sys.stderr)
            self._collector.counters.add(Problem(reason, problem, details=details))
        if reason is Reason.USAGE:
            print("imapsync: 'imapsync --help' explains the options.", file=sys.stderr)
        return fatal_exit(reason, None)

    def _leave_at_once(self) -> None:
        self._end(Exit.EXIT_BY_SIGNAL)
        os._exit(Exit.EXIT_BY_SIGNAL.number)

    def _trace(self, line: str) -> None:
        self._output.lines(printable(line))

    def _open_log(self, options: Parsed) -> None:
        if not options.flag("log", default=True):
            return
        name = options.text("logfile")
        folder = options.text("logdir")
        if not name:
            users = (options.text("user1") or "", options.text("user2") or "")
            name, folder = default_log_name(self._started_at, *users), folder or DEFAULT_LOG_FOLDER
        self._output.open_log(folder or "", name)

    def _greet(self) -> None:
        command = shown_words(self._parser, self._words)
        self._output.lines(
            f"Here is imapsync {__version__}, started on {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
            f"PID is {os.getpid()} my PPID is {os.getppid()}",
            f"Command line used: imapsync {command}",
        )
        by_name = {option.name: option for option in TABLE}
        for name in self._given.names():
            if by_name[name].status is Status.NO_EFFECT:
                self._output.lines(f"Option --{name} has no effect: {by_name[name].note}")
        if self._given.flag("debug") and self._settings is not None:
            # Secrets have a type of their own that shows nothing.
            for name, value in self._settings._asdict().items():
                self._output.lines(f"Setting {name}: {printable(repr(value))}")
        if self._dry:
            self._output.lines("With --dry nothing is changed on either side")

    def _hold_pid_file(self, options: Parsed) -> None:
        exclusive = options.flag("pidfilelocking")
        if options.text("pidfile") == "" and not exclusive:
            return
        path = pid_file_path(options)
        pid_file = PidFile(path)
        try:
            remark = pid_file.acquire(exclusive=exclusive)
        except PidFileError as error:
            if exclusive or options.text("pidfile"):
                raise
            self._collector(Warned(str(error)))
            return
        self._pid_file = pid_file
        self._output.lines(
            *([remark] if remark else []), f"PID file is {path} (to change it, use --pidfile filepath)"
        )

    def _end(self, code: Exit) -> None:
        """Write the statistics, the reports and the last lines; release the pid file."""
        signals.ignore()
        ended_at = time.time()
        if self._began:
            self._tell_work(ended_at, shown=self._stop_showing())
        self._output.lines(summary.error_count(self._collector.counters))
        self._write_report(code, ended_at)
        if self._collector.progress is not None:
            self._collector.progress.write()
        self._output.lines(self._exit_line(code))
        if self._pid_file is not None and self._pid_file.release():
            self._output.lines(f"Removing pidfile {self._pid_file.path}")
        if self._output.log_path:
            self._output.lines(
                f"Log file is {self._output.log_path} "
                "( to change it, use --logfile filepath ; or use --nolog to turn off logging )"
            )
        self._output.close()

    def _tell_work(self, ended_at: float, *, shown: bool) -> None:
        """Write what was done, what failed, and whether all is well; in short where the run was shown."""
        if not shown:
            self._output.lines(*self._tale(ended_at))
            return
        verdict = self._verdict()
        self._output.log_lines(*self._tale(ended_at))
        self._output.show_lines(*verdict)

    def _tale(self, ended_at: float) -> list[str]:
        """Give what was done, what failed, and whether all is well, as far as the kind of run has any."""
        import resource

        from imapsync.transfer.settings import Mode

        counters = self._collector.counters
        mode = None if self._settings is None else self._settings.mode
        lines: list[str] = []
        if mode in (Mode.SYNC, Mode.FOLDERS, Mode.VERIFY):
            usage = resource.getrusage(resource.RUSAGE_SELF)
            facts = summary.RunFacts(
                self._started_at, ended_at, self._dry, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime
            )
            lines += summary.statistics(counters, facts)
        lines += summary.failures(counters)
        if mode in (Mode.SYNC, Mode.VERIFY):
            lines += self._verdict()
        return lines

    def _verdict(self) -> list[str]:
        return summary.verdict(
            self._collector.counters, complete=self._complete, dry=self._dry, method=self._method
        )

    def _exit_line(self, code: Exit) -> str:
        errors = (self._collector.counters.errors, self._errors_max)
        return summary.exit_line(code.number, code.name, code.meaning, errors=errors, pid=os.getpid())

    def _report_message(self, outcome: Outcome) -> bytes:
        """Give the report of --emailreport: what the log ends with."""
        from datetime import UTC, datetime

        from imapsync.report.mail import report_message

        code = self._code(outcome)
        ends = [f"{self._given.text(f'user{side}')} at {self._given.text(f'host{side}')}" for side in "12"]
        counters = self._collector.counters
        lines = [
            *self._tale(time.time()),
            summary.error_count(counters),
            self._exit_line(code),
        ]
        subject = printable(f"imapsync from {ends[0]} to {ends[1]}: {code.name}")
        return report_message(subject, lines, datetime.now(UTC))

    def _write_report(self, code: Exit, ended_at: float) -> None:
        path = self._given.text("report")
        if not path and not self._page_path:
            return
        from imapsync.transfer.settings import Mode

        mode = None if self._settings is None else self._settings.mode
        ending = document.Ending(
            exit_code=code.number,
            exit_name=code.name,
            exit_text=code.meaning,
            started_at=self._started_at,
            ended_at=ended_at,
            dry=self._dry,
            complete=self._complete,
            verify=mode is Mode.VERIFY,
            method=self._method,
            options=shown_words(self._parser, self._words),
            list_folders=mode is Mode.SIZES,
            login_only=mode in (Mode.CONNECT, Mode.LOGIN),
            sides=self._sides,
        )
        report = document.as_bytes(self._collector.counters, ending)
        try:
            if path:
                replace_file(path, report)
            if self._page_path:
                page.write(self._page_path, report, self._parser, self._words, self._given)
        except OSError as error:
            name = error.filename or path
            self._output.lines(f"The report '{name}' cannot be written: {error.strerror or error}")


def fatal_code(error: Exception | None) -> Exit:
    """Give the exit code of the error that ended a run, by its stable code and its side."""
    word = getattr(error, "code", "")
    side = getattr(error, "side", None)
    try:
        reason = Reason(word)
    except ValueError:
        return Exit.EXIT_CATCH_ALL
    return fatal_exit(reason, side)


def _terminal_can_draw() -> bool:
    """Tell whether standard output is a terminal that moves its cursor, without loading anything for it."""
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return False
    return sys.stdout is not None and sys.stdout.isatty()


def pid_file_path(options: Parsed) -> str:
    """Give where the pid file lies; a --tmpdir that does not exist is made. PidFileError."""
    named = options.text("pidfile")
    if named:
        return named
    folder = options.text("tmpdir")
    if folder:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise PidFileError(
                f"The directory '{folder}' of --tmpdir cannot be made: {error.strerror}."
            ) from None
    # As the original's; PidFile opens it without following links and never trusts what it holds.
    return os.path.join(folder or os.environ.get("TMPDIR") or "/tmp", DEFAULT_NAME)  # noqa: S108 - see above

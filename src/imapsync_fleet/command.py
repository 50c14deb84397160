"""The command ``imapsync-fleet`` and its subcommands."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from imapsync import __version__
from imapsync.cli.errors import InputError, OutputError, PidFileError, UsageError
from imapsync.cli.exitcodes import Exit
from imapsync_fleet.accounts import read_accounts
from imapsync_fleet.directory import Directory
from imapsync_fleet.dispatch import Dispatch, Order
from imapsync_fleet.queue import Caps, Queue
from imapsync_fleet.scheduler import Scheduler
from imapsync_fleet.screen import screen_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_fleet.accounts import Account
    from imapsync_fleet.dispatch import Workers

#: Runs at a time without --jobs.
DEFAULT_JOBS = 16
#: A fleet gets its speed from many accounts: each has one connection a side unless more are asked for.
_FIRST_WORDS = ("--connections=1",)
_REFUSALS: dict[type[Exception], Exit] = {
    InputError: Exit.EX_NOINPUT,
    OutputError: Exit.EXIT_CATCH_ALL,
    PidFileError: Exit.EXIT_PID_FILE_ERROR,
}
_WORK = {
    "run": "copy what is new of all accounts; one that was cut off goes on where it was",
    "check": "sign in to both sides of all accounts and change nothing",
    "verify": "compare both sides of all accounts and change nothing",
}


def entry() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """Run a command line; give the exit code: the largest of all accounts, or that of what was refused."""
    own, general = _split(words)
    arguments = _parser().parse_args(own)
    do = {"status": _status, "report": _report}.get(arguments.command, partial(_work, general=general))
    try:
        return do(arguments)
    except UsageError as error:
        return _refuse(Exit.EX_USAGE, error.problems)
    except (InputError, OutputError, PidFileError) as error:
        return _refuse(_REFUSALS[type(error)], (str(error),))


def _refuse(code: Exit, problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"imapsync-fleet: {problem}", file=sys.stderr)
    return code.number


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part our own words from those for the engine, behind ``--``."""
    own = list(words)
    if "--" not in own:
        return own, []
    place = own.index("--")
    return own[:place], own[place + 1 :]


class _Parser(argparse.ArgumentParser):
    """Ends with the number that a wrong command line has in the whole family."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.EX_USAGE.number, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="imapsync-fleet",
        description="Copy thousands of IMAP accounts by one command.",
        epilog="Options of imapsync that count for all accounts come last, behind --.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, purpose in _WORK.items():
        _add_work(commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False))
    for name, purpose in (
        ("report", "write what came of all accounts as report.html, report.csv and report.json"),
        ("status", "show how far the work in a directory is"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        command.add_argument("directory", help="where states, logs and reports are kept")
        command.add_argument("--of", choices=sorted(_WORK), default="run", help="of which command (run)")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
    return parser


def _add_work(command: argparse.ArgumentParser) -> None:
    command.add_argument("accounts", help="CSV or JSON lines, an account a line (docs/fleet.md)")
    command.add_argument("directory", help="where states, logs and reports are kept")
    command.add_argument(
        "--jobs", type=_positive, default=DEFAULT_JOBS, help=f"runs at a time ({DEFAULT_JOBS})"
    )
    command.add_argument("--workers", type=_positive, help="processes (one a processor)")
    command.add_argument(
        "--perhost", type=_positive, default=0, help="runs at a time from one server (any number)"
    )
    for side in (1, 2):
        command.add_argument(
            f"--passwordcommand{side}",
            default="",
            metavar="COMMAND",
            help=f"prints the password of user{side}, for accounts without one; {{user{side}}} is filled in",
        )
    command.add_argument(
        "--scheduler", metavar="URL", help="Dask's scheduler, for many machines: tls://host:8786"
    )
    for name, what in (("ca", "the authority"), ("cert", "our certificate"), ("key", "its key")):
        command.add_argument(f"--tls{name}", default="", metavar="FILE", help=f"{what} for --scheduler")
    command.add_argument("--failed", action="store_true", help="only accounts whose last run failed")
    command.add_argument("--json", action="store_true", help="what happens as JSON, a line each")


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to 10000")
    return number


def _work(arguments: argparse.Namespace, general: Sequence[str]) -> int:
    commands = (arguments.passwordcommand1, arguments.passwordcommand2)
    if arguments.scheduler is not None:
        tls = (arguments.tlsca, arguments.tlscert, arguments.tlskey)
        arguments.scheduler = Scheduler.checked(arguments.scheduler, *tls)
    accounts = read_accounts(arguments.accounts, [*_FIRST_WORDS, *general], commands)
    directory = Directory(arguments.directory)
    directory.hold()
    number = directory.begin_round(arguments.command)
    todo = [one for one in accounts if _is_wanted(one, directory, arguments, number)]
    queue = Queue(todo, Caps(jobs=arguments.jobs, per_host=arguments.perhost))
    screen = screen_for(len(todo), as_json=arguments.json)
    with screen:
        dispatch = Dispatch(Order(arguments.command, number, accounts), queue, directory, screen)
        stopped, codes = asyncio.run(_run(dispatch, arguments, directory, len(todo)))
    screen.end()
    return Exit.EXIT_BY_SIGNAL.number if stopped else max(codes, default=0)


def _is_wanted(account: Account, directory: Directory, arguments: argparse.Namespace, number: int) -> bool:
    if not arguments.failed:
        return not directory.is_done(account, arguments.command, number)
    last = directory.result(account.name, arguments.command)
    return last is not None and last.exit_code != 0


async def _run(
    dispatch: Dispatch, arguments: argparse.Namespace, directory: Directory, todo: int
) -> tuple[bool, list[int]]:
    stopped: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        stopped.append(number)
        dispatch.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    workers = await _workers(dispatch, arguments, directory, todo)
    try:
        codes = await dispatch.work(workers)
    finally:
        await workers.close()
    return bool(stopped), codes


async def _workers(
    dispatch: Dispatch, arguments: argparse.Namespace, directory: Directory, todo: int
) -> Workers:
    if arguments.scheduler is not None:
        return await _cluster(dispatch, arguments.scheduler, directory)
    from imapsync_fleet.local import LocalWorkers

    processors = len(os.sched_getaffinity(0))
    count = min(arguments.workers or processors, arguments.jobs, max(1, todo))
    return LocalWorkers(count, directory, dispatch.watch)


async def _cluster(dispatch: Dispatch, scheduler: Scheduler, directory: Directory) -> Workers:
    try:
        from imapsync_fleet.cluster import Cluster
    except ImportError:
        raise UsageError("--scheduler needs Dask: pip install 'ns8-imapsync[fleet]'.") from None
    return await Cluster.connect(scheduler, directory, dispatch.watch)


def _status(arguments: argparse.Namespace) -> int:
    from imapsync_fleet.report import status_lines, totals

    directory = Directory(arguments.directory)
    results = list(directory.results(arguments.of))
    working = directory.progress() if directory.is_held() else None
    if not results and working is None:
        raise _nothing_there(arguments)
    with contextlib.suppress(BrokenPipeError):
        if arguments.json:
            print(json.dumps({"working": working, **totals(results)}))
        else:
            print("\n".join(status_lines(results, working)))
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from imapsync_fleet.report import write_reports

    directory = Directory(arguments.directory)
    results = list(directory.results(arguments.of))
    if not results:
        raise _nothing_there(arguments)
    for path in write_reports(directory.path, arguments.of, results):
        print(path)
    return max(result.exit_code for result in results)


def _nothing_there(arguments: argparse.Namespace) -> InputError:
    return InputError(f"No account was worked on in the directory '{arguments.directory}' ({arguments.of}).")

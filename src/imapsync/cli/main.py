"""The command ``imapsync``: read the words, do what they ask, end with the right number."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from imapsync.cli import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imapsync.cli.getopt import Parsed, Parser
    from imapsync.transfer import Settings


def entry() -> NoReturn:
    """Run the command line of this process and end the process with its exit code.

    Ends without taking the interpreter apart: all files are written and closed by then, and a login check
    would pay a quarter of its time for it.
    """
    # Before all other imports: the end may be asked for while they last.
    signals.watch()
    # No garbage of importance comes from importing; the runner switches collection on again.
    gc.disable()
    code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def main(words: Sequence[str]) -> int:  # noqa: PLR0911 - one for each thing that it can be asked for
    """Run a command line; give the exit code. Never raises."""
    from imapsync.cli.getopt import Parser
    from imapsync.cli.options import TABLE
    from imapsync.cli.secrets import blank_traces, take_from_environment

    environment = take_from_environment()
    parser = Parser(TABLE)
    blank_traces(parser, words)
    given, problems = parser.read(words)
    if not problems:
        told = _asked_for(given, words)
        if told is not None:
            return _say(told)
        if given.flag("tests"):
            return _self_check()
        if given.flag("abort"):
            return _abort(parser, words)
        if given.flag("testslive") or given.flag("testslive6"):
            return _live(parser, words, given)
        if given.text("reportfrom"):
            from imapsync.cli.page import remake

            return remake(parser, words, given)
        if given.flag("listen"):
            return _listen(parser, words)
        if given.flag("forks"):
            return _forks(words)
        many = given.integer("many")
        if many is not None:
            return _many(many, words)
    if given.flag("watch") and not problems:
        return _watch(parser, words, given, environment)
    from imapsync.cli.runner import Runner

    return Runner(parser, words, given, environment).run(problems)


def _watch(parser: Parser, words: Sequence[str], given: Parsed, environment: dict[str, str]) -> int:
    """Do the run again and again; what is wrong with the command line is told as a run tells it."""
    from imapsync.cli import watch
    from imapsync.cli.errors import InputError, PatternTimeout, PidFileError, UsageError
    from imapsync.cli.runner import Runner, pid_file_path
    from imapsync.cli.settings import settings
    from imapsync.cli.values import complete

    home = os.path.expanduser("~")

    def wanted() -> Settings:
        return settings(complete(given), environment, home, lambda _: None)

    def run() -> int:
        return Runner(parser, words, given, environment, holds_pid_file=False).run()

    try:
        first = wanted()
        poll_s = watch.interval(given, first)
    except UsageError as error:
        return Runner(parser, words, given, environment).run(error.problems)
    except (InputError, PatternTimeout):
        return Runner(parser, words, given, environment).run()
    # What was typed at a terminal, or read from standard input, is not asked for once more.
    for side, who in ((1, first.source_credentials), (2, first.destination_credentials)):
        if who is not None and not who.are_asked_for:
            environment.setdefault(f"IMAPSYNC_PASSWORD{side}", who.password.reveal())
    try:
        needed = given.flag("pidfilelocking")
        return watch.watch(wanted, run, poll_s, pid_file_path(given), needed=needed)
    except PidFileError:
        return Runner(parser, words, given, environment).run()


def _forks(words: Sequence[str]) -> int:
    import stat

    from imapsync.cli.forks import Forks

    if len(words) > 1 or not stat.S_ISSOCK(os.fstat(0).st_mode):
        print(
            "imapsync: --forks takes no other option beside it, and a socket as its input.", file=sys.stderr
        )
        return os.EX_USAGE
    return Forks(main).serve()


def _listen(parser: Parser, words: Sequence[str]) -> int:
    from imapsync.cli.errors import UsageError
    from imapsync.cli.listen import listen
    from imapsync.cli.settings import settings
    from imapsync.cli.values import complete

    if len(words) > 1:
        print("imapsync: --listen takes no other option beside it.", file=sys.stderr)
        return os.EX_USAGE

    def read(asked: Sequence[str]) -> Callable[[], Settings]:
        given, problems = parser.read(asked)
        if problems:
            raise UsageError(*problems)
        home = os.path.expanduser("~")
        return lambda: settings(complete(given), {}, home, lambda _: None)

    return listen(read)


def _asked_for(given: Parsed, words: Sequence[str]) -> str | None:
    """Give the text of --version, --help or --justbanner, None when none of them is wanted."""
    if given.flag("version"):
        from imapsync import __version__

        return __version__ + "\n"
    if given.flag("help") or not words:
        from imapsync.cli.help import help_text

        return help_text()
    if given.flag("justbanner"):
        from imapsync.cli.help import banner

        return banner()
    return None


def _say(text: str) -> int:
    from imapsync.cli.output import Output

    Output().write(text)
    return 0


def _self_check() -> int:
    from imapsync.cli import selfcheck
    from imapsync.cli.exitcodes import Exit
    from imapsync.cli.output import Output

    return 0 if selfcheck.run(Output().write) else Exit.EXIT_TESTS_FAILED.number


def _many(limit: int, words: Sequence[str]) -> int:
    from imapsync.cli.many import Many

    if limit < 1 or len(words) > 2:
        print("imapsync: --many takes a number from 1, and no other option beside it.", file=sys.stderr)
        return os.EX_USAGE
    return Many(main, limit).serve()


def _live(parser: Parser, words: Sequence[str], given: Parsed) -> int:
    """Run what else is on the command line between two servers of our own."""
    from imapsync.cli.errors import UsageError
    from imapsync.cli.runner import Runner
    from imapsync.cli.testslive import run_live

    def run(all_words: list[str]) -> int:
        return Runner(parser, all_words, parser.read(all_words)[0], {}).run()

    others = [word for word in words if not word.lower().lstrip("-").startswith("testsl")]
    try:
        return run_live(others, "::1" if given.flag("testslive6") else "127.0.0.1", run, _say)
    except UsageError as error:
        return Runner(parser, words, given, {}).run(error.problems)


def _abort(parser: Parser, words: Sequence[str]) -> int:
    from imapsync.cli.errors import PidFileError
    from imapsync.cli.exitcodes import Exit
    from imapsync.cli.pidfile import abort
    from imapsync.cli.runner import pid_file_path

    try:
        gone, sentence = abort(pid_file_path(parser.read(words)[0]))
    except PidFileError as error:
        gone, sentence = False, str(error)
    _say(sentence + "\n")
    return 0 if gone else Exit.EXIT_CATCH_ALL.number

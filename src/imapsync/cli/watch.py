"""``--watch``: stay with one account, and do the run of the command line whenever mail may have come.

The process listens (`imapsync.watch`); each run is a child that has everything loaded, with its own log,
report and progress. What comes while a run is under way makes one more run behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from typing import TYPE_CHECKING, Final

from imapsync.cli import signals
from imapsync.cli.errors import PidFileError
from imapsync.cli.exitcodes import Exit
from imapsync.cli.many import as_shell, forked, load
from imapsync.cli.output import Output
from imapsync.cli.pidfile import PidFile
from imapsync.cli.systemd import Service
from imapsync.plan import watching
from imapsync.plan.watching import Trouble, Way
from imapsync.report.safe import printable
from imapsync.session.errors import SecretUnavailable
from imapsync.watch.listener import Listener, Standing, Watched

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync.cli.getopt import Parsed
    from imapsync.session.errors import SyncError
    from imapsync.transfer import Settings

#: How often a folder is looked at whose server does not tell of new mail, seconds.
DEFAULT_POLL_S: Final = 60.0
LEAST_POLL_S: Final = 1.0
MOST_POLL_S: Final = 86_400.0
#: A run that was asked to end may tidy up for so long; a little more than it takes itself.
_END_S: Final = 6.0
#: What a later run cannot mend: at the start the command ends with it.
_HOPELESS: Final = frozenset(
    code.number
    for code in (
        Exit.EX_USAGE,
        Exit.EX_NOINPUT,
        Exit.EXIT_PID_FILE_ERROR,
        Exit.EXIT_TLS_FAILURE,
        Exit.EXIT_AUTHENTICATION_FAILURE,
        Exit.EXIT_AUTHENTICATION_FAILURE_USER1,
        Exit.EXIT_AUTHENTICATION_FAILURE_USER2,
    )
)


def interval(given: Parsed, settings: Settings) -> float:
    """Give how often to look where the server does not tell, seconds.

    UsageError for what cannot be watched.
    """
    from imapsync.cli.errors import UsageError
    from imapsync.transfer.settings import Mode

    poll_s = given.number("watchpoll")
    poll_s = DEFAULT_POLL_S if poll_s is None else poll_s
    if not LEAST_POLL_S <= poll_s <= MOST_POLL_S:
        raise UsageError(
            f"Option --watchpoll: {poll_s:g} is not from {LEAST_POLL_S:g} to {MOST_POLL_S:g} seconds.",
            option="watchpoll",
        )
    if settings.mode is not Mode.SYNC or settings.dry:
        raise UsageError(
            "Option --watch goes with runs that copy mail: not with --dry, --verify or one of the --just "
            "options.",
            option="watch",
        )
    return poll_s


def watched(settings: Callable[[], Settings], poll_s: float) -> Callable[[], Watched]:
    """Give what gives the host1 of a command line, read anew each time.

    Beyond the first time, what cannot be read is a login that failed: SecretUnavailable.
    """
    from imapsync.cli.errors import InputError, UsageError

    first = [settings()]

    def account() -> Watched:
        try:
            now = first.pop() if first else settings()
        except (InputError, UsageError) as error:
            raise SecretUnavailable(str(error)) from None
        if now.source_credentials is None:
            raise ValueError("nobody to log in as")
        return Watched(now.source, now.source_credentials, poll_s, now.folders.only != ("INBOX",))

    return account


class Watch:
    """Watches one account until a signal ends it.

    settings: gives the settings of the command line, read anew for each login (a password file may change).
    run: does one run in a child and gives its exit code.
    """

    def __init__(self, settings: Callable[[], Settings], run: Callable[[], int], poll_s: float) -> None:
        self._settings = settings
        self._run = run
        self._poll_s = poll_s
        self._output = Output()
        self._service = Service()
        self._wanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._code = Exit.EXIT_BY_SIGNAL.number
        #: Whether the service manager was told that we work, and whether a run has come to a good end.
        self._ready = self._proven = False
        self._failures = 0

    async def watch(self) -> int:
        """Give the exit code: that of a signal, or of what makes watching senseless from the start."""
        loop = asyncio.get_running_loop()
        for number in signals.ENDING:
            loop.add_signal_handler(number, self._ended.set)
        if signals.received() is not None:
            self._ended.set()
        listener = Listener(watched(self._settings, self._poll_s), self._wanted.set, self._tell)
        work = [asyncio.ensure_future(one) for one in (listener.listen(), self._follow(), self._beat())]
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            done, _ = await asyncio.wait([*work, ended], return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            self._service.stopping()
            for one in [*work, ended]:
                one.cancel()
            await asyncio.gather(*work, ended, return_exceptions=True)
            signals.ignore(lambda: [loop.remove_signal_handler(number) for number in signals.ENDING])
        return self._code

    async def _follow(self) -> None:
        """Do the runs, one after the other; one that fails is made again after a while."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            code = await self._one_run()
            if code == 0:
                self._failures = 0
                self._proven = True
                continue
            if not self._proven and code in _HOPELESS:
                self._end_with(code)
                return
            self._failures += 1
            jitter = random.random()  # noqa: S311 - to spread tries, not secrets
            refused = code in _HOPELESS
            seconds = watching.pause_s(Trouble.REFUSED if refused else Trouble.FAILED, self._failures, jitter)
            self._say(f"The run ended with {code}; trying again in {seconds:.0f} s")
            # Mail that comes is a reason to try a failed run again, none to try a refused password.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await (asyncio.Event() if refused else self._wanted).wait()
            self._wanted.set()

    async def _one_run(self) -> int:
        """Be the parent of one run; who cancels this ends it."""
        loop = asyncio.get_running_loop()
        pid = forked(self._run)
        handle = os.pidfd_open(pid)
        over = asyncio.Event()
        loop.add_reader(handle, over.set)
        try:
            await over.wait()
        except asyncio.CancelledError:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await over.wait()
            if not over.is_set():
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            raise
        finally:
            loop.remove_reader(handle)
            os.close(handle)
            # It has ended, or is about to: nothing is waited for.
            code = as_shell(os.waitpid(pid, 0)[1])  # noqa: ASYNC222
        return code

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._service.beat_s or 3600)
            self._service.beat()

    def _tell(self, standing: Standing) -> None:
        error = standing.error
        if error is None:
            how = "the server tells" if standing.way is Way.IDLE else f"looking every {self._poll_s:g} s"
            self._say(f"Watching INBOX of host1 for new mail: {how}")
        elif standing.refused and not self._ready:
            self._say(f"Cannot watch host1: {error.message}")
            self._end_with(_code_of(error))
            return
        else:
            self._say(f"Not watching: {error.message}; trying again in {standing.pause_s:.0f} s")
        if not self._ready:
            self._ready = True
            self._service.ready()

    def _end_with(self, code: int) -> None:
        self._code = code
        self._ended.set()

    def _say(self, text: str) -> None:
        self._output.lines(printable(text))
        self._service.status(printable(text))


def _code_of(error: SyncError) -> int:
    from imapsync.cli.runner import fatal_code

    return fatal_code(error).number


def watch(
    settings: Callable[[], Settings], run: Callable[[], int], poll_s: float, pid_path: str, *, needed: bool
) -> int:
    """Watch one account, holding the pid file; give the exit code.

    PidFileError when the file cannot be had and is `needed`.
    """
    pid_file = PidFile(pid_path)
    try:
        pid_file.acquire(exclusive=needed)
    except PidFileError:
        if needed:
            raise
    load()

    async def work() -> int:
        return await Watch(settings, run, poll_s).watch()

    try:
        return asyncio.run(work())
    finally:
        pid_file.release()

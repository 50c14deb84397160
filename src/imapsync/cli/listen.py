"""``--listen``: many accounts are watched by one process, which tells when mail may have come to which.

A line of standard input is a JSON object: ``{"name": "anna", "words": [...]}`` watches the host1 of that
command line (a password in a file is read at each login), in place of what was watched under the name;
``{"name": "anna"}`` ends it. A line out is ``{"name": "anna", "news": true}``, or how an account stands now:
``{"name": "anna", "state": "idle", "error": null, "text": "", "pause_s": 0}``. States: idle (the server
tells), poll (looked at regularly), waiting (lost, tried again after so long), refused (somebody has to do
something). The process ends when standard input does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from asyncio.sslproto import SSLProtocol
from typing import TYPE_CHECKING, Any, Final

from imapsync.cli import signals
from imapsync.cli.errors import InputError, PatternTimeout, UsageError
from imapsync.cli.exitcodes import Exit
from imapsync.cli.watch import DEFAULT_POLL_S, watched
from imapsync.watch.listener import LIMITS, Listener, Standing, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Accounts = Callable[[Sequence[str]], Callable[[], Watched]]

#: Logins under way at one host: a restart must not look like an attack.
LOGINS_AT_ONCE: Final = 4
#: Longest line of standard input.
MAX_LINE: Final = 1 << 20
_STDIN, _STDOUT = 0, 1


class Listen:
    """Watches what standard input names, until it ends."""

    def __init__(self, accounts: Accounts) -> None:
        """Take what reads a command line; it gives what gives the account, and raises UsageError."""
        self._accounts = accounts
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._ended = asyncio.Event()

    async def serve(self) -> int:
        """Give the exit code: 0 at the end of standard input, or that of a signal."""
        loop = asyncio.get_running_loop()
        signalled = asyncio.Event()
        for number in signals.ENDING:
            loop.add_signal_handler(number, signalled.set)
        if signals.received() is not None:
            signalled.set()
        reader = asyncio.StreamReader(limit=MAX_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(_STDIN, "rb", 0))
        reading = asyncio.ensure_future(self._read(reader))
        ends = [asyncio.ensure_future(one.wait()) for one in (signalled, self._ended)]
        await asyncio.wait([reading, *ends], return_when=asyncio.FIRST_COMPLETED)
        for one in (reading, *ends, *self._watching.values()):
            one.cancel()
        await asyncio.gather(reading, *ends, *self._watching.values(), return_exceptions=True)
        signals.ignore(lambda: [loop.remove_signal_handler(number) for number in signals.ENDING])
        return Exit.EXIT_BY_SIGNAL.number if signalled.is_set() else 0

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            try:
                asked = json.loads(line)
            except (ValueError, RecursionError):
                asked = None
            match asked:
                case {"name": str(name), "words": list(words)} if all(isinstance(one, str) for one in words):
                    await self._forget(name)
                    self._watching[name] = asyncio.ensure_future(self._watch(name, words))
                case {"name": str(name)} if len(asked) == 1:
                    await self._forget(name)
                case _:
                    print("imapsync: a line of --listen is not of its form", file=sys.stderr, flush=True)

    async def _forget(self, name: str) -> None:
        task = self._watching.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self, name: str, words: list[str]) -> None:
        try:
            account = self._accounts(words)
            host = account().endpoint.host.lower()
        except (UsageError, InputError, PatternTimeout) as error:
            self._tell(name, state="refused", error="usage", text=str(error), pause_s=0)
            return
        gate = self._gates.setdefault(host, asyncio.Semaphore(LOGINS_AT_ONCE))
        await Listener(
            account, lambda: self._tell(name, news=True), lambda standing: self._stand(name, standing), gate
        ).listen()

    def _stand(self, name: str, standing: Standing) -> None:
        error = standing.error
        if error is None:
            state = "" if standing.way is None else standing.way.value
        else:
            state = "refused" if standing.refused else "waiting"
        self._tell(
            name,
            state=state,
            error=None if error is None else error.code,
            text="" if error is None else error.message,
            pause_s=round(standing.pause_s),
        )

    def _tell(self, name: str, **what: Any) -> None:  # noqa: ANN401 - JSON
        try:
            os.write(_STDOUT, json.dumps({"name": name, **what}).encode() + b"\n")
        except OSError:  # nobody reads any more
            self._ended.set()


def listen(read: Callable[[Sequence[str]], Callable[[], Any]]) -> int:
    """Watch accounts; `read` gives, for a command line, what gives its settings. Gives the exit code."""

    def accounts(words: Sequence[str]) -> Callable[[], Watched]:
        return watched(read(words), DEFAULT_POLL_S)

    async def work() -> int:
        # Each connection has such a buffer, filled with zeros: 256 KiB, for what are short answers.
        SSLProtocol.max_size = LIMITS.buffer_bytes
        gc.freeze()
        return await Listen(accounts).serve()

    return asyncio.run(work())

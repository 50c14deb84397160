"""The engine that is loaded already and forks for each run (its option --forks).

Starting Python and loading the engine is nine tenths of what an idle task costs. Who works without it starts
the engine as a program: what happens is the same.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from syncctl.context import engine_environment

if TYPE_CHECKING:
    from collections.abc import Sequence


class Run(Protocol):
    """An engine at work: its process id, and the exit code (negative: a signal) that `wait` gives."""

    pid: int

    def wait(self) -> int:
        """Wait for the end."""


class Resident:
    """A loaded engine; `fileno` is what workers need of it, and may be inherited by them."""

    def __init__(self, engine: str) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self._process = subprocess.Popen(
                [engine, "--forks"],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=engine_environment(),
                start_new_session=True,
            )
        self._socket = ours

    @property
    def fileno(self) -> int:
        """Where command lines go."""
        return self._socket.fileno()

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Let it go; runs go on, and workers that still need it keep it."""
        self._socket.close()


class Forked:
    """A run of a loaded engine. OSError when there is none to ask.

    pid is 0 when the engine ended before it answered: the run may have begun, and then holds its task's lock.
    It counts as killed, and nobody begins another one in its place.
    """

    def __init__(self, resident: int, words: Sequence[str], log: int, lock: int) -> None:
        self._answers, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        message = json.dumps(list(words)).encode()
        try:
            with its, socket.socket(fileno=os.dup(resident)) as to:
                socket.send_fds(to, [message], [its.fileno(), log, lock], socket.MSG_NOSIGNAL)
        except OSError:
            self._answers.close()
            raise
        self.pid = int(self._answer() or 0)

    def wait(self) -> int:
        """Give the exit code; of a run whose loaded engine ended before it, that of a killed one."""
        with self._answers:
            answer = self._answer()
        if answer:
            return int(answer)
        with suppress(OSError):
            handle = os.pidfd_open(self.pid or -1)
            select.select([handle], [], [])
            os.close(handle)
        return -signal.SIGKILL

    def _answer(self) -> bytes:
        try:
            return self._answers.recv(32)
        except ConnectionResetError:
            return b""

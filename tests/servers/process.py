"""Servers that run as an ordinary process of this machine and end with the tests, whatever ends them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from abc import abstractmethod

from tests.servers.base import ImapServer, free_port


class ProcessServer(ImapServer):
    """A server in clear text on a free port; subclasses say which command runs it."""

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Write what the server needs below self.directory; give the command that listens on self.port."""

    def launch(self) -> None:
        """Start the command in a process group of its own; the kernel kills it when the tests die."""
        self.port = free_port(self.host)
        command = self.command()
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.directory, env={**os.environ, "TMPDIR": str(self.directory)},
            )  # fmt: skip

    def shutdown(self) -> None:
        """Kill the group."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

"""Run one step as a process: standard input, two outputs, the command descriptor, its own process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND_FD = 3
CHUNK = 65536
LINE_LIMIT = 65536
"""A command line that is longer is not one."""


def reserve_command_descriptor() -> None:
    """Occupy descriptor 3 of this process, so that no pipe or socket of ours ever lands on it in a child."""
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != COMMAND_FD:
        os.dup2(opened, COMMAND_FD)
        os.close(opened)


@dataclass
class Step:
    """One running step. `exit_code` is -1 after death by signal, None when it could not be executed."""

    path: Path
    environment: dict[str, str]
    folder: Path
    on_command: Callable[[str], None] | None = None
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Execute the file; False when the kernel refuses (no exec bit, no interpreter, vanished)."""
        read_end, write_end = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(self.path),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.environment,
                cwd=self.folder,
                process_group=0,
                pass_fds=(COMMAND_FD,),
                preexec_fn=lambda: os.dup2(write_end, COMMAND_FD),
            )
        except OSError as error:
            os.close(read_end)
            print(f"<4>{self.path}: {error.strerror}: skipped", file=sys.stderr)
            return False
        finally:
            os.close(write_end)
        self._commands = asyncio.create_task(self._read_commands(read_end))
        return True

    async def finish(self, standard_input: bytes) -> int:
        """Feed the step and wait for its end: exit, and end of file on stdout, stderr and descriptor 3."""
        process = self._process
        assert process is not None, "start() comes first"  # noqa: S101 - order of two calls in this package
        await asyncio.gather(
            _feed(process, standard_input),
            _collect(process.stdout, self.stdout, echo=False),
            _collect(process.stderr, self.stderr, echo=True),
            self._commands,
        )
        code = await process.wait()
        return code if code >= 0 else -1

    def terminate(self) -> None:
        """Send TERM to the step and its children."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    async def _read_commands(self, descriptor: int) -> None:
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    continue
                if not line:
                    return
                if self.on_command:
                    self.on_command(line.decode(errors="replace"))
        finally:
            transport.close()


async def _feed(process: asyncio.subprocess.Process, text: bytes) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(text)
        await process.stdin.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.close()
        await process.stdin.wait_closed()


async def _collect(stream: asyncio.StreamReader | None, target: bytearray, *, echo: bool) -> None:
    while stream and (chunk := await stream.read(CHUNK)):
        target += chunk
        if echo:
            sys.stderr.buffer.write(chunk)
            sys.stderr.buffer.flush()

"""Short runs of the engine that only look: a time limit, a report, passwords that never touch the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from imapsync_tasks import files
from syncctl.context import engine_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.errors import Json
    from syncctl.context import Context

#: What an engine that was asked to end may take to write its report.
_END_S: Final = 1.5


class OneShot:
    """One run. Usage: fill a list of words with the help of the methods, then `run`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stack = ExitStack()
        self._pipes: list[int] = []
        self.directory = Path()

    def __enter__(self) -> Self:
        self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="syncctl-")))
        return self

    def __exit__(self, *_error: object) -> None:
        for descriptor in self._pipes:
            os.close(descriptor)
        self._stack.close()

    def passfile(self, password: str) -> str:
        """Give a file name under which only the engine can read the password, once."""
        reader, writer = os.pipe()
        self._pipes.append(reader)
        with os.fdopen(writer, "wb") as pipe:  # at most 16 KiB by the field rules: a pipe takes it at once
            pipe.write(password.encode() + b"\n")
        return f"/dev/fd/{reader}"

    def truststore(self, known: Path | None) -> str:
        """Give a file of remembered certificates: a copy of `known`, so that looking remembers nothing."""
        path = self.directory / "trust"
        if known and known.exists():
            path.write_bytes(known.read_bytes())
        return str(path)

    def run(self, words: Sequence[str], seconds: float) -> Json:
        """Run the engine and give its report, if it wrote one, and `late`: whether its time was over."""
        report = self.directory / "report"
        child = subprocess.Popen(
            [
                self._context.engine,
                *words,
                f"--report={report}",
                f"--pidfile={self.directory / 'pid'}",
                "--nolog",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=engine_environment(),
            pass_fds=tuple(self._pipes),
        )
        late = False
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            late = True
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return (files.read_json(report) or {}) | {"late": late}

"""Short runs of the engine that only look: a time limit, a report, passwords that never touch the disk."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from imapsync_tasks import files
from syncctl.context import engine_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.errors import Json
    from syncctl.context import Context


class Engine:
    """One process of the engine that does short runs, several at a time (its option --many).

    Starting an engine costs ten times what a login does.
    """

    def __init__(self, context: Context, parallel: int = 1) -> None:
        self._command = [context.engine, f"--many={parallel}"]
        self._lock = threading.Lock()
        self._sent = 0
        self._waiting: dict[int, Future[bool]] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=engine_environment(),
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        self._reader.join()
        _pipe(self._process.stdout).close()
        self._process.wait()

    def run(self, words: Sequence[str], seconds: float) -> bool:
        """Do a run; give whether its time was over before its end."""
        ended: Future[bool] = Future()
        with self._lock:
            self._sent += 1
            self._waiting[self._sent] = ended
            asked = json.dumps({"words": list(words), "seconds": seconds}).encode() + b"\n"
            with suppress(BrokenPipeError):
                stdin = _pipe(self._process.stdin)
                stdin.write(asked)
                stdin.flush()
        if not self._reader.is_alive():
            self._end_all()
        return ended.result()

    def _read(self, answers: IO[bytes] | None) -> None:
        for line in answers or ():
            answer = json.loads(line)
            with self._lock:
                ended = self._waiting.pop(answer["line"])
            ended.set_result(answer["late"])
        self._end_all()

    def _end_all(self) -> None:
        """End the runs of an engine that has gone: there is no report of them."""
        with self._lock:
            left, self._waiting = self._waiting, {}
        for ended in left.values():
            ended.set_result(False)


class OneShot:
    """One run. Usage: fill a list of words with the help of the methods, then `run`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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
        """Give a file name under which only processes of this user can read the password, once."""
        reader, writer = os.pipe()
        self._pipes.append(reader)
        with os.fdopen(writer, "wb") as pipe:  # at most 16 KiB by the field rules: a pipe takes it at once
            pipe.write(password.encode() + b"\n")
        return f"/proc/{os.getpid()}/fd/{reader}"

    def truststore(self, known: Path | None) -> str:
        """Give a file of remembered certificates: a copy of `known`, so that looking remembers nothing."""
        path = self.directory / "trust"
        if known and known.exists():
            path.write_bytes(known.read_bytes())
        return str(path)

    def run(self, words: Sequence[str], seconds: float) -> Json:
        """Run the engine and give its report, if it wrote one, and `late`: whether its time was over."""
        report = self.directory / "report"
        end = [f"--report={report}", f"--pidfile={self.directory / 'pid'}", "--nolog"]
        late = self._engine.run([*words, *end], seconds)
        return (files.read_json(report) or {}) | {"late": late}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise TypeError("not a pipe")
    return pipe

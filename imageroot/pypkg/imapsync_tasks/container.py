"""The way from the node into the service's container: `podman exec imapsync syncctl …`."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

from imapsync_tasks.errors import Json, NoSuchTaskError, Refusal, RefusedError
from imapsync_tasks.queue import UNRELEASED, Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: podman-exec(1): there is no such container, or it does not run.
_NO_CONTAINER: Final = 125
_NO_SUCH_TASK: Final = 66
_SYNCCTL: Final = ("podman", "exec", "-i", "imapsync", "/usr/local/bin/syncctl")
#: Longer than anything syncctl does on its own; only a hanging podman meets it.
_LIMIT_S: Final = 300.0


def start(tasks: Sequence[str], release: Release = UNRELEASED) -> None:
    """Make tasks run or wait. NoSuchTaskError when one has gone; the others are started all the same.

    `release` is for the runs that this start begins; what a brake is about is for a single task.
    """
    words = [f"--maxdelete2={release.deleted}"] if release.deleted else []
    words += [f"--maxvanished2={release.vanished}"] if release.vanished else []
    words += ["--retryfailed"] if release.retry else []
    words += [f"--verify={release.verify}"] if release.verify else []
    _names("start", ["--detach", *words], tasks)


def restart(tasks: Sequence[str]) -> None:
    """End runs of these tasks and begin them anew. NoSuchTaskError as for `start`."""
    _names("restart", [], tasks)


def stop(tasks: Sequence[str]) -> bool:
    """End runs of these tasks; False when one goes on. Without the service nothing runs."""
    try:
        return _names("stop", [], tasks) == 0
    except RefusedError:
        return True


def audit(tasks: Sequence[str]) -> list[str]:
    """Count what is in the accounts of these tasks; give those of which it could not be counted."""
    done = _run(["audit", "-"], "\n".join(tasks))
    _judge(done.returncode, done.stderr)
    return [str(one) for one in json.loads(done.stdout)["failed"]]


def check(requests: Iterable[Json], limit_s: float = _LIMIT_S) -> Iterator[tuple[object, list[Refusal]]]:
    """Check logins as create-task does; (id, refusals) of each request as soon as it is known.

    A request is {"id", "task": create-task's input, "timeout_s"?}; passwords travel through the pipe only.
    """
    lines = "".join(json.dumps(request) + "\n" for request in requests).encode()
    process = subprocess.Popen(
        [*_SYNCCTL, "check"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        feeder = threading.Thread(target=_feed, args=(process.stdin, lines))
        feeder.start()
        try:
            for line in process.stdout or ():
                answer = json.loads(line)
                yield answer["id"], [_refusal(one) for one in answer["refusals"]]
        except BaseException:  # whoever waited gave up
            process.kill()
            raise
        errors = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
        code = process.wait(limit_s)
        feeder.join()
    _judge(code, errors)


def ask(command: str, request: Json | None, *words: str) -> Json:
    """Run a command that answers with one JSON object."""
    given = json.dumps(request) if request is not None else ""
    done = _run([command, *words], given)
    _judge(done.returncode, done.stderr)
    answer = json.loads(done.stdout)
    if not isinstance(answer, dict):
        raise TypeError(f"syncctl {command} gave no object")
    if "refusals" in answer:
        raise RefusedError(*(_refusal(one) for one in answer["refusals"]))
    return answer


def _names(command: str, words: list[str], tasks: Sequence[str]) -> int:
    if not tasks:
        return 0
    done = _run([command, *words, "-"], "\n".join(tasks) + "\n")
    if command != "stop" or done.returncode == _NO_CONTAINER:
        _judge(done.returncode, done.stderr)
    return done.returncode


def _run(words: list[str], given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_SYNCCTL, *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_S,
        # A cancelled action and Ctrl-C signal the whole group: what is asked for here is done to its end.
        start_new_session=True,
    )


def _feed(pipe: IO[bytes], content: bytes) -> None:
    """Write all requests while answers are read: pipes are short. The exit code tells of a lost reader."""
    with suppress(BrokenPipeError, ValueError), pipe:
        left = memoryview(content)
        while left:
            left = left[pipe.write(left) :]


def _judge(code: int, errors: str) -> None:
    if code == _NO_CONTAINER:
        raise RefusedError(Refusal("service_not_running"))
    if code == _NO_SUCH_TASK:
        raise NoSuchTaskError(errors.strip())
    if code:
        raise RuntimeError(f"syncctl ended with {code}: {errors.strip()[-500:]}")


def _refusal(one: Json) -> Refusal:
    details = {
        key: value for key, value in one.items() if key not in ("field", "parameter", "value", "error")
    }
    return Refusal(str(one["error"]), str(one["field"]), one.get("value", ""), details)

"""The command `syncctl`: what cron, the module's actions and people in the container call."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

from imapsync_tasks import runtime, schedule
from imapsync_tasks.errors import NoSuchTaskError, TaskFileError
from imapsync_tasks.queue import METHODS, Release
from syncctl import exitcodes
from syncctl.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

USAGE = """\
usage: syncctl start [--detach] TASK...    start tasks, or queue them; without --detach follow the (one) run
             [--maxdelete2=N] [--maxvanished2=N]   release a brake for this run of one task
             [--retryfailed]                       try only what did not arrive in the last run
             [--verify[=content]]                  copy nothing, compare both accounts
       syncctl restart TASK...             stop, then start --detach
       syncctl resume                      go on with what ran and waited when the container ended
       syncctl stop TASK...                end runs, take tasks out of the queue
       syncctl status TASK...              print Running, Queued or Stopped
       syncctl list-informations TASK      count folders, mails and bytes on both sides (JSON)
       syncctl report                      make a task's report for people (JSON on standard input and output)
       syncctl audit TASK...               count them for many tasks, and keep the numbers (JSON)
       syncctl watch                       listen to the accounts of live tasks, until a signal comes
       syncctl serve COMMAND...            run a command, and the watcher beside it
       syncctl check                       check logins; requests and answers are JSON lines
       syncctl test-remote                 try a remote login (JSON on standard input and output)
       syncctl list-remote-folders         list a remote account's folders (idem)
       syncctl test-source                 try logins by a source (idem)
       syncctl sign-in                     sign in to a source (idem)
       syncctl recognize-source            find the server of a mail domain (idem)
       syncctl token SOURCE USER [HOST PORT]
                                           print an access token for a user's mailbox at a source; none when
                                           its server is another one

TASK is <localuser>_<task_id>; "-" reads names from standard input, one a line.

exit codes: 0 done (also when there was nothing to do) · 1 failed · 64 usage · 66 no such task ·
            start without --detach: the engine's own (docs/exit-codes.md)
"""


#: The engine's options that release a brake -> what they are here.
_RELEASES = {"--maxdelete2": "deleted", "--maxvanished2": "vanished"}
_RETRY = "--retryfailed"
#: How both accounts are compared.
_VERIFY = {"--verify": METHODS[0]} | {f"--verify={method}": method for method in METHODS}
#: A very busy machine may need more than one stop until a killed run is settled.
_RESTART_ATTEMPTS = 3


def entry() -> None:
    """Be the console command."""
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """Run one command and give its exit code."""
    if words and words[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return exitcodes.OK
    if not words or words[0] not in _COMMANDS:
        sys.stderr.write(USAGE)
        return exitcodes.USAGE
    try:
        return _COMMANDS[words[0]](Context.from_environment(), words[1:])
    except NoSuchTaskError as error:
        sys.stderr.write(f"no such task: {error}\n")
        return exitcodes.NO_SUCH_TASK
    except (OSError, TaskFileError) as error:
        sys.stderr.write(f"{error}\n")
        return exitcodes.FAILED


def _start(context: Context, words: Sequence[str]) -> int:
    from syncctl import dispatch

    options = [word for word in words if word.startswith("--")]
    tasks = _tasks([word for word in words if word not in options])
    detach = "--detach" in options
    release = _release([option for option in options if option != "--detach"])
    if not tasks or release is None or (any(release[:2]) and len(tasks) > 1):
        return _usage()
    variable = os.environ.get(schedule.SCHEDULED_VARIABLE, "")
    if not schedule.is_meant(variable, time.time()):
        return exitcodes.OK
    scheduled = bool(variable)
    if detach or scheduled or len(tasks) > 1:
        dispatch.start(context, tasks, scheduled=scheduled, release=release)
        return exitcodes.OK
    from syncctl import follow

    return follow.run(context, tasks[0], release)


def _release(options: list[str]) -> Release | None:
    """Read what is wanted of this run alone; None when that cannot be understood."""
    allowed = {"deleted": 0, "vanished": 0}
    for option in options:
        if option in (_RETRY, *_VERIFY):
            continue
        name, _, number = option.partition("=")
        if name not in _RELEASES or not (number.isascii() and number.isdigit()) or len(number) > 10:
            return None
        allowed[_RELEASES[name]] = int(number)
    methods = [_VERIFY[option] for option in options if option in _VERIFY]
    return Release(
        allowed["deleted"], allowed["vanished"], retry=_RETRY in options, verify=(methods or [""])[-1]
    )


def _restart(context: Context, words: Sequence[str]) -> int:
    from syncctl import dispatch

    tasks = _tasks(words)
    if not tasks:
        return _usage()
    attempts = (_end(context, tasks) for _ in range(_RESTART_ATTEMPTS))
    code = next((code for code in attempts if code == exitcodes.OK), exitcodes.FAILED)
    dispatch.start(context, tasks)
    return code


def _resume(context: Context, words: Sequence[str]) -> int:
    from syncctl import dispatch

    if words:
        return _usage()
    dispatch.resume(context)
    return exitcodes.OK


def _watch(context: Context, words: Sequence[str]) -> int:
    from syncctl import watch

    if words:
        return _usage()
    if not watch.watch(context):
        sys.stderr.write("there is a watcher already\n")
        return exitcodes.FAILED
    return exitcodes.OK


def _serve(context: Context, words: Sequence[str]) -> int:
    from syncctl import serve

    return serve.serve(context, words) if words else _usage()


def _stop(context: Context, words: Sequence[str]) -> int:
    tasks = _tasks(words)
    return _end(context, tasks) if tasks else _usage()


def _end(context: Context, tasks: list[str]) -> int:
    from syncctl import stop

    left = stop.stop(context, tasks)
    for task in left:
        sys.stderr.write(f"still running: {task}\n")
    return exitcodes.FAILED if left else exitcodes.OK


def _status(context: Context, words: Sequence[str]) -> int:
    tasks = _tasks(words)
    if not tasks:
        return _usage()
    for task in tasks:
        if not context.store.exists(task):
            raise NoSuchTaskError(task)
    with context.store.locked():
        states = runtime.states(context.paths, tasks)
    for task in tasks:
        text = states[task].state.capitalize()
        sys.stdout.write(text + "\n" if len(tasks) == 1 else f"{task}: {text}\n")
    return exitcodes.OK


def _list_informations(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    if len(words) != 1:
        return _usage()
    sys.stdout.write(json.dumps(probe.list_informations(context, words[0])) + "\n")
    return exitcodes.OK


def _report(context: Context, words: Sequence[str]) -> int:
    from syncctl import reports

    if words:
        return _usage()
    sys.stdout.write(json.dumps(reports.report(context, json.load(sys.stdin.buffer))) + "\n")
    return exitcodes.OK


def _audit(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    tasks = _tasks(words)
    sys.stdout.write(json.dumps({"failed": probe.audit(context, tasks)}) + "\n")
    return exitcodes.OK


def _check(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    if words:
        return _usage()
    probe.check_all(context, sys.stdin.buffer, sys.stdout)
    return exitcodes.OK


def _test_remote(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    if words:
        return _usage()
    sys.stdout.write(json.dumps(probe.test_remote(context, json.load(sys.stdin.buffer))) + "\n")
    return exitcodes.OK


def _list_remote_folders(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    if words:
        return _usage()
    sys.stdout.write(json.dumps(probe.list_remote_folders(context, json.load(sys.stdin.buffer))) + "\n")
    return exitcodes.OK


def _test_source(context: Context, words: Sequence[str]) -> int:
    from syncctl import probe

    if words:
        return _usage()
    sys.stdout.write(json.dumps(probe.test_source(context, json.load(sys.stdin.buffer))) + "\n")
    return exitcodes.OK


def _sign_in(context: Context, words: Sequence[str]) -> int:
    from syncctl import signin

    if words:
        return _usage()
    sys.stdout.write(json.dumps(signin.sign_in(context.paths, json.load(sys.stdin.buffer))) + "\n")
    return exitcodes.OK


def _recognize_source(context: Context, words: Sequence[str]) -> int:
    from syncctl import recognition

    if words:
        return _usage()
    answer = recognition.recognize(context, json.load(sys.stdin.buffer))
    sys.stdout.write(json.dumps(answer) + "\n")
    return exitcodes.OK


def _token(context: Context, words: Sequence[str]) -> int:
    from syncctl import tokens

    if len(words) not in (2, 4):
        return _usage()
    name, user, *server = words
    given = tokens.access_token(context.paths, name, user, server)
    if isinstance(given, str):
        sys.stdout.write(given + "\n")
        return exitcodes.OK
    sys.stderr.write(f"source {name}: {given.code}: {given.text}\n")
    return exitcodes.NO_TOKEN


def _tasks(words: Sequence[str]) -> list[str]:
    """Give the task names of the command line or, for "-", of standard input."""
    if list(words) == ["-"]:
        words = [line for line in sys.stdin.read().split("\n") if line]
    return list(dict.fromkeys(words))


def _usage() -> int:
    sys.stderr.write(USAGE)
    return exitcodes.USAGE


_COMMANDS: dict[str, Callable[[Context, Sequence[str]], int]] = {
    "start": _start,
    "restart": _restart,
    "resume": _resume,
    "watch": _watch,
    "serve": _serve,
    "stop": _stop,
    "status": _status,
    "list-informations": _list_informations,
    "report": _report,
    "audit": _audit,
    "check": _check,
    "test-remote": _test_remote,
    "list-remote-folders": _list_remote_folders,
    "test-source": _test_source,
    "sign-in": _sign_in,
    "recognize-source": _recognize_source,
    "token": _token,
}

if __name__ == "__main__":
    entry()

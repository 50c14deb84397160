"""A very small process that runs one command and says what it cost.

It stands between the benchmark and the engine for one reason: Linux hands the peak memory of the process that
forks down to its child, so the engine has to be started by something smaller than itself. Started as ``python
-I -S launcher.py SECONDS RESULT_FD COMMAND...``; writes one JSON line to RESULT_FD: exit code (negative for a
signal), wall and CPU seconds, peak memory in KiB of the largest process of the command (children it waited
for included), and whether the time limit ended it.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def main() -> None:
    """Run the command of argv in its own process group and report."""
    limit_s, result_fd, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(result_fd, False)
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
        os._exit(127)
    timed_out = False

    def stop(_signum: int, _frame: object) -> None:
        nonlocal timed_out
        timed_out = True
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.alarm(limit_s)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    signal.alarm(0)
    os.write(
        result_fd,
        (
            f'{{"exit_code": {os.waitstatus_to_exitcode(status)}, "wall_s": {wall:.6f}, '
            f'"cpu_s": {usage.ru_utime + usage.ru_stime:.6f}, "peak_kib": {usage.ru_maxrss}, '
            f'"timed_out": {"true" if timed_out else "false"}}}\n'
        ).encode(),
    )


main()

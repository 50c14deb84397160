"""``--forks``: command lines from a socket, each a process of its own that has everything loaded.

Standard input is a socket of messages (SOCK_SEQPACKET). A message is a JSON list, the words of one command
line, and comes with three descriptors: where the answers go (such a socket, too), where the run's standard
error goes, and one that the run just keeps, such as a held lock. The answers are the run's process id, and
its exit code as a shell gives it once it has ended. A run belongs to nobody but itself: it goes on when we
end, which we do when nobody can send any more.
"""

from __future__ import annotations

import json
import os
import select
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync.cli import signals
from imapsync.cli.exitcodes import Exit
from imapsync.cli.many import as_shell, forked, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Main = Callable[[Sequence[str]], int]

#: Longest message.
MAX_MESSAGE: Final = 1 << 17
_DESCRIPTORS: Final = 3
_STDIN: Final = 0


class _Run(NamedTuple):
    """A run under way, and who is told of its end."""

    pid: int
    asker: socket.socket


class Forks:
    """Runs what comes over standard input, any number at a time."""

    def __init__(self, main: Main) -> None:
        self._main = main
        self._socket = socket.socket(fileno=os.dup(_STDIN))
        self._runs: dict[int, _Run] = {}
        self._poll = select.poll()

    def serve(self) -> int:
        """Give the exit code: 0 when nobody can send any more, or that of a signal."""
        _load_all()
        self._poll.register(self._socket, select.POLLIN)
        try:
            while True:
                with signals.interruptible():
                    ready = {descriptor for descriptor, _ in self._poll.poll()}
                for handle in self._runs.keys() & ready:
                    self._see_end(handle)
                if self._socket.fileno() in ready and not self._take():
                    return 0
        except KeyboardInterrupt:
            return Exit.EXIT_BY_SIGNAL.number

    def _take(self) -> bool:
        """Begin what a message asks for; False when there is no more to come."""
        content, descriptors, flags, _ = socket.recv_fds(self._socket, MAX_MESSAGE, _DESCRIPTORS)
        if not content and not descriptors:
            return False
        words = None if flags & socket.MSG_TRUNC else _words(content)
        if words is None or len(descriptors) != _DESCRIPTORS:
            for descriptor in descriptors:
                os.close(descriptor)
            return True
        asker, error, kept = socket.socket(fileno=descriptors[0]), *descriptors[1:]
        pid = forked(lambda: self._be(words), error, kept)
        os.close(error)
        os.close(kept)
        handle = os.pidfd_open(pid)
        self._runs[handle] = _Run(pid, asker)
        self._poll.register(handle, select.POLLIN)
        _tell(asker, pid)
        return True

    def _be(self, words: list[str]) -> int:
        """Be the run, in a session of its own."""
        os.setsid()
        os.chdir("/")
        return self._main(words)

    def _see_end(self, handle: int) -> None:
        run = self._runs.pop(handle)
        self._poll.unregister(handle)
        os.close(handle)
        _tell(run.asker, as_shell(os.waitpid(run.pid, 0)[1]))
        run.asker.close()


def _load_all() -> None:
    """Load what a run needs that comes to an account's mail, too: half of what an idle one would cost."""
    from imapsync.cli import options, settings
    from imapsync.session import credentials
    from imapsync.transfer.run import load_all

    del options, settings, credentials
    load_all()
    load()


def _words(content: bytes) -> list[str] | None:
    try:
        words = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _tell(asker: socket.socket, number: int) -> None:
    try:
        asker.send(b"%d" % number, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    except OSError:  # it has gone; the run goes on
        return

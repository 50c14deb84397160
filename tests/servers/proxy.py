"""A TCP proxy with the manners of a far network: delay, a bandwidth limit, cuts, and counters of what passed.

``Proxy`` runs tests/servers/link.py as a process of its own, so that it neither slows nor is slowed by the
loop of a test. One proxy is one link: all its connections share its bandwidth, each direction for itself.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Self


class Counters(NamedTuple):
    """What passed.

    turns: how often a client spoke after having been spoken to, summed over the connections.
    bulk_bytes_per_second: rate from the server between the first and the last twentieth of all its bytes.
    cuts: connections cut on purpose.
    """

    connections: int
    to_server_bytes: int
    from_server_bytes: int
    turns: int
    bulk_bytes_per_second: float
    cuts: int


class Proxy:
    """A proxy process before ``host:port``; ``port`` is its own. Use as a context manager.

    rtt_s: added round trip. bits_per_second: limit of each direction, 0 for none. cut_after_up,
    cut_after_down: break the connection once so many bytes of it have passed to or from the server. cut_on:
    break it when these bytes have been seen in either direction (and passed on). max_cuts: how many
    connections are cut before the proxy becomes harmless. record: keep what clients say, for said().
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        rtt_s: float = 0.0,
        bits_per_second: int = 0,
        cut_after_up: int = 0,
        cut_after_down: int = 0,
        cut_on: bytes = b"",
        max_cuts: int = 1,
        record: bool = False,
    ) -> None:
        self.host = host
        self.port = 0
        self._settings = {
            "host": host,
            "port": port,
            "rtt_s": rtt_s,
            "bits_per_second": bits_per_second,
            "cut_after_up": cut_after_up,
            "cut_after_down": cut_after_down,
            "cut_on": base64.b64encode(cut_on).decode(),
            "max_cuts": max_cuts,
            "record": record,
        }
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("link.py")), json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._answer())
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            # Closing its standard input is what ends it.
            self._process.communicate()
            self._process = None

    def counters(self) -> Counters:
        """Give what has passed since the start."""
        return Counters(*json.loads(self._ask("counters")))

    def said(self) -> bytes:
        """Give what all clients have said since the start, in the order of arrival (with ``record``)."""
        return base64.b64decode(self._ask("said"))

    def limit(self, bits_per_second: int) -> None:
        """Change the bandwidth of both directions; 0 takes the limit away."""
        self._ask(f"limit {bits_per_second}")

    def cut(self) -> None:
        """Break every connection; new ones are accepted as before."""
        self._ask("cut")

    def _ask(self, question: str) -> str:
        if self._process is None or self._process.stdin is None:
            raise RuntimeError("the proxy does not run")
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the proxy does not run")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the proxy ended")
        return line

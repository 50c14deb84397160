"""A loaded engine that ends at the wrong moment: no task is run twice at once."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from syncctl.resident import Forked

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, its:
        yield ours, its


@pytest.fixture
def null() -> Iterator[int]:
    descriptor = os.open(os.devnull, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_a_run_that_may_have_begun_counts_as_killed_and_is_not_begun_anew(
    ends: tuple[socket.socket, socket.socket], null: int
) -> None:
    ours, its = ends

    def take_and_end() -> None:
        _, descriptors, _, _ = socket.recv_fds(its, 1 << 16, 3)
        for descriptor in descriptors:
            os.close(descriptor)

    engine = threading.Thread(target=take_and_end)
    engine.start()
    run = Forked(ours.fileno(), ["--version"], null, null)
    engine.join()
    assert (run.pid, run.wait()) == (0, -9)


def test_an_engine_that_is_gone_can_be_told_from_it(
    ends: tuple[socket.socket, socket.socket], null: int
) -> None:
    ours, its = ends
    its.close()
    with pytest.raises(OSError, match="pipe"):
        Forked(ours.fileno(), ["--version"], null, null)

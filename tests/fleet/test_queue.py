"""Whose turn it is."""

from __future__ import annotations

from imapsync.providers import found
from imapsync_fleet.accounts import Account
from imapsync_fleet.queue import Caps, Queue


def account(number: int, host: str, user: str = "", *, connections: int = 1) -> Account:
    return Account(
        *(number, f"n{number}", "", (), ("", ""), host, user or f"u{number}", "", found(host)),
        connections=connections,
    )


def test_one_large_server_keeps_the_others_waiting() -> None:
    big, small = [account(number, "big") for number in range(6)], [account(9, "small")]
    queue = Queue(big + small, Caps(jobs=3))
    assert [queue.take() for _ in range(4)] == [big[0], small[0], big[1], None]
    assert (len(queue), queue.running) == (4, 3)


def test_a_server_gets_more_runs_than_it_bears() -> None:
    big, small = [account(number, "big") for number in range(3)], [account(9, "small")]
    queue = Queue(big + small, Caps(jobs=9, per_host=2))
    assert [queue.take() for _ in range(4)] == [big[0], small[0], big[1], None]
    queue.give_back(big[0])
    assert queue.take() == big[2]
    assert queue.take() is None


def test_a_login_gets_more_runs_than_it_bears() -> None:
    cloud = "imap.mail.me.com"  # two connections a login
    same = [account(number, cloud, "master", connections=2) for number in range(3)]
    other = account(9, cloud)
    queue = Queue([*same, other], Caps(jobs=9))
    assert [queue.take() for _ in range(3)] == [same[0], other, None]
    queue.give_back(same[0])
    assert queue.take() == same[1]


def test_an_account_whose_worker_was_lost_is_next() -> None:
    accounts = [account(number, "host") for number in range(3)]
    queue = Queue(accounts, Caps(jobs=1))
    first = queue.take()
    assert first is not None
    queue.give_back(first, again=True)
    assert [queue.take(), queue.take()] == [first, None]


def test_nothing_waits() -> None:
    queue = Queue([], Caps(jobs=1))
    assert queue.take() is None
    assert len(queue) == 0

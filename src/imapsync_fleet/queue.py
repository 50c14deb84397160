"""Whose turn it is: fair over the servers that mail comes from, within what each bears. Pure values."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imapsync_fleet.accounts import Account


class Caps(NamedTuple):
    """How many runs at a time: in all, and of one server of host1; 0 for any number."""

    jobs: int
    per_host: int = 0


class Queue:
    """Accounts that wait, by the host that they come from; the host that had its turn goes last."""

    def __init__(self, accounts: Iterable[Account], caps: Caps) -> None:
        self._caps = caps
        self._hosts: OrderedDict[str, deque[Account]] = OrderedDict()
        self._running: dict[str, Account] = {}
        for account in accounts:
            self._hosts.setdefault(account.host, deque()).append(account)

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._hosts.values()))

    @property
    def running(self) -> int:
        """How many were given and are not back."""
        return len(self._running)

    def take(self) -> Account | None:
        """Give the account whose turn it is; None when none waits or none may begin now."""
        if len(self._running) >= self._caps.jobs:
            return None
        for host, waiting in self._hosts.items():
            account = self._first_that_may(host, waiting)
            if account is not None:
                waiting.remove(account)
                self._hosts.move_to_end(host)
                if not waiting:
                    del self._hosts[host]
                self._running[account.name] = account
                return account
        return None

    def give_back(self, account: Account, *, again: bool = False) -> None:
        """Note that a run has ended; `again`: it has to be done once more, before all others of its host."""
        del self._running[account.name]
        if again:
            self._hosts.setdefault(account.host, deque()).appendleft(account)

    def _first_that_may(self, host: str, waiting: deque[Account]) -> Account | None:
        there = [one.user for one in self._running.values() if one.host == host]
        if self._caps.per_host and len(there) >= self._caps.per_host:
            return None
        bears = (one for one in waiting if not one.most_runs or there.count(one.user) < one.most_runs)
        return next(bears, None)

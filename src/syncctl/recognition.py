"""Whose server a mail address has: by the servers that take its domain's mail, else by the domain's own word.

A provider that the facts know is recognised by its MX records, and what the facts say of it is taken. The
records themselves prove nothing, so they only choose among servers that are known.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from imapsync_tasks import sources
from imapsync_tasks.reach import Reach
from syncctl import autoconfig, facts, resolving
from syncctl.resolving import NothingFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from imapsync_tasks.errors import Json
    from syncctl.autoconfig import Server
    from syncctl.context import Context

#: How long all questions to one place may take, its redirections among them.
PLACE_S: Final = 10.0
_IMAPS: Final = 993
_NOTHING: Final[Json] = {
    **dict.fromkeys(("provider", "title", "remotehostname", "remoteport", "security", "auth")),
    "sign_in": [],
    "max_connections": 0,
    "learned": None,
    "learned_from": None,
}


class Found(NamedTuple):
    """Where a domain's mail is read. learned_from: an exchanger's name, or the address of a file."""

    server: Server
    provider: Json | None
    personal: bool
    learned: str
    learned_from: str


def recognize(context: Context, request: Json) -> Json:
    """Give the answer of recognize-source; `request`: {"domain": in ASCII, "address": or ""}."""
    domain, address = str(request["domain"]), str(request["address"])
    reach = Reach(context.store, context.settings())
    places = autoconfig.places(domain, address)
    first = _Look(partial(_by_exchangers, domain)).outcome()
    outcomes = {f"MX {domain}": first}
    if not isinstance(first, Found) and first != "unknown_domain":
        looks = {place: _Look(partial(_by_file, reach, place, domain)) for place in places}
        outcomes |= {_without_user(place): look.outcome() for place, look in looks.items()}
    found = next((one for one in outcomes.values() if isinstance(one, Found)), None)
    tried = [
        {"place": place, "outcome": one if isinstance(one, str) else "found"}
        for place, one in outcomes.items()
    ]
    told = _told(found) if found else _NOTHING | {"reason": _reason(str(first))}
    return {"domain": domain, "found": found is not None, **told, "tried": tried}


class _Look:
    """A look at one place beside others. One that takes too long is left to itself, and ends with us."""

    def __init__(self, ask: Callable[[], Found]) -> None:
        self._until = time.monotonic() + PLACE_S
        self._found: Found | str = "no_answer"
        self._thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self._thread.start()

    def outcome(self) -> Found | str:
        """Give what was found, or a word that says why nothing was."""
        self._thread.join(max(0.0, self._until - time.monotonic()))
        return self._found

    def _run(self, ask: Callable[[], Found]) -> None:
        try:
            self._found = ask()
        except NothingFoundError as nothing:
            self._found = nothing.outcome


def _by_exchangers(domain: str) -> Found:
    for exchanger in resolving.exchangers(domain):
        for row in facts.providers():
            for member in ("mx", "personal_mx"):
                pattern = facts.match(facts.names(row, member), exchanger)
                table = row.get(member)
                if pattern is not None and isinstance(table, dict):
                    server = autoconfig.Server("", str(table[pattern]), _IMAPS, "ssl", ())
                    return Found(server, row, member == "personal_mx", "mx", exchanger)
    raise NothingFoundError("unknown")


def _by_file(reach: Reach, place: str, domain: str) -> Found:
    server = autoconfig.look(reach, place, domain, time.monotonic() + PLACE_S)
    return Found(server, facts.of_host(server.host), False, "autoconfig", _without_user(place))


def _told(found: Found) -> Json:
    server, row = found.server, found.provider or {}
    sign_in = facts.names(row, "auth") or server.sign_in
    name = str(row.get("name", ""))
    return {
        "provider": name or None,
        "title": str(row.get("title", server.title)),
        "remotehostname": server.host,
        "remoteport": server.port,
        "security": server.security,
        "auth": sources.way_to_begin(name, sign_in, personal=found.personal),
        "sign_in": list(sign_in),
        "max_connections": row.get("connections", 0),
        "learned": found.learned,
        "learned_from": found.learned_from,
        "reason": None,
    }


def _reason(of_exchangers: str) -> str:
    """Give why nothing was found, by what came of the question for the domain's exchangers."""
    return of_exchangers if of_exchangers in ("unknown_domain", "no_answer") else "nothing_known"


def _without_user(place: str) -> str:
    return place.partition("?")[0]

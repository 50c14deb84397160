"""What is known of the large providers of mail: one file of facts, each with its source and its day.

They age. A fact never decides alone which mail is copied: it bounds speed and connections, it makes a folder
that stops at a provider's known ceiling suspicious, and it words advice.
"""

from __future__ import annotations

import functools
import os
from types import MappingProxyType
from typing import NamedTuple


class Provider(NamedTuple):
    """One provider's facts; 0 and () for what is not known.

    name: the word of --provider. connections: how many an account may have. down, up: bytes a day.
    messages_per_second: what is borne for long. largest_message: bytes. default_wait_s: how long a "later"
    lasts that does not say. folder_cap: how many messages of a folder a host shows at most; of fuller_hosts
    that is fuller_cap. auth: ways to sign in, of "oauth2", "app-password", "password". source: where this
    stands, seen_on: when. mx: by servers that take a domain's mail ("*" as in hosts) the host that it is read
    at; personal_mx: the same for domains whose accounts are single persons'.
    """

    name: str
    title: str
    hosts: tuple[str, ...]
    server_ids: tuple[str, ...] = ()
    connections: int = 0
    down: int = 0
    up: int = 0
    messages_per_second: float = 0.0
    largest_message: int = 0
    default_wait_s: float = 0.0
    folder_cap: int = 0
    fuller_hosts: tuple[str, ...] = ()
    fuller_cap: int = 0
    auth: tuple[str, ...] = ()
    source: str = ""
    seen_on: str = ""
    mx: MappingProxyType[str, str] = MappingProxyType({})
    personal_mx: MappingProxyType[str, str] = MappingProxyType({})

    def cap_at(self, host: str) -> int:
        """Give how many messages of a folder a host of the provider shows at most, 0 for all."""
        return self.fuller_cap if host.lower() in self.fuller_hosts else self.folder_cap


@functools.cache
def providers() -> tuple[Provider, ...]:
    """Read the facts."""
    import json

    # Beside this file: importlib.resources costs a run that has nothing to do a tenth of its time.
    with open(os.path.join(os.path.dirname(__file__), "facts.json"), encoding="utf-8") as file:
        return tuple(_provider(row) for row in json.load(file)["providers"])


def named(name: str) -> Provider | None:
    """Give the provider of a name."""
    return next((one for one in providers() if one.name == name), None)


def found(host: str, server_id: str = "") -> Provider | None:
    """Give the provider that a host belongs to, else the one whose server names itself so (RFC 2971), if any.

    host: as the user wrote it. A row's host that begins with "*" stands for all that end so.
    """
    host = host.lower().rstrip(".")
    for one in providers():
        if any(host.endswith(row[1:]) if row.startswith("*") else host == row for row in one.hosts):
            return one
    return next((one for one in providers() if server_id and server_id in one.server_ids), None)


def _provider(row: dict[str, object]) -> Provider:
    facts = {name: _fixed(value) for name, value in row.items()}
    return Provider(**facts)  # type: ignore[arg-type]  # the test of the file holds each against its type


def _fixed(value: object) -> object:
    if isinstance(value, dict):
        return MappingProxyType(value)
    return tuple(value) if isinstance(value, list) else value

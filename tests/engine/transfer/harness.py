"""Run the engine in this process against real servers, and look at what it did."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tests.servers.base import DEFAULT_PASSWORD
from tests.servers.client import NewMessage

from imapsync.report import events
from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.terms import Side
from imapsync.transfer import Outcome, Settings, Stop, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.base import Snapshot


@dataclass
class Ran:
    """A finished run: how it ended, and everything it told."""

    outcome: Outcome
    told: list[events.Event] = field(default_factory=list)

    def all(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def copied(self) -> int:
        return sum(len(event.source_uids) for event in self.all(events.MessagesCopied))

    @property
    def failed(self) -> list[events.MessageFailed]:
        return self.all(events.MessageFailed)

    @property
    def problems(self) -> list[events.Problem]:
        return self.all(events.Problem)

    @property
    def flags_changed(self) -> int:
        return sum(event.count for event in self.all(events.FlagsChanged) if event.side == Side.DESTINATION)

    @property
    def unchanged(self) -> int:
        return sum(event.unchanged for event in self.all(events.FolderCompared))

    def skipped(self, why: events.Skip) -> int:
        return sum(event.count for event in self.all(events.MessagesSkipped) if event.why is why)

    def deleted(self, side: Side) -> int:
        return sum(event.count for event in self.all(events.MessagesDeleted) if event.side is side)


class Listening(Protocol):
    """Whatever can be connected to."""

    host: str
    port: int


def endpoint(server: Listening) -> Endpoint:
    return Endpoint(server.host, server.port, Security.NONE, Trust("any"), timeout_s=20)


def settings(source: Listening, destination: Listening, **options: Any) -> Settings:  # noqa: ANN401 - any field
    """Give settings for user `source` on one server and user `target` on the other, quiet about sizes.

    user1, user2: other users. state_path: where the journal lies. All else is a field of the settings.
    """
    base = Settings(
        endpoint(source),
        endpoint(destination),
        source_credentials=Credentials(options.pop("user1", "source"), Secret(DEFAULT_PASSWORD)),
        destination_credentials=Credentials(options.pop("user2", "target"), Secret(DEFAULT_PASSWORD)),
        sizes_at_start=False,
        sizes_at_end=False,
        state=options.pop("state_path", None),
    )
    return base._replace(**options)


def sync(wanted: Settings, listen: Callable[[events.Event], None] | None = None) -> Ran:
    """Carry out one run."""
    told: list[events.Event] = []

    def sink(event: events.Event) -> None:
        told.append(event)
        if listen is not None:
            listen(event)

    outcome = asyncio.run(run(wanted, sink))
    return Ran(outcome, told)


def good(ran: Ran) -> Ran:
    """Check that a run had nothing to complain about."""
    assert ran.outcome.stop is Stop.DONE, (ran.outcome, ran.problems)
    assert not ran.failed, ran.failed
    assert not ran.problems, ran.problems
    return ran


def mail(
    number: int, *, body: str = "", flags: tuple[str, ...] = (), day: int = 0, headers: str = ""
) -> NewMessage:
    """Give a message with its own Message-Id and one Received line."""
    text = (
        f"Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        f"Message-Id: <{number}@example.org>\r\n"
        f"Subject: message {number}\r\n"
        f"From: a@example.org\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        f"{headers}\r\n{body or f'text {number}'}\r\n"
    )
    return NewMessage(text.encode(), flags, 1_500_000_000 + day * 86_400 + number)


def same(left: Snapshot, right: Snapshot, *, ignore: tuple[str, ...] = ()) -> None:
    """Check that two accounts hold the same folders with the same messages, flags and dates."""
    assert sorted(set(left) - set(ignore)) == sorted(set(right) - set(ignore))
    for folder in left:
        if folder not in ignore:
            assert left[folder] == right[folder], folder


def hashes(snapshot: Snapshot) -> Counter[tuple[str, str]]:
    """Give how often each content is in each folder."""
    return Counter((folder, message[0]) for folder, messages in snapshot.items() for message in messages)

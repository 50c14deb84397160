"""The front door for programs: copy an account as the command line does, with values in and values out.

Everything here is reached by `from imapsync import …`; docs/library.md shows how. What lies behind it may
change at any time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from imapsync.cli.exitcodes import exit_of
from imapsync.journal import JournalError
from imapsync.plan.rules import (
    ContentRules,
    DeletionRules,
    FlagRules,
    FolderRules,
    IdentityRules,
    SelectionRules,
)
from imapsync.report.counters import Counters
from imapsync.report.events import Event, MessageFailed, Problem
from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.session.errors import (
    AddressAvoided,
    AuthenticationFailed,
    CertificateChanged,
    CertificateUntrusted,
    ConnectionFailed,
    LoginDropped,
    LoginFailed,
    PlaintextRefused,
    ProtocolViolation,
    SecretUnavailable,
    StarttlsMissing,
    SyncError,
    TimedOut,
    TlsFailed,
    TokenRefused,
)
from imapsync.terms import Side
from imapsync.transfer import Company, Limits, Mode, Settings, Stop, run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Account",
    "AddressAvoided",
    "AuthenticationFailed",
    "CertificateChanged",
    "CertificateUntrusted",
    "Company",
    "ConnectionFailed",
    "ContentRules",
    "Credentials",
    "DeletionRules",
    "Endpoint",
    "Event",
    "FlagRules",
    "FolderRules",
    "IdentityRules",
    "JournalError",
    "Limits",
    "LoginDropped",
    "LoginFailed",
    "MessageFailed",
    "Mode",
    "Options",
    "PlaintextRefused",
    "Problem",
    "ProtocolViolation",
    "Result",
    "Secret",
    "SecretUnavailable",
    "Security",
    "SelectionRules",
    "Side",
    "StarttlsMissing",
    "Stop",
    "SyncError",
    "TimedOut",
    "TlsFailed",
    "TokenRefused",
    "Trust",
    "sync",
    "sync_async",
]


class Account(NamedTuple):
    """A mailbox on a server, and who logs in there."""

    endpoint: Endpoint
    credentials: Credentials


#: What is taken, changed and deleted, as the options of the command line say it, with its defaults. source
#: and destination, with their credentials, come from the accounts; folders are measured only to be compared.
Options = Settings


class Result(NamedTuple):
    """What a run did.

    complete: it went through everything, and every selected message is on the destination. stop: why it came
    to its end. failures: messages that did not arrive; problems: what else went wrong; the first 1,000 of
    each. exit_code, exit_name: what the command line would end with.
    """

    complete: bool
    stop: Stop
    transferred: int
    transferred_bytes: int
    skipped: int
    failed: int
    deleted_on_source: int
    deleted_on_destination: int
    failures: tuple[MessageFailed, ...]
    problems: tuple[Problem, ...]
    exit_code: int
    exit_name: str


def sync(
    source: Account,
    destination: Account,
    options: Options = Options(),  # noqa: B008 - an immutable value
    *,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Copy what the destination lacks; for programs without an event loop of their own.

    on_event: called with everything that happens (imapsync.report.events), from this thread; it must be
    quick. Raises SyncError (no connection, no login, …) or JournalError when the run could not go on; what
    failed for a single message or folder is in the result.
    """
    return asyncio.run(sync_async(source, destination, options, on_event=on_event))


async def sync_async(
    source: Account,
    destination: Account,
    options: Options = Options(),  # noqa: B008 - an immutable value
    *,
    on_event: Callable[[Event], None] | None = None,
    company: Company | None = None,
) -> Result:
    """Do the same as `sync` in a running event loop; cancelling it ends the run in good order.

    company: given to all runs that go on side by side, it divides memory and connections among them.
    """
    counters = Counters()

    def sink(event: Event) -> None:
        counters.add(event)
        if on_event is not None:
            on_event(event)

    outcome = await run(_settings(source, destination, options), sink, company=company)
    if outcome.error is not None:
        raise outcome.error
    code = exit_of(outcome.stop, counters.reasons, missing=counters.missing, dry=options.dry)
    return Result(
        complete=outcome.stop is Stop.DONE and not counters.missing and not counters.reasons,
        stop=outcome.stop,
        transferred=counters.transferred,
        transferred_bytes=counters.transferred_bytes,
        skipped=counters.skipped_total,
        failed=counters.failed,
        deleted_on_source=counters.sides[Side.SOURCE].deleted,
        deleted_on_destination=counters.sides[Side.DESTINATION].deleted,
        failures=tuple(counters.failures),
        problems=tuple(counters.problems),
        exit_code=code.number,
        exit_name=code.name,
    )


def _settings(source: Account, destination: Account, options: Options) -> Settings:
    return options._replace(
        source=source.endpoint,
        destination=destination.endpoint,
        source_credentials=source.credentials,
        destination_credentials=destination.credentials,
        sizes_at_start=False,
        sizes_at_end=False,
    )

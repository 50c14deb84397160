"""Short ways to sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from imapsync.session.credentials import Credentials, Secret
from imapsync.session.endpoint import Endpoint, Security, Trust
from imapsync.session.login import open_session
from imapsync.terms import Side
from imapsync.wire.mailbox import MailboxName

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.session.scripted import Peer, ScriptedServer
    from tests.servers.base import ImapServer

    from imapsync.session.session import Session

INBOX = MailboxName.from_text("INBOX")


async def open_account(
    server: ImapServer,
    user: str,
    side: Side = Side.SOURCE,
    **changes: Any,  # noqa: ANN401 - any Endpoint field
) -> Session:
    """Log in to a real server; STARTTLS unless told otherwise."""
    endpoint = Endpoint(server.host, server.port, Security.STARTTLS, Trust("any"))._replace(**changes)
    return await open_session(endpoint, Credentials(user, Secret(server.passwords[user])), side=side)


async def open_scripted(
    server: ScriptedServer,
    side: Side = Side.SOURCE,
    **changes: Any,  # noqa: ANN401 - any Endpoint field
) -> Session:
    """Log in to a scripted server, in clear unless told otherwise."""
    endpoint = Endpoint(server.host, server.port, Security.NONE, Trust("any"), timeout_s=10)._replace(
        **changes
    )
    return await open_session(endpoint, Credentials("anna", Secret("secret word")), side=side, client_id=None)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that others do; the test's own timeout bounds it."""
    while not condition():  # noqa: ASYNC110 - what is awaited is not ours to signal
        await asyncio.sleep(0.005)


async def greet(peer: Peer, capabilities: bytes = b"IMAP4rev1 LITERAL+ UIDPLUS") -> None:
    """Play the usual beginning: greeting, login by the LOGIN command."""
    await peer.send(b"* OK [CAPABILITY " + capabilities + b"] ready")
    await peer.expect('LOGIN anna "secret word"')
    await peer.answer(b"OK [CAPABILITY " + capabilities + b"] logged in")

"""--lmtp2 and --lmtpuser2: where INBOX's messages are delivered, as the engine's Delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapsync.cli.errors import UsageError

if TYPE_CHECKING:
    from imapsync.cli.getopt import Parsed
    from imapsync.session.endpoint import Endpoint
    from imapsync.transfer.settings import Delivery

#: RFC 2033 has none of its own; LMTP servers listen here (IANA: 24, any private mail system).
LMTP_PORT = 24
#: What would end or change an address in RCPT TO.
_NO_RECIPIENT = set(' <>,;:()[]"\\')


def delivery_of(options: Parsed, destination: Endpoint | None, *, remembers: bool) -> Delivery | None:
    """Give what --lmtp2 asks for, None without it. remembers: whether the run has a state file.

    The certificate is judged as host2's is. UsageError names the option at fault.
    """
    told = options.text("lmtp2")
    if not told:
        if options.text("lmtpuser2"):
            raise UsageError("Option --lmtpuser2: it needs --lmtp2.", option="lmtpuser2")
        return None
    if destination is None:
        raise UsageError("Option --lmtp2: it needs --host2.", option="lmtp2")
    if not remembers:
        raise UsageError("Option --lmtp2: it needs --state, which holds what was delivered.", option="lmtp2")
    if options.flag("delete2"):
        raise UsageError(
            "Option --lmtp2: not with --delete2, which cannot tell what was delivered from what is extra.",
            option="lmtp2",
        )
    if options.flag("sievedelivery2"):
        raise UsageError("Option --lmtp2: --sievedelivery2 would run the script once more.", option="lmtp2")
    from imapsync.transfer.settings import Delivery

    host, port = _host_and_port(told)
    recipient = options.text("lmtpuser2") or options.text("user2") or ""
    if (
        not recipient.isascii()
        or not recipient.isprintable()
        or any(char in recipient for char in _NO_RECIPIENT)
    ):
        raise UsageError(f"Option --lmtpuser2: '{recipient}' is no recipient.", option="lmtpuser2")
    return Delivery(destination._replace(host=host, port=port, addresses=None), recipient)


def _host_and_port(told: str) -> tuple[str, int]:
    """Read HOST, HOST:PORT, [ADDRESS]:PORT or an IPv6 address alone."""
    host, colon, digits = told.rpartition(":")
    if not colon or told.endswith("]") or (":" in host and not host.startswith("[")):
        host, digits = told, str(LMTP_PORT)
    host = host.removeprefix("[").removesuffix("]")
    port = int(digits) if digits.isascii() and digits.isdigit() else 0
    if (
        not host
        or any(char.isspace() or not char.isprintable() or char == "/" for char in host)
        or not 1 <= port <= 65_535
    ):
        raise UsageError(f"Option --lmtp2: '{told}' is no HOST or HOST:PORT.", option="lmtp2")
    return host, port

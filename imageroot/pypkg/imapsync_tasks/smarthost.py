"""The cluster's mail relay (smart host): a mail goes to it, or it is said why not."""

from __future__ import annotations

import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any, Final

from imapsync_tasks.errors import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imapsync_tasks.letters import Letter

_PATIENCE_S: Final = 30.0


def settings() -> dict[str, Any]:
    """Give how the relay is reached. RefusedError smarthost_missing: the cluster has none."""
    import agent

    with agent.redis_connect(use_replica=True) as rdb:
        found: dict[str, Any] = agent.get_smarthost_settings(rdb)
    if not found["enabled"] or not found["host"]:
        raise RefusedError(Refusal("smarthost_missing"))
    return found


def send(letter: Letter, addresses: Sequence[str], sender: str = "") -> None:
    """Hand a mail to the relay. RefusedError: there is none, or it does not take it for anybody.

    Without a sender it comes from the relay's own user, or from whom it is for.
    """
    relay = settings()
    origin = sender or (relay["username"] if "@" in relay["username"] else addresses[0])
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = origin, ", ".join(addresses), letter.title
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=origin.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: nobody answers it
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    try:
        with _connected(relay) as client:
            refused = client.send_message(message, origin, list(addresses))
    except (OSError, smtplib.SMTPException) as error:
        raise RefusedError(Refusal("mail_not_sent", details={"text": _reason(error)})) from None
    if refused:
        sys.stderr.write(f"<4>the mail relay took the mail, but not for {', '.join(sorted(refused))}\n")


def _connected(relay: dict[str, Any]) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if not relay["tls_verify"]:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    where = (relay["host"], relay["port"])
    if relay["encrypt_smtp"] == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=_PATIENCE_S, context=context)
    else:
        client = smtplib.SMTP(*where, timeout=_PATIENCE_S)
    try:
        if relay["encrypt_smtp"] == "starttls":
            client.starttls(context=context)
        if relay["username"]:
            client.login(relay["username"], relay["password"])
    except BaseException:
        client.close()
        raise
    return client


def _reason(error: Exception) -> str:
    """Say why, in a line; never what a relay says of a login, which may have the password in it."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login refused ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return f"{code} {text.decode('utf-8', 'replace')}"[:300]
    return (str(error) or type(error).__name__)[:300]

"""Questions to the name server about a mail domain, each with an end after a few seconds.

The system's getaddrinfo knows no MX records, and has no time limit.
"""

from __future__ import annotations

import os
from typing import Any, Final

import dns.exception
import dns.name
import dns.resolver

_LOOKUP_S: Final = 4.0
#: Records of one answer that are looked at.
_MOST: Final = 16


class NothingFoundError(Exception):
    """A place tells nothing. `outcome`: a word of recognize-source's answer that says why."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def exchangers(domain: str) -> list[str]:
    """Give the servers that take a domain's mail first, those of the best preference (RFC 5321 §5.1).

    NothingFoundError: unknown_domain, not_there (it has none; RFC 7505's "no mail" is one) or no_answer.
    """
    records = [(one.preference, one.exchange) for one in _ask(domain, "MX")]
    best = min(preference for preference, _ in records)
    found = [_text(name) for preference, name in records if preference == best]
    if not any(found):
        raise NothingFoundError("not_there")
    return [name for name in found if name]


def addresses(host: str) -> list[str]:
    """Give the addresses of a host, those of IPv4 first. NothingFoundError: not_there or no_answer."""
    found: list[str] = []
    outcome = "not_there"
    for kind in ("A", "AAAA"):
        try:
            found += [one.address for one in _ask(host, kind)]
        except NothingFoundError as nothing:
            outcome = "no_answer" if "no_answer" in (outcome, nothing.outcome) else "not_there"
    if not found:
        raise NothingFoundError(outcome)
    return found


def _ask(name: str, kind: str) -> list[Any]:
    try:
        asked = dns.resolver.Resolver(os.environ.get("SYNCCTL_RESOLV_CONF", "/etc/resolv.conf"))
        answer = asked.resolve(dns.name.from_text(name), kind, lifetime=_LOOKUP_S)
    except dns.resolver.NXDOMAIN:
        raise NothingFoundError("unknown_domain") from None
    except dns.resolver.NoAnswer:
        raise NothingFoundError("not_there") from None
    except (dns.exception.DNSException, OSError):  # silence, SERVFAIL, no name server at all
        raise NothingFoundError("no_answer") from None
    return list(answer)[:_MOST]


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().rstrip(".")

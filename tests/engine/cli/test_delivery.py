"""--lmtp2: where it may point, and what it needs."""

from __future__ import annotations

import pytest

from imapsync.cli.delivery import delivery_of
from imapsync.cli.errors import UsageError
from imapsync.cli.getopt import Parser
from imapsync.cli.options import TABLE
from imapsync.session.endpoint import Endpoint, Trust

HOST2 = Endpoint("imap.example.org", 143, trust=Trust("ca"), addresses=("192.0.2.1",))


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ("lmtp.example.org", ("lmtp.example.org", 24)),
        ("lmtp.example.org:2400", ("lmtp.example.org", 2400)),
        ("[::1]:2400", ("::1", 2400)),
        ("[::1]", ("::1", 24)),
        ("::1", ("::1", 24)),
    ],
)
def test_where_mail_is_delivered(told: str, where: tuple[str, int]) -> None:
    parsed, _ = Parser(TABLE).read(["--lmtp2", told, "--user2", "anna"])
    made = delivery_of(parsed, HOST2, remembers=True)
    assert made is not None
    assert (made.endpoint.host, made.endpoint.port) == where
    assert (made.endpoint.trust, made.endpoint.addresses, made.recipient) == (HOST2.trust, None, "anna")


@pytest.mark.parametrize(
    ("words", "option", "remembers"),
    [
        ("--lmtp2 host:0", "lmtp2", True),
        ("--lmtp2 host:65536", "lmtp2", True),
        ("--lmtp2 host:imap", "lmtp2", True),
        ("--lmtp2 :24", "lmtp2", True),
        ("--lmtp2 host", "lmtp2", False),
        ("--lmtp2 host --sievedelivery2", "lmtp2", True),
        ("--lmtp2 host --delete2", "lmtp2", True),
        ("--lmtp2 host --lmtpuser2 a>b", "lmtpuser2", True),
        ("--lmtpuser2 anna", "lmtpuser2", True),
    ],
)
def test_what_cannot_be_is_refused_by_its_option(words: str, option: str, remembers: bool) -> None:
    parsed, _ = Parser(TABLE).read([*words.split(), "--user2", "anna"])
    with pytest.raises(UsageError) as refused:
        delivery_of(parsed, HOST2, remembers=remembers)
    assert refused.value.option == option

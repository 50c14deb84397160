"""Where a server is, how the connection is secured, and whose certificate is accepted."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from imapsync.session.networks import Network

IMAP_PORT = 143
IMAPS_PORT = 993
#: Perl imapsync's --timeout default; long enough for a slow SELECT of a huge folder.
DEFAULT_TIMEOUT_S = 120.0
#: How long the "auto" security mode waits for the imaps port before it turns to the plain one.
AUTO_PROBE_TIMEOUT_S = 10.0


class Security(enum.Enum):
    """How the bytes are protected."""

    NONE = "none"
    STARTTLS = "starttls"
    #: STARTTLS when the server offers it, else clear.
    STARTTLS_IF_OFFERED = "if_offered"
    TLS = "tls"
    #: Imapsync's "if possible": imaps when its port answers, else port 143 with STARTTLS when offered, else
    #: clear. With an explicit port: TLS on 993, STARTTLS_IF_OFFERED elsewhere.
    AUTO = "auto"


class Trust(NamedTuple):
    """Which server certificates are accepted.

    Made by `Trust.parse`: "ca", "tofu", "any" or "sha256:HEX" (colons allowed, any case).
    """

    mode: str
    fingerprint: str = ""

    @classmethod
    def parse(cls, text: str) -> Trust:
        """Read a --trust argument; ValueError with a sentence when it is none of the four."""
        word = text.strip().lower()
        if word in ("ca", "tofu", "any"):
            return cls(word)
        if word.startswith("sha256:"):
            fingerprint = word[len("sha256:") :].replace(":", "")
            if len(fingerprint) == 64 and all(char in "0123456789abcdef" for char in fingerprint):
                return cls("sha256", fingerprint)
        message = f"trust must be ca, tofu, any or sha256:FINGERPRINT, not {text!r}"
        raise ValueError(message)

    def __str__(self) -> str:
        return f"sha256:{self.fingerprint}" if self.mode == "sha256" else self.mode


class Endpoint(NamedTuple):
    """One server to connect to.

    port 0: the default of the security mode. timeout_s: how long the server may stay silent while a command
    waits, 0 for ever. connect_timeout_s: for TCP, TLS and greeting together, and again for the login.
    tofu_path: the file of remembered certificates (made 0600), None: remembered only while this process
    lives. ca_file: PEM file used in place of the system's authorities. tls_minimum: "1.0", "1.1", "1.2" or
    "1.3"; below 1.2 only for servers that have nothing better. tls_ciphers: OpenSSL cipher list for TLS up to
    1.2, "" for the default. addresses: where to connect, tried in this order, whatever the host's name
    resolves to (empty: to nothing); the certificate is still the host's. avoided: networks that are never
    connected to, whatever the name resolves to at the moment. discreet: networks where a port that does not
    greet as IMAP servers do is given up as a silent one, in the same time and words, whatever it does.
    """

    host: str
    port: int = 0
    security: Security = Security.AUTO
    trust: Trust = Trust("tofu")
    tofu_path: str | None = None
    ca_file: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    connect_timeout_s: float = 60.0
    keepalive: bool = True
    tls_minimum: str = "1.2"
    tls_ciphers: str = ""
    addresses: tuple[str, ...] | None = None
    avoided: tuple[Network, ...] = ()
    discreet: tuple[Network, ...] = ()

    def effective_port(self) -> int:
        """Give the port to connect to (RFC 8314 §7.1, RFC 3501 §2.1)."""
        if self.port:
            return self.port
        return IMAPS_PORT if self.security is Security.TLS else IMAP_PORT

"""Whose certificate is accepted: authorities, a fingerprint, or the one seen first (as ssh does).

Trust on first use, in full: a certificate that the authorities vouch for, for this host name, is accepted and
remembered as such. Otherwise the first one seen is remembered, with a warning. From then on another
certificate is accepted only when the authorities vouch for it; everything else is CertificateChanged. So a
later man in the middle fails, whether the server's own certificate is self-signed or not.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from imapsync.session.errors import CertificateChanged, CertificateUntrusted, TlsFailed

if TYPE_CHECKING:
    from imapsync.session.certificate import CertificateInfo
    from imapsync.session.endpoint import Endpoint
    from imapsync.terms import Side

#: A trust file holds a line per server; more is not one of ours.
_MAX_FILE_BYTES = 4 * 1024 * 1024
#: Certificates remembered by this process when no file is named.
_memory: dict[str, Remembered] = {}


class Remembered(NamedTuple):
    """What is known of a server: the fingerprint seen last, and whether authorities vouched for it."""

    fingerprint: str
    by_authority: bool


class TrustStore:
    """Remembered certificates by "host:port": a JSON file that only its owner reads, or our memory."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def find(self, server: str) -> Remembered | None:
        """Give what is remembered of a server; TlsFailed when the file is there and unreadable."""
        return self._load().get(server)

    def remember(self, server: str, certificate: Remembered) -> None:
        """Keep a certificate, atomically, in a file of mode 0600."""
        if self._path is None:
            _memory[server] = certificate
            return
        import json

        known = self._load()
        known[server] = certificate
        content = {
            "version": 1,
            "servers": {
                name: {"sha256": entry.fingerprint, "ca": entry.by_authority}
                for name, entry in sorted(known.items())
            },
        }
        beside = f"{self._path}.{os.getpid()}.new"
        try:
            folder = os.path.dirname(self._path)
            if folder:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._path)
        except OSError as error:
            raise TlsFailed(f"cannot write the trust file {self._path}: {error.strerror}") from None

    def _load(self) -> dict[str, Remembered]:
        if self._path is None:
            return _memory
        import json

        try:
            content = json.loads(_read_plain(self._path))
            return {
                server: Remembered(str(entry["sha256"]), entry["ca"] is True)
                for server, entry in content["servers"].items()
            }
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise TlsFailed(f"cannot read the trust file {self._path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TlsFailed(f"the trust file {self._path} is damaged; remove it to start anew") from None


def _read_plain(path: str) -> bytes:
    """Read a plain file; a pipe or a device would be waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return file.read(_MAX_FILE_BYTES)
    raise OSError(errno.EINVAL, "it is not a plain file")


class Judge:
    """Decides about one server's certificate, over at most three handshakes; the usual case needs one.

    Ask `verifies` whether the next handshake lets the ssl module verify chain and name. After a handshake
    call `accept`; it gives the certificate with its basis, raises, or gives None: connect again, the other
    way. After a verification failure call `refused_by_authorities` before the second handshake.
    """

    def __init__(self, endpoint: Endpoint, side: Side | None) -> None:
        self._mode = endpoint.trust.mode
        self._required = endpoint.trust.fingerprint
        self._server = f"{endpoint.host.lower()}:{endpoint.port}"
        self._side = side
        self._store = TrustStore(endpoint.tofu_path)
        self._known = self._store.find(self._server) if self._mode == "tofu" else None
        self._refusal = ""
        self.verifies = self._mode == "ca" or (
            self._mode == "tofu" and (self._known is None or self._known.by_authority)
        )

    def refused_by_authorities(self, reason: str) -> None:
        """Note that chain or name did not verify; the next handshake is only to look at the certificate."""
        self._refusal = reason
        self.verifies = False

    def accept(self, seen: CertificateInfo) -> CertificateInfo | None:
        """Judge the certificate of a completed handshake; nothing may be sent to the server before."""
        if self._mode == "any":
            return seen._replace(basis="any")
        if self._mode == "sha256":
            if seen.fingerprint == self._required:
                return seen._replace(trusted=True, basis="fingerprint")
            raise CertificateUntrusted(
                "the certificate does not have the required fingerprint", certificate=seen, side=self._side
            )
        if self.verifies:
            return self._vouched(seen)
        if self._mode == "ca":
            raise CertificateUntrusted(
                f"the certificate is not trusted: {self._refusal}", certificate=seen, side=self._side
            )
        return self._first_use(seen)

    def _vouched(self, seen: CertificateInfo) -> CertificateInfo:
        vouched = Remembered(seen.fingerprint, by_authority=True)
        if self._mode == "tofu" and self._known != vouched:
            self._store.remember(self._server, vouched)
        return seen._replace(trusted=True, basis="ca")

    def _first_use(self, seen: CertificateInfo) -> CertificateInfo | None:
        if self._known is None:
            self._store.remember(self._server, Remembered(seen.fingerprint, by_authority=False))
            return seen._replace(basis="first_use")
        if self._known.fingerprint == seen.fingerprint:
            return seen._replace(basis="remembered")
        if not self._refusal:
            # Another one than remembered, and the authorities were not asked yet.
            self.verifies = True
            self._refusal = "changed"
            return None
        raise CertificateChanged(
            "the server's certificate is not the one seen before", certificate=seen, side=self._side
        )

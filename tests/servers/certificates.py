"""Certificates for test servers: self-signed, or signed by a test authority."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Certificate(NamedTuple):
    """PEM files and the SHA-256 fingerprint of the certificate in lower-case hex."""

    cert_file: Path
    key_file: Path
    fingerprint: str


def self_signed(
    directory: Path,
    name: str = "server",
    *,
    common_name: str = "localhost",
    alternative_names: str = "DNS:localhost,IP:127.0.0.1",
    days: int = 30,
) -> Certificate:
    """Make an EC key and a self-signed certificate <name>.pem in a directory.

    alternative_names: subjectAltName in OpenSSL's notation. days: validity from now.
    """
    key, cert = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", key, "-out", cert, "-days", str(days), "-subj", f"/O=Test mail/CN={common_name}",
         "-addext", f"subjectAltName={alternative_names}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return Certificate(cert, key, fingerprint_of(cert))


def fingerprint_of(cert_file: Path) -> str:
    """Give the SHA-256 fingerprint of the first certificate of a PEM file."""
    pem = cert_file.read_text()
    first = pem[: pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()

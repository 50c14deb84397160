"""Reads the few fields of a server's certificate that people need to judge it (RFC 5280 §4.1).

A reader of its own because Python's ssl describes only certificates that it has verified. Everything is
bounded by the certificate's own length; nothing is trusted because of what is read here.
"""

from __future__ import annotations

from typing import NamedTuple

_SEQUENCE, _SET, _INTEGER, _VERSION = 0x30, 0x31, 0x02, 0xA0
_UTC_TIME, _GENERALIZED_TIME, _BMP_STRING = 0x17, 0x18, 0x1E
#: Attribute types of names, DER of their object identifiers.
_NAME_PARTS = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU", b"\x55\x04\x06": "C"}
#: A name is shown to people; more than this is an attack on the reader.
_MAX_NAME = 300


class CertificateInfo(NamedTuple):
    """Whose certificate it is.

    subject, issuer: such as "CN=mail.example.org, O=Example", "" when unreadable. expires: ISO 8601 in UTC.
    fingerprint: SHA-256 in lower-case hex. trusted: an authority or the caller's fingerprint vouches for it.
    basis: why it was accepted: "ca", "fingerprint", "remembered", "first_use" or "any"; "" when it was not.
    """

    subject: str
    issuer: str
    expires: str
    fingerprint: str
    trusted: bool = False
    basis: str = ""

    def as_details(self) -> dict[str, str]:
        """Give the members for a report."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "expires": self.expires,
            "fingerprint": self.fingerprint,
        }


def describe(der: bytes) -> CertificateInfo:
    """Give what a DER certificate says; what cannot be read is empty, the fingerprint is always there."""
    import hashlib

    fingerprint = hashlib.sha256(der).hexdigest()
    try:
        subject, issuer, expires = _fields(der)
    except (ValueError, IndexError):
        subject = issuer = expires = ""
    return CertificateInfo(subject, issuer, expires, fingerprint)


def _fields(der: bytes) -> tuple[str, str, str]:
    certificate = _one(der, _SEQUENCE)
    items = _items(_items(certificate)[0][1])
    if items[0][0] == _VERSION:
        items = items[1:]
    _serial, _algorithm, issuer, validity, subject = items[:5]
    return _name(subject[1]), _name(issuer[1]), _time(*_items(validity[1])[1])


def _items(content: bytes) -> list[tuple[int, bytes]]:
    """Split DER content into (tag, content) pairs."""
    items = []
    position = 0
    while position < len(content):
        tag, length = content[position], content[position + 1]
        position += 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError
            length = int.from_bytes(content[position : position + count], "big")
            position += count
        if position + length > len(content):
            raise ValueError
        items.append((tag, content[position : position + length]))
        position += length
    return items


def _one(content: bytes, tag: int) -> bytes:
    found, inner = _items(content)[0]
    if found != tag:
        raise ValueError
    return inner


def _name(content: bytes) -> str:
    parts = []
    for tag, relative in _items(content):
        if tag != _SET:
            raise ValueError
        for _, attribute in _items(relative):
            kind, value = _items(attribute)[:2]
            label = _NAME_PARTS.get(kind[1])
            if label is not None:
                text = value[1].decode("utf-16-be" if value[0] == _BMP_STRING else "utf-8", "replace")
                parts.append(f"{label}={''.join(char for char in text if char.isprintable())}")
    return ", ".join(parts)[:_MAX_NAME]


def _time(tag: int, content: bytes) -> str:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280 §4.1.2.5.1: two-digit years turn at 1950.
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError
    if len(text) != 15 or not text[:14].isdigit():
        raise ValueError
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}Z"

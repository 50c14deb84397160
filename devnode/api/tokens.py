"""Access tokens: JWT with HS256, 14 days, as the API server of a node makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIFETIME_S = 14 * 24 * 3600


class TokenError(Exception):
    """The token is no token, is not ours, or has expired; the text is for the caller."""


@dataclass(frozen=True)
class Tokens:
    """Makes and checks tokens with one secret key."""

    key: bytes

    @staticmethod
    def from_file(path: Path) -> Tokens:
        """Read the key, made at the first use; tokens survive a restart of the server."""
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return Tokens(path.read_text().encode())

    def make(self, user: str) -> tuple[str, float]:
        """Give a token of the user and the time of its end."""
        now = int(time.time())
        end = now + LIFETIME_S
        claims = {"id": user, "2fa": False, "actions": [], "role": "", "exp": end, "orig_iat": now}
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        body = _encode(json.dumps(claims).encode())
        return f"{head}.{body}.{_encode(self._signature(f'{head}.{body}'))}", end

    def user(self, token: str) -> str:
        """Give the user of a valid token; TokenError otherwise."""
        parts = token.split(".")
        if len(parts) != 3:
            raise TokenError("token contains an invalid number of segments")
        try:
            claims = json.loads(_decode(parts[1]))
            signature = _decode(parts[2])
            user, end = str(claims["id"]), float(claims["exp"])
        except (ValueError, KeyError, TypeError) as error:
            raise TokenError("token is malformed") from error
        if not hmac.compare_digest(signature, self._signature(f"{parts[0]}.{parts[1]}")):
            raise TokenError("signature is invalid")
        if end < time.time():
            raise TokenError("Token is expired")
        return user

    def _signature(self, text: str) -> bytes:
        return hmac.new(self.key, text.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""Access tokens that a real Dovecot validates by itself (RFC 7519, HS256), and its configuration for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"a key for tests, of 32 octets ..."


def local_validation(directory: Path) -> str:
    """Write Dovecot's key and settings into a directory; give what to append to its configuration."""
    key = directory / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text(base64.b64encode(KEY).decode())
    settings = directory / "oauth2.conf.ext"
    settings.write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={directory}/keys/\n"
        "username_attribute = sub\n"
    )
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return f"""
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {settings}
}}
"""


def access_token(user: str, *, lasts_s: float = 60.0, **claims: object) -> str:
    """Give a token for a user that is good for so long from now on."""
    now = time.time()
    body = {"sub": user, "iat": int(now) - 120, "exp": now + lasts_s, **claims}
    body["exp"] = int(str(body["exp"]).partition(".")[0])
    signed = b".".join(_coded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, body))
    return (signed + b"." + _coded(hmac.new(KEY, signed, hashlib.sha256).digest())).decode()


def _coded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")

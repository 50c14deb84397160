"""A stand-in for the OAuth servers of Microsoft and Google, which cannot be reached here.

Token, device code and consent endpoint over TLS, with refusals worded as theirs (AADSTS numbers, Google's
sentences). Assertions are verified by the library that the product signs them with. Its access tokens are
good for a Dovecot with `tests.servers.oauth.local_validation`.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.servers.certificates import self_signed
from tests.servers.oauth import access_token

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.certificates import Certificate

CLIENT = "11111111-2222-3333-4444-555555555555"
SECRET = "the-application's~secret"
TENANT = "example.org"
USER_CODE = "ABCD-EFGH"


class Authority:
    """The server; its attributes say how it answers, `asked` what it was asked.

    user: whose mailbox the tokens of an application or a person open. refuses: the refusal of every token
    request, (error, description). public_key: that of the certificate or service account. hosts: by which
    names it was asked.
    """

    def __init__(
        self,
        directory: Path,
        user: str = "anna",
        lasts_s: float = 3600.0,
        alternative_names: str = "DNS:localhost,IP:127.0.0.1",
    ) -> None:
        self.certificate: Certificate = self_signed(
            directory, "authority", alternative_names=alternative_names
        )
        self.user = user
        self.lasts_s = lasts_s
        self.refuses: tuple[str, str] | None = None
        self.public_key = ""
        self.approved = False
        self.rotated = 0
        self.clock_s = 0.0
        self.asked: list[dict[str, str]] = []
        self.hosts: list[str] = []
        self._challenge = ""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.cert_file, self.certificate.key_file)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str) -> str:
        """Give the address of an endpoint: token, devicecode or authorize."""
        return f"https://127.0.0.1:{self._server.server_address[1]}/{path}"

    def consent(self, address: str) -> str:
        """Be the person in the browser: allow what is asked; give the address that it ends at."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        self._challenge = asked["code_challenge"]
        return f"{asked['redirect_uri']}?state={asked['state']}&code=the-code"

    def _token(self, asked: dict[str, str]) -> dict[str, Any]:  # noqa: PLR0911
        """Give the answer to a token request."""
        if self.refuses:
            return _refusal(*self.refuses)
        user, refresh = self.user, ""
        match asked.get("grant_type"):
            case "client_credentials":
                if "client_assertion" in asked:
                    self._verified(asked["client_assertion"])
                elif asked.get("client_secret") != SECRET:
                    return _refusal("invalid_client", "AADSTS7000215: Invalid client secret provided.")
            case "urn:ietf:params:oauth:grant-type:jwt-bearer":
                user = str(self._verified(asked["assertion"])["sub"])
            case "urn:ietf:params:oauth:grant-type:device_code":
                if not self.approved:
                    return _refusal("authorization_pending", "")
                refresh = self._rotate()
            case "authorization_code":
                if create_s256_code_challenge(asked["code_verifier"]) != self._challenge:
                    return _refusal("invalid_grant", "PKCE")
                refresh = self._rotate()
            case "refresh_token":
                if asked["refresh_token"] != f"refresh-{self.rotated}":
                    return _refusal("invalid_grant", "AADSTS70000: The refresh token is not valid.")
                refresh = self._rotate()
            case other:
                return _refusal("unsupported_grant_type", str(other))
        token = access_token(user, lasts_s=self.lasts_s)
        answer = {"token_type": "Bearer", "expires_in": int(self.lasts_s), "access_token": token}
        return answer | ({"refresh_token": refresh} if refresh else {})

    def _rotate(self) -> str:
        self.rotated += 1
        return f"refresh-{self.rotated}"

    def _verified(self, assertion: str) -> dict[str, Any]:
        claims = jwt.decode(assertion, RSAKey.import_key(self.public_key), algorithms=["RS256"]).claims
        assert claims["aud"] == self.url("token")
        assert claims["exp"] > time.time()
        return claims

    def _answer(self, path: str, asked: dict[str, str]) -> dict[str, Any]:
        self.asked.append(asked)
        if path == "/devicecode":
            return {
                "device_code": "the-device-code",
                "user_code": USER_CODE,
                "verification_uri": self.url("device"),
                "expires_in": 900,
                "interval": 0,
            }
        return self._token(asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {name: values[0] for name, values in parse_qs(body).items()}
                authority.hosts.append(self.headers["Host"])
                answer = authority._answer(self.path, asked)
                content = json.dumps(answer).encode()
                self.send_response(400 if "error" in answer else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + authority.clock_s)

            def log_message(self, *_words: object) -> None:
                return

        return Handler


def _refusal(error: str, description: str) -> dict[str, Any]:
    return {"error": error, "error_description": description}

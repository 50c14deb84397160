"""A name server and a web server for the names that it gives, each at an address of loopback of its own."""

from __future__ import annotations

import os
import random
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.certificates import Certificate

    #: What answers a request: a body, or what is done with the request's handler.
    Page = bytes | Callable[[BaseHTTPRequestHandler], None]


class NameServer:
    """Answers from `records`, {(name, type): texts}; a name without any record does not exist.

    silent: it answers nothing. `asked` is what it was asked, (name, type).
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.silent = False
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._socket, self.address = _bound(socket.SOCK_DGRAM, 53)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (self.address, 53))
        self._thread.join()
        self._socket.close()

    def configuration(self, directory: Path) -> Path:
        """Write a resolv.conf(5) that names this server alone."""
        path = directory / "resolv.conf"
        path.write_text(f"nameserver {self.address}\n")
        return path

    def _serve(self) -> None:
        while True:
            content, sender = self._socket.recvfrom(4096)
            if not content:
                return
            query = dns.message.from_wire(content)
            if not self.silent:
                self._socket.sendto(self._answer(query).to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        texts = self.records.get((name, kind), [])
        if texts:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


class WebServer:
    """Gives `pages`, {"host/path": page}, over TLS on port 443; `asked` is what it was asked, queries too."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        #: Ends the pages that wait for it.
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        listening, self.address = _bound(socket.SOCK_STREAM, 443)
        self._server = ThreadingHTTPServer((self.address, 443), self._handler(), bind_and_activate=False)
        self._server.socket.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.cert_file, self.certificate.key_file)
        listening.listen()
        # The handshake is done by the thread of the request, so that who is silent holds up nobody else.
        self._server.socket = context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = f"{self.headers['Host']}{self.path}"
                server.asked.append(asked)
                page = server.pages.get(asked.partition("?")[0])
                if callable(page):
                    page(self)
                    return
                self.send_response(404 if page is None else 200)
                self.send_header("Content-Length", str(len(page or b"")))
                self.end_headers()
                self.wfile.write(page or b"")

            def log_message(self, *_words: object) -> None:
                return

        return Handler


def _bound(kind: socket.SocketKind, port: int) -> tuple[socket.socket, str]:
    """Give a socket bound to a port at an address of loopback that nobody else uses."""
    dice = random.Random(os.urandom(8))
    for _ in range(50):
        address = f"127.{dice.randrange(64, 128)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        made = socket.socket(socket.AF_INET, kind)
        try:
            made.bind((address, port))
        except OSError:
            made.close()
        else:
            return made, address
    raise OSError(f"no address of loopback is free for port {port}")

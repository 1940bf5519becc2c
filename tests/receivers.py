"""The far end of a delivery: real HTTP servers on loopback, which answer well, badly, slowly or never."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.server_process import free_port

WAIT_SECONDS = 30
LISTED = "127.0.0.0/8"


@dataclass(frozen=True)
class Received:
    """One request as it came in. headers: by their names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Takes deliveries, and answers each with the next of `statuses`, the last of them again and again.

    answer: what is done instead, with the handler of the request.  certificate: for https, see `certificate_in`.
    """

    def __init__(
        self,
        *statuses: int,
        port: int = 0,
        answer: Callable[[BaseHTTPRequestHandler], None] | None = None,
        certificate: Path | None = None,
    ) -> None:
        self.received: list[Received] = []
        self._statuses = list(statuses) or [200]
        self._answer = answer
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:
                receiver._take(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/api/webhook/some-id"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.url = f"https://localhost:{self.port}/api/webhook/some-id"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, count: int) -> list[Received]:
        """Return what has come once it is `count` requests, which must come in time."""
        with self._came:
            arrived = self._came.wait_for(lambda: len(self.received) >= count, timeout=WAIT_SECONDS)
        assert arrived, f"{len(self.received)} of {count} deliveries came"
        return self.received

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._came:
            self.received.append(Received(handler.path, headers, body))
            status = self._statuses[min(len(self.received), len(self._statuses)) - 1]
            self._came.notify_all()
        if self._answer is not None:
            self._answer(handler)
            return
        handler.send_response(status)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")


def certificate_in(folder: Path) -> Path:
    """Make a certificate for localhost that vouches for itself, and return the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    return file


def redirect_to(url: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that sends whoever asks elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


class Endless:
    """An answer that says yes, and goes on talking until nobody listens."""

    def __init__(self) -> None:
        self._written_bytes = 0
        self._has_ended = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            while True:
                self._written_bytes += handler.wfile.write(b"x" * 65_536)
        self._has_ended.set()

    def written_bytes(self) -> int:
        """Return how much it said, once nobody listens any more."""
        assert self._has_ended.wait(WAIT_SECONDS)
        return self._written_bytes


def raw(*lines: bytes, then: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer of exactly these lines, and after them `then` again and again until nobody listens."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            for line in lines:
                handler.wfile.write(line + b"\r\n")
            while then:
                handler.wfile.write(then)

    return answer


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Send one byte of the headers now and then, and never come to their end."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@contextmanager
def black_hole() -> Iterator[int]:
    """A port on loopback that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", free_port()), backlog=100) as listener:
        taken: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
            except OSError:
                pass

        threading.Thread(target=take, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)  # Else the thread keeps it open.
        for connection in taken:
            connection.close()

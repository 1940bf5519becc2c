"""Many Socket.IO clients in one process, cheap enough not to be what is measured: bare WebSocket frames in one loop."""

from __future__ import annotations

import base64
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable
from urllib.parse import urlsplit

Heard = Callable[["Client", bytes, float], None]

TEXT, CLOSE = 0x1, 0x8
FIN = 0x80
UNMASKING = b"\0\0\0\0"  # A mask that changes nothing: allowed, and free.
READ_BYTES = 262_144
PATIENCE_SECONDS = 60.0


class Client:
    """One WebSocket to `/socket.io/` that has been let in. `cookie`: of a device that is signed in, or empty."""

    def __init__(self, url: str, cookie: str = "") -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        began = time.perf_counter()
        self.wire = socket.create_connection((address.hostname, address.port or 80), timeout=PATIENCE_SECONDS)
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = b""
        try:
            self._get_in(url, address.netloc, cookie)
        except BaseException:
            self.wire.close()
            raise
        self.connected_in = time.perf_counter() - began
        self.wire.setblocking(False)

    def say(self, packet: bytes) -> None:
        """Send one Engine.IO packet as a text frame."""
        length = len(packet)
        head = (
            bytes([FIN | TEXT, 0x80 | length])
            if length < 126
            else struct.pack("!BBH", FIN | TEXT, 0xFE, length)
        )
        self.wire.sendall(head + UNMASKING + packet)

    def packets(self) -> list[bytes]:
        """Return what has come, as Engine.IO packets. Raises EOFError at the end."""
        try:
            piece = self.wire.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            raise EOFError
        self._left += piece
        found = []
        while (packet := self._cut()) is not None:
            found.append(packet)
        return found

    def close(self) -> None:
        self.wire.close()

    def _get_in(self, url: str, host: str, cookie: str) -> None:
        self._shake_hands(url, host, cookie)
        self.say(b"40")
        while not (packet := self._next()).startswith(b"40"):
            assert not packet.startswith(b"44"), packet

    def _shake_hands(self, url: str, host: str, cookie: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nOrigin: {url}\r\n"
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\nCookie: {cookie}\r\n\r\n"
        )
        self.wire.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = self.wire.recv(4096)
            assert piece, f"refused: {answer!r}"
            answer += piece
        head, self._left = answer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n", 1)[0], head

    def _next(self) -> bytes:
        while (packet := self._cut()) is None:
            piece = self.wire.recv(READ_BYTES)
            assert piece, "refused"
            self._left += piece
        return packet

    def _cut(self) -> bytes | None:
        """Take one whole text frame off what has come, or return None."""
        left = self._left
        if len(left) < 2:
            return None
        if left[0] & 0x0F == CLOSE:
            raise EOFError
        length, start = left[1] & 0x7F, 2
        if length == 126:
            if len(left) < 4:
                return None
            length, start = int.from_bytes(left[2:4], "big"), 4
        elif length == 127:
            if len(left) < 10:
                return None
            length, start = int.from_bytes(left[2:10], "big"), 10
        if len(left) < start + length:
            return None
        self._left = left[start + length :]
        return left[start : start + length]


class Crowd:
    """Clients that are listened to together."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients
        self._selector = selectors.DefaultSelector()
        for client in clients:
            self._selector.register(client.wire, selectors.EVENT_READ, client)

    def listen(self, heard: Heard, is_over: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> bool:
        """Hand on each packet with the moment it came, until `is_over()`; return False when that took too long."""
        until = time.perf_counter() + seconds
        while not is_over():
            if time.perf_counter() > until:
                return False
            for key, _ in self._selector.select(0.05):
                client: Client = key.data
                now = time.perf_counter()
                for packet in client.packets():
                    if packet == b"2":
                        client.say(b"3")
                    else:
                        heard(client, packet, now)
        return True

    def rest(self, seconds: float) -> None:
        """Listen for some time and pass over what comes."""
        until = time.perf_counter() + seconds
        self.listen(lambda *_: None, lambda: time.perf_counter() > until)

    def close(self) -> None:
        self._selector.close()
        for client in self.clients:
            client.close()

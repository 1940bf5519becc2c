"""A Socket.IO client made of bare WebSocket frames."""

from __future__ import annotations

import base64
import os
import re
import socket
import struct
import time
from urllib.parse import urlsplit

from benchmarks.crowd import PATIENCE_SECONDS, READ_BYTES

TEXT, CLOSE = 0x1, 0x8
FIN = 0x80
MASK = b"\0\0\0\0"
"""A mask that changes nothing: allowed, and free."""
PING, PONG = b"2", b"3"
CONNECT, REFUSED = b"40", b"44"
NEWS = b'42["message:posted"'
ACK = re.compile(rb"43\d+\[(.{0,12})")


class SocketIoClient:
    """One WebSocket to `/socket.io/` that has been let in.

    cookie: of a device that is signed in, or empty.  query: more for the address of the handshake, from `&` on.
    """

    def __init__(self, url: str, cookie: str = "", *, query: str = "", receive_bytes: int = 0) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        began = time.perf_counter()
        self.wire = open_wire(address.hostname, address.port or 80, receive_bytes=receive_bytes)
        self._left = b""
        try:
            self.wire.sendall(handshake(url, cookie, query=query))
            self._left = read_welcome(self.wire)
            self._get_in()
        except BaseException:
            self.wire.close()
            raise
        self.connected_in = time.perf_counter() - began
        self.wire.setblocking(False)

    def say(self, packet: bytes) -> None:
        self.wire.sendall(frame(packet))

    def packets(self) -> list[bytes]:
        try:
            piece = self.wire.recv(READ_BYTES)
        except BlockingIOError:
            return []
        if not piece:
            raise EOFError
        return self._cut(piece)

    def close(self) -> None:
        self.wire.close()

    def _get_in(self) -> None:
        self.say(CONNECT)
        packets = self._cut(b"")
        while not any(packet.startswith(CONNECT) for packet in packets):
            assert not any(packet.startswith(REFUSED) for packet in packets), packets
            piece = self.wire.recv(READ_BYTES)
            assert piece, "refused"
            packets = self._cut(piece)

    def _cut(self, piece: bytes) -> list[bytes]:
        """Return the whole packets of what has come so far; the rest waits for more."""
        data, start, packets = self._left + piece, 0, []
        while len(data) >= start + 2:
            length, begin = data[start + 1], start + 2
            if length == 126:
                length, begin = int.from_bytes(data[start + 2 : start + 4], "big"), start + 4
            elif length == 127:
                length, begin = int.from_bytes(data[start + 2 : start + 10], "big"), start + 10
            if len(data) < begin + length:
                break
            if data[start] & 0x0F == CLOSE:
                raise EOFError
            packet = data[begin : begin + length]
            if packet == PING:
                self.say(PONG)
            else:
                packets.append(packet)
            start = begin + length
        self._left = data[start:]
        return packets


def open_wire(host: str, port: int, *, receive_bytes: int = 0) -> socket.socket:
    """Return a TCP connection. receive_bytes: how much the system keeps of what is not read, if not as usual."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    error: OSError | None = None
    for family, kind, protocol, _, address in found:
        wire = socket.socket(family, kind, protocol)
        wire.settimeout(PATIENCE_SECONDS)
        if receive_bytes:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            wire.connect(address)
        except OSError as refused:
            wire.close()
            error = refused
        else:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return wire
    raise error or OSError(f"no address for {host}")


def handshake(url: str, cookie: str = "", *, query: str = "") -> bytes:
    """Return the request that asks for a WebSocket to `/socket.io/`, as a page of ours would send it."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Origin: {url}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def read_welcome(wire: socket.socket) -> bytes:
    """Wait for the answer to a handshake; return what came after its head. Raises AssertionError if refused."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = wire.recv(4096)
        assert piece, f"refused: {answer!r}"
        answer += piece
    head, rest = answer.split(b"\r\n\r\n", 1)
    assert b" 101 " in head.split(b"\r\n", 1)[0], head
    return rest


def frame(payload: bytes, *, opcode: int = TEXT, is_last: bool = True) -> bytes:
    """Return one WebSocket frame of a client. payload: below 65,536 bytes."""
    first = (FIN if is_last else 0) | opcode
    length = len(payload)
    head = bytes([first, 0x80 | length]) if length < 126 else struct.pack("!BBH", first, 0xFE, length)
    return head + MASK + payload


def is_news(packet: bytes) -> bool:
    """Return whether a packet tells of a new message."""
    return packet.startswith(NEWS)


def is_receipt(packet: bytes) -> bool:
    """Return whether a packet says that a message of ours is stored. Raises AssertionError if it was refused."""
    found = ACK.match(packet)
    assert found is None or b'"ok":true' in found[1], packet[:200]
    return found is not None

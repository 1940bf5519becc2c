"""A live connection spoken by hand, packet by packet, for what no client library would send."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from contextlib import suppress
from types import TracebackType
from typing import Any

import websocket

from homechat.serving.websocket_repairs import unmasked
from tests.talkers import WAIT_SECONDS, Talker

CONNECT, CONNECTED, REFUSED = "40", "40", "44"
EVENT, ACK = "42", "43"
PING, PONG = "2", "3"
CLOSED = "1"


def frame(data: bytes, *, opcode: int = 1, is_last: bool = True) -> bytes:
    """Return one masked frame of a WebSocket (RFC 6455, 5.2). opcode: 0 goes on, 1 is text, 2 is binary."""
    mask = os.urandom(4)
    first, length = (0x80 if is_last else 0) | opcode, len(data)
    if length < 126:  # The shortest form is the only one that is right.
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 65_536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + mask + unmasked(data, mask)


class RawSocket:
    """One WebSocket to `/socket.io/` with the cookies of a device, or a script's token.

    heard: every event packet so far.
    receive_bytes: how much the system keeps of what is not read.
    """

    def __init__(
        self,
        device: Talker,
        *,
        origin: str | None = "",
        receive_bytes: int | None = None,
    ) -> None:
        address = device.url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        options: dict[str, Any] = (
            {"suppress_origin": True} if origin is None else {"origin": origin or device.url}
        )
        self.heard: list[str] = []
        self._last_id = 0
        if receive_bytes is not None:
            options["sockopt"] = [(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)]
        self._wire = websocket.create_connection(
            address, header=device.proof(), timeout=WAIT_SECONDS, **options
        )
        assert self._wire.recv().startswith("0"), "guard: the server speaks Engine.IO"

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()
        self._wire.shutdown()  # It stays open when the server was the one to end the connection.

    def connect(self) -> RawSocket:
        """Ask to be let in, and be."""
        answer = self.ask(CONNECT)
        assert answer.startswith(CONNECTED), answer
        return self

    def ask(self, packet: str) -> str:
        """Send a packet and return the next one that is no event."""
        self.send(packet)
        return self.answer()

    def send(self, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            self._wire.send_binary(packet)
        else:
            self._wire.send(packet)

    def ping(self) -> None:
        """Send a ping of WebSocket's own, which the server answers beside whatever else it says."""
        self._wire.ping()

    def cut(self) -> None:
        """End the connection without a word."""
        self._wire.shutdown()

    @property
    def wire(self) -> socket.socket:
        """What is below the WebSocket, for bytes that are none."""
        wire: socket.socket = self._wire.sock
        return wire

    def exchange(self, data: bytes) -> bytes:
        """Send bytes as they are and nothing after them, and return all that comes until the server ends it."""
        received = b""
        with suppress(OSError):  # The server may be through with us at any moment.
            self.wire.sendall(data)
            self.wire.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := self.wire.recv(65_536):
                received += chunk
        return received

    def call(self, arguments: str) -> dict[str, Any]:
        """Send an event, given as the JSON of its name and arguments, and return its ack."""
        self._last_id += 1
        start = f"{ACK}{self._last_id}"
        answer = self.ask(f"{EVENT}{self._last_id}{arguments}")
        assert answer.startswith(start + "["), answer
        (ack,) = json.loads(answer[len(start) :])
        return ack

    def call_event(self, name: str, *arguments: Any) -> dict[str, Any]:
        return self.call(json.dumps([name, *arguments]))

    def answer(self) -> str:
        """Return the next packet that is no event and no ping."""
        while True:
            packet = self._wire.recv()
            if packet == PING:
                self._wire.send(PONG)
            elif packet.startswith(EVENT):
                self.heard.append(packet)
            else:
                return packet

    def listen(self, *, for_seconds: float) -> list[str]:
        """Return every packet that comes in this time, or until the server ends the connection."""
        packets = []
        until = time.monotonic() + for_seconds
        try:
            while (left := until - time.monotonic()) > 0:
                self._wire.settimeout(left)
                packets.append(self._wire.recv())
        except (websocket.WebSocketTimeoutException, websocket.WebSocketConnectionClosedException):
            pass
        finally:
            self._wire.settimeout(WAIT_SECONDS)
        return [packet for packet in packets if packet and packet != PING]

    def is_ended(self, *, within: float = WAIT_SECONDS) -> bool:
        """Return whether the server ends the connection in time; what it still says is passed over."""
        until = time.monotonic() + within
        try:
            while (left := until - time.monotonic()) > 0:
                self._wire.settimeout(left)
                if self._wire.recv() == "" and not self._wire.connected:
                    return True
        except websocket.WebSocketTimeoutException:
            return False
        except (websocket.WebSocketException, OSError):
            return True
        finally:
            self._wire.settimeout(WAIT_SECONDS)
        return False

"""A live connection spoken by hand, packet by packet, for what no client library would send."""

from __future__ import annotations

import json
import socket
import time
from types import TracebackType
from typing import Any

import websocket

from tests.talkers import WAIT_SECONDS, Talker

CONNECT, CONNECTED, REFUSED = "40", "40", "44"
EVENT, ACK = "42", "43"
PING, PONG = "2", "3"
CLOSED = "1"


class RawSocket:
    """One WebSocket to `/socket.io/` with the cookies of a device. `heard` is every event packet so far.

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
            address, header={"Cookie": device.cookie_header()}, timeout=WAIT_SECONDS, **options
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

"""What waits to be sent to one client: 1 MB, then it is let go; it comes back and catches up.

engineio keeps all that a client does not take, for as long as the connection lasts.
"""

import logging
import socket
import threading
from contextlib import suppress
from typing import Any

from engineio import socket as engineio_socket
from engineio.packet import Packet

log = logging.getLogger(__name__)

SEND_BUFFER_BYTES = 1_000_000
FAREWELL_SECONDS = 2.0


def bound() -> None:
    """Have every connection of this process bound what waits for it."""
    engineio_socket.Socket = BoundedSocket


class BoundedSocket(engineio_socket.Socket):  # type: ignore[misc]
    """A connection of engineio that counts what is not written yet."""

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self._waiting_bytes = 0
        self._is_dropped = False
        self._wire: socket.socket | None = None
        self._turn = threading.Lock()

    def send(self, packet: Packet) -> None:
        """Queue a packet, or end the connection when too much waits already. One packet alone may be larger."""
        with self._turn:
            has_place = self._waiting_bytes <= SEND_BUFFER_BYTES
            if has_place:
                self._waiting_bytes += len(packet.encode())  # ASCII; encoded once for all who get it
        if has_place:
            super().send(packet)
        else:
            self._drop()

    def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """End the connection, and soon the wire below it: engineio leaves that to a client that goes on talking."""
        if not self.closed and not self.closing:
            self.server.start_background_task(self._cut_later)
        super().close(wait=wait, abort=abort, reason=reason)

    def written(self, count: int) -> None:
        """Note that so many bytes have gone out."""
        with self._turn:
            self._waiting_bytes -= count

    def _websocket_handler(self, ws: Any) -> Any:
        self._wire = ws.socket if hasattr(ws, "socket") else ws.ws.sock
        return super()._websocket_handler(_Counting(ws, self))

    def _drop(self) -> None:
        with self._turn:
            if self._is_dropped:
                return
            self._is_dropped = True
        log.info("a live connection does not take what is sent to it and ends")
        # Not right here: whoever sends is in the middle of a room's list, and this changes it.
        self.server.start_background_task(self._abort)

    def _abort(self) -> None:
        self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        self._cut()

    def _cut_later(self) -> None:
        self.server.sleep(FAREWELL_SECONDS)
        self._cut()

    def _cut(self) -> None:
        """Wake whoever waits for the client, to read or to write."""
        if self._wire is not None:
            with suppress(OSError):  # it has ended already
                self._wire.shutdown(socket.SHUT_RDWR)


class _Counting:
    """A WebSocket that tells its connection what it has written."""

    def __init__(self, ws: Any, connection: BoundedSocket) -> None:
        self._ws = ws
        self._connection = connection

    def send(self, message: str | bytes) -> None:
        self._ws.send(message)
        self._connection.written(len(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ws, name)

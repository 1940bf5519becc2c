"""What waits to be sent to one client: 1 MB, then it is let go; it comes back and catches up.

engineio keeps all that a client does not take, for as long as the connection lasts.
"""

import logging
import socket
import threading
from typing import Any

from engineio import socket as engineio_socket
from engineio.packet import Packet

log = logging.getLogger(__name__)

SEND_BUFFER_BYTES = 1_000_000


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
        if self._wire is not None:
            try:
                self._wire.shutdown(socket.SHUT_RDWR)  # wakes the writer, which else waits for the client
            except OSError:
                log.debug("a live connection that was to be ended had ended already")


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

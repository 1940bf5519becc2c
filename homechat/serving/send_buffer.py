"""What is sent to one client: at once where nothing waits, else in its turn; 1 MB may wait, or the client is let go.

engineio puts every packet into a queue, wakes a task to take it out again, and keeps all that a client does not take
for as long as the connection lasts. Most clients take everything at once, and what many are told is the same for all:
so its WebSocket frame is made once and handed to the system on the spot. What the system does not take waits in the
queue, with all that comes after it, so that the order never changes. Who was let go comes back and catches up.
"""

import logging
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from engineio import socket as engineio_socket
from engineio.packet import MESSAGE, Packet

log = logging.getLogger(__name__)

SEND_BUFFER_BYTES = 1_000_000
FAREWELL_SECONDS = 2.0
_FINAL_TEXT = 0x81


def bound() -> None:
    """Have every connection of this process bound what waits for it."""
    engineio_socket.Socket = BoundedSocket


class BoundedSocket(engineio_socket.Socket):  # type: ignore[misc]
    """A connection of engineio that counts what is not written yet."""

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self._waiting_bytes = 0
        self._large_bytes = 0  # of the one packet that may be larger than all that else may wait
        self._is_dropped = False
        self._has_left = False
        self._wire: socket.socket | None = None
        self._writes: _DirectWrites | None = None
        self._turn = threading.Lock()

    def send(self, packet: Packet) -> None:
        """Send a packet, or queue it, or end the connection when too much waits besides one that is large itself."""
        left: Packet | _Rest | None = packet
        if not self._waiting_bytes and self._writes is not None and packet.packet_type == MESSAGE:
            left = self._left_of(packet, self._writes)
        if left is None:
            return
        size = len(left.encode())  # ASCII; encoded once for all who get it
        with self._turn:
            large = self._large_bytes if size <= SEND_BUFFER_BYTES else 0
            is_too_much = self._waiting_bytes > SEND_BUFFER_BYTES + large
            if not is_too_much:
                self._note_waiting(size)
        if is_too_much:
            self._drop()
        elif left is packet:
            super().send(packet)
        else:
            self.queue.put(left)

    def close(self, wait: bool = True, abort: bool = False, reason: Any = None) -> None:
        """End the connection, and soon the wire below it: engineio leaves that to a client that goes on talking."""
        if not self.closed and not self.closing:
            self.server.start_background_task(self._cut_later)
        super().close(wait=wait, abort=abort, reason=reason)

    def has_left(self) -> None:
        """Note that nothing more comes from the client: the queue ends here."""
        self._has_left = True

    def written(self, count: int) -> None:
        """Note that so many bytes have gone out."""
        with self._turn:
            self._note_waiting(-count)

    def _websocket_handler(self, ws: Any) -> Any:
        self._wire = ws.socket if hasattr(ws, "socket") else ws.ws.sock
        self._writes = _DirectWrites.to(ws)
        return super()._websocket_handler(_Counting(ws, self))

    def _left_of(self, packet: Packet, writes: "_DirectWrites") -> "Packet | _Rest | None":
        """Write what the system takes of a message, and return what is left: all of it, a part, or None.

        Messages only: engineio ends a connection whose queue is empty for long, and its pings keep it alive.
        """
        if self.closing or self._has_left:
            return packet  # What is begun now, nobody might be there to finish.
        if not self.check_ping_timeout():
            return None  # It has ended.
        frame = _frame_of(packet)
        count = writes.begin(frame)
        if count == len(frame):
            return None
        return writes.rest(frame[count:]) if count else packet

    def _note_waiting(self, more: int) -> None:
        self._waiting_bytes += more
        if self._waiting_bytes <= SEND_BUFFER_BYTES:
            self._large_bytes = 0
        elif more > SEND_BUFFER_BYTES:
            self._large_bytes = more

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
        if self._writes is not None:
            self._writes.give_up()


class _DirectWrites:
    """Writes to a non-blocking socket, past the WebSocket on top of it but with its lock."""

    def __init__(self, wire: socket.socket, turn: Any) -> None:
        self._wire = wire
        self._turn = turn
        self._begun: _Rest | None = None

    @classmethod
    def to(cls, ws: Any) -> "_DirectWrites | None":
        """Return one for a WebSocket that has such a socket and lock and does not compress; None for any other."""
        wire, turn = getattr(getattr(ws, "socket", None), "fd", None), getattr(ws, "_sendlock", None)
        if wire is None or turn is None or ws._get_permessage_deflate_enc() is not None:
            return None
        return cls(wire, turn)

    def begin(self, frame: bytes) -> int:
        """Write what the system takes of a frame, and return how much that was.

        If it was a part, the lock stays taken, so that no pong gets into the middle, until the end of `rest`.
        """
        if not self._turn.acquire(blocking=False):
            return 0
        count = 0
        with suppress(OSError):  # It takes nothing now, or never again, as the queue will find.
            count = self._wire.send(frame)
        if count in (0, len(frame)):
            self._turn.release()
        return count

    def rest(self, data: bytes) -> "_Rest":
        """Return what is left of a frame that was begun."""
        self._begun = _Rest(data)
        self._begun.end = self.give_up
        return self._begun

    def give_up(self) -> None:
        """Give the lock back if a frame was begun; it is written, or its connection is at its end."""
        if self._begun is not None:
            self._begun = None
            self._turn.release()


class _Rest(bytes):
    """What is left of a frame; in engineio's queue it is a packet that encodes to itself. `end` is for afterwards."""

    end: Callable[[], object]

    def encode(self) -> "_Rest":
        return self


class _Counting:
    """A WebSocket that tells its connection what it has written, and when there is nothing more to read."""

    def __init__(self, ws: Any, connection: BoundedSocket) -> None:
        self._ws = ws
        self._connection = connection

    def wait(self) -> Any:
        message = None
        try:
            message = self._ws.wait()
        finally:
            if message is None:
                self._connection.has_left()
        return message

    def send(self, message: str | bytes) -> None:
        if isinstance(message, _Rest):
            try:
                self._ws.socket.sendall(message)
            finally:
                message.end()
        else:
            self._ws.send(message)
        self._connection.written(len(message))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ws, name)


def _frame_of(packet: Packet) -> bytes:
    """Return a packet as the frame that a WebSocket server sends (RFC 6455, 5.2): final, text, unmasked. Made once."""
    frame: bytes | None = getattr(packet, "websocket_frame", None)
    if frame is None:
        data = packet.encode().encode()
        if len(data) < 126:
            head = struct.pack("!BB", _FINAL_TEXT, len(data))
        elif len(data) < 65_536:
            head = struct.pack("!BBH", _FINAL_TEXT, 126, len(data))
        else:
            head = struct.pack("!BBQ", _FINAL_TEXT, 127, len(data))
        frame = packet.websocket_frame = head + data
    return frame

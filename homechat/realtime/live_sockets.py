"""The sockets of this process: whose they are, and which rooms they hear."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from flask import current_app

from homechat.actor import Role
from homechat.extensions import socketio
from homechat.realtime.events import ServerRestarting, person_audience, room_audience, tell

NAMESPACE = "/"


@dataclass
class LiveSocket:
    """One connected socket of this process.

    role: the person's at the handshake; when it changes, the socket ends and comes back with the new one.
    refused: how many of its events in a row came when the person had sent too many.
    """

    sid: str
    user_id: int
    session_id: int
    role: Role
    rooms: set[int] = field(default_factory=set)
    refused: int = 0


class LiveSockets:
    """The sockets of this process."""

    def __init__(self) -> None:
        self.process_id = secrets.token_hex(16)
        self._by_sid: dict[str, LiveSocket] = {}
        self._lock = threading.Lock()

    def add(self, socket: LiveSocket, *, at_most: int) -> bool:
        """Remember a socket, unless its person has `at_most` of them already; return whether it was done."""
        with self._lock:
            if sum(other.user_id == socket.user_id for other in self._by_sid.values()) >= at_most:
                return False
            self._by_sid[socket.sid] = socket
            return True

    def remove(self, sid: str) -> LiveSocket | None:
        with self._lock:
            return self._by_sid.pop(sid, None)

    def get(self, sid: str) -> LiveSocket | None:
        return self._by_sid.get(sid)

    def all(self) -> list[LiveSocket]:
        with self._lock:
            return list(self._by_sid.values())

    def of_person(self, user_id: int) -> list[LiveSocket]:
        return [socket for socket in self.all() if socket.user_id == user_id]


def live_sockets() -> LiveSockets:
    """Return the sockets of the current app."""
    sockets: LiveSockets = current_app.extensions["homechat_live_sockets"]
    return sockets


def listen(socket: LiveSocket, room_id: int) -> None:
    """Have one socket hear a room. Nothing happens when it has gone in the meantime."""
    socket.rooms.add(room_id)
    with suppress(KeyError, ValueError):  # Socket.IO does not know it any more.
        socketio.server.enter_room(socket.sid, room_audience(room_id), namespace=NAMESPACE)


def stop_listening(socket: LiveSocket, room_id: int) -> None:
    """Have one socket hear a room no more."""
    socket.rooms.discard(room_id)
    socketio.server.leave_room(socket.sid, room_audience(room_id), namespace=NAMESPACE)


def is_connected(sid: str) -> bool:
    """Whether the connection below a socket still stands; one that ends while it is let in is not told of."""
    eio_sid = socketio.server.manager.eio_sid_from_sid(sid, NAMESPACE)
    connection = socketio.server.eio.sockets.get(eio_sid)
    return connection is not None and not connection.closed


def hang_up(socket: LiveSocket) -> None:
    """End the connection of one socket; its client may come back at once."""
    eio_sid = socketio.server.manager.eio_sid_from_sid(socket.sid, NAMESPACE)
    if eio_sid is not None:
        socketio.start_background_task(socketio.server.eio.disconnect, eio_sid)


def tell_restarting() -> None:
    """Tell every client of this process that the server will be back."""
    tell(ServerRestarting(), [person_audience(s.user_id) for s in live_sockets().all()])

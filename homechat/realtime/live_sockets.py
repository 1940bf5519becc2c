"""The sockets of this process: whose they are, and which rooms they hear."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from flask import current_app

from homechat.actor import Role
from homechat.extensions import socketio
from homechat.realtime.events import (
    ServerRestarting,
    person_audience,
    room_audience,
    session_audience,
    tell,
)

NAMESPACE = "/"


@dataclass
class LiveSocket:
    """One connected socket of this process.

    session_id: the device behind it; None where there is an API token, token_id.
    role: the person's at the handshake; when it changes, the socket ends and comes back with the new one.
    room_ids: the only rooms that it may hear; None: all of the person's.
    hears_person: whether it is told what concerns the person themselves, such as a new device of theirs.
    is_present: whether somebody is here by it; a script that acts as a person is not that person.
    refused: how many of its events in a row came when the person had sent too many.
    has_begun: whether it hears its rooms already; until then no room is news to it.
    """

    sid: str
    user_id: int
    session_id: int | None
    role: Role
    token_id: int | None = None
    room_ids: frozenset[int] | None = None
    hears_person: bool = True
    is_present: bool = True
    rooms: set[int] = field(default_factory=set)
    refused: int = 0
    has_begun: bool = False

    def may_hear(self, room_id: int) -> bool:
        """Whether this room exists for the socket, if its person is in it."""
        return self.room_ids is None or room_id in self.room_ids

    def audiences(self) -> list[str]:
        """Return whom it is one of beside the people in its rooms."""
        own = [session_audience(self.session_id)] if self.session_id is not None else []
        return [person_audience(self.user_id), *own] if self.hears_person else own


class LiveSockets:
    """The sockets of this process."""

    def __init__(self) -> None:
        self.process_id = secrets.token_hex(16)
        self._by_sid: dict[str, LiveSocket] = {}
        self._lock = threading.Lock()

    def add(self, socket: LiveSocket, *, at_most: int) -> bool:
        """Remember a socket, unless there are `at_most` of them already; return whether it was done.

        Those of a person's devices are counted together, and those of each token: a script takes nobody's place.
        """
        whose = (socket.user_id, socket.token_id)
        with self._lock:
            if sum((each.user_id, each.token_id) == whose for each in self._by_sid.values()) >= at_most:
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
    """Have one socket hear a room, if it may. Nothing happens when it has gone in the meantime."""
    if not socket.may_hear(room_id):
        return
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
    tell(
        ServerRestarting(),
        [person_audience(s.user_id) if s.hears_person else s.sid for s in live_sockets().all()],
    )

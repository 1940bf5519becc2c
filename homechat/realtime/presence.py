"""Which sockets belong to whom, in this process and, through the database, in all of them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Mapped, mapped_column

from homechat import clock
from homechat.actor import Role
from homechat.database import Base, UtcDateTime, db, is_sqlite, on_commit, transaction
from homechat.extensions import socketio
from homechat.realtime.events import (
    ServerRestarting,
    SessionEnded,
    person_audience,
    room_audience,
    session_audience,
    tell,
)

PROCESS_HEARTBEAT = timedelta(seconds=10)
PROCESS_GONE_AFTER = timedelta(seconds=30)
POLLS_TO_LOOK_AGAIN = 60
NAMESPACE = "/"


class ServerProcess(Base):
    """One serving process; its sockets count while it is seen."""

    __tablename__ = "server_processes"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__ = {}


class LiveSocketRow(Base):
    """One connected socket, as other processes see it."""

    __tablename__ = "live_sockets"

    sid: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    process_id: Mapped[str] = mapped_column(
        sa.ForeignKey("server_processes.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)

    __table_args__ = {}


class SecurityEpoch(Base):
    """One number, raised whenever somebody's rights shrink, so that other processes look again."""

    __tablename__ = "security_epoch"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger, default=0)


@dataclass
class LiveSocket:
    """One connected socket of this process.

    role: the person's at the handshake; when it changes, the socket ends and comes back with the new one.
    """

    sid: str
    user_id: int
    session_id: int
    role: Role
    rooms: set[int] = field(default_factory=set)


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


def register_process() -> None:
    """Write down that this process serves, and forget those that are gone (on SQLite: all others)."""
    sockets = live_sockets()
    with transaction() as session:
        gone = sa.delete(ServerProcess)
        if not is_sqlite():
            gone = gone.where(ServerProcess.seen_at < clock.now() - PROCESS_GONE_AFTER)
        session.execute(gone)
        session.add(ServerProcess(id=sockets.process_id))


def unregister_process() -> None:
    """Forget this process and its sockets: it stops."""
    with transaction() as session:
        session.execute(sa.delete(ServerProcess).where(ServerProcess.id == live_sockets().process_id))


def beat() -> None:
    """Say that this process still serves, and forget those that no longer say so."""
    with transaction() as session:
        mine = ServerProcess.id == live_sockets().process_id
        session.execute(sa.update(ServerProcess).where(mine).values(seen_at=clock.now()))
        session.execute(
            sa.delete(ServerProcess).where(ServerProcess.seen_at < clock.now() - PROCESS_GONE_AFTER)
        )


def opened(socket: LiveSocket) -> bool:
    """Write down a connected socket for all processes to see; return whether it is the person's first anywhere."""
    with transaction() as session:
        is_first = socket.user_id not in online_among([socket.user_id])
        session.add(
            LiveSocketRow(sid=socket.sid, process_id=live_sockets().process_id, user_id=socket.user_id)
        )
    return is_first


def closed(socket: LiveSocket) -> bool:
    """Strike a socket off again; return whether it was the person's last anywhere."""
    with transaction() as session:
        row = session.get(LiveSocketRow, socket.sid)
        if row is None:
            return False
        session.delete(row)
        session.flush()
        return socket.user_id not in online_among([socket.user_id])


def online_among(user_ids: Iterable[int]) -> set[int]:
    """Return those of `user_ids` who have a socket open in any process."""
    wanted = list(user_ids)
    if not wanted:
        return set()
    query = sa.select(LiveSocketRow.user_id).where(LiveSocketRow.user_id.in_(wanted)).distinct()
    return set(db.session.scalars(query))


def everyone_online() -> set[int]:
    """Return the ids of all who have a socket open in any process."""
    return set(db.session.scalars(sa.select(LiveSocketRow.user_id).distinct()))


def listen(socket: LiveSocket, room_id: int) -> None:
    """Have one socket hear a room."""
    socket.rooms.add(room_id)
    socketio.server.enter_room(socket.sid, room_audience(room_id), namespace=NAMESPACE)


def stop_listening(socket: LiveSocket, room_id: int) -> None:
    """Have one socket hear a room no more."""
    socket.rooms.discard(room_id)
    socketio.server.leave_room(socket.sid, room_audience(room_id), namespace=NAMESPACE)


def enter_room(user_id: int, room_id: int) -> None:
    """After commit, have all of a person's sockets hear a room."""
    _raise_epoch()
    on_commit(lambda: _for_each_socket(user_id, listen, room_id))


def leave_room(user_id: int, room_id: int) -> None:
    """After commit, have none of a person's sockets hear a room: here at once, elsewhere within a second."""
    _raise_epoch()
    on_commit(lambda: _for_each_socket(user_id, stop_listening, room_id))


def disconnect_user(user_id: int, *, reason: str, sentence: str) -> None:
    """After commit, tell and cut every socket of a person: here at once, elsewhere within a second."""
    _raise_epoch()
    on_commit(lambda: cut(live_sockets().of_person(user_id), reason=reason, sentence=sentence))


def disconnect_session(session_id: int, *, reason: str, sentence: str) -> None:
    """After commit, tell and cut every socket of one device: here at once, elsewhere within a second."""
    _raise_epoch()
    on_commit(
        lambda: cut(
            [socket for socket in live_sockets().all() if socket.session_id == session_id],
            reason=reason,
            sentence=sentence,
        )
    )


def cut(sockets: list[LiveSocket], *, reason: str, sentence: str) -> None:
    """Tell these sockets why, then end them; they hear nothing from this moment on."""
    for socket in sockets:
        tell(SessionEnded(reason=reason, sentence=sentence), socket.sid)
        _leave_every_audience(socket)
        eio_sid = socketio.server.manager.eio_sid_from_sid(socket.sid, NAMESPACE)
        socketio.server.disconnect(socket.sid, namespace=NAMESPACE)
        if eio_sid is not None:  # disconnect() ends the namespace only; the transport would stay.
            socketio.start_background_task(socketio.server.eio.disconnect, eio_sid)


def tell_restarting() -> None:
    """Tell every client of this process that the server will be back."""
    tell(ServerRestarting(), [person_audience(s.user_id) for s in live_sockets().all()])


def current_epoch() -> int:
    """Return the number that grows whenever somebody's rights shrink."""
    return db.session.scalar(sa.select(SecurityEpoch.value).where(SecurityEpoch.id == 1)) or 0


def watch_epoch(look_again: Callable[[], None], *, every_seconds: float) -> None:
    """Run for ever: read the epoch every `every_seconds` and call `look_again` when another process raised it.

    And each POLLS_TO_LOOK_AGAIN times in any case: a session that nobody ended comes to its end by the clock.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    seen: int | None = None
    polls = 0
    while True:
        with app.app_context():
            try:
                epoch = current_epoch()
                polls += 1
                if (seen is not None and epoch != seen) or polls >= POLLS_TO_LOOK_AGAIN:
                    look_again()
                    polls = 0
                seen = epoch
            except Exception:
                app.logger.exception("the security epoch could not be read")
        socketio.sleep(every_seconds)


def _for_each_socket(user_id: int, do: Callable[[LiveSocket, int], None], room_id: int) -> None:
    for socket in live_sockets().of_person(user_id):
        do(socket, room_id)


def _raise_epoch() -> None:
    with transaction() as session:
        session.execute(
            sa.update(SecurityEpoch).where(SecurityEpoch.id == 1).values(value=SecurityEpoch.value + 1)
        )


def _leave_every_audience(socket: LiveSocket) -> None:
    for audience in (
        *map(room_audience, socket.rooms),
        person_audience(socket.user_id),
        session_audience(socket.session_id),
    ):
        socketio.server.leave_room(socket.sid, audience, namespace=NAMESPACE)
    socket.rooms.clear()

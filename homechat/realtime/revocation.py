"""Taking rights away from live sockets: in this process after the commit, in the others within a second."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask import current_app

from homechat.database import db, on_commit, transaction
from homechat.extensions import socketio
from homechat.realtime.events import SessionEnded, room_audience, tell
from homechat.realtime.live_sockets import (
    NAMESPACE,
    LiveSocket,
    hang_up,
    listen,
    live_sockets,
    stop_listening,
)
from homechat.realtime.models import SecurityEpoch

POLLS_TO_LOOK_AGAIN = 60


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


def disconnect_token(token_id: int, *, reason: str, sentence: str) -> None:
    """After commit, tell and cut every socket of one API token: here at once, elsewhere within a second."""
    _raise_epoch()
    on_commit(
        lambda: cut(
            [socket for socket in live_sockets().all() if socket.token_id == token_id],
            reason=reason,
            sentence=sentence,
        )
    )


def check_every_socket() -> None:
    """Within a transaction, have every process, this one too, compare all its sockets with the database in a second."""
    _raise_epoch()


def cut(sockets: list[LiveSocket], *, reason: str, sentence: str) -> None:
    """Tell these sockets why, then end them; they hear nothing from this moment on."""
    for socket in sockets:
        tell(SessionEnded(reason=reason, sentence=sentence), socket.sid)
        _leave_every_audience(socket)
        hang_up(socket)  # disconnect() ends the namespace only; the transport would stay.
        socketio.server.disconnect(socket.sid, namespace=NAMESPACE)


def current_epoch() -> int:
    """Return the number that grows whenever it changes who may hear what."""
    return db.session.scalar(sa.select(SecurityEpoch.value).where(SecurityEpoch.id == 1)) or 0


def watch_epoch(look_again: Callable[[], None], *, every_seconds: float) -> None:
    """Run for ever: read the epoch every `every_seconds` and call `look_again` when anybody raised it.

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
                app.logger.exception("looking again for changed rights failed")
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
    for audience in (*map(room_audience, socket.rooms), *socket.audiences()):
        socketio.server.leave_room(socket.sid, audience, namespace=NAMESPACE)
    socket.rooms.clear()

"""The front door of Socket.IO: who may connect, what they hear, and looking again when rights shrink elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flask import Flask, current_app, g, request
from flask_babel import gettext as _
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO

from homechat import clock, lockdown
from homechat.accounts import bearers, sessions
from homechat.accounts.models import LoginSession, User
from homechat.accounts.token_models import TokenKind
from homechat.actor import Door, Role
from homechat.config import Settings
from homechat.database import db, on_commit, transaction
from homechat.doors.bearers import bearer_in
from homechat.doors.events import Json, Sender, UnderWay, dispatch
from homechat.doors.people import client_address, client_user_agent
from homechat.errors import TooMany, Unavailable
from homechat.extensions import current_settings, socketio
from homechat.household.joining import how_many_wait
from homechat.messages import typing
from homechat.messages.listeners import show_room
from homechat.realtime import presence, revocation
from homechat.realtime.bus import bus
from homechat.realtime.events import (
    CONTRACT_VERSION,
    NewcomerWaiting,
    PresenceChanged,
    RoomLeft,
    ServerHello,
    announce,
    room_audience,
    tell,
)
from homechat.realtime.live_sockets import (
    NAMESPACE,
    LiveSocket,
    is_connected,
    listen,
    live_sockets,
    stop_listening,
    tell_restarting,
)
from homechat.rooms.queries import room_ids_by_person, room_ids_of
from homechat.security import limits
from homechat.security.policy import LISTENING_SCOPE, HouseRight, house_right

log = logging.getLogger(__name__)

OFFLINE_GRACE_SECONDS = 1.5
"""A page that is being changed closes one socket and opens the next; nobody else should see them go and come."""
WRITE_AGAIN_SECONDS = 3.0
HELLO_DELAY_SECONDS = 0.02
EVENTS_FINISH_SECONDS = 3.0
ANY_EVENT = "*"


def install(sio: SocketIO) -> None:
    """Connect the three things that Socket.IO tells us to their answers."""
    sio.on_event("connect", _on_connect)
    sio.on_event("disconnect", _on_disconnect)
    sio.on_event(ANY_EVENT, _on_any_event)
    _keep_names_apart(sio.server)


def socketio_options(settings: Settings, *, async_mode: str) -> dict[str, Any]:
    """Return how Socket.IO is set up: WebSocket only, exact origins, events of one client in their order."""
    return {
        "async_mode": async_mode,
        "client_manager": bus(settings),
        "transports": ["websocket"],
        "allow_upgrades": False,
        "cors_allowed_origins": [settings.origin, *settings.allowed_origins],
        "cors_credentials": True,
        "max_http_buffer_size": settings.packet_bytes,
        "ping_interval": settings.ping_seconds,
        "ping_timeout": settings.ping_seconds,
        "async_handlers": False,
        "always_connect": False,
        "http_compression": False,
        "manage_session": False,
        "logger": False,
        "engineio_logger": False,
    }


def _keep_names_apart(server: Any) -> None:
    """Make an unknown event of every event that a client gives a name of Socket.IO's own, or none at all.

    Socket.IO finds handlers by the name that the client sends. Somebody who sends "disconnect" would be forgotten by
    us and hear on, for good; who sends "*" could name the connection of another.
    """
    handle = server._handle_event

    def handle_event(eio_sid: str, namespace: str | None, ack_id: int | None, data: Any) -> None:
        name = data[0] if isinstance(data, list) and data else None
        if not isinstance(name, str) or name in (*server.reserved_events, ANY_EVENT):
            data = [""]
        handle(eio_sid, namespace, ack_id, data)

    server._handle_event = handle_event


def _on_connect(auth: object = None) -> None:
    """Let a signed-in device in, or a token. Anything else, and any error on the way, refuses: never fail open."""
    try:
        socket = _let_in()
    except Refused:
        raise
    except Exception as error:
        log.exception("a connection could not be checked")
        _forget(request.sid)  # type: ignore[attr-defined]
        raise Refused(_("We can't let anybody in right now. Please try again.")) from error
    if not is_connected(socket.sid):
        _forget(socket.sid)  # Socket.IO says that somebody is gone only of those who are in.
        raise Refused(_("We can't let anybody in right now. Please try again."))
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    socketio.start_background_task(_say_hello, app, socket)


def _say_hello(app: Flask, socket: LiveSocket) -> None:
    """Greet a little later: what is told before the answer to the handshake, clients do not take notice of."""
    socketio.sleep(HELLO_DELAY_SECONDS)
    with app.app_context():
        if house_right(socket.role, HouseRight.APPROVE):  # They may have missed it while they were away.
            tell(NewcomerWaiting(count=how_many_wait()), socket.sid)
        hello = ServerHello(
            contract=CONTRACT_VERSION,
            build=current_app.extensions["homechat_build"],
            person_id=socket.user_id,
            ping_seconds=current_settings().ping_seconds,
        )
        tell(hello, socket.sid)


def _on_disconnect(reason: object = None) -> None:
    socket = _forget(request.sid)  # type: ignore[attr-defined]
    if socket is not None:
        typing.window_closed(socket)


def _on_any_event(name: str, *args: Any) -> Json:
    sender = Sender(
        sid=request.sid,  # type: ignore[attr-defined]
        address=client_address(),
        user_agent=client_user_agent(),
    )
    return dispatch(sender, name, args)


def beat() -> None:
    """Say that this process serves, and tell of those whose last window was on one that died."""
    with transaction():
        for user_id in presence.beat():
            _announce_presence(user_id, online=False)


def say_goodbye() -> None:
    """Tell every client that the server will be back, and let the events under way finish."""
    tell_restarting()
    under_way: UnderWay = current_app.extensions["homechat_events"]
    under_way.finish(EVENTS_FINISH_SECONDS)


def look_again() -> None:
    """Compare every socket of this process with the database: end those signed out, narrow or widen the others.

    What was read is acted upon in its turn, after all that was stored before and before all that is stored later:
    else somebody who was just taken out of a room could be put back by what was true a moment ago.
    """
    try:
        with transaction():
            on_commit(_comparison())
    except Unavailable:  # Whatever others write meanwhile raises the epoch, and we look once more.
        db.session.rollback()
        _comparison()()


def _comparison() -> Callable[[], None]:
    """Read how far every socket may hear, and return what brings it about."""
    sockets = live_sockets().all()
    of_sessions = sessions.roles_by_live_session(
        [it.session_id for it in sockets if it.session_id is not None]
    )
    of_tokens = bearers.roles_by_live_token([it.token_id for it in sockets if it.token_id is not None])
    rooms = room_ids_by_person({socket.user_id for socket in sockets})
    lockdowns = lockdown.in_force(clock.now())

    def bring_about() -> None:
        for socket in sockets:
            if is_connected(socket.sid):
                role = of_sessions.get(socket.session_id or 0) or of_tokens.get(socket.token_id or 0)
                _adjust(socket, role, set(filter(socket.may_hear, rooms[socket.user_id])), lockdowns)
            else:
                socketio.server.manager.disconnect(socket.sid, NAMESPACE, ignore_queue=True)
                _forget(socket.sid)

    return bring_about


def _adjust(
    socket: LiveSocket, role: Role | None, rooms: set[int], lockdowns: Sequence[lockdown.InForce]
) -> None:
    # First the lockdown: where it also signs everybody out, it is why.
    if refusal := lockdown.refusal(role or socket.role, lockdowns, has_token=socket.token_id is not None):
        revocation.cut([socket], reason="locked_down", sentence=refusal.sentence)
    elif role is None:
        revocation.cut([socket], reason="revoked", sentence=_("This device was signed out."))
    elif role is not socket.role:
        sentence = _("What you may do here has changed. Please reload.")
        revocation.cut([socket], reason="role_changed", sentence=sentence)
    else:
        for room_id in socket.rooms - rooms:
            stop_listening(socket, room_id)
            tell(RoomLeft(room_id=room_id), socket.sid)
        for room_id in rooms - socket.rooms:
            listen(socket, room_id)
            if socket.has_begun:
                show_room(room_id, socket.user_id, socket.sid)


def _let_in() -> LiveSocket:
    socket, touch = _caller()
    g.person_id = socket.user_id
    try:
        # Of each token apart: a script that connects again and again keeps none of its person's windows out.
        limits.spend(limits.CONNECTS, socket.user_id, *([socket.token_id] if socket.token_id else []))
    except TooMany as error:
        raise Refused(error.message) from error
    # Remembered before it is let in: whoever takes the session away meanwhile must find it.
    if not live_sockets().add(socket, at_most=current_settings().sockets_per_person):
        raise Refused(_("Too many open windows. Close some and try again."))
    _refuse_in_lockdown(socket)
    server = socketio.server
    for audience in socket.audiences():
        server.enter_room(socket.sid, audience, namespace=NAMESPACE)
    try:
        with transaction():
            touch()
            _write_down(socket)
            rooms = room_ids_of(socket.user_id)
            # In its turn: a removal that is stored later is acted upon later, too.
            on_commit(lambda: _listen_to(socket, rooms))
    except Unavailable:
        # Reading goes on while nothing can be written; that they are here is told when it can.
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        socketio.start_background_task(_write_down_later, app, socket)
        _listen_to(socket, room_ids_of(socket.user_id))
    return socket


def _refuse_in_lockdown(socket: LiveSocket) -> None:
    """Turn away who has to wait. A lockdown that begins after this was read finds the socket on the list."""
    has_token = socket.token_id is not None
    refusal = lockdown.refusal(socket.role, lockdown.in_force(clock.now()), has_token=has_token)
    if refusal is not None:
        live_sockets().remove(socket.sid)
        raise Refused(refusal.sentence, {"code": refusal.code})


def _listen_to(socket: LiveSocket, room_ids: list[int]) -> None:
    for room_id in room_ids:
        listen(socket, room_id)
    socket.has_begun = True


def _write_down(socket: LiveSocket) -> None:
    if presence.opened(socket):
        _announce_presence(socket.user_id, online=True)


def _write_down_later(app: Flask, socket: LiveSocket) -> None:
    """Put a socket on the list as soon as something can be written, unless it is gone by then."""
    while True:
        socketio.sleep(WRITE_AGAIN_SECONDS)
        with app.app_context(), suppress(Unavailable):
            with transaction():
                # Within: `_strike_off` comes either before this, and it is gone, or after it, and finds the row.
                if live_sockets().get(socket.sid) is socket:
                    _write_down(socket)
            return


def _forget(sid: str) -> LiveSocket | None:
    """Forget a socket and return it, or None when it never got in; a little later others see its person leave."""
    socket = live_sockets().remove(sid)
    if socket is not None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        socketio.start_background_task(_strike_off, app, socket)
    return socket


def _strike_off(app: Flask, socket: LiveSocket) -> None:
    """Take a socket that is gone off the list, however long the database takes; the last one's person is offline."""
    while True:
        socketio.sleep(OFFLINE_GRACE_SECONDS)
        with app.app_context(), suppress(Unavailable):
            with transaction():
                if presence.closed(socket):
                    _announce_presence(socket.user_id, online=False)
            return


def _caller() -> tuple[LiveSocket, Callable[[], None]]:
    """Return who is behind the handshake, and how it is noted that they were here."""
    text = bearer_in(request.headers.get("Authorization", ""))
    if text:
        return _caller_by_token(text)
    row = _session_of_this_request()
    socket = LiveSocket(
        sid=request.sid,  # type: ignore[attr-defined]
        user_id=row.user_id,
        session_id=row.id,
        role=Role(row.user.role),
    )
    return socket, lambda: sessions.touch(row)


def _caller_by_token(text: str) -> tuple[LiveSocket, Callable[[], None]]:
    row = bearers.find(text)
    if row is None or LISTENING_SCOPE not in bearers.scopes_now(row):
        raise Refused(_("This token opens nothing here."))
    is_app = row.kind == TokenKind.SIGN_IN
    actor = bearers.actor_of(row, door=Door.SOCKET)
    socket = LiveSocket(
        sid=request.sid,  # type: ignore[attr-defined]
        user_id=row.user_id,
        session_id=None,
        role=Role(row.user.role),
        token_id=row.id,
        room_ids=actor.room_ids,
        hears_person=is_app,
        is_present=is_app or row.user.role == Role.BOT,
    )
    return socket, lambda: bearers.touch(row, client_address())


def _session_of_this_request() -> LoginSession:
    """Return the device behind the handshake. A cookie needs a named origin, or another site could ride it."""
    token = request.cookies.get(current_settings().session_cookie_name)
    row = sessions.find_session(token) if token and request.origin else None
    if row is None:
        raise Refused(_("Please sign in first."))
    return row


def _announce_presence(user_id: int, *, online: bool) -> None:
    """Within the transaction that decided it, so that coming and going are told in the order they happened."""
    now = clock.now()
    if not online:
        db.session.get_one(User, user_id).last_seen_at = now
    audience = [room_audience(room_id) for room_id in room_ids_of(user_id)]
    last_seen_at = None if online else clock.as_iso(now)
    announce(PresenceChanged(person_id=user_id, online=online, last_seen_at=last_seen_at), audience)

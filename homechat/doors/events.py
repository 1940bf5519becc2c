"""Socket events: one registry and one path that all of them take."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from flask import current_app, g
from flask_babel import gettext as _
from marshmallow import EXCLUDE, Schema, ValidationError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from homechat import lockdown
from homechat.accounts import api_requests, bearers, sessions
from homechat.actor import Actor, Door, Role
from homechat.doors.bearers import refuse_in_lockdown, require_scope
from homechat.doors.shapes import flat
from homechat.errors import (
    Broken,
    Forbidden,
    HomeChatError,
    Invalid,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnknownEvent,
)
from homechat.realtime.live_sockets import LiveSocket, hang_up, live_sockets
from homechat.rooms.finding import find_room
from homechat.security import limits
from homechat.security.policy import EVENT_SCOPES, RoomRight

log = logging.getLogger(__name__)

REFUSALS_MAX = 20
EVENTS_THAT_STORE = frozenset(
    {"message:send", "message:edit", "message:delete", "message:react", "message:unreact", "message:answer"}
)
"""What the audit log has a row of its own for when a token does it; the others only ask, or say what passes."""

Json = dict[str, Any]
Handler = Callable[[Actor, Json], "Json | None"]
HandlerT = TypeVar("HandlerT", bound=Handler)


@dataclass(frozen=True)
class ClientEvent:
    """One event that clients may send."""

    name: str
    schema: Schema
    right: RoomRight | None
    limit: limits.Budget
    handler: Handler


EVENTS: dict[str, ClientEvent] = {}


def event(
    name: str, schema: type[Schema], *, right: RoomRight | None, limit: limits.Budget
) -> Callable[[HandlerT], HandlerT]:
    """Register a handler of a client's event behind the one path that all of them take.

    schema: the shape of its single argument; with a `right`, it has a `room_id`.
    right: what the actor needs in that room; None where the event concerns only the actor.
    limit: the budget that each call spends, per person, beside SOCKET_EVENTS.
    """

    def register(handler: HandlerT) -> HandlerT:
        EVENTS[name] = ClientEvent(name, schema(), right, limit, handler)
        return handler

    return register


class UnderWay:
    """Counts the events at work, so that a stop can let them finish: what is stored shall be acknowledged, too."""

    def __init__(self) -> None:
        self._count = 0
        self._is_stopping = False
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one event for the length of the block. Raises Unavailable once a stop has begun."""
        with self._changed:
            if self._is_stopping:
                raise Unavailable(_("HomeChat is restarting. It will be back in a moment."))
            self._count += 1
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def finish(self, seconds: float) -> None:
        """Let no event begin any more, and wait for those at work, `seconds` at most."""
        with self._changed:
            self._is_stopping = True
            self._changed.wait_for(lambda: not self._count, timeout=seconds)


class Sender(NamedTuple):
    """Where an event comes from."""

    sid: str
    address: str
    user_agent: str


def dispatch(sender: Sender, name: str, args: tuple[Any, ...]) -> Json:
    """Run one event of one socket and return its ack; whatever is in it, the connection stays.

    budget of all events → session row anew → lockdown → shape → budget of this event → right → handler. Errors become
    `{ok: false, code, error}`.
    """
    under_way: UnderWay = current_app.extensions["homechat_events"]
    try:
        with under_way.one():
            return _run(sender, name, args)
    except HomeChatError as error:
        return {"ok": False, **error.as_dict()}
    except PoolTimeoutError:
        log.error("nobody gave a database connection back in time")
        busy = Unavailable(_("A lot is going on here right now. Please try again in a moment."))
        return {"ok": False, **busy.as_dict()}
    except Exception:
        log.exception("the event %s failed", name if name in EVENTS else "(unknown)")
        broken = Broken(_("Something went wrong on our side. Please try again."))
        return {"ok": False, **broken.as_dict()}


def _run(sender: Sender, name: str, args: tuple[Any, ...]) -> Json:
    actor = _actor_of(sender)
    found = EVENTS.get(name)
    if found is None:
        raise UnknownEvent(_("This event is not known here."))
    if actor.token_id is not None:
        _check_scope(actor, found)
    data = _checked(found, args)
    limits.spend(found.limit, actor.person_id)
    if found.right is not None:
        find_room(actor, data["room_id"], found.right)
    if actor.token_id is not None:
        _write_down(actor, found)
    return {"ok": True, **(found.handler(actor, data) or {})}


def _actor_of(sender: Sender) -> Actor:
    socket = live_sockets().get(sender.sid)
    if socket is not None:
        _spend_one_of_all(socket)
    if socket is not None and socket.token_id is not None:
        return _actor_of_token(socket.token_id, sender)
    row = None
    if socket is not None and socket.session_id is not None:
        row = sessions.session_by_id(socket.session_id)
    if row is None:
        raise Unauthenticated(_("You are signed out. Please sign in again."))
    lockdown.refuse(Role(row.user.role))
    sessions.touch(row)
    g.person_id = row.user_id
    g.device = row  # SQLAlchemy forgets rows, and the people in them, that nobody holds.
    return Actor(
        user_id=row.user_id,
        role=Role(row.user.role),
        door=Door.SOCKET,
        address=sender.address,
        user_agent=sender.user_agent,
        session_id=row.id,
        socket_id=sender.sid,
    )


def _actor_of_token(token_id: int, sender: Sender) -> Actor:
    row = bearers.token_by_id(token_id)
    if row is None:
        raise Unauthenticated(_("This token opens nothing here any more."))
    bearers.touch(row, sender.address)
    g.person_id = row.user_id
    g.token = row  # SQLAlchemy forgets rows, and the people in them, that nobody holds.
    actor = bearers.actor_of(
        row, door=Door.SOCKET, address=sender.address, user_agent=sender.user_agent, socket_id=sender.sid
    )
    refuse_in_lockdown(actor)
    return actor


def _spend_one_of_all(socket: LiveSocket) -> None:
    """Count one event of a person, before it costs a look at the database; who goes on past the limit is let go."""
    try:
        limits.spend(limits.SOCKET_EVENTS, socket.user_id)
    except TooMany:
        socket.refused += 1
        if socket.refused >= REFUSALS_MAX:
            hang_up(socket)
        raise
    socket.refused = 0


def _check_scope(actor: Actor, found: ClientEvent) -> None:
    scope = EVENT_SCOPES.get(found.name)
    if scope is None:
        raise Forbidden(_("A token can't do this."))
    require_scope(actor, scope)


def _write_down(actor: Actor, found: ClientEvent) -> None:
    if found.name in EVENTS_THAT_STORE:
        api_requests.note_write(actor, method="EVENT", route=found.name)
    else:
        api_requests.note_read(actor)


def _checked(found: ClientEvent, args: tuple[Any, ...]) -> Json:
    if len(args) > 1 or (args and not isinstance(args[0], dict)):
        raise Invalid(_("This event takes one object."))
    try:
        data: Json = found.schema.load(args[0] if args else {}, unknown=EXCLUDE)
    except ValidationError as error:
        raise Invalid(_("This event has the wrong shape."), fields=flat(error.messages)) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(_("This event has the wrong shape.")) from error
    return data

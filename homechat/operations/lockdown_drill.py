"""A fire drill: every kind of lockdown, started and lifted on a copy of the house, and tried at its real doors.

The house itself is only read; drill_house.py makes the copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from homechat import audit, clock, lockdown
from homechat.accounts import sessions
from homechat.accounts.models import LoginSession
from homechat.accounts.sign_in import sign_in
from homechat.actor import Actor, Door, Role
from homechat.config import API_PREFIX
from homechat.database import db
from homechat.doors.events import Sender, dispatch
from homechat.errors import LockedDown, NotFound
from homechat.extensions import settings_of
from homechat.lockdown import Kind
from homechat.operations import lockdown as actions
from homechat.operations.drill_house import (
    Copy,
    StandIn,
    copied_house,
    everything,
    renewed,
    restore_devices,
    within,
)
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from homechat.security.tokens import new_token

A_PAGE = "/rooms"
AN_EVENT = "room:list"
A_TOKENS_PAGE = f"{API_PREFIX}/me"
OK, LOCKED = 200, 423


@dataclass(frozen=True)
class Step:
    """One thing that was tried, and whether it was as it should be."""

    what: str
    held: bool


def run() -> list[Step]:
    """Return what was tried, in order, and whether it held. Takes some seconds, more in a house with many messages."""
    with copied_house() as copy:
        steps = [step for kind in Kind for step in _try_kind(copy, kind)]
        steps += _try_signing_in(copy)
        steps += _try_signing_everybody_out(copy)
        steps.append(Step("the audit log of the copy is whole", within(copy.app, audit.verify) is None))
    return steps


def _try_kind(copy: Copy, kind: Kind) -> Iterator[Step]:
    name = kind.value.replace("_", "-")
    before = everything(copy, kind)
    began = clock.now()
    within(copy.app, lambda: actions.start(Actor.operator(), kind, hours=1, reason="A drill"))
    visitors = [renewed(copy, person) for person in copy.people] if kind is Kind.ALL else list(copy.people)
    if kind is Kind.ALL:
        for person in copy.people:
            yield Step(f"{name}: {_who(person)} is signed out", _page(copy, person) != OK)
    for person in visitors:
        must_wait = kind.stops_people and person.role is not Role.ADMIN
        word = "has to wait" if must_wait else "comes in"
        yield Step(
            f"{name}: {_who(person)} {word} at a page", _page(copy, person) == (LOCKED if must_wait else OK)
        )
        code = "locked_down" if must_wait else "ok"
        yield Step(f"{name}: {_who(person)} {word} by an event", _event(copy, person) == code)
        is_stopped = must_wait or kind.stops_tokens
        word = "is refused" if is_stopped else "works"
        status = LOCKED if is_stopped else OK
        yield Step(f"{name}: a token of {_who(person)} {word}", _token(copy, person) == status)
    word = "nobody joins" if kind.stops_newcomers else "joining goes on"
    status = LOCKED if kind.stops_newcomers else NotFound.status
    yield Step(f"{name}: {word}", _invitation(copy) == status)
    later = began + timedelta(hours=1, minutes=1)
    yield Step(f"{name}: it ends by the clock", within(copy.app, lambda: lockdown.in_force(later)) == [])
    within(copy.app, lambda: actions.lift(Actor.operator()))
    for person in visitors:
        yield Step(f"{name}, lifted: {_who(person)} comes in", _page(copy, person) == OK)
    if kind is Kind.ALL:
        within(copy.app, lambda: restore_devices(visitors, copy.people))
    yield Step(f"{name}, lifted: nothing else has changed", everything(copy, kind) == before)


def _try_signing_in(copy: Copy) -> Iterator[Step]:
    within(copy.app, lambda: actions.start(Actor.operator(), Kind.ADMIN_ONLY, hours=1))
    yield Step("admin-only: an admin can sign in", _can_sign_in(copy, copy.admin))
    yield Step("admin-only: a member cannot sign in", not _can_sign_in(copy, copy.member))
    within(copy.app, lambda: actions.lift(Actor.operator()))
    yield Step("admin-only, lifted: a member can sign in", _can_sign_in(copy, copy.member))


def _try_signing_everybody_out(copy: Copy) -> Iterator[Step]:
    within(copy.app, lambda: actions.sign_everybody_out(Actor.operator()))
    left = sa.select(sa.func.count()).select_from(LoginSession).where(sessions.is_live_at(clock.now()))
    yield Step("sessions: everybody is signed out", within(copy.app, lambda: db.session.scalar(left)) == 0)
    for person in copy.people:
        yield Step(f"sessions: {_who(person)} is shown no page", _page(copy, person) != OK)
        again = renewed(copy, person)
        yield Step(f"sessions: {_who(person)} comes in again", _page(copy, again) == OK)


# at the doors


def _page(copy: Copy, person: StandIn) -> int:
    headers = {"Cookie": f"{settings_of(copy.app).session_cookie_name}={person.cookie}"}
    return _status(copy, A_PAGE, headers)


def _invitation(copy: Copy) -> int:
    return _status(copy, f"/join/{new_token()}", {})


def _token(copy: Copy, person: StandIn) -> int:
    return _status(copy, A_TOKENS_PAGE, {"Authorization": f"Bearer {person.token}"})


def _status(copy: Copy, path: str, headers: dict[str, str]) -> int:
    client = copy.app.test_client(use_cookies=False)
    reply = client.get(path, base_url=settings_of(copy.app).origin, headers=headers, buffered=True)
    return int(reply.status_code)


def _event(copy: Copy, person: StandIn) -> str:
    """Return the code with which an event of theirs is refused, or "ok"."""
    with copy.app.test_request_context(base_url=settings_of(copy.app).origin):
        socket = LiveSocket(f"drill-{person.name}", person.user_id, person.session_id, person.role)
        live_sockets().add(socket, at_most=100)
        ack = dispatch(Sender(socket.sid, "", ""), AN_EVENT, ())
        live_sockets().remove(socket.sid)
    return "ok" if ack["ok"] else str(ack["code"])


def _can_sign_in(copy: Copy, person: StandIn) -> bool:
    """Whether the password opens: at least as far as the second step, where the house wants one."""
    stranger = Actor.stranger(door=Door.SYSTEM)
    return (
        within(
            copy.app,
            lambda: _status_of(lambda: sign_in(stranger, username=person.name, password=person.password)),
        )
        == OK
    )


def _status_of(act: Callable[[], object]) -> int:
    try:
        act()
    except LockedDown as error:
        return error.status
    return OK


def _who(person: StandIn) -> str:
    return "an admin" if person.role is Role.ADMIN else "a member"

"""A fire drill: every kind of lockdown, started and lifted on a copy of the house, and tried at its real doors.

The house itself is only read. The copy lies in a folder of this process's own, without what people wrote, and is gone
when the drill ends.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import flask_migrate
import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.engine import Connection

from homechat import audit, clock, lockdown, paths
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, create_person
from homechat.accounts.models import LoginSession, User
from homechat.accounts.sign_in import sign_in
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor, Door, Role
from homechat.config import Settings
from homechat.database import Base, db, migration_engine, transaction
from homechat.doors.events import Sender, dispatch
from homechat.errors import LockedDown, NotFound
from homechat.lockdown import Kind
from homechat.operations import lockdown as actions
from homechat.realtime.live_sockets import LiveSocket, live_sockets
from homechat.security import passwords
from homechat.security.tokens import digest_of, new_token

ROWS_AT_ONCE = 500
A_PAGE = "/rooms"
AN_EVENT = "room:list"
A_TOKENS_PAGE = "/api/v1/me"
BODY = "body"
UNLIMITED = "100000/minute"
WRITTEN_DOWN = frozenset({"lockdowns", "audit_logs", "audit_chain", "security_epoch"})
"""Tables that differ after a lockdown was lifted, as they should."""

OK, LOCKED = 200, 423
Build = Callable[[Settings], Flask]
T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """One thing that was tried, and whether it was as it should be."""

    what: str
    held: bool


@dataclass(frozen=True)
class StandIn:
    """Somebody who lives in the copy only, on a device that is signed in."""

    name: str
    password: str
    user_id: int
    role: Role
    session_id: int
    cookie: str
    token: str


def run() -> list[Step]:
    """Return what was tried, in order, and whether it held. Takes some seconds, more in a house with many messages."""
    with _copied_house() as copy:
        steps = [step for kind in Kind for step in _try_kind(copy, kind)]
        steps += _try_signing_in(copy)
        steps += _try_signing_everybody_out(copy)
        steps.append(Step("the audit log of the copy is whole", _within(copy.app, audit.verify) is None))
    return steps


@dataclass(frozen=True)
class _Copy:
    """The application over the copy, and who is tried there."""

    app: Flask
    admin: StandIn
    member: StandIn

    @property
    def people(self) -> tuple[StandIn, StandIn]:
        return self.admin, self.member


def _try_kind(copy: _Copy, kind: Kind) -> Iterator[Step]:
    name = kind.value.replace("_", "-")
    before = _everything(copy, kind)
    began = clock.now()
    _within(copy.app, lambda: actions.start(Actor.operator(), kind, hours=1, reason="A drill"))
    visitors = [_renewed(copy, person) for person in copy.people] if kind is Kind.ALL else list(copy.people)
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
    yield Step(f"{name}: it ends by the clock", _within(copy.app, lambda: lockdown.in_force(later)) == [])
    _within(copy.app, lambda: actions.lift(Actor.operator()))
    for person in visitors:
        yield Step(f"{name}, lifted: {_who(person)} comes in", _page(copy, person) == OK)
    if kind is Kind.ALL:
        _within(copy.app, lambda: _restore_devices(visitors, copy.people))
    yield Step(f"{name}, lifted: nothing else has changed", _everything(copy, kind) == before)


def _try_signing_in(copy: _Copy) -> Iterator[Step]:
    _within(copy.app, lambda: actions.start(Actor.operator(), Kind.ADMIN_ONLY, hours=1))
    yield Step("admin-only: an admin can sign in", _can_sign_in(copy, copy.admin))
    yield Step("admin-only: a member cannot sign in", not _can_sign_in(copy, copy.member))
    _within(copy.app, lambda: actions.lift(Actor.operator()))
    yield Step("admin-only, lifted: a member can sign in", _can_sign_in(copy, copy.member))


def _try_signing_everybody_out(copy: _Copy) -> Iterator[Step]:
    _within(copy.app, lambda: actions.sign_everybody_out(Actor.operator()))
    left = sa.select(sa.func.count()).select_from(LoginSession).where(sessions.is_live_at(clock.now()))
    yield Step("sessions: everybody is signed out", _within(copy.app, lambda: db.session.scalar(left)) == 0)
    for person in copy.people:
        yield Step(f"sessions: {_who(person)} is shown no page", _page(copy, person) != OK)
        again = _renewed(copy, person)
        yield Step(f"sessions: {_who(person)} comes in again", _page(copy, again) == OK)


# at the doors


def _page(copy: _Copy, person: StandIn) -> int:
    headers = {"Cookie": f"{_settings(copy.app).session_cookie_name}={person.cookie}"}
    return _status(copy, A_PAGE, headers)


def _invitation(copy: _Copy) -> int:
    return _status(copy, f"/join/{new_token()}", {})


def _token(copy: _Copy, person: StandIn) -> int:
    """Return how a token fares: at the API, or by the rule itself in a house that has none."""
    if A_TOKENS_PAGE in {rule.rule for rule in copy.app.url_map.iter_rules()}:
        return _status(copy, A_TOKENS_PAGE, {"Authorization": f"Bearer {person.token}"})
    return _within(copy.app, lambda: _status_of(lambda: lockdown.refuse_token(person.role)))


def _status(copy: _Copy, path: str, headers: dict[str, str]) -> int:
    client = copy.app.test_client(use_cookies=False)
    reply = client.get(path, base_url=_settings(copy.app).origin, headers=headers, buffered=True)
    return int(reply.status_code)


def _event(copy: _Copy, person: StandIn) -> str:
    """Return the code with which an event of theirs is refused, or "ok"."""
    with copy.app.test_request_context(base_url=_settings(copy.app).origin):
        socket = LiveSocket(f"drill-{person.name}", person.user_id, person.session_id, person.role)
        live_sockets().add(socket, at_most=100)
        ack = dispatch(Sender(socket.sid, "", ""), AN_EVENT, ())
        live_sockets().remove(socket.sid)
    return "ok" if ack["ok"] else str(ack["code"])


def _can_sign_in(copy: _Copy, person: StandIn) -> bool:
    """Whether the password opens: at least as far as the second step, where the house wants one."""
    stranger = Actor.stranger(door=Door.SYSTEM)
    return (
        _within(
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


# the copy


@contextmanager
def _copied_house() -> Iterator[_Copy]:
    real: Settings = current_app.extensions["homechat_settings"]
    build: Build = current_app.extensions["homechat_build_elsewhere"]
    with tempfile.TemporaryDirectory(prefix="homechat-drill-") as folder:
        file = Path(folder) / "drill.db"
        file.touch(mode=0o600)
        settings = replace(
            real,
            data_dir=Path(folder),
            database_url=f"sqlite:///{file}",
            redis_url="",
            secret_key=new_token(),
            encryption_key=new_token(),
            sign_in_limit=UNLIMITED,
            sign_in_address_limit=UNLIMITED,
            page_limit=UNLIMITED,
        )
        app = build(settings)
        try:
            with app.app_context():
                flask_migrate.upgrade(directory=str(paths.MIGRATIONS))
            _copy_rows(settings)
            with app.app_context():
                people = _move_in()
            yield _Copy(app, *people)
        finally:
            with app.app_context():
                db.engine.dispose()


def _copy_rows(settings: Settings) -> None:
    """Copy what every table of this house holds, as of one moment; of messages not what was written."""
    engine = migration_engine(settings)
    reading = db.engine.connect()
    if db.engine.dialect.name == "postgresql":
        reading = reading.execution_options(isolation_level="REPEATABLE READ")
    try:
        with reading, engine.begin() as writing:
            for table in Base.metadata.sorted_tables:
                writing.execute(sa.delete(table))
                _copy_table(reading, writing, table)
    finally:
        engine.dispose()


def _copy_table(reading: Connection, writing: Connection, table: sa.Table) -> None:
    rows = reading.execution_options(yield_per=ROWS_AT_ONCE).execute(sa.select(table))
    for some in rows.mappings().partitions():
        writing.execute(sa.insert(table), [_without_body(table, dict(row)) for row in some])


def _without_body(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, BODY: ""} if table.name == "messages" else row


def _move_in() -> tuple[StandIn, StandIn]:
    """Open the copy, if the house is closed right now, and have an admin and a member live in it."""
    actions.lift(Actor.operator())
    return _stand_in(Role.ADMIN), _stand_in(Role.MEMBER)


def _stand_in(role: Role) -> StandIn:
    password, known = new_token(), new_token()
    prefix, secret = known[:8].lower().translate(str.maketrans("-_", "00")), new_token()
    password_hash = passwords.hash_password(password)
    with transaction() as session:
        name = f"drill-{role.value}"  # Nobody can choose a name with "-" in it.
        user = create_person(
            Actor.operator(), NewPerson(name, name, password), role=role, password_hash=password_hash
        )
        token = ApiToken(
            prefix=prefix,
            secret_digest=digest_of(secret),
            name="Drill",
            user_id=user.id,
            created_by_id=user.id,
        )
        session.add(token)
        person = StandIn(name, password, user.id, role, 0, "", f"hc_{prefix}_{secret}")
        person = _signed_in(person)
        session.flush()
        # Noting that they are in use would be a change.
        token.last_used_at = clock.now() + timedelta(days=1)
    return person


def _renewed(copy: _Copy, person: StandIn) -> StandIn:
    """Return them on a new device."""
    return _within(copy.app, lambda: _signed_in(person))


def _signed_in(person: StandIn) -> StandIn:
    with transaction() as session:
        user = session.get_one(User, person.user_id)
        cookie = sessions.open_session(Actor.operator(), user)
        row = session.scalars(
            sa.select(LoginSession).where(LoginSession.token_digest == digest_of(cookie))
        ).one()
        row.last_seen_at = clock.now() + timedelta(days=1)
        session.flush()
        return replace(person, session_id=row.id, cookie=cookie)


def _restore_devices(devices: list[StandIn], people: tuple[StandIn, ...]) -> None:
    """Take away the devices on which the stand-ins came back."""
    ids = [device.session_id for device in devices]
    with transaction() as session:
        session.execute(sa.delete(LoginSession).where(LoginSession.id.in_(ids)))
        own = sa.update(LoginSession).where(LoginSession.id.in_([person.session_id for person in people]))
        session.execute(own.values(revoked_at=None))


def _everything(copy: _Copy, kind: Kind) -> dict[str, str]:
    """Return a digest of each table that a lockdown of this kind must leave alone."""
    left_out = {LoginSession.revoked_at.key} if kind is Kind.ALL else set()
    return _within(
        copy.app,
        lambda: {
            table.name: _digest(table, left_out if table.name == LoginSession.__tablename__ else set())
            for table in Base.metadata.sorted_tables
            if table.name not in WRITTEN_DOWN
        },
    )


def _digest(table: sa.Table, left_out: set[str]) -> str:
    digest = hashlib.sha256()
    columns = [column for column in table.columns if column.key not in left_out]
    query = sa.select(*columns).order_by(*table.primary_key).execution_options(yield_per=ROWS_AT_ONCE)
    for row in db.session.execute(query):
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()


def _within(app: Flask, act: Callable[[], T]) -> T:
    with app.app_context():
        return act()


def _settings(app: Flask) -> Settings:
    settings: Settings = app.extensions["homechat_settings"]
    return settings


def _who(person: StandIn) -> str:
    return "an admin" if person.role is Role.ADMIN else "a member"

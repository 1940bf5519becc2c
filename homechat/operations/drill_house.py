"""The copy of a house in which a drill is held: all of it but what people wrote, and two who live there only.

The house itself is only read. The copy lies in a folder of this process's own, and is gone when the drill ends.
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

from homechat import clock, paths
from homechat.accounts import api_tokens, sessions
from homechat.accounts.actions import NewPerson, create_person
from homechat.accounts.models import LoginSession, User
from homechat.accounts.token_models import TokenKind
from homechat.actor import Actor, Role
from homechat.config import Settings
from homechat.database import Base, db, migration_engine, transaction
from homechat.extensions import current_settings
from homechat.lockdown import Kind
from homechat.operations import lockdown as actions
from homechat.security import passwords
from homechat.security.tokens import digest_of, new_token

ROWS_AT_ONCE = 500
BODY = "body"
UNLIMITED = "100000/minute"
WRITTEN_DOWN = frozenset({"lockdowns", "audit_logs", "audit_chain", "security_epoch"})
"""Tables that differ after a lockdown was lifted, as they should."""

Build = Callable[[Settings], Flask]
T = TypeVar("T")


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


@dataclass(frozen=True)
class Copy:
    """The application over the copy, and who is tried there."""

    app: Flask
    admin: StandIn
    member: StandIn

    @property
    def people(self) -> tuple[StandIn, StandIn]:
        return self.admin, self.member


@contextmanager
def copied_house() -> Iterator[Copy]:
    """Copy this house, and have an admin and a member move in; it stands open, and is gone afterwards."""
    real = current_settings()
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
            yield Copy(app, *people)
        finally:
            with app.app_context():
                db.engine.dispose()


def renewed(copy: Copy, person: StandIn) -> StandIn:
    """Return them on a new device."""
    return within(copy.app, lambda: _signed_in(person))


def restore_devices(devices: list[StandIn], people: tuple[StandIn, ...]) -> None:
    """Take away the devices on which the stand-ins came back, and sign them in where they were."""
    ids = [device.session_id for device in devices]
    with transaction() as session:
        session.execute(sa.delete(LoginSession).where(LoginSession.id.in_(ids)))
        own = sa.update(LoginSession).where(LoginSession.id.in_([person.session_id for person in people]))
        session.execute(own.values(revoked_at=None))


def everything(copy: Copy, kind: Kind) -> dict[str, str]:
    """Return a digest of each table that a lockdown of this kind must leave alone."""
    left_out = {LoginSession.revoked_at.key} if kind is Kind.ALL else set()
    return within(
        copy.app,
        lambda: {
            table.name: _digest(table, left_out if table.name == LoginSession.__tablename__ else set())
            for table in Base.metadata.sorted_tables
            if table.name not in WRITTEN_DOWN
        },
    )


def within(app: Flask, act: Callable[[], T]) -> T:
    """Return what `act` does in the copy."""
    with app.app_context():
        return act()


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
    password = new_token()
    password_hash = passwords.hash_password(password)
    with transaction() as session:
        name = f"drill-{role.value}"  # Nobody can choose a name with "-" in it.
        user = create_person(
            Actor.operator(), NewPerson(name, name, password), role=role, password_hash=password_hash
        )
        token, spelled = api_tokens.issue(
            Actor.operator(), kind=TokenKind.MADE, name="Drill", acts_as=user, owner=user
        )
        person = _signed_in(StandIn(name, password, user.id, role, 0, "", spelled))
        # Noting that they are in use would be a change.
        token.last_used_at = clock.now() + timedelta(days=1)
        session.flush()
    return person


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


def _digest(table: sa.Table, left_out: set[str]) -> str:
    digest = hashlib.sha256()
    columns = [column for column in table.columns if column.key not in left_out]
    query = sa.select(*columns).order_by(*table.primary_key).execution_options(yield_per=ROWS_AT_ONCE)
    for row in db.session.execute(query):
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()

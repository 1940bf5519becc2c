"""The database: the base of all tables, UTC time, and `transaction()`, the only way to write.

Why writing is more than `commit()` here. eventlet is cooperative and SQLite waits inside C: a green thread that yields
while it holds SQLite's write lock lets the next writer block the whole process, and the first can then never go on. So
writers of one process queue at a lock that yields, other processes are waited for by asking again, nothing inside a
transaction yields, and COMMIT alone, whose fsync is slow on an SD card, goes to a native thread.

One transaction writes at a time, in all processes and on PostgreSQL too, so that a rule may read before it writes.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from homechat import offload
from homechat.errors import Unavailable

if TYPE_CHECKING:
    from homechat.config import Settings

try:  # The wheel carries a SQLite without the WAL-reset bug (3.7.0 to 3.51.2); there is none for every machine.
    from pysqlite3 import dbapi2 as sqlite_driver
except ImportError:
    sqlite_driver = sqlite3

log = logging.getLogger(__name__)

LOCK_RETRY_SECONDS = 0.02
LOCK_DEADLINE_SECONDS = 5.0
CANNOT_STORE = "The house can't store anything right now. Nothing was lost; try again soon."
POOL_SECONDS = 5.0  # Whoever waits for a connection for longer is told to try again.
POSTGRESQL_WRITERS = 4663_2428  # Any number, the same in every process: HOME CHAT on a telephone's keys.

Callback = Callable[[], object]


class Base(DeclarativeBase):
    """The base of every table; constraints get stable names, so that migrations can name them too."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __table_args__: Any = {"sqlite_autoincrement": True}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; stored without its zone, which is always UTC."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})

_sqlite_writers = threading.Lock()


@contextmanager
def transaction(*, waits: bool = True) -> Iterator[Session]:
    """Write: commit when the outermost block ends, forget everything when it raises, join an outer block when nested.

    Nothing inside may yield: no network, no sleep, no emit, no slow C work. Those hang on `on_commit()`.
    What this session had read before is read anew, so that decisions rest on what is true under the lock.
    waits: False for what is not worth it; then Unavailable is raised at once while anybody else writes.
    Raises Unavailable when another process keeps SQLite for more than 5 s, or the disk takes nothing more.
    """
    session = db.session()
    if "callbacks" in session.info:
        yield session
        return
    if session.new or session.dirty or session.deleted:
        raise RuntimeError("something was changed outside of transaction()")
    callbacks = session.info["callbacks"] = []
    # From here on for all who queue; else each would wait 5 s after the one before.
    until = _deadline() if waits else time.monotonic()
    try:
        session.rollback()
        session.expire_all()  # A rollback does so only where something was read since the last commit.
        with _one_writer(session, waits=waits):
            try:
                session.connection(execution_options={"homechat_writes": True, "homechat_waits_until": until})
                _take_turn_on_postgresql(session, waits=waits)
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise
    except OperationalError as error:
        if waits:
            log.error("the database refused a write: %s", type(error.orig).__name__, exc_info=error)
        raise Unavailable(CANNOT_STORE) from error
    finally:
        del session.info["callbacks"]
    for callback in callbacks:
        _run(callback)


def on_commit(callback: Callback) -> None:
    """Have `callback` called once the surrounding transaction is safely stored; never if it is not."""
    callbacks: list[Callback] | None = db.session().info.get("callbacks")
    if callbacks is None:
        raise RuntimeError("on_commit() needs a transaction() around it")
    callbacks.append(callback)


def is_sqlite() -> bool:
    """Return whether the house is stored in SQLite."""
    return db.engine.dialect.name == "sqlite"


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the options of the one engine for `settings.database_url`."""
    if settings.database_url.startswith("sqlite"):
        return {
            "hide_parameters": True,  # What people write does not belong into error messages.
            "module": sqlite_driver,
            "connect_args": {"factory": WaitingConnection, "check_same_thread": False, "timeout": 0},
            "pool_size": 20,
            "max_overflow": 20,
            "pool_timeout": POOL_SECONDS,
        }
    return {
        "hide_parameters": True,
        "pool_size": 20,
        "pool_timeout": POOL_SECONDS,
        "pool_pre_ping": True,
        "connect_args": {"connect_timeout": 2},
    }


def migration_engine(settings: Settings) -> Engine:
    """Return an engine for migrations only: every transaction writes, foreign keys are off, nothing is pooled."""
    if not settings.database_url.startswith("sqlite"):
        return sa.create_engine(settings.database_url, poolclass=sa.NullPool)
    engine = sa.create_engine(
        settings.database_url,
        module=sqlite_driver,
        connect_args={"factory": WaitingConnection, "check_same_thread": False, "timeout": 5},
        poolclass=sa.NullPool,
        execution_options={"homechat_writes": True},
    )

    @event.listens_for(engine, "connect")
    def _without_foreign_keys(connection: Any, record: object) -> None:
        connection.execute("PRAGMA foreign_keys=OFF")

    return engine


class WaitingConnection(sqlite_driver.Connection):
    """A SQLite connection that waits for the write lock by asking again, and commits writes in a native thread."""

    holds_write_lock = False

    def begin_writing(self, until: float) -> None:
        """Take SQLite's write lock, waiting for other processes without blocking this one.

        until: when to give up, of `time.monotonic()`.
        """
        while True:
            try:
                self.execute("BEGIN IMMEDIATE")
                break
            except sqlite_driver.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(LOCK_RETRY_SECONDS)
        self.holds_write_lock = True

    def commit(self) -> None:
        if not self.holds_write_lock:
            super().commit()
            return
        offload.in_native_thread(super().commit)
        self.holds_write_lock = False

    def rollback(self) -> None:
        self.holds_write_lock = False
        super().rollback()


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, record: object) -> None:
    if not isinstance(connection, WaitingConnection):
        return
    connection.isolation_level = (
        None  # The driver would begin deferred transactions behind SQLAlchemy's back.
    )
    for pragma in (
        "busy_timeout=2000",  # For the one moment after a crash when the first to open replays the log.
        "journal_mode=WAL",
        "synchronous=FULL",  # An acknowledged message survives a power cut; NORMAL would not promise that in WAL.
        "foreign_keys=ON",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "busy_timeout=0",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    driver_connection = connection.connection.dbapi_connection
    if not isinstance(driver_connection, WaitingConnection):
        return
    options = connection.get_execution_options()
    if options.get("homechat_writes"):
        try:
            driver_connection.begin_writing(options.get("homechat_waits_until", _deadline()))
        except sqlite_driver.OperationalError as error:
            raise OperationalError("BEGIN IMMEDIATE", None, error) from error
    else:
        driver_connection.execute("BEGIN")


@contextmanager
def _one_writer(session: Session, *, waits: bool) -> Iterator[None]:
    if session.get_bind().dialect.name != "sqlite":
        yield
        return
    if not _sqlite_writers.acquire(blocking=waits):
        raise Unavailable(CANNOT_STORE)
    try:
        yield
    finally:
        _sqlite_writers.release()


def _take_turn_on_postgresql(session: Session, *, waits: bool) -> None:
    """Let one transaction write at a time there too, in all processes.

    Rules read before they write (is this the last admin? is this room still open?); row locks would have to be taken
    for each of them, in one order everywhere. A household writes little, and its rules hold the same on both.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    patience = f"{int(LOCK_DEADLINE_SECONDS)}s" if waits else "1ms"
    session.execute(sa.text(f"SET LOCAL lock_timeout = '{patience}'"))
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(POSTGRESQL_WRITERS)))


def _deadline() -> float:
    return time.monotonic() + LOCK_DEADLINE_SECONDS


def _run(callback: Callback) -> None:
    """Run one callback; the write is already safe, so what goes wrong now is logged and goes no further."""
    try:
        callback()
    except Exception:
        log.exception("something after a commit went wrong", exc_info=sys.exc_info())

"""The database: the base of all tables, UTC time, and `transaction()`, the only way to write.

Why writing is more than `commit()` here. eventlet is cooperative and SQLite waits inside C: a green thread that yields
while it holds SQLite's write lock lets the next writer block the whole process, and the first can then never go on. So
writers of one process queue at a lock that yields, other processes are waited for by asking again, nothing inside a
transaction yields, and COMMIT alone, whose fsync is slow on an SD card, goes to a native thread.

One transaction writes at a time, in all processes and on PostgreSQL too, so that a rule may read before it writes.
"""

from __future__ import annotations

import functools
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from homechat import offload
from homechat.errors import Unavailable
from homechat.write_queue import CANNOT_STORE, Callback, WriteQueue

if TYPE_CHECKING:
    from homechat.config import Settings

try:  # The wheel carries a SQLite without the WAL-reset bug (3.7.0 to 3.51.2); there is none for every machine.
    from pysqlite3 import dbapi2 as sqlite_driver
except ImportError:
    sqlite_driver = sqlite3

log = logging.getLogger(__name__)

LOCK_RETRY_SECONDS = 0.02
LOCK_DEADLINE_SECONDS = 5.0
POOL_SECONDS = 5.0  # Whoever waits for a connection for longer is told to try again.
POSTGRESQL_WRITERS = 4663_2428  # Any number, the same in every process: HOME CHAT on a telephone's keys.


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


class HouseSession(FlaskSession):
    """Reads on connections of its own, and writes in the transaction that `transaction()` was given a part of."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        connection: Connection | None = self.info.get("connection")
        return connection if connection is not None else super().get_bind(*args, **kwargs)


db = SQLAlchemy(
    model_class=Base,
    disable_autonaming=True,
    session_options={
        "class_": HouseSession,
        "expire_on_commit": False,
        "join_transaction_mode": "create_savepoint",
    },
)

RowT = TypeVar("RowT", bound=Base)

_queues: WeakKeyDictionary[Engine, WriteQueue] = WeakKeyDictionary()
_making_queues = threading.Lock()


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
    callbacks: list[Callback] = []
    # From here on for all who queue; else each would wait 5 s after the one before.
    until = _deadline() if waits else time.monotonic()
    try:
        session.info.pop("looked_up", None)
        session.rollback()
        session.expire_all()  # A rollback does so only where something was read since the last commit.
        begin = functools.partial(_begin_writing, db.engine, until, waits=waits)
        with writers().turn(begin, callbacks, waits=waits) as connection:
            session.info.update(callbacks=callbacks, connection=connection)
            try:
                yield session
                if "last_word" in session.info:
                    session.info["last_word"](session)
                session.commit()  # Of a savepoint; see HouseSession.
            except BaseException:
                session.rollback()
                raise
            finally:
                del session.info["callbacks"], session.info["connection"]
    except (OperationalError, PoolTimeoutError) as error:
        session.expire_all()
        if waits:
            log.error("the database refused a write: %s", type(error).__name__, exc_info=error)
        raise Unavailable(CANNOT_STORE) from error


def on_commit(callback: Callback) -> None:
    """Have `callback` called once the surrounding transaction is safely stored; never if it is not."""
    callbacks: list[Callback] | None = db.session().info.get("callbacks")
    if callbacks is None:
        raise RuntimeError("on_commit() needs a transaction() around it")
    callbacks.append(callback)


@contextmanager
def last_word(callback: Callable[[Session], None]) -> Iterator[None]:
    """Have `callback` write along, as the last, with each outermost transaction that begins in the block.

    It is stored with them or not at all, and what it raises undoes them.
    """
    info = db.session().info
    info["last_word"] = callback
    try:
        yield
    finally:
        info.pop("last_word", None)


def give_back_connection() -> None:
    """End what this session reads: before something slow, so that it keeps no connection from others meanwhile.

    What was read stays as it is. Whatever is decided on it afterwards is to be read anew, as `transaction()` does.
    Within a transaction there is nothing to give back, and nothing slow either.
    """
    session = db.session()
    if "callbacks" in session.info:
        raise RuntimeError("nothing slow belongs into a transaction()")
    session.info.pop("looked_up", None)
    session.commit()  # Of reading; unlike a rollback it keeps what was loaded.


def row_of(model: type[RowT], row_id: int) -> RowT | None:
    """Return the row of this id, or None; a number that no database could hold is the id of none."""
    return db.session.get(model, row_id) if 0 < row_id < 2**63 else None


def looked_up() -> dict[object, object]:
    """Return what was looked up in this request or event and is worth keeping until it ends or begins to write."""
    info = db.session().info
    kept: dict[object, object] = {} if "callbacks" in info else info.setdefault("looked_up", {})
    return kept


def writers() -> WriteQueue:
    """Return the queue of those who write to the house of the current app."""
    with _making_queues:
        return _queues.setdefault(db.engine, WriteQueue())


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


def sqlite_engine(file: Path) -> Engine:
    """Return an engine for a SQLite file as it is: nothing is begun, set or pooled; others are waited for 10 s."""
    return sa.create_engine(
        f"sqlite:///{file}",
        module=sqlite_driver,
        poolclass=sa.NullPool,
        connect_args={"timeout": 10},
        isolation_level="AUTOCOMMIT",
    )


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
    # The driver would begin deferred transactions behind SQLAlchemy's back.
    connection.isolation_level = None
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


def _begin_writing(engine: Engine, until: float, *, waits: bool) -> Connection:
    """Return a connection on which a transaction has begun that may write, as the only one in all processes."""
    connection = engine.connect().execution_options(homechat_writes=True, homechat_waits_until=until)
    try:
        connection.begin()
        if engine.dialect.name == "postgresql":
            _take_turn_on_postgresql(connection, waits=waits)
    except BaseException:
        connection.close()
        raise
    return connection


def _take_turn_on_postgresql(connection: Connection, *, waits: bool) -> None:
    """Let one transaction write at a time there too, in all processes.

    Rules read before they write (is this the last admin? is this room still open?); row locks would have to be taken
    for each of them, in one order everywhere. A household writes little, and its rules hold the same on both.
    """
    patience = f"{int(LOCK_DEADLINE_SECONDS)}s" if waits else "1ms"
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{patience}'"))
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(POSTGRESQL_WRITERS)))


def _deadline() -> float:
    return time.monotonic() + LOCK_DEADLINE_SECONDS

"""PostgreSQL: what its own programs do for a backup. A password never stands in their command."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess  # nosec B404
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from homechat.errors import Unavailable

log = logging.getLogger(__name__)

_EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner"


@contextmanager
def one_moment(database_url: str) -> Iterator[tuple[Connection, str]]:
    """Yield a connection that sees the database as it is now, and the name by which pg_dump sees the same."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection, str(connection.scalar(sa.text("SELECT pg_export_snapshot()")))
    finally:
        engine.dispose()


def dump(database_url: str, target: Path, *, moment: str) -> None:
    """Write the database to `target`, in the form that `load` reads. Raises Unavailable."""
    target.touch(mode=0o600)
    _run("pg_dump", database_url, "--format=custom", f"--snapshot={moment}", f"--file={target}")


def load(database_url: str, source: Path) -> None:
    """Fill an empty database from `source`, wholly or not at all. Raises Unavailable."""
    _run("pg_restore", database_url, "--single-transaction", "--no-owner", "--no-acl", str(source))


def load_in_place(database_url: str, source: Path, *, folder: Path) -> None:
    """Put what is in `source` in the place of everything in a database, wholly or not at all.

    folder: where there is room for it as text. Raises Unavailable.
    """
    script = folder / "restore.sql"
    script.touch(mode=0o600)
    _run("pg_restore", None, "--no-owner", "--no-acl", f"--file={script}", str(source))
    _run(
        "psql",
        database_url,
        "--no-psqlrc",
        "--quiet",
        "--output=/dev/null",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        f"--command={_EMPTY}",
        f"--file={script}",
    )


@contextmanager
def scratch_database(database_url: str) -> Iterator[str]:
    """Yield the address of an empty database on the same server, which is gone afterwards. Raises Unavailable."""
    name = f"homechat_proof_{secrets.token_hex(6)}"
    engine = sa.create_engine(database_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        _create(engine, name)
        try:
            yield make_url(database_url).set(database=name).render_as_string(hide_password=False)
        finally:
            _on(engine, f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        engine.dispose()


def others_are_connected(database_url: str) -> bool:
    """Whether anybody else is connected to the database, such as a server."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            count = connection.scalar(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            )
    finally:
        engine.dispose()
    return bool(count)


def _create(engine: Engine, name: str) -> None:
    try:
        _on(engine, f"CREATE DATABASE {name}")
    except SQLAlchemyError as error:
        raise Unavailable(
            _(
                "This user of PostgreSQL may not make a database to try the backup in."
                " Allow it with: ALTER ROLE … CREATEDB"
            )
        ) from error


def _on(engine: Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def _run(program: str, database_url: str | None, *arguments: str) -> None:
    """Run a program, on a database unless None. Raises Unavailable with what to do."""
    path = shutil.which(program)
    if path is None:
        raise Unavailable(
            _(
                "%(program)s is not installed here, and PostgreSQL needs it for this. "
                "On Debian: apt install postgresql-client",
                program=program,
            )
        )
    where, secret = _address(database_url) if database_url else ([], {})
    # Nothing in the command was said by anybody.
    done = subprocess.run(  # noqa: S603  # nosec B603
        [path, *where, *arguments],
        env={**os.environ, **secret},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [""]
        log.error("%s ended with %d", program, done.returncode)
        raise Unavailable(_("%(program)s did not do its part: %(why)s", program=program, why=lines[0][:200]))


def _address(database_url: str) -> tuple[list[str], dict[str, str]]:
    """Return how a program is told the database. Others see its command; what is around it, only this user."""
    url = make_url(database_url)
    known = url.set(password=None, drivername="postgresql").render_as_string(hide_password=False)
    return [f"--dbname={known}"], {"PGPASSWORD": str(url.password)} if url.password else {}

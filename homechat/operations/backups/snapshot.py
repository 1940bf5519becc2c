"""The database as of one moment, in a file, while everybody goes on writing; and what is in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.engine import Connection

from homechat.config import Settings
from homechat.database import Base, sqlite_engine
from homechat.errors import NoSpace
from homechat.operations.backups import postgres
from homechat.operations.backups.archive import DATABASES
from homechat.uploads.models import Upload

SPARE_BYTES = 16_777_216


@dataclass(frozen=True)
class Facts:
    """What is in a database. uploads: the SHA-256 of every file that a row names."""

    revisions: list[str]
    counts: dict[str, int]
    uploads: list[str]


@dataclass(frozen=True)
class Snapshot:
    """A copy of the database in `file`. kind: sqlite or postgresql."""

    file: Path
    kind: str
    facts: Facts


def take(settings: Settings, folder: Path) -> Snapshot:
    """Copy the database into `folder`. Writers go on meanwhile, and none of them is half in it.

    Raises Unavailable where the database, or the program that copies it, does not do its part.
    """
    if settings.sqlite_file is None:
        file = folder / DATABASES["postgresql"]
        with postgres.one_moment(settings.database_url) as (connection, moment):
            facts = facts_of(connection)
            postgres.dump(settings.database_url, file, moment=moment)
        return Snapshot(file, "postgresql", facts)
    file = folder / DATABASES["sqlite"]
    copy_sqlite(settings.sqlite_file, file)
    engine = sqlite_engine(file)
    with engine.connect() as connection:
        facts = facts_of(connection)
    engine.dispose()
    return Snapshot(file, "sqlite", facts)


def copy_sqlite(source: Path, target: Path) -> None:
    """Write what is in `source` at this moment to the new file `target`.

    In one go: the other way, page by page, begins anew with each write of others, and never ends in a busy house.
    """
    engine = sqlite_engine(source)
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    engine.dispose()
    target.chmod(0o600)


def facts_of(connection: Connection) -> Facts:
    """Return what is in a database of whatever revision: of the tables that we know, those that it has."""
    there = set(sa.inspect(connection).get_table_names())
    counts = {
        name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for name, table in Base.metadata.tables.items()
        if name in there
    }
    return Facts(_revisions(connection, there), counts, _uploads(connection, there))


def refuse_without_room(data_dir: Path, wanted_bytes: int) -> None:
    """Raise NoSpace unless the disk has room for so much, and a little more for what people write meanwhile."""
    free = shutil.disk_usage(data_dir).free
    if free < wanted_bytes + SPARE_BYTES:
        raise NoSpace(
            _(
                "The disk has no room for this: it takes %(wanted)d MB, and %(free)d MB are free.",
                wanted=(wanted_bytes + SPARE_BYTES) // 1_000_000,
                free=free // 1_000_000,
            )
        )


def _revisions(connection: Connection, there: set[str]) -> list[str]:
    if "alembic_version" not in there:
        return []
    return sorted(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))


def _uploads(connection: Connection, there: set[str]) -> list[str]:
    if Upload.__tablename__ not in there:
        return []
    named = {
        sha256
        for row in connection.execute(sa.select(Upload.sha256, Upload.thumbnail_sha256))
        for sha256 in row
    }
    return sorted(named - {None})

"""Runs migrations on an engine of their own, one transaction each.

On SQLite foreign keys are off meanwhile: a batch change copies a table and drops the old one, and with foreign keys on
that drop would delete, by ON DELETE CASCADE, every row that points at it. They are checked after each step instead.
"""

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError
from flask import current_app

from homechat.database import Base, UtcDateTime, migration_engine

config = context.config
settings = current_app.extensions["homechat_settings"]
INDEX_OF_MESSAGES = "message_words"


def render_item(kind: str, item: object, autogen_context: object) -> str | bool:
    """Write our own type as the plain one it is stored as, so that revisions do not import the application."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime()"
    return False


def is_of_the_code(name: str | None, kind: str, parents: object) -> bool:
    """Whether a table is one that the code describes; the index of what was said makes tables of its own on SQLite."""
    return kind != "table" or name is None or not name.startswith(INDEX_OF_MESSAGES)


def refuse_without_house() -> None:
    """Only `flask prepare` makes a house; another command that made one would hide a wrong path."""
    file = settings.sqlite_file
    if file is not None and not file.exists():
        raise CommandError(f"There is no house at {file}. Check HOMECHAT_DATA_DIR, or make one with: bin/run")


def check_foreign_keys(connection: sa.Connection) -> None:
    """Stop a step that left a row pointing at nothing."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"this migration leaves {len(broken)} rows of {broken[0][0]} pointing at nothing")


def main() -> None:
    """Bring the database to the wanted revision."""
    refuse_without_house()
    engine = migration_engine(settings)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            transaction_per_migration=True,
            compare_type=True,
            render_item=render_item,
            include_name=is_of_the_code,
            on_version_apply=lambda **kwargs: check_foreign_keys(connection),
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


main()

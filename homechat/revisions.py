"""Which revision the database is at and which one this code wants, found without Alembic.

Alembic costs a serving process 12 MB of memory and a quarter of a second of its start, for two short texts.
"""

import ast
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool


def present(database_url: str) -> set[str]:
    """Return the revisions that the database is at, the empty set if it holds nothing of ours.

    Leaves nothing open: the app's own connections come later, and may use another copy of SQLite.
    Raises SQLAlchemyError if the database cannot be read.
    """
    engine = sa.create_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return set()
            return set(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))
    finally:
        engine.dispose()


def known(migrations: Path) -> set[str]:
    """Return all revisions that come with this code."""
    return set(_parents(migrations))


def wanted(migrations: Path) -> set[str]:
    """Return the newest revisions that come with this code: those that no other one follows."""
    parents = _parents(migrations)
    return set(parents) - {parent for older in parents.values() for parent in older}


def _parents(migrations: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted((migrations / "versions").glob("*.py")):
        constants = _constants(file)
        down = constants.get("down_revision") or ()
        found[str(constants["revision"])] = (down,) if isinstance(down, str) else tuple(map(str, down))
    return found


def _constants(file: Path) -> dict[str, str | tuple[str, ...] | None]:
    """The plain assignments at the top of a revision file, such as `down_revision: str | None = "0001"`."""
    constants = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            if (
                isinstance(target, ast.Name)
                and target.id in ("revision", "down_revision")
                and statement.value
            ):
                constants[target.id] = ast.literal_eval(statement.value)
    return constants

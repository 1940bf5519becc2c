"""A backup, unpacked into a folder of its own and looked at: what proving it and restoring it have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa
from flask import Flask, current_app
from flask_babel import gettext as _

from homechat import audit, paths, revisions
from homechat.config import Settings
from homechat.database import db, sqlite_engine
from homechat.operations.backups import snapshot
from homechat.operations.backups.archive import (
    DATABASES,
    ENCRYPTION_KEYS,
    UPLOADS,
    BadBackup,
    Manifest,
    read_through,
)
from homechat.operations.backups.snapshot import Facts
from homechat.security.tokens import new_token

Build = Callable[[Settings], Flask]


@dataclass(frozen=True)
class Unpacked:
    """What was in a backup. uploads: the files that people share, by their SHA-256."""

    folder: Path
    manifest: Manifest
    encryption_keys: list[str]

    @property
    def database(self) -> Path:
        return self.folder / DATABASES[self.manifest.database]

    @property
    def uploads(self) -> dict[str, Path]:
        names = [part.name for part in self.manifest.parts if part.name.startswith(UPLOADS)]
        return {name.removeprefix(UPLOADS): self.folder / name for name in names}


def unpack(file: Path, keys: list[bytes], bench: Path) -> Unpacked:
    """Read a whole backup into the empty folder `bench`. Raises BadBackup with a sentence, NoSpace."""
    snapshot.refuse_without_room(bench, 2 * file.stat().st_size)
    manifest = read_through(file, keys, into=bench)
    if set(manifest.revisions) - revisions.known(paths.MIGRATIONS):
        raise BadBackup(_("This backup was made by a newer HomeChat. Install that version, and try again."))
    kept = (bench / ENCRYPTION_KEYS).read_text(encoding="ascii").split()
    unpacked = Unpacked(bench, manifest, kept)
    if manifest.database not in DATABASES or not unpacked.database.exists():
        raise BadBackup(_("There is no database in this backup."))
    return unpacked


def look_at_sqlite(unpacked: Unpacked) -> None:
    """See that SQLite finds its file to be sound. Raises BadBackup."""
    engine = sqlite_engine(unpacked.database)
    try:
        with engine.connect() as connection:
            found = connection.scalar(sa.text("PRAGMA integrity_check"))
            loose = connection.execute(sa.text("PRAGMA foreign_key_check")).first()
    except sa.exc.DatabaseError as error:
        raise BadBackup(_("The database in this backup is damaged.")) from error
    finally:
        engine.dispose()
    if found != "ok" or loose is not None:
        raise BadBackup(_("The database in this backup is damaged."))


def look_at_facts(unpacked: Unpacked, database_url: str) -> None:
    """See that the database holds what the list says, and that every file is there that it names. Raises BadBackup."""
    facts = _facts(database_url)
    if facts.counts != unpacked.manifest.counts or facts.revisions != unpacked.manifest.revisions:
        raise BadBackup(_("What is in this backup is not what its list says."))
    parts = {part.name: part.sha256 for part in unpacked.manifest.parts}
    bad = [sha256 for sha256 in facts.uploads if parts.get(f"{UPLOADS}{sha256}") != sha256]
    if bad:
        raise BadBackup(
            _("Files that messages have are missing in this backup, or damaged: %(count)d.", count=len(bad))
        )


def application_over(unpacked: Unpacked, real: Settings, *, database_url: str) -> Flask:
    """Return an application over a house that was unpacked, which has nothing in common with the real one."""
    build: Build = current_app.extensions["homechat_build_elsewhere"]
    return build(
        replace(
            real,
            data_dir=unpacked.folder,
            database_url=database_url,
            redis_url="",
            secret_key=new_token(),
            encryption_key=" ".join(unpacked.encryption_keys) or new_token(),
        )
    )


def bring_up_to_date(revisions_there: list[str]) -> None:
    """Within the context of an application, bring its database to the revision of this code."""
    if set(revisions_there) != revisions.wanted(paths.MIGRATIONS):
        import flask_migrate  # Not before: a server, which begins jobs and does none, has no use for its 12 MB.

        flask_migrate.upgrade(directory=str(paths.MIGRATIONS))


def look_at_audit_log() -> None:
    """Within the context of an application, see that its audit log is whole. Raises BadBackup."""
    broken = audit.verify()
    if broken is not None:
        raise BadBackup(broken.sentence)


def let_go(app: Flask) -> None:
    """Close the database of an application for good."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _facts(database_url: str) -> Facts:
    if database_url.startswith("sqlite"):
        engine = sqlite_engine(Path(database_url.removeprefix("sqlite:///")))
    else:
        engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return snapshot.facts_of(connection)
    finally:
        engine.dispose()

"""Putting a backup in the place of the house. Whenever it is cut off, the house is the old one, or wholly the new one.

Files and keys of the backup come beside the old ones, which does the old house no harm. Then the database takes the
place of the old one in a single step: by renaming on SQLite, in one transaction on PostgreSQL.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock, data_folder
from homechat.accounts import sessions
from homechat.actor import Actor
from homechat.config import CannotStartError, Settings, prepare
from homechat.database import db, sqlite_engine, transaction
from homechat.errors import Conflict, Invalid
from homechat.operations.backups import folder, making, postgres
from homechat.operations.backups.archive import Manifest
from homechat.operations.backups.folder import Status, new_backup
from homechat.operations.backups.unpacking import (
    Unpacked,
    application_over,
    bring_up_to_date,
    let_go,
    look_at_audit_log,
    look_at_facts,
    look_at_sqlite,
    unpack,
)
from homechat.uploads import files

ASIDE = "before-restore-"


@dataclass(frozen=True)
class Restoration:
    """What was restored. kept: where the house is that was here before; None: there was none.  signed_out: how many."""

    manifest: Manifest
    kept: Path | None
    signed_out: int


def restore(
    actor: Actor, file: Path, opening_keys: list[bytes], settings: Settings, *, replace_house: bool
) -> Restoration:
    """Put what is in a backup in the place of this house, which is stopped. Everybody has to sign in anew.

    replace_house: whether it may take the place of a house that is there; that is kept aside.
    Raises Conflict where one is there and it may not, or where it is being served; BadBackup, Invalid, NoSpace.
    """
    settings = _prepared(settings)
    db.session.remove()
    db.engine.dispose()  # What this process itself has open of the old one would go on showing that.
    with _stopped(settings), _alone(settings):
        has_house = _has_house(settings)
        if has_house and not replace_house:
            raise Conflict(_("There is a house here already. To put the backup in its place, say: --replace"))
        with making.problems_said(), folder.workbench(settings.data_dir) as bench:
            unpacked = unpack(file, opening_keys, bench)
            _refuse_another_kind(unpacked, settings)
            _refuse_other_secrets(unpacked, settings)
            if settings.sqlite_file is None:
                return _restore_postgresql(actor, unpacked, settings, has_house=has_house)
            return _restore_sqlite(actor, unpacked, settings, settings.sqlite_file)


def _restore_sqlite(actor: Actor, unpacked: Unpacked, settings: Settings, place: Path) -> Restoration:
    look_at_sqlite(unpacked)
    database_url = f"sqlite:///{unpacked.database}"
    look_at_facts(unpacked, database_url)
    app = application_over(unpacked, settings, database_url=database_url)
    try:
        with app.app_context():
            bring_up_to_date(unpacked.manifest.revisions)
            look_at_audit_log()
            signed_out = _write_down(actor, unpacked.manifest)
            with db.engine.connect() as connection:
                connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
    finally:
        let_go(app)
    kept = _keep_aside(settings, place) if place.exists() else None
    _bring_files_and_keys(unpacked, settings)
    _put_in_place(unpacked.database, place)
    return Restoration(unpacked.manifest, kept, signed_out)


def _put_in_place(new: Path, place: Path) -> None:
    """The one step by which the house is another one. What SQLite had left to fold into the old one was folded in."""
    beside = place.with_name(f"{place.name}.restored")
    shutil.move(new, beside)  # On another disk, when the database has one of its own.
    beside.chmod(0o600)
    with beside.open("rb") as opened:
        os.fsync(opened.fileno())
    for ending in ("-wal", "-shm"):
        place.with_name(f"{place.name}{ending}").unlink(missing_ok=True)
    os.replace(beside, place)
    folder.sync(place.parent)


def _keep_aside(settings: Settings, place: Path) -> Path:
    """Keep database, keys and files of the old house in a folder of their own; the files cost no room."""
    kept = _free_place(settings.data_dir / f"{ASIDE}{clock.now():%Y%m%dT%H%M%SZ}")
    with folder.workbench(settings.data_dir) as bench:
        _copy_house(settings, place, bench)
        os.sync()
        bench.rename(kept)  # What has this name is whole.
    _fold_log_in(place)
    return kept


def _free_place(wanted: Path) -> Path:
    """Return `wanted`, or with a number behind it where something has this name: a restoration of the same second."""
    places = (wanted.with_name(f"{wanted.name}-{number}") for number in itertools.count(2))
    return next(place for place in itertools.chain([wanted], places) if not place.exists())


def _copy_house(settings: Settings, place: Path, kept: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            shutil.copy2(place.with_name(f"{place.name}{ending}"), kept)
    shutil.copytree(data_folder.secrets_dir(settings.data_dir), kept / "secrets")
    uploads = data_folder.uploads_dir(settings.data_dir)
    if uploads.is_dir():
        left_out = shutil.ignore_patterns("incoming")
        shutil.copytree(uploads, kept / "uploads", copy_function=_linked, ignore=left_out)


def _linked(source: str, target: str) -> None:
    """Give the same bytes a second name; copy them where the disk knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _fold_log_in(place: Path) -> None:
    """Have all of the old database in its one file, which a server that was killed leaves in two.

    Else the old house would not be whole in the moment between the log's going and the new database's coming.
    """
    engine = sqlite_engine(place)
    # What is too damaged for that is replaced as it is.
    with suppress(sa.exc.DatabaseError), engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
    engine.dispose()


def _restore_postgresql(
    actor: Actor, unpacked: Unpacked, settings: Settings, *, has_house: bool
) -> Restoration:
    """The old house is kept as a backup of its own, made now."""
    kept = None
    if has_house:
        kept_backup = making.make(actor, folder.keep(settings.data_dir, new_backup()), settings)
        if kept_backup.status is not Status.DONE:
            raise Conflict(kept_backup.problem)
        kept = folder.file_of(settings.data_dir, kept_backup.id)
    db.session.remove()
    db.engine.dispose()
    _bring_files_and_keys(unpacked, settings)
    postgres.load_in_place(settings.database_url, unpacked.database, folder=unpacked.folder)
    bring_up_to_date(unpacked.manifest.revisions)
    look_at_audit_log()
    return Restoration(unpacked.manifest, kept, _write_down(actor, unpacked.manifest))


def _bring_files_and_keys(unpacked: Unpacked, settings: Settings) -> None:
    """Put files beside those that are there, and the keys of secrets before those that are there."""
    for file in unpacked.uploads.values():
        files.keep(settings.data_dir, file)
    if settings.encryption_key or not unpacked.encryption_keys:
        return
    own = making.encryption_keys(settings).split()
    wanted = list(dict.fromkeys([*unpacked.encryption_keys, *own]))
    if wanted != own:
        data_folder.put_encryption_keys(settings.data_dir, wanted)


def _write_down(actor: Actor, manifest: Manifest) -> int:
    """In the restored house: sign everybody out, and note where it came from. Return how many devices that were."""
    with transaction():
        signed_out = sessions.revoke_everybody(except_id=None)
        detail = {"made": manifest.created_at, "devices": signed_out}
        audit.record(actor, audit.Action.RESTORE, subject=f"backup:{manifest.id}", detail=detail)
    return signed_out


def _prepared(settings: Settings) -> Settings:
    try:
        return prepare(settings)
    except CannotStartError as error:
        raise Invalid(str(error)) from error


@contextmanager
def _stopped(settings: Settings) -> Iterator[None]:
    """Keep servers, and other restores, from this house meanwhile. Raises Conflict where one is at it."""
    if settings.sqlite_file is None:
        if postgres.others_are_connected(settings.database_url):
            raise Conflict(_("This house is being served. Stop HomeChat first."))
        yield
        return
    try:
        lock = data_folder.claim(settings.sqlite_file)
    except CannotStartError as error:
        raise Conflict(_("This house is being served. Stop HomeChat first.")) from error
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep those who make or try backups from this house meanwhile. Raises Conflict where somebody is at it."""
    try:
        turn = folder.take_turn(settings.data_dir)
    except folder.Busy as error:
        raise Conflict(_("A backup is being made or tried right now. Wait until that is done.")) from error
    try:
        yield
    finally:
        os.close(turn)


def _has_house(settings: Settings) -> bool:
    if settings.sqlite_file is not None:
        return settings.sqlite_file.exists()
    found = sa.inspect(db.engine).has_table("users")
    db.engine.dispose()
    return found


def _refuse_another_kind(unpacked: Unpacked, settings: Settings) -> None:
    kind = "postgresql" if settings.sqlite_file is None else "sqlite"
    if unpacked.manifest.database != kind:
        raise Invalid(
            _(
                "This backup is of a house on %(its)s, and this one is on %(ours)s. "
                "Set HOMECHAT_DATABASE_URL to match.",
                its=unpacked.manifest.database,
                ours=kind,
            )
        )


def _refuse_other_secrets(unpacked: Unpacked, settings: Settings) -> None:
    """Where the keys of secrets come from a setting, those of the backup have to be among them: we cannot add them."""
    given = settings.encryption_key.split()
    if given and not set(unpacked.encryption_keys) & set(given):
        raise Invalid(
            _(
                "HOMECHAT_ENCRYPTION_KEY is set, and is not what this backup was made with. Take it out, restore, and "
                "HomeChat goes on with the keys in the backup."
            )
        )

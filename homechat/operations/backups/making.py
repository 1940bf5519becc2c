"""Making a backup, from the first byte to its name. For a process of its own, or the shell: it takes its time."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from homechat import audit, data_folder
from homechat.actor import Actor
from homechat.config import Settings
from homechat.database import transaction
from homechat.errors import Broken, HomeChatError, NoSpace, Unavailable
from homechat.operations.backups import folder, keys, snapshot
from homechat.operations.backups.archive import DATABASES, ENCRYPTION_KEYS, UPLOADS, Manifest, Packer
from homechat.operations.backups.folder import Backup, Status
from homechat.operations.backups.snapshot import Snapshot
from homechat.operations.health import app_version
from homechat.uploads import files

log = logging.getLogger(__name__)


def make(actor: Actor, backup: Backup, settings: Settings) -> Backup:
    """Make the backup that was begun as `backup`, and return what became of it: done, or failed with its problem.

    The caller holds the turn of the folder. It has its name only when it is whole, on the disk, and written down.
    """
    began = time.monotonic()
    unfinished = folder.unfinished_file_of(settings.data_dir, backup.id)
    try:
        with problems_said(), folder.workbench(settings.data_dir) as bench:
            made = _pack(backup, settings, bench, unfinished)
            made = replace(made, took_ms=_ms_since(began))
            _finish(actor, made, settings, unfinished)
    except HomeChatError as error:
        unfinished.unlink(missing_ok=True)
        log.warning("backup %s failed: %s", backup.id, error.message)
        write_down_failure(actor, backup.id, what="made")
        failed = replace(backup, status=Status.FAILED, problem=str(error.message), took_ms=_ms_since(began))
        return _kept_if_possible(settings, failed)
    log.info("backup %s was made: %d bytes in %d ms", made.id, made.byte_size, made.took_ms)
    return folder.keep(settings.data_dir, made)


@contextmanager
def problems_said() -> Iterator[None]:
    """Turn what goes wrong with disks into a sentence. Raises NoSpace, Unavailable, Broken."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoSpace(_("The disk is full. Make room there and try again; nothing was lost.")) from error
        log.exception("a file could not be read or written")
        raise Unavailable(
            _("A file could not be read or written: %(why)s.", why=error.strerror or "")
        ) from error
    except (HomeChatError, folder.Busy):
        raise
    except Exception as error:
        log.exception("a job of the backups broke")
        if "database or disk is full" in str(error):
            raise NoSpace(_("The disk is full. Make room there and try again; nothing was lost.")) from error
        raise Broken(_("Something went wrong on our side. The log says more.")) from error


def write_down(actor: Actor, backup_id: str, *, what: str, result: Status, **more: int) -> None:
    """Put into the audit log what was done with a backup: made, verified or proven, and what came of it."""
    with transaction():
        detail = {"what": what, "result": result.value, **more}
        audit.record(actor, audit.Action.BACKUP, subject=f"backup:{backup_id}", detail=detail)


def write_down_failure(actor: Actor, backup_id: str, *, what: str) -> None:
    """The same for what failed, unless the very reason for that is that nothing can be stored."""
    try:
        write_down(actor, backup_id, what=what, result=Status.FAILED)
    except (HomeChatError, SQLAlchemyError):
        log.error("that backup %s failed could not be written into the audit log", backup_id)


def encryption_keys(settings: Settings) -> str:
    """Return the keys of the secrets in the database, one a line."""
    file = data_folder.encryption_key_file(settings.data_dir)
    given = settings.encryption_key.split() or (
        file.read_text(encoding="ascii").split() if file.exists() else []
    )
    return "".join(f"{key}\n" for key in given)


def _pack(backup: Backup, settings: Settings, bench: Path, target: Path) -> Backup:
    """Write all of it to `target`, on the disk for good; return what is known of it now."""
    snapshot.refuse_without_room(settings.data_dir, 2 * _bytes_of_database(settings))
    taken = snapshot.take(settings, bench)
    found = [sha256 for sha256 in taken.facts.uploads if files.exists(settings.data_dir, sha256)]
    sizes = sum(files.path_of(settings.data_dir, sha256).stat().st_size for sha256 in found)
    snapshot.refuse_without_room(settings.data_dir, sizes + taken.file.stat().st_size)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        packer = Packer(output, keys.newest_key(settings))
        _add_file(packer, DATABASES[taken.kind], taken.file)
        packer.add_bytes(ENCRYPTION_KEYS, encryption_keys(settings).encode("ascii"))
        for sha256 in found:
            _add_file(packer, f"{UPLOADS}{sha256}", files.path_of(settings.data_dir, sha256))
        missing = sorted(set(taken.facts.uploads) - set(found))
        packer.finish(_manifest(backup, taken, missing, packer))
        output.flush()
        os.fsync(output.fileno())
    counts = taken.facts.counts
    return replace(
        backup,
        status=Status.DONE,
        byte_size=target.stat().st_size,
        homechat=app_version(),
        database=taken.kind,
        people=counts.get("users", 0),
        messages=counts.get("messages", 0),
        files=counts.get("uploads", 0),
        missing_files=len(missing),
    )


def _add_file(packer: Packer, name: str, file: Path) -> None:
    with file.open("rb") as source:
        packer.add(name, source, os.fstat(source.fileno()).st_size)


def _manifest(backup: Backup, taken: Snapshot, missing: list[str], packer: Packer) -> Manifest:
    return Manifest(
        id=backup.id,
        created_at=backup.created_at,
        homechat=app_version(),
        database=taken.kind,
        revisions=taken.facts.revisions,
        counts=taken.facts.counts,
        missing=missing,
        parts=list(packer.parts),
    )


def _finish(actor: Actor, made: Backup, settings: Settings, unfinished: Path) -> None:
    """Give it its name and write down that it was made: both, or neither."""
    final = folder.file_of(settings.data_dir, made.id)
    try:
        with transaction():
            write_down(actor, made.id, what="made", result=Status.DONE, bytes=made.byte_size)
            os.replace(unfinished, final)
    except BaseException:
        final.unlink(missing_ok=True)
        raise
    folder.sync(final.parent)


def _bytes_of_database(settings: Settings) -> int:
    return settings.sqlite_file.stat().st_size if settings.sqlite_file is not None else 0


def _kept_if_possible(settings: Settings, failed: Backup) -> Backup:
    """Write down that it failed. Where even that does not fit on the disk, it is found to have been cut off."""
    try:
        return folder.keep(settings.data_dir, failed)
    except OSError:
        return failed


def _ms_since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))

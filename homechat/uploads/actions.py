"""Sharing files: taking one in, giving it to a message, and forgetting what nobody has any more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.actor import Actor
from homechat.config import Settings
from homechat.database import db, give_back_connection, transaction
from homechat.errors import HomeChatError, Invalid, NoSpace, TooLarge, Unavailable
from homechat.extensions import current_settings
from homechat.offload import in_native_thread
from homechat.rooms.finding import find_room
from homechat.security import limits
from homechat.security.policy import RoomRight
from homechat.uploads import files, films, images
from homechat.uploads.cards import FileCard, card_of_file, no_such_file
from homechat.uploads.files import Workbench
from homechat.uploads.kinds import HEAD_BYTES, OPAQUE, Group, kind_of, shown_as
from homechat.uploads.models import Upload
from homechat.uploads.names import clean_name, extension_of, with_extension
from homechat.uploads.queries import MESSAGES, used_by

FILES_MAX = 20
UNCLAIMED_LIFE = timedelta(days=1)
SWEPT_AT_ONCE = 50
ON_DISK_SHARES = 2
"""How often what one person may have lies on the disk, with what was deleted and goes in a day."""


def store_upload(actor: Actor, *, room_id: int, name: str, stream: IO[bytes]) -> FileCard:
    """Take in one file for a room and return it; it waits a day for a message that takes it (`claim_uploads`).

    name: as whoever sends it calls it; it is made harmless.  stream: read to its end, in another thread.
    Raises NotFound or Forbidden for the room, TooLarge, NoSpace, TooMany past 60 a minute or 20 pictures that wait to
    be drawn, and Invalid for what is empty, a broken or monstrous picture, or a recording that may tell where it was
    made.
    """
    find_room(actor, room_id, RoomRight.POST)
    limits.spend(limits.UPLOADS, actor.person_id)
    settings = current_settings()
    _check_space(actor, settings)
    give_back_connection()
    with Workbench(settings.data_dir) as bench:
        try:
            size = in_native_thread(bench.take, stream, bytes_max=settings.upload_bytes)
        except files.TooManyBytesError as error:
            raise TooLarge(_too_large(settings)) from error
        if not size:
            raise Invalid(_("This file is empty."))
        upload = _prepared(actor, bench, clean_name(name), size)
        _check_quota(actor, settings, upload.byte_size)
        give_back_connection()
        upload.owner_id, upload.room_id = actor.person_id, room_id
        upload.sha256 = in_native_thread(files.keep, settings.data_dir, _result(bench))
        if bench.small.exists():
            upload.thumbnail_sha256 = in_native_thread(files.keep, settings.data_dir, bench.small)
    try:
        with transaction() as session:
            find_room(actor, room_id, RoomRight.POST)  # Much can have happened meanwhile.
            _check_quota(actor, settings, upload.byte_size)
            _check_that_it_is_there(settings.data_dir, upload)
            session.add(upload)
            session.flush()
            return card_of_file(upload)
    except HomeChatError:
        _take_back(settings.data_dir, upload)
        raise


def claim_uploads(
    actor: Actor, *, room_id: int, message_id: int, upload_ids: Sequence[str]
) -> list[FileCard]:
    """Give these files of the actor's to a message of theirs, in this order, and return them. In a transaction.

    Raises Invalid unless each waits in this room for a message, and there are 20 at most.
    """
    wanted = list(dict.fromkeys(upload_ids))
    check_count(len(wanted))
    waiting = sa.select(Upload).where(
        Upload.id.in_(wanted),
        Upload.owner_id == actor.person_id,
        Upload.room_id == room_id,
        Upload.message_id.is_(None),
        Upload.deleted_at.is_(None),
    )
    found = {upload.id: upload for upload in db.session.scalars(waiting)}
    if len(found) < len(wanted):
        why = _("One of the files is not here any more. Attach it once more.")
        raise Invalid(why, fields={"upload_ids": why})
    for position, upload_id in enumerate(wanted):
        found[upload_id].message_id, found[upload_id].position = message_id, position
    db.session.flush()
    return [card_of_file(found[upload_id]) for upload_id in wanted]


def check_count(count: int) -> None:
    """Raise Invalid for more files than a message takes."""
    if count > FILES_MAX:
        raise Invalid(_("A message takes up to %(most)d files.", most=FILES_MAX))


def drop_upload(actor: Actor, upload_id: str) -> None:
    """Forget a file that the actor has not sent after all. Raises NotFound where there is no such file."""
    with transaction() as session:
        dropped = session.execute(
            sa.update(Upload)
            .where(
                Upload.id == upload_id,
                Upload.owner_id == actor.person_id,
                Upload.message_id.is_(None),
                Upload.deleted_at.is_(None),
            )
            .values(deleted_at=clock.now())
            .returning(Upload.id)
        ).all()
        if not dropped:
            raise no_such_file()


def forget_uploads() -> int:
    """Forget what no message has taken for a day, or whose message is gone; return how many files went from the disk.

    First the row says that it is gone, a day later row and bytes go: a backup copies the rows before the files.
    """
    _mark_gone()
    _delete_rows()
    data_dir = current_settings().data_dir
    in_native_thread(files.clear_workbenches, data_dir)
    gone = 0
    old = in_native_thread(lambda: list(files.old_files(data_dir)))
    for start in range(0, len(old), SWEPT_AT_ONCE):
        gone += _sweep(data_dir, old[start : start + SWEPT_AT_ONCE])
    return gone


def _prepared(actor: Actor, bench: Workbench, name: str, size: int) -> Upload:
    """Return the row of what lies on the bench, made harmless."""
    kind = kind_of(in_native_thread(files.head_of, bench.source, HEAD_BYTES))
    shown = shown_as(kind, name)
    upload = Upload(name=name, content_type=shown.content_type, byte_size=size)
    if kind.group is not Group.PICTURE:
        films.clean(bench, kind)
        return upload
    try:
        picture = images.draw_anew(bench, kind, person_id=actor.answerable_id)
    except Invalid:
        if shown is OPAQUE:  # It only begins like a picture, and nobody called it one.
            bench.drawn.unlink(missing_ok=True)
            bench.small.unlink(missing_ok=True)
            return upload
        raise
    upload.byte_size = bench.drawn.stat().st_size
    if shown is OPAQUE:
        bench.small.unlink(missing_ok=True)
        return upload
    upload.content_type = picture.kind.content_type
    upload.width, upload.height = picture.width, picture.height
    if extension_of(name) not in picture.kind.extensions:
        upload.name = with_extension(name, picture.kind.coder.lower())
    return upload


def _result(bench: Workbench) -> Path:
    return bench.drawn if bench.drawn.exists() else bench.source


def _check_space(actor: Actor, settings: Settings) -> None:
    if not files.has_room(settings.data_dir, free_percent=settings.disk_free_percent):
        raise NoSpace(_("The house has hardly any room left for files. Tell whoever runs it."))
    _check_quota(actor, settings, 1)


def _check_quota(actor: Actor, settings: Settings, size: int) -> None:
    used, most = used_by(actor.answerable_id), settings.upload_quota_bytes
    if used.on_disk_bytes + size > ON_DISK_SHARES * most:
        raise NoSpace(_("You have deleted a lot today. That space comes free tomorrow."))
    if used.files >= settings.upload_quota_files or used.byte_size + size > most:
        raise NoSpace(_("You have shared as many files as fit here. Delete messages with large ones first."))


def _check_that_it_is_there(data_dir: Path, upload: Upload) -> None:
    """Nobody sweeps while we write; before that somebody may have."""
    for sha256 in filter(None, (upload.sha256, upload.thumbnail_sha256)):
        if not files.exists(data_dir, sha256):
            raise Unavailable(_("That didn't work. Please try again."))


def _take_back(data_dir: Path, upload: Upload) -> None:
    """Take away the bytes of a refused file, which count for nobody. Where that can't be, they go in a day."""
    sha256s = [it for it in (upload.sha256, upload.thumbnail_sha256) if it]
    with suppress(HomeChatError):
        _sweep(data_dir, sha256s, is_sure=True)


def _mark_gone() -> None:
    now = clock.now()
    with transaction() as session:
        session.execute(
            sa.update(Upload)
            .where(
                Upload.deleted_at.is_(None),
                Upload.message_id.is_(None),
                Upload.created_at < now - UNCLAIMED_LIFE,
            )
            .values(deleted_at=now)
        )
        of_deleted = sa.select(MESSAGES.c.id).where(
            MESSAGES.c.id == Upload.message_id, MESSAGES.c.deleted_at.is_not(None)
        )
        session.execute(
            sa.update(Upload)
            .where(Upload.deleted_at.is_(None), of_deleted.exists())
            .values(deleted_at=now)
            .execution_options(synchronize_session=False)
        )


def _delete_rows() -> None:
    with transaction() as session:
        session.execute(sa.delete(Upload).where(Upload.deleted_at < clock.now() - files.KEPT_AFTER_DELETION))


def _sweep(data_dir: Path, sha256s: list[str], *, is_sure: bool = False) -> int:
    """Take away those that no row has. In a transaction: whoever stores the same bytes now does so before or after.

    is_sure: no row ever had them, so that no backup looks for them and they need not be old.
    """
    with transaction() as session:
        needed = set(
            session.scalars(
                sa.select(Upload.sha256)
                .where(Upload.sha256.in_(sha256s))
                .union(sa.select(Upload.thumbnail_sha256).where(Upload.thumbnail_sha256.in_(sha256s)))
            )
        )
        unneeded = [it for it in sha256s if it not in needed and (is_sure or files.is_old(data_dir, it))]
        for sha256 in unneeded:
            files.remove(data_dir, sha256)
    return len(unneeded)


def _too_large(settings: Settings) -> str:
    return _("A file may have up to %(most)d MB.", most=settings.upload_bytes // 1_000_000)

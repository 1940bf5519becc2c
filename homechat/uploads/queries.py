"""Finding files; always through the eyes of an actor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from homechat.accounts.api_tokens import ids_acted_as
from homechat.actor import Actor
from homechat.database import db
from homechat.rooms.finding import look_up_room
from homechat.security.policy import RoomRight
from homechat.uploads.cards import FileCard, card_of_file, no_such_file
from homechat.uploads.models import Upload

# Messages are further up. Of them a file has to know only where its own stands, and whether it is gone.
MESSAGES = sa.table("messages", sa.column("id"), sa.column("seq"), sa.column("deleted_at"))
_WITH_MESSAGE = (
    sa.select(Upload, MESSAGES.c.seq, MESSAGES.c.deleted_at)
    .outerjoin(MESSAGES, MESSAGES.c.id == Upload.message_id)
    .where(Upload.id == sa.bindparam("upload_id"), Upload.deleted_at.is_(None))
)


@dataclass(frozen=True)
class Used:
    """What a person's files take: of messages that are there, or waiting for one, whatever else has the same bytes.

    on_disk_bytes: with what was taken back or deleted, which lies there for another day.
    """

    files: int
    byte_size: int
    on_disk_bytes: int


def find_upload(actor: Actor, upload_id: str) -> Upload:
    """Return a file for somebody who may read its message now; before it has one, for whoever sent it alone.

    Raises NotFound otherwise, also where the message was deleted, or stands before the actor's arrival.
    """
    row = db.session.execute(_WITH_MESSAGE, {"upload_id": upload_id}).one_or_none()
    if row is not None and _may_have(actor, *row):
        upload: Upload = row[0]
        return upload
    raise no_such_file()


def files_of(message_ids: Collection[int]) -> dict[int, list[FileCard]]:
    """Return the files of those of these messages that have any, in their order, in one query."""
    if not message_ids:
        return {}
    found: dict[int, list[FileCard]] = defaultdict(list)
    rows = db.session.scalars(
        sa.select(Upload)
        .where(Upload.message_id.in_(list(message_ids)), Upload.deleted_at.is_(None))
        .order_by(Upload.message_id, Upload.position)
    )
    for upload in rows:
        found[upload.message_id or 0].append(card_of_file(upload))
    return dict(found)


def used_by(person_id: int) -> Used:
    """Return what a person's files take, with those of bots of theirs; see `Used`."""
    is_here = sa.and_(Upload.deleted_at.is_(None), MESSAGES.c.deleted_at.is_(None))
    size = sa.func.sum(Upload.byte_size)
    files, byte_size, on_disk = db.session.execute(
        sa.select(sa.func.count().filter(is_here), size.filter(is_here), size)
        .select_from(Upload)
        .outerjoin(MESSAGES, MESSAGES.c.id == Upload.message_id)
        .where(Upload.owner_id.in_(ids_acted_as(person_id)))
    ).one()
    return Used(int(files), int(byte_size or 0), int(on_disk or 0))


def _may_have(actor: Actor, upload: Upload, seq: int | None, deleted_at: object) -> bool:
    found = look_up_room(actor, upload.room_id)
    if found is None or RoomRight.READ not in found.rights or deleted_at is not None:
        return False
    if seq is None:
        return upload.owner_id == actor.user_id
    return seq > found.hidden_up_to

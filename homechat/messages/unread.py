"""How much a person has not read: counted from the messages, so that it can never be stuck."""

from __future__ import annotations

import sqlalchemy as sa

from homechat.database import db
from homechat.messages.models import Message
from homechat.rooms.models import Membership


def unread_in(user_id: int, room_id: int) -> int:
    """Return how many messages of others in a room a person has not read."""
    return unread_by_room(user_id, room_id=room_id).get(room_id, 0)


def unread_by_room(user_id: int, *, room_id: int | None = None) -> dict[int, int]:
    """Return the unread count of each room of a person that has any."""
    if room_id is None:
        return _counts(_IN_ALL_ROOMS, user_id=user_id)
    return _counts(_IN_ONE_ROOM, user_id=user_id, room_id=room_id)


def _counts(query: sa.Select[int, int], **of: int) -> dict[int, int]:
    return {room_id: count for room_id, count in db.session.execute(query, of)}


_IN_ALL_ROOMS = (
    sa.select(Membership.room_id, sa.func.count(Message.id))
    .join(Message, sa.and_(Message.room_id == Membership.room_id, Message.seq > Membership.last_read_seq))
    .where(
        Membership.user_id == sa.bindparam("user_id"),
        Message.author_id != sa.bindparam("user_id"),
        Message.deleted_at.is_(None),
    )
    .group_by(Membership.room_id)
)
_IN_ONE_ROOM = _IN_ALL_ROOMS.where(Membership.room_id == sa.bindparam("room_id"))

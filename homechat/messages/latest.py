"""What was said last in rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from homechat.accounts.models import User
from homechat.database import db
from homechat.messages.models import Message
from homechat.rooms.finding import shown_to_member
from homechat.rooms.models import Membership, Room


@dataclass(frozen=True)
class Latest:
    """The newest message of a room, as lists need it. payload: as the table of messages has it."""

    id: int
    author_id: int
    username: str
    display_name: str
    body: str
    payload: dict[str, Any] | None
    at: datetime

    @property
    def title(self) -> str:
        """What stands above it, or ""."""
        title: str = (self.payload or {}).get("title", "")
        return title


def latest_in(viewer_id: int, room_ids: list[int]) -> dict[int, Latest]:
    """Return the newest message of each room that has one which is not hidden from the viewer as a newcomer.

    Whether the viewer may read there is for the caller to know. One look-up per room, from the end of its index;
    reading all messages of all rooms would take as long as they grow.
    """
    if not room_ids:
        return {}
    candidate = aliased(Message)
    newest = (
        sa.select(candidate.seq)
        .where(
            candidate.room_id == Room.id,
            candidate.deleted_at.is_(None),
            shown_to_member(candidate.seq),
        )
        .order_by(candidate.seq.desc())
        .limit(1)
        .correlate(Room, Membership)
        .scalar_subquery()
    )
    here = sa.and_(Membership.room_id == Room.id, Membership.user_id == viewer_id)
    columns = (User.username, User.display_name, Message.body, Message.payload, Message.created_at)
    rows = db.session.execute(
        sa.select(Message.room_id, Message.id, Message.author_id, *columns)
        .select_from(Room)
        .outerjoin(Membership, here)
        .join(Message, sa.and_(Message.room_id == Room.id, Message.seq == newest))
        .join(User, User.id == Message.author_id)
        .where(Room.id.in_(room_ids))
    )
    return {room_id: Latest(*row) for room_id, *row in rows}

"""How many rooms there are: numbers, never which or of whom."""

from __future__ import annotations

import sqlalchemy as sa

from homechat.database import db
from homechat.rooms.models import Room
from homechat.security.policy import RoomKind


def rooms_by_kind() -> dict[str, int]:
    """Return how many rooms of each kind are in use; archived ones are not."""
    query = sa.select(Room.kind, sa.func.count()).where(Room.archived_at.is_(None)).group_by(Room.kind)
    found = {kind: count for kind, count in db.session.execute(query)}
    return {kind.value: found.get(kind.value, 0) for kind in RoomKind}

"""The numbers by which a room's messages and their changes are in order."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homechat.database import Base

# A table rather than a class, and made once: it is asked for each message.
_rooms = Base.metadata.tables["rooms"]
_NEXT = (
    sa.update(_rooms)
    .where(_rooms.c.id == sa.bindparam("in_room"))
    .values(last_seq=_rooms.c.last_seq + 1)
    .returning(_rooms.c.last_seq)
)


def take_number(connection: Connection, room_id: int) -> int:
    """Return the room's next number, for whatever the surrounding transaction changes about its messages."""
    number: int = connection.execute(_NEXT, {"in_room": room_id}).scalar_one()
    return number

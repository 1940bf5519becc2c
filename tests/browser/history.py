"""Messages that were written long ago, put straight into the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from homechat.database import transaction
from homechat.messages.models import Message
from homechat.rooms.models import Membership, Room
from tests.house import House


@dataclass(frozen=True)
class Line:
    """Who wrote what, and when. above: a title, a label and a card, as the table has them."""

    name: str
    body: str
    at: datetime
    above: dict[str, Any] | None = None


def write_history(house: House, room_id: int, lines: Iterable[Line], *, unread: int = 0) -> None:
    """Add `lines` to a room, in their order; all members have read all but the last `unread` of them."""
    lines = list(lines)
    ids = {name: house.id_of(name) for name in {line.name for line in lines}}
    with house.rows(), transaction() as session:
        room = session.get_one(Room, room_id)
        for line in lines:
            room.last_seq += 1
            session.add(
                Message(
                    room_id=room_id,
                    seq=room.last_seq,
                    changed_seq=room.last_seq,
                    author_id=ids[line.name],
                    client_id=f"history-{room_id}-{room.last_seq:05}",
                    body=line.body,
                    payload=line.above,
                    created_at=line.at,
                )
            )
        session.execute(
            sa.update(Membership)
            .where(Membership.room_id == room_id)
            .values(last_read_seq=room.last_seq - unread)
        )

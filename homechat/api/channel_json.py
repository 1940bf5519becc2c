"""A room as the API shows it, where it is called a channel."""

from __future__ import annotations

from collections.abc import Sequence

from homechat import clock
from homechat.api.endpoints import Json
from homechat.messages.latest import Latest
from homechat.messages.room_lines import RoomLine
from homechat.security.policy import RoomKind

TYPES = {RoomKind.PUBLIC: "public", RoomKind.PRIVATE: "private", RoomKind.DIRECT: "dm"}


def channels_as_json(rooms: Sequence[RoomLine]) -> list[Json]:
    """Return `rooms` in their order."""
    return [channel_as_json(room) for room in rooms]


def channel_as_json(room: RoomLine) -> Json:
    """Return what clients of the API know a room by."""
    card = room.card
    return {
        "id": card.id,
        "name": card.name,
        "description": card.description,
        "type": TYPES[RoomKind(card.kind)],
        "member_count": card.member_count,
        "online_member_count": room.online,
        "last_message": _last(room.latest) if room.latest else None,
        "unread_count": room.unread,
        "is_member": card.is_member,
        "created_at": clock.as_iso(room.created_at),
    }


def _last(latest: Latest) -> Json:
    return {
        "id": latest.id,
        "content": latest.body,
        "created_at": clock.as_iso(latest.at),
        "user": {"id": latest.author_id, "username": latest.username},
    }

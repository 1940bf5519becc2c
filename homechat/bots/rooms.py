"""Where a bot writes: the room that a call names, else the bot's own, else home."""

from __future__ import annotations

from typing import Any

from homechat.actor import Actor
from homechat.rooms.finding import find_room, no_such_room
from homechat.rooms.naming import room_meant
from homechat.rooms.queries import home_room
from homechat.security.policy import RoomRight

BY_NAME_OR_ID = ("room_id", "room", "channel_id", "channel")


def room_for(actor: Actor, sent: dict[str, Any], *, default_room_id: int | None) -> int:
    """Return the id of the room that `sent` names, else of the default room, else of home.

    A text is a name among the rooms that the actor can see, a number an id; see `rooms/naming.py: room_meant`.
    Raises NotFound or Forbidden where they may not write there, Conflict where several rooms have this name.
    """
    named = next((sent[key] for key in BY_NAME_OR_ID if sent.get(key) not in (None, "")), None)
    if named is None:
        room_id = default_room_id if default_room_id is not None else home_room().id
    else:
        room_id = _room_meant(actor, named)
    return find_room(actor, room_id, RoomRight.POST).room_id


def _room_meant(actor: Actor, named: Any) -> int:
    if isinstance(named, str):
        named = named.removeprefix("#")
    is_readable = isinstance(named, str | int) and not isinstance(named, bool)
    found = room_meant(actor, named) if is_readable else None
    if found is None:
        raise no_such_room()
    return found

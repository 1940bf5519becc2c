"""Where a bot writes: the room that a call names, else the bot's own, else home."""

from __future__ import annotations

from typing import Any

from homechat.actor import Actor
from homechat.rooms.finding import find_room, no_such_room
from homechat.rooms.naming import room_meant, room_named
from homechat.security.policy import RoomRight


def room_for(actor: Actor, sent: dict[str, Any], *, default_room_id: int | None) -> int:
    """Return the id of the room that `sent` names, else of the default room, else of home.

    A text is a name among the rooms that the actor can see, a number an id; see `rooms/naming.py`.
    Raises NotFound or Forbidden where they may not write there, Conflict where several rooms have this name.
    """
    named = room_named(sent)
    room_id = room_meant(actor, default_room_id if named is None else named)
    if room_id is None:
        raise no_such_room()
    return find_room(actor, room_id, RoomRight.POST).room_id

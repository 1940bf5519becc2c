"""What messages do about what happens further down: lines of the list of conversations."""

from __future__ import annotations

from typing import Any

from homechat.database import on_commit
from homechat.messages.sidebar import sidebar
from homechat.realtime.events import Audience, RoomEntered, person_audience, tell
from homechat.rooms.models import Room
from homechat.rooms.signals import room_entered


@room_entered.connect
def show_in_their_list(sender: Any, *, room: Room, user_id: int) -> None:
    """Put the room into the list on all of the person's devices."""
    on_commit(lambda: show_room(room.id, user_id, person_audience(user_id)))


def show_room(room_id: int, user_id: int, to: Audience) -> None:
    """Tell `to`, who are all devices of a person or one, of a room that person is in now."""
    for line in sidebar(user_id, room_id=room_id):
        tell(RoomEntered(room=line.as_dict()), to)

"""What rooms do about what happens to people."""

from __future__ import annotations

from typing import Any

from homechat.accounts.cards import cards_of
from homechat.accounts.models import User
from homechat.accounts.signals import person_changed
from homechat.realtime.events import PersonUpdated, announce, person_audience, room_audience
from homechat.rooms.queries import room_ids_of


@person_changed.connect
def show_to_those_around(sender: Any, *, user: User) -> None:
    """Tell everyone who shares a room with a person their new name and colour."""
    card = cards_of([user])[0].as_dict()
    announce(
        PersonUpdated(person=card), [person_audience(user.id), *map(room_audience, room_ids_of(user.id))]
    )

"""Finding one message, always through the eyes of an actor."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.database import db
from homechat.errors import NotFound
from homechat.messages.models import Message
from homechat.rooms.finding import RoomInHand, look_up_room
from homechat.security.policy import RoomRight


@dataclass(frozen=True)
class MessageInHand:
    """A message that the actor can read, and the room it stands in with what they may do there."""

    message: Message
    room: RoomInHand


def find_message(actor: Actor, message_id: int) -> MessageInHand:
    """Return a message for somebody who can read it; a deleted one is found, too.

    Raises NotFound for everybody else, whether there is such a message or not.
    """
    message = db.session.get(Message, message_id) if 0 < message_id < 2**63 else None
    room = look_up_room(actor, message.room_id) if message is not None else None
    if (
        message is None
        or room is None
        or RoomRight.READ not in room.rights
        or message.seq <= room.hidden_up_to
    ):
        raise NotFound(_("There is no such message, or you can't see it."))
    return MessageInHand(message, room)

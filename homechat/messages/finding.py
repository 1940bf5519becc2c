"""Finding one message, always through the eyes of an actor."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.database import db, row_of
from homechat.errors import NotFound
from homechat.messages.models import Message
from homechat.rooms.finding import RoomInHand, look_up_room
from homechat.security.policy import RoomRight

# Made once: to make it anew for each message costs as much as to run it.
_SENT_BEFORE = sa.select(Message).where(
    Message.author_id == sa.bindparam("author_id"), Message.client_id == sa.bindparam("client_id")
)


@dataclass(frozen=True)
class MessageInHand:
    """A message that the actor can read, and the room it stands in with what they may do there."""

    message: Message
    room: RoomInHand


def find_message(actor: Actor, message_id: int) -> MessageInHand:
    """Return a message for somebody who can read it; a deleted one is found, too.

    Raises NotFound for everybody else, whether there is such a message or not.
    """
    message = row_of(Message, message_id)
    room = look_up_room(actor, message.room_id) if message is not None else None
    if (
        message is None
        or room is None
        or RoomRight.READ not in room.rights
        or message.seq <= room.hidden_up_to
    ):
        raise NotFound(_("There is no such message, or you can't see it."))
    return MessageInHand(message, room)


def sent_before(author_id: int, client_id: str) -> Message | None:
    """Return what this author sent by this id, deleted or not, or None."""
    found: Message | None = db.session.scalar(_SENT_BEFORE, {"author_id": author_id, "client_id": client_id})
    return found

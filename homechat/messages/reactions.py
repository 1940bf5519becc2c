"""Reacting to messages with an emoji."""

from __future__ import annotations

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.errors import Conflict, Invalid
from homechat.messages.changes import note_change, require_there
from homechat.messages.emoji import EMOJI_CHARACTERS_MAX, is_one_emoji, same_emoji, with_picture
from homechat.messages.finding import MessageInHand, find_message
from homechat.messages.models import MessageReaction
from homechat.messages.rendering import changed
from homechat.realtime.events import MessageChanged
from homechat.rooms.finding import find_room
from homechat.security import limits
from homechat.security.policy import RoomRight

DIFFERENT_MAX = 20


def react(actor: Actor, *, message_id: int, emoji: str) -> MessageChanged:
    """Add the actor's reaction to a message, tell the room, and return the message as it is now.

    emoji: one, as people see it.  The same one twice changes nothing.
    Raises NotFound, Forbidden where the actor may not write, Invalid for anything but one emoji, Conflict for a deleted
    message or a 21st different emoji, TooMany past 30 a minute.
    """
    emoji = _one(emoji)
    found = _find(actor, message_id)
    if _given(actor, message_id, emoji) is not None:
        return changed(found.message)
    limits.spend(limits.REACTIONS, actor.person_id)
    with transaction() as session:
        found = _find(actor, message_id)
        if _given(actor, message_id, emoji) is not None:
            return changed(found.message)
        session.add(
            MessageReaction(
                message_id=message_id,
                user_id=actor.person_id,
                emoji=_as_spelled_there(message_id, emoji),
                created_at=clock.now(),
            )
        )
        return note_change(found)


def unreact(actor: Actor, *, message_id: int, emoji: str) -> MessageChanged:
    """Take back a reaction of the actor's own; one that is not there changes nothing. As `react`."""
    emoji = _one(emoji)
    found = _find(actor, message_id)
    if _given(actor, message_id, emoji) is None:
        return changed(found.message)
    limits.spend(limits.REACTIONS, actor.person_id)
    with transaction() as session:
        found = _find(actor, message_id)
        given = _given(actor, message_id, emoji)
        if given is None:
            return changed(found.message)
        session.delete(given)
        return note_change(found)


def _one(text: str) -> str:
    emoji = text[: 2 * EMOJI_CHARACTERS_MAX].strip()
    if not is_one_emoji(emoji):
        raise Invalid.at("emoji", _("Pick one emoji, and nothing else."))
    return with_picture(emoji)


def _find(actor: Actor, message_id: int) -> MessageInHand:
    found = find_message(actor, message_id)
    find_room(actor, found.message.room_id, RoomRight.POST)
    require_there(found)
    return found


def _given(actor: Actor, message_id: int, emoji: str) -> MessageReaction | None:
    """Return the actor's own reaction with this emoji, however it is spelled."""
    mine = db.session.scalars(
        sa.select(MessageReaction).where(
            MessageReaction.message_id == message_id, MessageReaction.user_id == actor.person_id
        )
    )
    return next((given for given in mine if same_emoji(given.emoji, emoji)), None)


def _as_spelled_there(message_id: int, emoji: str) -> str:
    """Return the emoji as others on this message spell it: keyboards differ in signs that nobody sees."""
    there = db.session.scalars(
        sa.select(MessageReaction.emoji).where(MessageReaction.message_id == message_id).distinct()
    ).all()
    for known in there:
        if same_emoji(known, emoji):
            return known
    if len(there) >= DIFFERENT_MAX:
        raise Conflict(
            _(
                "There are %(most)d different emoji on this message already. Use one of them.",
                most=DIFFERENT_MAX,
            )
        )
    return emoji

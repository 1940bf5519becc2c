"""What becomes of a message after it was sent: editing and deleting it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, HomeChatError
from homechat.messages.action_cards import card_on
from homechat.messages.bodies import checked_body
from homechat.messages.finding import MessageInHand, find_message
from homechat.messages.formatting import format_body
from homechat.messages.models import TEXT, Message, MessageAnswer, MessageReaction, file_count
from homechat.messages.numbers import take_number
from homechat.messages.rendering import changed
from homechat.realtime.events import Audience, MessageChanged, announce, person_audience, room_audience
from homechat.rooms.finding import find_room
from homechat.rooms.models import Membership
from homechat.security import limits
from homechat.security.policy import RoomRight

EDITABLE_FOR = timedelta(hours=24)


def edit_message(actor: Actor, *, message_id: int, body: str) -> MessageChanged:
    """Give a message of the actor's own another text, tell the room, and return the message as it is now.

    Within 24 hours of sending it, bots at any time, and where the actor may write. The same text changes nothing.
    body: as for sending.
    Raises NotFound, Forbidden, Conflict for a message that was deleted, or asked something and was answered, Invalid
    for the text, TooMany.
    """
    found = find_message(actor, message_id)
    _require_editable(actor, found)
    body = checked_body(body, may_be_blank=bool(file_count(found.message.payload)))
    if body == found.message.body:
        return changed(found.message)
    _refuse_answered(found.message)
    limits.spend(limits.CHANGES, actor.person_id)
    format_body(body)  # Here, so that it is at hand in the transaction, where nothing may be slow.
    with transaction():
        found = find_message(actor, message_id)
        _require_editable(actor, found)
        if body == found.message.body:
            return changed(found.message)
        found.message.body = body
        found.message.edited_at = clock.now()
        told = note_change(found)
        # Now that the room's next number is ours, nobody's tap comes before it.
        _refuse_answered(found.message)
        return told


def delete_message(actor: Actor, *, message_id: int) -> MessageChanged:
    """Empty a message for everybody, tell the room, and return what is left: its place, and whose it was.

    One's own at any time; another's with the right to. Deleting twice changes nothing.
    Raises NotFound, Forbidden, TooMany.
    """
    found = find_message(actor, message_id)
    _require_deletable(actor, found)
    if found.message.deleted_at is not None:
        return changed(found.message)
    limits.spend(limits.CHANGES, actor.person_id)
    with transaction() as session:
        found = find_message(actor, message_id)
        _require_deletable(actor, found)
        message = found.message
        if message.deleted_at is not None:
            return changed(message)
        session.execute(sa.delete(MessageReaction).where(MessageReaction.message_id == message.id))
        session.execute(sa.delete(MessageAnswer).where(MessageAnswer.message_id == message.id))
        message.body = ""
        message.payload = message.reply_to_id = message.edited_at = None
        message.deleted_at = clock.now()
        if message.author_id != actor.person_id:
            audit.record(
                actor,
                audit.Action.MESSAGE_DELETED_BY_ADMIN,
                # The room, so that nobody outside learns from the log who speaks in a private one.
                subject=f"room:{message.room_id}",
                about=message.author_id,
                detail={"message": message.id},
            )
        return note_change(found)


def note_change(
    found: MessageInHand, event_of: Callable[[Message], MessageChanged] = changed
) -> MessageChanged:
    """Give a message that was just changed the room's next number, tell those who see it, and return what they hear.

    Within the transaction that changed it.  event_of: what makes of the message what they hear.
    """
    message = found.message
    message.changed_seq = take_number(db.session.connection(), message.room_id)
    db.session.flush()
    told = event_of(message)
    announce(told, _audience_of(found))
    return told


def may_edit(actor: Actor, found: MessageInHand) -> bool:
    """Whether the actor may give this message another text now."""
    is_editable = RoomRight.POST in found.room.rights and _why_not_editable(actor, found) is None
    return is_editable and not _was_answered(found.message)


def may_delete(actor: Actor, found: MessageInHand) -> bool:
    """Whether the actor may delete this message: their own, or with the right to delete others'."""
    right = RoomRight.POST if _is_own(actor, found) else RoomRight.DELETE_OTHERS
    return right in found.room.rights


def require_there(found: MessageInHand) -> None:
    """Raise Conflict when the message was deleted."""
    if found.message.deleted_at is not None:
        raise _was_deleted()


def _require_editable(actor: Actor, found: MessageInHand) -> None:
    find_room(actor, found.message.room_id, RoomRight.POST)
    why_not = _why_not_editable(actor, found)
    if why_not is not None:
        raise why_not


def _why_not_editable(actor: Actor, found: MessageInHand) -> HomeChatError | None:
    """Return why the actor may not give this message another text, or None. What room and answers say comes beside."""
    if not _is_own(actor, found) or found.message.kind != TEXT:
        return Forbidden(_("You can only change what you wrote yourself."))
    if found.message.deleted_at is not None:
        return _was_deleted()
    if not _is_in_time(actor, found):
        return Forbidden(_("A message can be changed for 24 hours. Write a new one to put it right."))
    return None


def _was_deleted() -> Conflict:
    return Conflict(_("This message was deleted."))


def _refuse_answered(message: Message) -> None:
    if _was_answered(message):
        raise Conflict(_("Somebody has answered this as it is. Write a new one to put it right."))


def _require_deletable(actor: Actor, found: MessageInHand) -> None:
    if may_delete(actor, found):
        return
    find_room(actor, found.message.room_id, RoomRight.POST)  # Where nobody writes, it says why.
    raise Forbidden(_("You can only delete what you wrote yourself."))


def _is_own(actor: Actor, found: MessageInHand) -> bool:
    return found.message.author_id == actor.person_id


def _is_in_time(actor: Actor, found: MessageInHand) -> bool:
    return actor.role is Role.BOT or clock.now() - found.message.created_at <= EDITABLE_FOR


def _was_answered(message: Message) -> bool:
    """Whether somebody has tapped a button on it, or said that they have seen it: to what it says, and nothing else."""
    answers = sa.select(MessageAnswer.id).where(MessageAnswer.message_id == message.id).limit(1)
    return card_on(message) is not None and db.session.scalar(answers) is not None


def _audience_of(found: MessageInHand) -> Audience:
    """Return the room; without those in it who came after the message, where newcomers see nothing from before."""
    message = found.message
    everybody = room_audience(message.room_id)
    if not found.room.from_arrival:
        return everybody
    joined = db.session.execute(
        sa.select(Membership.user_id, Membership.joined_seq).where(Membership.room_id == message.room_id)
    ).all()
    if all(joined_seq < message.seq for _user, joined_seq in joined):
        return everybody
    return [person_audience(user_id) for user_id, joined_seq in joined if joined_seq < message.seq]

"""Answering a card: the first tap counts, everybody sees whose it was, and whoever asked is told."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from homechat import clock
from homechat.accounts.api_tokens import family_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid
from homechat.messages.action_cards import ActionCard, card_on
from homechat.messages.answers import Answer, Answerer, answer_of, states_of
from homechat.messages.changes import note_change, require_there
from homechat.messages.finding import MessageInHand, find_message
from homechat.messages.models import Message, MessageAnswer
from homechat.messages.rendering import answered, changed
from homechat.messages.signals import card_answered
from homechat.realtime.events import MessageChanged
from homechat.rooms.finding import find_room
from homechat.security import limits
from homechat.security.policy import RoomRight


def answer_card(actor: Actor, *, message_id: int, action_id: str) -> MessageChanged:
    """Tap a button of a message, tell the room and whoever asked, and return the message as it is now.

    The first tap of all counts; of "ack", the first of each person. The same person's same tap again changes nothing.
    action_id: of one of its actions, or "ack" where the message wants to be acknowledged.
    Raises NotFound; Forbidden where the actor may not answer, or asked themselves by this token; Invalid for no such
    button; Conflict when somebody was first, when it is over or deleted; TooMany past 30 a minute.
    """
    found, card = _find(actor, message_id, action_id)
    if _has_tapped(actor, message_id, card, action_id):
        return changed(found.message)
    limits.spend(limits.ANSWERS, actor.person_id)
    try:
        with transaction():
            found, card = _find(actor, message_id, action_id)
            if _has_tapped(actor, message_id, card, action_id):
                return changed(found.message)
            _require_open(actor, found.message, card, action_id)
            return _store(actor, found, card, action_id)
    except IntegrityError:  # The index decides, whatever was read before: one answer, and one "ack" of each.
        db.session.expire_all()
        found, card = _find(actor, message_id, action_id)
        if not _has_tapped(actor, message_id, card, action_id):
            _require_open(actor, found.message, card, action_id)
            raise
        return changed(found.message)


def _find(actor: Actor, message_id: int, action_id: str) -> tuple[MessageInHand, ActionCard]:
    found = find_message(actor, message_id)
    find_room(actor, found.message.room_id, RoomRight.ANSWER)
    require_there(found)
    card = card_on(found.message)
    if card is None or not (card.is_ack(action_id) or card.label_of(action_id)):
        raise Invalid.at("action_id", _("This message has no such button."))
    if actor.token_id is not None and card.token_id in family_of(actor.token_id):
        raise Forbidden(_("The program that asked can't answer. That is for people."))
    return found, card


def _has_tapped(actor: Actor, message_id: int, card: ActionCard, action_id: str) -> bool:
    return answer_of(actor.person_id, message_id, is_ack=card.is_ack(action_id)) == action_id


def _require_open(actor: Actor, message: Message, card: ActionCard, action_id: str) -> None:
    """Raise Conflict when somebody was first, or the time is up."""
    first = None if card.is_ack(action_id) else states_of([message])[message.id].answer
    if first is not None:
        label = card.label_of(first.action_id)
        if first.by.id == actor.person_id:
            raise Conflict(_("You have answered already: %(label)s", label=label))
        raise Conflict(_("%(name)s was first: %(label)s", name=first.by.display_name, label=label))
    if card.is_over:
        raise Conflict(_("It is too late to answer this."))


def _store(actor: Actor, found: MessageInHand, card: ActionCard, action_id: str) -> MessageChanged:
    message, now = found.message, clock.now()
    is_ack = card.is_ack(action_id)
    db.session.connection().execute(
        sa.insert(MessageAnswer),
        {
            "message_id": message.id,
            "user_id": actor.person_id,
            "action_id": action_id,
            "is_ack": is_ack,
            "created_at": now,
        },
    )
    answer = _answer(actor, action_id, now, is_ack=is_ack)
    told = note_change(found, partial(answered, answer=answer))
    card_answered.send(
        message_id=message.id, author_id=message.author_id, token_id=card.token_id, answer=answer
    )
    return told


def _answer(actor: Actor, action_id: str, at: datetime, *, is_ack: bool) -> Answer:
    person = db.session.get_one(User, actor.person_id)
    return Answer(action_id, Answerer(person.id, person.username, person.display_name), at, is_ack)

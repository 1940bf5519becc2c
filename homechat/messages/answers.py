"""How the cards of messages stand: who answered what and when, who has seen it, and who has not yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from homechat import clock
from homechat.accounts.models import Standing, User
from homechat.actor import Role
from homechat.database import db
from homechat.messages.action_cards import ActionCard, card_on
from homechat.messages.models import Message, MessageAnswer
from homechat.rooms.models import Membership


@dataclass(frozen=True)
class Answerer:
    """Somebody who answered, or is waited for."""

    id: int
    username: str
    display_name: str

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "username": self.username}


@dataclass(frozen=True)
class Answer:
    """What somebody tapped, and when."""

    action_id: str
    by: Answerer
    at: datetime
    is_ack: bool

    def as_dict(self) -> dict[str, Any]:
        return {"action_id": self.action_id, "by": self.by.as_dict(), "at": clock.as_iso(self.at)}


@dataclass(frozen=True)
class CardState:
    """A card and what came of it. answer: the first tap, which is the one that counts.

    acks: of those who have seen it, in their order.  waiting_for: who was in the room when it was asked and has not.
    """

    card: ActionCard
    answer: Answer | None = None
    acks: tuple[Answer, ...] = ()
    waiting_for: tuple[Answerer, ...] = ()

    @property
    def answered_with(self) -> str:
        """What stands on the button that was tapped, or ""."""
        return self.card.label_of(self.answer.action_id) if self.answer else ""

    @property
    def has_open_end(self) -> bool:
        """Whether it has an end that still means something: nobody answered, or not everybody has seen it."""
        return (
            self.card.expires_at is not None
            and self.answer is None
            and bool(self.card.actions or self.waiting_for)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields of a message that tell of its card."""
        expires_at = self.card.expires_at
        return {
            "actions": [action.as_dict() for action in self.card.actions],
            "answered": self.answer.as_dict() if self.answer else None,
            "ack_required": self.card.ack_required,
            "acks": [{"by": ack.by.as_dict(), "at": clock.as_iso(ack.at)} for ack in self.acks],
            "waiting_for": [person.as_dict() for person in self.waiting_for],
            "expires_at": clock.as_iso(expires_at) if expires_at else None,
        }


NO_CARD = CardState(ActionCard())


def states_of(messages: Sequence[Message]) -> dict[int, CardState]:
    """Return how the cards of those of `messages` stand that have one, by id."""
    cards = {message.id: card for message in messages if (card := card_on(message)) is not None}
    if not cards:
        return {}
    answers = _answers_to(cards)
    waiting = _waited_for([message_id for message_id, card in cards.items() if card.ack_required])
    return {
        message_id: CardState(
            card,
            answer=next((answer for answer in answers[message_id] if not answer.is_ack), None),
            acks=tuple(answer for answer in answers[message_id] if answer.is_ack),
            waiting_for=tuple(waiting[message_id]),
        )
        for message_id, card in cards.items()
    }


def answer_of(person_id: int, message_id: int, *, is_ack: bool) -> str | None:
    """Return what somebody tapped on a message, or None."""
    return db.session.scalar(
        sa.select(MessageAnswer.action_id).where(
            MessageAnswer.message_id == message_id,
            MessageAnswer.user_id == person_id,
            MessageAnswer.is_ack.is_(is_ack),
        )
    )


def _answers_to(message_ids: Iterable[int]) -> dict[int, list[Answer]]:
    rows = db.session.execute(
        sa.select(
            MessageAnswer.message_id,
            MessageAnswer.action_id,
            MessageAnswer.is_ack,
            MessageAnswer.created_at,
            User.id,
            User.username,
            User.display_name,
        )
        .join(User, User.id == MessageAnswer.user_id)
        .where(MessageAnswer.message_id.in_(list(message_ids)))
        .order_by(MessageAnswer.id)
    )
    found: dict[int, list[Answer]] = defaultdict(list)
    for message_id, action_id, is_ack, at, person_id, username, name in rows:
        found[message_id].append(Answer(action_id, Answerer(person_id, username, name), at, is_ack))
    return found


def _waited_for(message_ids: Sequence[int]) -> dict[int, list[Answerer]]:
    """Return the people who were in the room before each message and have not seen it. Not its author, and no bot."""
    waiting: dict[int, list[Answerer]] = defaultdict(list)
    if not message_ids:
        return waiting
    has_seen = (
        sa.select(MessageAnswer.id)
        .where(
            MessageAnswer.message_id == Message.id,
            MessageAnswer.user_id == Membership.user_id,
            MessageAnswer.is_ack,
        )
        .exists()
    )
    rows = db.session.execute(
        sa.select(Message.id, User.id, User.username, User.display_name)
        .select_from(Message)
        .join(Membership, Membership.room_id == Message.room_id)
        .join(User, User.id == Membership.user_id)
        .where(
            Message.id.in_(message_ids),
            Membership.joined_seq < Message.seq,
            Membership.user_id != Message.author_id,
            User.role != Role.BOT.value,
            User.standing == Standing.ACTIVE.value,
            User.erased_at.is_(None),
            ~has_seen,
        )
        .order_by(sa.func.lower(User.display_name), User.id)
    )
    for message_id, person_id, username, name in rows:
        waiting[message_id].append(Answerer(person_id, username, name))
    return waiting

"""What bots do about what happens further down: whoever is to hear of a message gets it delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from homechat.accounts.api_tokens import family_of
from homechat.accounts.cards import PersonCard
from homechat.accounts.signals import bot_asked_for
from homechat.actor import Role
from homechat.bots.courier import courier_here
from homechat.bots.deliveries import Tap, put_in_queue
from homechat.bots.hearing import hearers_of
from homechat.bots.models import Bot, DeliveryKind
from homechat.bots.queries import is_at_work
from homechat.database import db, on_commit
from homechat.messages.answers import Answer
from homechat.messages.signals import card_answered, message_sent


@message_sent.connect
def tell_bots(
    sender: Any, *, message_id: int, room_id: int, author: PersonCard, body: str, labelled_by: int | None
) -> None:
    """Queue what a person wrote for each bot that hears it.

    What bots write goes to none, and what a program says under a label, with its person's token, not to the bot that it
    made with that token: who answers what it hears would never stop.
    """
    if author.role == Role.BOT:
        return
    bot_ids = hearers_of(room_id, body, labelled_by=labelled_by)
    if bot_ids:
        put_in_queue(bot_ids, message_id)
        on_commit(courier_here().wake)


@bot_asked_for.connect
def say_whether_it_is_on(sender: Any, *, user_id: int) -> bool:
    """Whether a bot is switched on; one that has no row here never was anything else."""
    return db.session.scalar(sa.select(Bot.active).where(Bot.user_id == user_id)) is not False


@card_answered.connect
def tell_who_asked(
    sender: Any, *, message_id: int, author_id: int, token_id: int | None, answer: Answer
) -> None:
    """Queue what was tapped for the bot that asked, or those that were made with the token that asked.

    Other people see it where they asked.
    """
    bot_ids = [bot.id for bot in _askers(author_id, token_id) if is_at_work(bot) and bot.is_reachable]
    if bot_ids:
        kind = DeliveryKind.ACK if answer.is_ack else DeliveryKind.ACTION
        put_in_queue(bot_ids, message_id, Tap(kind, answer.action_id, answer.by.id, answer.at))
        on_commit(courier_here().wake)


def _askers(author_id: int, token_id: int | None) -> Sequence[Bot]:
    asked = Bot.user_id == author_id
    if token_id is not None:
        asked = sa.or_(asked, Bot.token_id.in_(family_of(token_id)))
    return db.session.scalars(sa.select(Bot).where(asked)).all()

"""What was delivered to bots, what waits, and what nobody tries any more: for people to read, and to send once more."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.actor import Actor
from homechat.bots.models import Bot, DeliveryState, WebhookDelivery
from homechat.bots.queries import is_at_work
from homechat.database import db, row_of, transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.messages.models import Message
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.finding import look_up_room
from homechat.rooms.models import Room
from homechat.security.policy import HouseRight, RoomRight, may_in_house

PAGE = 50


def replay(actor: Actor, delivery_id: int) -> WebhookDelivery:
    """Have a delivery be sent once more, now, under the same uuid.

    Raises Forbidden for who does not manage bots, NotFound, Conflict for a bot that is switched off or has no address.
    """
    check_may_manage(actor)
    with transaction() as session:
        row = row_of(WebhookDelivery, delivery_id)
        if row is None:
            raise NotFound(_("There is no such delivery."))
        if not (is_at_work(row.bot) and row.has_somewhere_to_go):
            raise Conflict(_("This bot is switched off, or there is nowhere to deliver to."))
        row.state, row.next_try_at, row.finished_at = DeliveryState.WAITING.value, clock.now(), None
        row.problem = ""  # What ended it, ends it no more.
        session.flush()
        detail = {"what": "replay", "delivery": row.id}
        subject = f"bot:{row.bot_id}"
        audit.record(actor, audit.Action.BOT_CHANGED, subject=subject, about=row.bot.owner_id, detail=detail)
    return row


def log_of(
    actor: Actor, *, bot_id: int | None = None, before: int | None = None, limit: int = PAGE
) -> list[WebhookDelivery]:
    """Return what was delivered or is to be, to one bot or to all, the newest first; older than `before`, if given.

    Raises Forbidden for who does not manage bots.
    """
    check_may_manage(actor)
    query = sa.select(WebhookDelivery).order_by(WebhookDelivery.id.desc()).limit(limit)
    if bot_id is not None:
        query = query.where(WebhookDelivery.bot_id == bot_id)
    if before is not None:
        query = query.where(WebhookDelivery.id < before)
    return list(db.session.scalars(query))


def room_names(actor: Actor, rows: Iterable[WebhookDelivery]) -> dict[int, str]:
    """Return where what was delivered had been said, by the deliveries' ids, as far as the actor sees these rooms."""
    messages = {row.id: row.message_id for row in rows}
    asked = sa.select(Message.id, Message.room_id).where(Message.id.in_(messages.values()))
    room_of = {message_id: room_id for message_id, room_id in db.session.execute(asked)}
    found = {room_id: look_up_room(actor, room_id) for room_id in set(room_of.values())}
    seen = [room_id for room_id, room in found.items() if room is not None and RoomRight.SEE in room.rights]
    rooms = db.session.scalars(sa.select(Room).where(Room.id.in_(seen)))
    names = {card.id: card.name for card in cards_of_rooms(actor.person_id, rooms)}
    return {
        delivery_id: names[room_of[message_id]]
        for delivery_id, message_id in messages.items()
        if room_of.get(message_id) in names
    }


def last_of(bot_ids: Iterable[int]) -> dict[int, WebhookDelivery]:
    """Return the newest delivery to each of these bots that has been tried, or is to be, by the bot's id."""
    newest = sa.select(sa.func.max(WebhookDelivery.id)).where(WebhookDelivery.bot_id == Bot.id)
    ids = sa.select(newest.correlate(Bot).scalar_subquery()).where(Bot.id.in_(list(bot_ids)))
    rows = db.session.scalars(sa.select(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
    return {row.bot_id: row for row in rows}


def counts_of(bot_id: int) -> dict[str, int]:
    """Return how many deliveries to a bot are in each state, of those that are kept."""
    return _counted(list(DeliveryState), WebhookDelivery.bot_id == bot_id)


def undelivered() -> dict[str, int]:
    """Return how many deliveries wait, and how many nobody tries any more, of those that are kept."""
    states = [DeliveryState.WAITING, DeliveryState.DEAD]
    return _counted(states, WebhookDelivery.state.in_([state.value for state in states]))


def check_may_manage(actor: Actor) -> None:
    """Raise Forbidden unless the actor manages everybody's bots."""
    if not may_in_house(actor, HouseRight.MANAGE_BOTS):
        raise Forbidden(_("Only those who run the house may do that."))


def _counted(states: list[DeliveryState], which: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(WebhookDelivery.state, sa.func.count()).where(which).group_by(WebhookDelivery.state)
    found = {state: count for state, count in db.session.execute(query)}
    return {state.value: found.get(state.value, 0) for state in states}

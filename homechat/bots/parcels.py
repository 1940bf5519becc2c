"""What is sent to a bot's address: the bytes, what they are signed with, and where they go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from homechat import clock, settings
from homechat.accounts.models import User
from homechat.bots.deliveries import Job
from homechat.bots.hearing import may_be_told, still_hears
from homechat.bots.models import Bot, WebhookDelivery
from homechat.bots.queries import is_at_work
from homechat.bots.signatures import signature_of
from homechat.database import db
from homechat.messages.models import Message
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.models import Room
from homechat.security import field_encryption
from homechat.security.outgoing import PrivateHosts, private_hosts


@dataclass(frozen=True)
class Parcel:
    """One delivery, ready to go. listed: the hosts at home that may be called.  owner_id: whose bot it is for."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    listed: PrivateHosts
    owner_id: int


@dataclass(frozen=True)
class Undeliverable:
    """There is nothing to send any more. problem: a word for why."""

    problem: str


def parcel_for(job: Job) -> Parcel | Undeliverable | None:
    """Return what is to be sent, as things are now, or why not; None when the delivery is gone.

    A message that was deleted meanwhile is not delivered, nor anything from a room that the bot has left. An answer is,
    whatever became of the message: somebody tapped, and it has nothing in it of what was said.
    """
    row = db.session.get(WebhookDelivery, job.delivery_id)
    if row is None:
        return None
    bot = row.bot
    message = db.session.get_one(Message, row.message_id)
    problem = _why_not(row, bot, message)
    if problem:
        return Undeliverable(problem)
    body = body_of_answer(row, message) if row.is_answer else body_of(bot, message)
    signature = signature_of(field_encryption.unseal(bot.sealed_secret), body)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "HomeChat",
        "X-HomeChat-Signature": signature,
        "X-Hub-Signature-256": signature,
        "X-HomeChat-Delivery": row.uuid,
    }
    return Parcel(bot.callback_url, body, headers, listed_hosts(), bot.owner_id)


def body_of(bot: Bot, message: Message) -> bytes:
    """Return what a bot is told of a message, as JSON; a direct conversation is called by the others in it."""
    room = db.session.get_one(Room, message.room_id)
    told = {
        "type": "message",
        "message": message.body,
        "sender": message.author.username,
        "sender_name": message.author.display_name,
        "room_id": cards_of_rooms(bot.user_id, [room])[0].name,
        "channel_id": message.room_id,
        "message_id": message.id,
        "timestamp": clock.as_iso(message.created_at),
    }
    return json.dumps(told, ensure_ascii=False).encode()


def body_of_answer(row: WebhookDelivery, message: Message) -> bytes:
    """Return what a bot is told of a tap on a message of its own, as JSON."""
    room = db.session.get_one(Room, message.room_id)
    person = db.session.get_one(User, row.person_id)
    told = {
        "type": row.kind,
        "message_id": message.id,
        "action_id": row.action_id,
        "by": {"id": person.id, "username": person.username},
        "room_id": cards_of_rooms(row.bot.user_id, [room])[0].name,
        "channel_id": message.room_id,
        "timestamp": clock.as_iso(row.created_at),
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _why_not(row: WebhookDelivery, bot: Bot, message: Message) -> str:
    """Return a word for why there is nothing to send any more, or ""."""
    if not (is_at_work(bot) and row.has_somewhere_to_go):
        return "switched_off"
    if row.is_answer:
        return "" if may_be_told(bot, message.room_id) else "left"
    if message.deleted_at is not None:
        return "deleted"
    return "" if still_hears(bot, message.room_id, message.body) else "left"


def listed_hosts() -> PrivateHosts:
    """Return the hosts at home that somebody who runs the house has listed."""
    try:
        return private_hosts(settings.value_of(settings.WEBHOOK_PRIVATE_HOSTS))
    except ValueError:  # Written by somebody who went round the checks: then there are none.
        return PrivateHosts()

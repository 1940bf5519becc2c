"""Calls from outside. They carry no token: each is signed with the secret of the bot that it is for."""

from __future__ import annotations

from flask import request
from marshmallow import fields

from homechat.actor import Actor
from homechat.api.endpoints import Json, Who, endpoint
from homechat.api.message_json import in_short
from homechat.api.shapes import MessageInShort, Shape, Success
from homechat.bots.signatures import HEADERS
from homechat.bots.webhooks import Call, receive
from homechat.database import db
from homechat.doors.shapes import Number
from homechat.messages.models import Message
from homechat.security import limits

DELIVERY_HEADERS = ("X-HomeChat-Delivery", "X-GitHub-Delivery")


class CalledMessage(MessageInShort):
    ABOUT = {
        "channel_id": "The number of the room it was written to.",
    }

    channel_id = Number()


class CalledInData(Shape):
    message = fields.Nested(CalledMessage)


class Called(Success):
    """What a call became, twice over: some clients look for it in `data`."""

    message = fields.Nested(CalledMessage)
    data = fields.Nested(CalledInData)


@endpoint("POST", "/webhooks/<webhook_id>", needs=Who.ANYBODY, gives=Called, counts_itself=limits.WRONG_CALLS)
def webhook(actor: Actor, data: Json, webhook_id: str) -> Json:
    """Call a bot: any JSON, signed with its secret in X-HomeChat-Signature or X-Hub-Signature-256."""
    told = receive(actor, webhook_id, _call())
    message = {**in_short(db.session.get_one(Message, told.id)), "channel_id": told.room_id}
    return {"success": True, "message": message, "data": {"message": message}}


def _call() -> Call:
    headers = request.headers
    return Call(
        body=request.get_data(cache=False, parse_form_data=False),
        signatures=[headers[name] for name in HEADERS if name in headers],
        delivery_id=next((headers[name] for name in DELIVERY_HEADERS if name in headers), ""),
        sent_at=headers.get("X-HomeChat-Timestamp", ""),
        event=headers.get("X-GitHub-Event", ""),
        content_type=request.mimetype,
    )

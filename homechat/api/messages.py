"""Messages: read page by page, and sent to rooms."""

from __future__ import annotations

import secrets

from flask_babel import gettext as _
from marshmallow import fields

from homechat.actor import Actor
from homechat.api.buttons import Button, Buttons
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.message_json import listing_as_json, message_as_json
from homechat.api.paging import Paged
from homechat.api.refusals import fields_as_sent
from homechat.api.shapes import Messages, OneMessage, PostedMessage, Success
from homechat.api.uploads import files_sent, was_left_unread
from homechat.database import db
from homechat.doors.bearers import require_scope
from homechat.doors.shapes import (
    MomentOrText,
    NameOrNumber,
    NumberDigitsOrBlank,
    NumberInAddress,
    NumberOrDigits,
    Text,
    YesOrNoOrText,
)
from homechat.errors import NotFound
from homechat.messages import changes, reactions
from homechat.messages.action_cards import ACTIONS_MAX
from homechat.messages.answering import answer_card
from homechat.messages.asking import card_asked
from homechat.messages.finding import find_message
from homechat.messages.letters import Letter
from homechat.messages.listing import Stretch, messages_everywhere, messages_in
from homechat.messages.models import Message
from homechat.messages.posting import post, post_files, post_to_person
from homechat.realtime.events import MessagePosted
from homechat.rooms.finding import no_such_room
from homechat.rooms.naming import room_meant, room_named
from homechat.security.policy import Scope


class InChannel(Paged):
    """Which room; neither `channel` nor `channel_id`: all that you are in."""

    ABOUT = {
        "channel": "The room by its name.",
        "channel_id": "The room by its number.",
    }

    channel = Text(load_default="")
    channel_id = NumberInAddress(load_default=None, at_least=1)


class Words(Body):
    """A text."""

    ABOUT = {
        "message": "The text, 10,000 characters at most; Markdown for bold, lists, links and code.",
        "content": "The same as `message`, for clients that call it so; send one of them.",
    }

    message = Text(load_default=None, allow_none=True)
    content = Text(load_default=None, allow_none=True)


class Said(Words):
    """What is sent."""

    ABOUT = {
        "message_type": "Taken and ignored.",
        "client_id": "An id of your own making: sent again with the same one, it is one message.",
        "title": "A bold line above the text, up to 200 characters.",
        "sender": "A label beside the author's name, up to 60 characters.",
        "reply_to": "The number of the message that it answers.",
        "reply_to_id": "The same as `reply_to`.",
        "actions": "Up to four buttons; the first tap counts.",
        "ack_required": "`true`: ask everybody to say that they have seen it.",
        "expires_at": "Until when people can tap, a year from now at most; left out: for ever.",
    }

    message_type = Text(load_default=None, allow_none=True)
    client_id = Text(load_default=None, allow_none=True)
    title = Text(load_default=None, allow_none=True)
    sender = Text(load_default=None, allow_none=True)
    reply_to = NumberDigitsOrBlank(load_default=None, allow_none=True, at_least=1)
    reply_to_id = NumberDigitsOrBlank(load_default=None, allow_none=True, at_least=1)
    actions = Buttons(fields.Nested(Button), at_most=ACTIONS_MAX, load_default=None, allow_none=True)
    ack_required = YesOrNoOrText(load_default=None, allow_none=True)
    expires_at = MomentOrText(load_default=None, allow_none=True)


class Posted(Said):
    """What is sent, and where: name a room once, or a person."""

    ABOUT = {
        "room": "A room: its name, or its number.",
        "room_id": "The same as `room`.",
        "channel": "The same as `room`.",
        "channel_id": "The same as `room`.",
        "user_id": "The number of a person: it goes to your conversation with them.",
    }

    room = NameOrNumber(load_default=None, allow_none=True)
    room_id = NameOrNumber(load_default=None, allow_none=True)
    channel = NameOrNumber(load_default=None, allow_none=True)
    channel_id = NameOrNumber(load_default=None, allow_none=True)
    user_id = NumberOrDigits(load_default=None, allow_none=True, at_least=1)


class Tap(Body):
    ABOUT = {
        "action_id": "The `id` of a button, or `ack` for having seen it.",
    }

    action_id = Text(required=True)


@endpoint("GET", "/messages", needs=Scope.MESSAGES_READ, takes=InChannel, gives=Messages)
def messages(actor: Actor, data: Json) -> Json:
    """What was said in a room, or in all rooms that you are in, the newest first."""
    wanted = data["channel_id"] or data["channel"]
    if not wanted:
        return listing_as_json(messages_everywhere(actor, stretch_of(data)))
    room_id = room_meant(actor, wanted)
    if room_id is None:
        raise no_such_room()
    return listing_as_json(messages_in(actor, room_id, stretch_of(data)))


@endpoint("GET", "/messages/<int:message_id>", needs=Scope.MESSAGES_READ, gives=OneMessage)
def message(actor: Actor, data: Json, message_id: int) -> Json:
    """One message; of one that has buttons, who tapped what, and who has seen it."""
    found = find_message(actor, message_id).message
    if found.deleted_at is not None:
        raise NotFound(_("This message was deleted."))
    return {"message": message_as_json(found)}


@endpoint(
    "POST",
    "/messages",
    needs=Scope.MESSAGES_WRITE,
    takes=Posted,
    gives=PostedMessage,
    creates=True,
    example={"message": "Somebody rings", "title": "Front door", "sender": "Doorbell"},
)
def post_message(actor: Actor, data: Json) -> Json:
    """Say something in a room, or to a person."""
    with fields_as_sent():
        if data["user_id"] is not None:
            return reply_of(post_to_person(actor, letter_of(data), user_id=data["user_id"]))
        return reply_of(post(actor, letter_of(data), room=room_named(data)))


@endpoint(
    "POST",
    "/channels/<int:room_id>/messages",
    needs=Scope.MESSAGES_WRITE,
    takes=Said,
    gives=PostedMessage,
    creates=True,
    takes_files=True,
    example={"message": "The washing is done"},
)
def post_to_channel(actor: Actor, data: Json, room_id: int) -> Json:
    """Say something in a room; with files, as a form that has them as `files[]`, with the scope `media:write` too."""
    files = files_sent()
    if was_left_unread():
        require_scope(actor, Scope.MEDIA_WRITE)
    with fields_as_sent():
        if not files:
            return reply_of(post(actor, letter_of(data), room=room_id))
        require_scope(actor, Scope.MEDIA_WRITE)
        return reply_of(post_files(actor, letter_of(data), room_id=room_id, files=files))


@endpoint(
    "PATCH",
    "/messages/<int:message_id>",
    needs=Scope.MESSAGES_WRITE,
    takes=Words,
    gives=PostedMessage,
    example={"message": "The washing is done, and hangs"},
)
def edit_message(actor: Actor, data: Json, message_id: int) -> Json:
    """Put what you wrote into other words, within 24 hours; a bot at any time."""
    with fields_as_sent():
        return reply_of(changes.edit_message(actor, message_id=message_id, body=words_of(data)))


@endpoint("DELETE", "/messages/<int:message_id>", needs=Scope.MESSAGES_WRITE, gives=Success)
def delete_message(actor: Actor, data: Json, message_id: int) -> Json:
    """Take away what you wrote, for everybody; what others wrote with the right to."""
    changes.delete_message(actor, message_id=message_id)
    return {"success": True}


@endpoint(
    "PUT", "/messages/<int:message_id>/reactions/<emoji>", needs=Scope.MESSAGES_WRITE, gives=PostedMessage
)
def react(actor: Actor, data: Json, message_id: int, emoji: str) -> Json:
    """React to a message with an emoji; the same one twice is one."""
    return reply_of(reactions.react(actor, message_id=message_id, emoji=emoji))


@endpoint(
    "DELETE",
    "/messages/<int:message_id>/reactions/<emoji>",
    needs=Scope.MESSAGES_WRITE,
    gives=PostedMessage,
)
def unreact(actor: Actor, data: Json, message_id: int, emoji: str) -> Json:
    """Take a reaction of yours back."""
    return reply_of(reactions.unreact(actor, message_id=message_id, emoji=emoji))


@endpoint(
    "POST",
    "/messages/<int:message_id>/answer",
    needs=Scope.MESSAGES_WRITE,
    takes=Tap,
    gives=PostedMessage,
    example={"action_id": "let_in"},
)
def answer(actor: Actor, data: Json, message_id: int) -> Json:
    """Tap a button of a message, for a person; the first tap of all counts, and the same one again changes nothing."""
    return reply_of(answer_card(actor, message_id=message_id, action_id=data["action_id"]))


def stretch_of(data: Json) -> Stretch:
    """Return which messages are asked for."""
    return Stretch(before=data["before"], after=data["after"], limit=data["limit"])


def letter_of(data: Json) -> Letter:
    """Return what is to be sent; it gets an id where the program gave it none."""
    return Letter(
        body=words_of(data),
        client_id=data["client_id"] or secrets.token_urlsafe(16),
        title=data["title"] or "",
        label=data["sender"] or "",
        reply_to_id=data["reply_to"] or data["reply_to_id"],
        card=card_asked(
            actions=data["actions"], ack_required=data["ack_required"], expires_at=data["expires_at"]
        ),
    )


def words_of(data: Json) -> str:
    """Return what is said, wherever it stands."""
    return (data["message"] if data["message"] is not None else data["content"]) or ""


def reply_of(told: MessagePosted) -> Json:
    """Return the reply that brings a message, in both places where clients look for it."""
    found = message_as_json(db.session.get_one(Message, told.id))
    return {"success": True, "message": found, "data": {"message": found}}

"""Rooms, which clients of the API know as channels."""

from __future__ import annotations

from flask_babel import gettext as _
from marshmallow import validate

from homechat.accounts.cards import cards_of
from homechat.actor import Actor
from homechat.api.channel_json import channel_as_json, channels_as_json
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.paging import PagedIfAsked, part
from homechat.api.people import person_as_json
from homechat.api.shapes import Channels, Done, MadeChannel, MarkedAsRead, Members, OneChannel
from homechat.doors.shapes import NumberOrDigits, Text, YesOrNo
from homechat.messages.actions import mark_read_to_message
from homechat.messages.room_lines import room_line, room_lines
from homechat.rooms.actions import create_room
from homechat.rooms.finding import find_room
from homechat.rooms.membership import join_room, leave_room
from homechat.rooms.queries import members_of
from homechat.security.policy import RoomKind, RoomRight, Scope


class NewChannel(Body):
    ABOUT = {
        "name": "What to call it, 2 to 50 characters.",
        "description": "What it is for.",
        "private": "`true`: only its members see it.",
        "channel_type": "`public` or `private`: the same as `private`, in a word.",
    }

    name = Text(required=True)
    description = Text(load_default=None, allow_none=True)
    private = YesOrNo(load_default=None, allow_none=True)
    channel_type = Text(load_default=None, allow_none=True, validate=validate.OneOf(["public", "private"]))


class ReadUpTo(Body):
    ABOUT = {
        "up_to_message_id": "The number of the last message that was read; left out: all are.",
    }

    up_to_message_id = NumberOrDigits(load_default=None, allow_none=True, at_least=1)


@endpoint("GET", "/channels", needs=Scope.CHANNELS_READ, takes=PagedIfAsked, gives=Channels)
def channels(actor: Actor, data: Json) -> Json:
    """All rooms that you can see, with what was said last and what is unread."""
    return part("channels", channels_as_json(room_lines(actor)), data)


@endpoint("GET", "/channels/<int:room_id>", needs=Scope.CHANNELS_READ, gives=OneChannel)
def channel(actor: Actor, data: Json, room_id: int) -> Json:
    """One room."""
    return {"channel": channel_as_json(room_line(actor, room_id))}


@endpoint(
    "POST",
    "/channels",
    needs=Scope.CHANNELS_WRITE,
    takes=NewChannel,
    gives={201: MadeChannel},
    example={"name": "Garden", "description": "What grows, and who waters it"},
)
def create_channel(actor: Actor, data: Json) -> tuple[Json, int]:
    """Make a room, which you own and are in from then on."""
    is_private = data["channel_type"] == "private" if data["private"] is None else data["private"]
    room = create_room(
        actor,
        name=data["name"],
        description=data["description"] or "",
        kind=RoomKind.PRIVATE if is_private else RoomKind.PUBLIC,
    )
    return channel_reply(actor, room.id), 201


@endpoint("POST", "/channels/<int:room_id>/join", needs=Scope.CHANNELS_WRITE, gives=Done)
def join_channel(actor: Actor, data: Json, room_id: int) -> Json:
    """Enter a public room."""
    join_room(actor, room_id)
    return {"success": True, "message": _("You are in this room now.")}


@endpoint("DELETE", "/channels/<int:room_id>/leave", needs=Scope.CHANNELS_WRITE, gives=Done)
def leave_channel(actor: Actor, data: Json, room_id: int) -> Json:
    """Leave a room."""
    leave_room(actor, room_id)
    return {"success": True, "message": _("You are not in this room any more.")}


@endpoint("POST", "/channels/<int:room_id>/leave", needs=Scope.CHANNELS_WRITE, gives=Done)
def leave_channel_by_post(actor: Actor, data: Json, room_id: int) -> Json:
    """Leave a room, asked for as Home Assistant does."""
    return leave_channel(actor, data, room_id)


@endpoint(
    "GET", "/channels/<int:room_id>/members", needs=Scope.MEMBERS_READ, takes=PagedIfAsked, gives=Members
)
def members(actor: Actor, data: Json, room_id: int) -> Json:
    """Who is in a room that you can see."""
    find_room(actor, room_id, RoomRight.SEE)
    cards = cards_of(user for _membership, user in members_of(room_id))
    return part("members", [person_as_json(card) for card in cards], data)


@endpoint(
    "POST",
    "/channels/<int:room_id>/mark_as_read",
    needs=Scope.MESSAGES_READ,
    takes=ReadUpTo,
    gives=MarkedAsRead,
)
def mark_as_read(actor: Actor, data: Json, room_id: int) -> Json:
    """Say up to where a room has been read, on all devices."""
    unread = mark_read_to_message(actor, room_id=room_id, message_id=data["up_to_message_id"])
    return {"success": True, "message": _("Marked as read."), "unread_count": unread}


def channel_reply(actor: Actor, room_id: int) -> Json:
    """Return the reply that brings a room, in both places where clients look for it."""
    found = channel_as_json(room_line(actor, room_id))
    return {"success": True, "channel": found, "data": {"channel": found}}

"""Direct conversations: which there are, and writing to a person."""

from __future__ import annotations

from homechat.actor import Actor
from homechat.api.channel_json import channel_as_json
from homechat.api.channels import channel_reply
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.message_json import listing_as_json
from homechat.api.messages import Said, letter_of, reply_of, stretch_of
from homechat.api.paging import Paged, PagedIfAsked, part
from homechat.api.refusals import fields_as_sent
from homechat.api.shapes import Channels, MadeChannel, Messages, PostedMessage
from homechat.doors.shapes import Text
from homechat.messages.listing import NOTHING, messages_in
from homechat.messages.posting import post_to_person
from homechat.messages.room_lines import room_lines
from homechat.rooms.actions import start_direct
from homechat.rooms.people import direct_with, person_in_sight_named
from homechat.security.policy import Scope


class With(Body):
    ABOUT = {
        "username": "Whom to talk to.",
    }

    username = Text(required=True)


@endpoint("GET", "/dm/channels", needs=Scope.CHANNELS_READ, takes=PagedIfAsked, gives=Channels)
def direct_channels(actor: Actor, data: Json) -> Json:
    """The conversations that you are in."""
    found = [channel_as_json(room) for room in room_lines(actor) if room.card.is_direct]
    return part("channels", found, data)


@endpoint("GET", "/direct_messages", needs=Scope.CHANNELS_READ, takes=PagedIfAsked, gives=Channels)
def direct_conversations(actor: Actor, data: Json) -> Json:
    """The conversations that you are in, as `/dm/channels` has them."""
    return direct_channels(actor, data)


@endpoint(
    "POST",
    "/dm/start",
    needs=Scope.CHANNELS_WRITE,
    takes=With,
    gives=MadeChannel,
    creates=True,
    example={"username": "ben"},
)
def start_conversation(actor: Actor, data: Json) -> Json:
    """The conversation with somebody, made when there is none yet."""
    person = person_in_sight_named(actor, data["username"])
    return channel_reply(actor, start_direct(actor, [person.id]).id)


@endpoint("GET", "/direct_messages/<int:user_id>", needs=Scope.MESSAGES_READ, takes=Paged, gives=Messages)
def direct_history(actor: Actor, data: Json, user_id: int) -> Json:
    """What was said between you and somebody, the newest first."""
    room_id = direct_with(actor, user_id)
    found = NOTHING if room_id is None else messages_in(actor, room_id, stretch_of(data))
    return listing_as_json(found)


@endpoint(
    "POST",
    "/direct_messages/<int:user_id>",
    needs=Scope.MESSAGES_WRITE,
    takes=Said,
    gives=PostedMessage,
    creates=True,
    example={"message": "Dinner at seven?"},
)
def write_direct(actor: Actor, data: Json, user_id: int) -> Json:
    """Write to somebody."""
    with fields_as_sent():
        return reply_of(post_to_person(actor, letter_of(data), user_id=user_id))


@endpoint(
    "POST",
    "/users/<int:user_id>/messages",
    needs=Scope.MESSAGES_WRITE,
    takes=Said,
    gives=PostedMessage,
    creates=True,
    example={"message": "Dinner at seven?"},
)
def write_to_user(actor: Actor, data: Json, user_id: int) -> Json:
    """Write to somebody, as at `/direct_messages/{user_id}`."""
    return write_direct(actor, data, user_id)

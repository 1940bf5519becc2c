"""Finding what was said, rooms and people."""

from __future__ import annotations

from marshmallow import validate

from homechat.actor import Actor
from homechat.api.channel_json import channels_as_json
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.message_json import in_short
from homechat.api.people import person_as_json
from homechat.api.shapes import Found, Users
from homechat.doors.shapes import NumberInAddress, Text
from homechat.messages.room_lines import room_lines
from homechat.messages.search import PAGE_HITS_MAX, FoundMessage, What, search, search_people
from homechat.security.policy import Scope


class Question(Body):
    ABOUT = {
        "q": "What to look for: all of these words, the last one by its beginning; in quotes, one after the other.",
        "limit": "How many of each kind at most.",
    }

    q = Text(required=True)
    limit = NumberInAddress(load_default=50, at_least=1)


class Wanted(Question):
    ABOUT = {
        "type": "Only these: `users`, `channels` or `messages`; `all` unless you say.",
        "before": "The number of a message: only older ones.",
    }

    type = Text(load_default=What.ALL.value, validate=validate.OneOf([*What]))
    before = NumberInAddress(load_default=None, at_least=1)


@endpoint("GET", "/search", needs=Scope.SEARCH, takes=Wanted, gives=Found)
def search_house(actor: Actor, data: Json) -> Json:
    """What was said, rooms and people, as far as you can see them; messages the newest first."""
    limit = min(data["limit"], PAGE_HITS_MAX)
    found = search(
        actor,
        data["q"],
        what=What(data["type"]),
        limit=limit,
        before=data["before"],
        with_excerpts=False,
    )
    ids = {room.id for room in found.rooms}
    rooms = [room for room in room_lines(actor) if room.card.id in ids] if ids else []
    return {
        "users": [person_as_json(card) for card in found.people],
        "channels": channels_as_json(rooms),
        "messages": [_message(hit) for hit in found.messages.page],
        "totalResults": len(found.people) + len(rooms) + found.messages.count,
        "has_more": found.messages.has_more,
        "oldest_id": min((hit.message.id for hit in found.messages.page), default=None),
    }


@endpoint("GET", "/users/search", needs=Scope.USERS_READ, takes=Question, gives=Users)
def search_users(actor: Actor, data: Json) -> Json:
    """People by their names, as far as you may know of them."""
    found = search_people(actor, data["q"], limit=min(data["limit"], PAGE_HITS_MAX))
    return {"users": [person_as_json(card) for card in found]}


def _message(hit: FoundMessage) -> Json:
    return {**in_short(hit.message), "channel": {"id": hit.room.id, "name": hit.room.name}}

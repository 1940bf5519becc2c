"""A message as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence

from homechat import clock
from homechat.api.endpoints import Json
from homechat.api.file_json import file_as_json
from homechat.messages.answers import NO_CARD
from homechat.messages.around import Reaction, Surroundings, surroundings_of
from homechat.messages.headings import label_of, title_of
from homechat.messages.listing import Listing
from homechat.messages.models import Message


def message_as_json(message: Message) -> Json:
    """Return what clients of the API know a message by."""
    return messages_as_json([message])[0]


def messages_as_json(messages: Sequence[Message]) -> list[Json]:
    """Return `messages` in their order."""
    around = surroundings_of(messages)
    return [_one(message, around[message.id]) for message in messages]


def in_short(message: Message) -> Json:
    """Return the least that clients know a message by."""
    return {
        "id": message.id,
        "content": "" if message.deleted_at else message.body,
        "created_at": clock.as_iso(message.created_at),
        "user": {"id": message.author.id, "username": message.author.username},
    }


def listing_as_json(listing: Listing) -> Json:
    """Return a page of messages, with where to go on."""
    return {
        "messages": messages_as_json(listing.messages),
        "has_more": listing.has_more,
        "oldest_id": listing.oldest_id,
    }


def _one(message: Message, around: Surroundings) -> Json:
    return {
        **in_short(message),
        "edited_at": clock.as_iso(message.edited_at) if message.edited_at else None,
        "message_type": message.kind,
        "channel_id": message.room_id,
        "files": [file_as_json(file) for file in around.files],
        "reactions": [_reaction(reaction) for reaction in around.reactions],
        "reply_to": message.reply_to_id,
        "title": title_of(message),
        "sender": label_of(message),
        **(around.asked or NO_CARD).as_dict(),
    }


def _reaction(reaction: Reaction) -> Json:
    return {"emoji": reaction.emoji, "count": reaction.count, "user_ids": list(reaction.person_ids)}

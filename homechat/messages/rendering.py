"""A message as everyone sees it: one card, one template, one payload for first load, history and live push."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from markupsafe import Markup

from homechat import clock
from homechat.accounts.cards import PersonCard, card_of
from homechat.messages.answers import NO_CARD, Answer, CardState
from homechat.messages.around import NOTHING, Quote, Reaction, Surroundings, surroundings_of
from homechat.messages.formatting import format_body, is_emoji_only
from homechat.messages.headings import label_of, title_of
from homechat.messages.models import Message
from homechat.realtime.events import MessageAnswered, MessageChanged, MessagePosted
from homechat.uploads.cards import FileCard

TEMPLATE = "messages/_message.html"


@dataclass(frozen=True)
class MessageCard:
    """What the template is given; the same for every viewer."""

    id: int
    room_id: int
    seq: int
    changed_seq: int
    client_id: str
    kind: str
    author: PersonCard
    created_at: datetime
    edited_at: datetime | None
    is_deleted: bool
    is_emoji_only: bool
    body: str
    html: Markup
    title: str | None
    label: str | None
    reply_to: Quote | None
    reactions: tuple[Reaction, ...]
    files: tuple[FileCard, ...]
    asked: CardState | None


def card_of_message(
    message: Message, around: Surroundings = NOTHING, *, author: PersonCard | None = None
) -> MessageCard:
    """Return the card of a message. author: when the message has none loaded."""
    body = "" if message.deleted_at else message.body
    title, label = title_of(message), label_of(message)
    return MessageCard(
        id=message.id,
        room_id=message.room_id,
        seq=message.seq,
        changed_seq=message.changed_seq,
        client_id=message.client_id,
        kind=message.kind,
        author=author or card_of(message.author),
        created_at=message.created_at,
        edited_at=message.edited_at,
        is_deleted=message.deleted_at is not None,
        is_emoji_only=is_emoji_only(body) and not (title or label),
        body=body,
        html=format_body(body) if body else Markup(),
        title=title,
        label=label,
        reply_to=around.reply_to,
        reactions=around.reactions,
        files=around.files,
        asked=around.asked,
    )


def posted(
    message: Message, around: Surroundings = NOTHING, *, author: PersonCard | None = None
) -> MessagePosted:
    """Return the event and JSON form of a message, with its HTML. author: when the message has none loaded."""
    card = card_of_message(message, around, author=author)
    return MessagePosted(
        id=card.id,
        room_id=card.room_id,
        seq=card.seq,
        changed_seq=card.changed_seq,
        client_id=card.client_id,
        kind=card.kind,
        body=card.body,
        html=_render(card),
        created_at=clock.as_iso(card.created_at),
        edited_at=clock.as_iso(card.edited_at) if card.edited_at else None,
        deleted=card.is_deleted,
        author=_author(card.author),
        title=card.title,
        label=card.label,
        reply_to=card.reply_to.as_dict() if card.reply_to else None,
        reactions=[reaction.as_dict() for reaction in card.reactions],
        files=[file.as_dict() for file in card.files],
        **(card.asked or NO_CARD).as_dict(),
    )


def changed(message: Message) -> MessageChanged:
    """Return the event and JSON form of a message after a change, with all that stands around it."""
    return MessageChanged(**posted(message, surroundings_of([message])[message.id]).payload())


def answered(message: Message, *, answer: Answer) -> MessageAnswered:
    """Return the event of a message whose card was answered, whole, with the tap that changed it."""
    kind = "ack" if answer.is_ack else "action"
    return MessageAnswered(**changed(message).payload(), answer={"type": kind, **answer.as_dict()})


def cards_of_messages(messages: list[Message]) -> list[MessageCard]:
    """Return the cards of `messages` in their order. Lets others have their turn between two: not in a transaction."""
    return [card_of_message(message, around) for message, around in _in_turns(messages)]


def payloads(messages: list[Message]) -> list[dict[str, Any]]:
    """Return the JSON form of `messages` in their order. Lets others have their turn, as `cards_of_messages`."""
    return [posted(message, around).payload() for message, around in _in_turns(messages)]


def _in_turns(messages: list[Message]) -> Iterator[tuple[Message, Surroundings]]:
    around = surroundings_of(messages)
    for message in messages:
        yield message, around[message.id]
        time.sleep(0)


def _render(card: MessageCard) -> str:
    """Render outside of Flask's `render_template`, whose context processors know who is looking."""
    return current_app.jinja_env.get_template(TEMPLATE).render(message=card).strip()


def _author(author: PersonCard) -> dict[str, Any]:
    """Return who wrote it, without whether they are online: that is not the message's to tell."""
    return {k: v for k, v in author.as_dict().items() if k not in ("online", "last_seen_at")}

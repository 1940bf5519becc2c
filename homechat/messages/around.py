"""What stands around the text of a message: the one it answers, files, reactions, and how its card stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from homechat.accounts.models import User
from homechat.database import db
from homechat.messages.answers import CardState, states_of
from homechat.messages.formatting import preview
from homechat.messages.models import Message, MessageReaction, file_count
from homechat.rooms.models import Membership, Room
from homechat.uploads.cards import FileCard
from homechat.uploads.queries import files_of


@dataclass(frozen=True)
class Reaction:
    """One emoji on a message, and the ids of those who gave it, in the order in which they did."""

    emoji: str
    person_ids: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.person_ids)

    def as_dict(self) -> dict[str, Any]:
        return {"emoji": self.emoji, "count": self.count, "person_ids": list(self.person_ids)}


@dataclass(frozen=True)
class Quote:
    """The message that another one answers, in one line.

    author_name, preview: empty where not everybody in the room may see it; preview also when it was deleted.
    """

    id: int
    seq: int
    author_name: str
    preview: str
    is_deleted: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "seq": self.seq,
            "author_name": self.author_name,
            "preview": self.preview,
            "deleted": self.is_deleted,
        }


@dataclass(frozen=True)
class Surroundings:
    """reply_to: None when it answers none.  reactions: in the order in which each emoji was first used.

    files: in the order of their author.  asked: how what is asked with it stands; None when nothing is.
    """

    reply_to: Quote | None = None
    reactions: tuple[Reaction, ...] = ()
    files: tuple[FileCard, ...] = ()
    asked: CardState | None = None


NOTHING = Surroundings()


def surroundings_of(messages: Sequence[Message]) -> dict[int, Surroundings]:
    """Return what stands around each of `messages`, by id, in a few questions however many there are."""
    living = [message for message in messages if message.deleted_at is None]
    quotes = quotes_of({message.reply_to_id for message in living if message.reply_to_id is not None})
    reactions = reactions_on([message.id for message in living])
    files = files_of([message.id for message in living if file_count(message.payload)])
    cards = states_of(living)
    found = dict.fromkeys((message.id for message in messages), NOTHING)
    for message in living:
        reply_to = quotes.get(message.reply_to_id) if message.reply_to_id is not None else None
        if reply_to is not None or any(message.id in these for these in (reactions, files, cards)):
            found[message.id] = Surroundings(
                reply_to,
                reactions.get(message.id, ()),
                tuple(files.get(message.id, ())),
                cards.get(message.id),
            )
    return found


def reactions_on(message_ids: Sequence[int]) -> dict[int, tuple[Reaction, ...]]:
    """Return the reactions to each of these messages that has any."""
    if not message_ids:
        return {}
    rows = db.session.execute(
        sa.select(MessageReaction.message_id, MessageReaction.emoji, MessageReaction.user_id)
        .where(MessageReaction.message_id.in_(message_ids))
        .order_by(MessageReaction.id)
    )
    people: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for message_id, emoji, user_id in rows:
        people[message_id][emoji].append(user_id)
    return {
        message_id: tuple(Reaction(emoji, tuple(ids)) for emoji, ids in by_emoji.items())
        for message_id, by_emoji in people.items()
    }


def quotes_of(message_ids: Iterable[int]) -> dict[int, Quote]:
    """Return these messages as those that answer them show them.

    Everybody is told the same. So where newcomers see a room from their arrival on, what was said before somebody's
    arrival is quoted without a word of it.
    """
    wanted = list(message_ids)
    if not wanted:
        return {}
    somebody_came_later = (
        sa.select(Membership.id)
        .where(Membership.room_id == Message.room_id, Membership.joined_seq >= Message.seq)
        .exists()
    )
    rows = db.session.execute(
        sa.select(
            Message.id,
            Message.seq,
            User.display_name,
            Message.body,
            Message.deleted_at,
            sa.and_(Room.from_arrival, somebody_came_later),
        )
        .join(Room, Room.id == Message.room_id)
        .join(User, User.id == Message.author_id)
        .where(Message.id.in_(wanted))
    )
    return {
        message_id: Quote(
            id=message_id,
            seq=seq,
            author_name="" if is_hidden else name,
            preview="" if is_hidden or deleted_at is not None else preview(body),
            is_deleted=deleted_at is not None,
        )
        for message_id, seq, name, body, deleted_at, is_hidden in rows
    }

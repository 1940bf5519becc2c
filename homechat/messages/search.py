"""Finding what was said, rooms and people: of each only what the actor may see."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from homechat import offload
from homechat.accounts.cards import PersonCard, cards_of
from homechat.accounts.models import User
from homechat.actor import Actor
from homechat.database import db
from homechat.messages.excerpts import Piece, excerpt
from homechat.messages.formatting import plain_text
from homechat.messages.models import Message
from homechat.messages.search_index import TABLE, matching
from homechat.messages.search_query import Phrase, contains_all, read_query
from homechat.rooms.cards import RoomCard, cards_of_rooms
from homechat.rooms.finding import RoomInHand
from homechat.rooms.models import Room
from homechat.rooms.sight import people_in_sight, rooms_in_sight
from homechat.security import limits
from homechat.security.policy import RoomRight

PAGE_HITS = 20
PAGE_HITS_MAX = 100
COUNTED_MAX = 100

# Not of the table as SQLAlchemy knows it, which would join it once more.
_id: sa.ColumnClause[int] = sa.literal_column("messages.id")
_room_id: sa.ColumnClause[int] = sa.literal_column("messages.room_id")
_seq: sa.ColumnClause[int] = sa.literal_column("messages.seq")
_deleted_at: sa.ColumnClause[datetime | None] = sa.literal_column("messages.deleted_at")


class What(StrEnum):
    """What is looked for, in the words of the API."""

    ALL = "all"
    PEOPLE = "users"
    ROOMS = "channels"
    MESSAGES = "messages"


@dataclass(frozen=True)
class FoundMessage:
    """A message, the room it stands in, and, where wanted, some of its words with those that were looked for apart."""

    message: Message
    room: RoomCard
    pieces: list[Piece]


@dataclass(frozen=True)
class FoundMessages:
    """A page of messages, newest first.

    has_more: whether there are older ones.  count: of all there are, 100 at most; has_uncounted: there are more.
    """

    page: list[FoundMessage] = field(default_factory=list)
    has_more: bool = False
    count: int = 0
    has_uncounted: bool = False


@dataclass(frozen=True)
class Found:
    """What was found: people and rooms by name, as many as a page holds."""

    people: list[PersonCard]
    rooms: list[RoomCard]
    messages: FoundMessages

    @property
    def total(self) -> int:
        """How much was found; of messages, 100 at most are counted."""
        return len(self.people) + len(self.rooms) + self.messages.count


def search(
    actor: Actor,
    q: str,
    *,
    what: What = What.ALL,
    limit: int = PAGE_HITS,
    before: int | None = None,
    with_excerpts: bool = True,
) -> Found:
    """Return what the actor may see of what `q` asks for, see `read_query`.

    People are those the actor may know of, by both their names, rooms those the actor may see, by name and
    description; messages, without deleted ones, are of the rooms the actor may read, as far back as they may.
    limit: 1 to 100 of each.  before: only messages older than that with this id.  with_excerpts: whether their
    `pieces` are wanted, which take time.
    Raises Invalid for a query of which nothing can be found, TooMany past 30 a minute.
    """
    phrases = _asked(actor, q)
    limit = max(1, min(limit, PAGE_HITS_MAX))
    in_sight = rooms_in_sight(actor) if what is not What.PEOPLE else []
    return Found(
        people=_people(actor, phrases)[:limit] if what in (What.ALL, What.PEOPLE) else [],
        rooms=_rooms(actor, phrases, in_sight)[:limit] if what in (What.ALL, What.ROOMS) else [],
        messages=_messages(actor, phrases, in_sight, limit=limit, before=before, with_excerpts=with_excerpts)
        if what in (What.ALL, What.MESSAGES)
        else FoundMessages(),
    )


def search_people(actor: Actor, q: str, *, limit: int = PAGE_HITS) -> list[PersonCard]:
    """Return the people the actor may know of whose username or display name has all words of `q` in it.

    limit: 1 to 100.  Raises Invalid and TooMany as `search`.
    """
    return search(actor, q, what=What.PEOPLE, limit=limit).people


def _asked(actor: Actor, q: str) -> list[Phrase]:
    phrases = read_query(q)
    limits.spend(limits.SEARCH, actor.person_id)
    return phrases


def _people(actor: Actor, phrases: list[Phrase]) -> list[PersonCard]:
    return cards_of(user for user in people_in_sight(actor) if contains_all(_names(user), phrases))


def _names(user: User) -> str:
    return f"{user.username} {user.display_name}"


def _rooms(actor: Actor, phrases: list[Phrase], in_sight: list[RoomInHand]) -> list[RoomCard]:
    """Return the rooms of that name; who is in a direct conversation is found among the people."""
    mine = {found.room_id for found in in_sight if found.is_member}
    ids = [found.room_id for found in in_sight if found.is_member or not found.facts.is_archived]
    rooms = [room for room in _rows_of(ids) if contains_all(f"{room.name} {room.description}", phrases)]
    return cards_of_rooms(actor.person_id, rooms, mine=mine)


def _rows_of(room_ids: list[int]) -> Sequence[Room]:
    if not room_ids:
        return []
    query = sa.select(Room).where(Room.id.in_(room_ids), Room.name != "")
    return db.session.scalars(query.order_by(sa.func.lower(Room.name), Room.id)).all()


def _messages(
    actor: Actor,
    phrases: list[Phrase],
    in_sight: list[RoomInHand],
    *,
    limit: int,
    before: int | None,
    with_excerpts: bool,
) -> FoundMessages:
    readable = [found for found in in_sight if RoomRight.READ in found.rights]
    if not readable:
        return FoundMessages()
    ids = _ids(phrases, readable, most=max(limit, COUNTED_MAX) + 1)
    older = ids if before is None else _ids(phrases, readable, most=limit + 1, before=before)
    return FoundMessages(
        page=_shown(actor, phrases if with_excerpts else [], older[:limit]),
        has_more=len(older) > limit,
        count=min(len(ids), COUNTED_MAX),
        has_uncounted=len(ids) > COUNTED_MAX,
    )


def _ids(
    phrases: list[Phrase], readable: list[RoomInHand], *, most: int, before: int | None = None
) -> list[int]:
    """Return the ids of the newest messages that were found, `most` at most."""
    connection = db.session.connection()
    is_match, message_id = matching(phrases, connection.dialect.name)
    query = (
        sa.select(message_id)
        # In this order: SQLite would as well look through all messages of the rooms.
        .select_from(sa.text(f"{TABLE} CROSS JOIN messages"))
        .where(is_match, _id == message_id, _deleted_at.is_(None), _visible(readable))
        .order_by(message_id.desc())
        .limit(most)
    )
    if before is not None:
        query = query.where(message_id < before)
    return [row[0] for row in _fetched_elsewhere(connection, query)]


def _visible(readable: list[RoomInHand]) -> sa.ColumnElement[bool]:
    whole = [found.room_id for found in readable if not found.hidden_up_to]
    since_arrival = (
        sa.and_(_room_id == found.room_id, _seq > found.hidden_up_to)
        for found in readable
        if found.hidden_up_to
    )
    return sa.or_(_room_id.in_(whole), *since_arrival)


def _fetched_elsewhere(connection: sa.Connection, query: sa.Select[Any]) -> list[Any]:
    """Return the rows of `query`, looked up where it holds up nobody: a word that everybody uses takes its time."""
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    values: Any = compiled.params
    if compiled.positional:
        values = [compiled.params[name] for name in compiled.positiontup or ()]
    cursor = connection.connection.cursor()
    try:
        return offload.in_native_thread(_fetch, cursor, str(compiled), values)
    finally:
        cursor.close()


def _fetch(cursor: Any, statement: str, values: Any) -> list[Any]:
    cursor.execute(statement, values)
    rows: list[Any] = cursor.fetchall()
    return rows


def _shown(actor: Actor, phrases: list[Phrase], ids: list[int]) -> list[FoundMessage]:
    """Return the messages; without pieces where there are no phrases."""
    if not ids:
        return []
    messages = db.session.scalars(
        sa.select(Message).where(Message.id.in_(ids)).order_by(Message.id.desc())
    ).all()
    room_ids = {message.room_id for message in messages}
    rooms = db.session.scalars(sa.select(Room).where(Room.id.in_(room_ids)))
    cards = {card.id: card for card in cards_of_rooms(actor.person_id, rooms)}
    found = []
    for message in messages:
        pieces = excerpt(plain_text(message.body), phrases) if phrases else []
        found.append(FoundMessage(message, cards[message.room_id], pieces))
        time.sleep(0)  # Others have their turn: messages can be long.
    return found

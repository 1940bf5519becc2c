"""Messages page by page by their ids, the newest first: of one room, or of all rooms somebody is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from homechat.actor import Actor
from homechat.database import db
from homechat.messages.models import Message
from homechat.rooms.finding import find_room, shown_to_member
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomRight

LISTED_MESSAGES = 50
LISTED_MAX = 100
_BEYOND_ALL = 2**63 - 1


@dataclass(frozen=True)
class Listing:
    """A stretch of messages, the newest first, without those that were deleted.

    has_more: whether more are older; for what was asked for with `after` alone, whether more are newer.
    """

    messages: list[Message]
    has_more: bool

    @property
    def oldest_id(self) -> int | None:
        return self.messages[-1].id if self.messages else None


NOTHING = Listing([], has_more=False)


@dataclass(frozen=True)
class Stretch:
    """Which messages are asked for, by ids of messages that need not be there.

    before, after: only those that are older, or newer, than these.  limit: 1 to 100.
    """

    before: int | None = None
    after: int | None = None
    limit: int = LISTED_MESSAGES

    @property
    def most(self) -> int:
        return max(1, min(self.limit, LISTED_MAX))

    @property
    def is_upward(self) -> bool:
        """Whether the page begins at the older end: those next newer than `after`."""
        return self.after is not None and self.before is None

    def holds(self, message: Any) -> list[sa.ColumnElement[bool]]:
        """Return the conditions that a message, or an alias of the table, is in it."""
        conditions = [message.id < self.before] if self.before is not None else []
        return [*conditions, message.id > self.after] if self.after is not None else conditions


def messages_in(actor: Actor, room_id: int, stretch: Stretch) -> Listing:
    """Return a page of one room, without what is hidden from a newcomer. Raises NotFound or Forbidden."""
    found = find_room(actor, room_id, RoomRight.READ)
    newest = Message.seq.asc() if stretch.is_upward else Message.seq.desc()
    rows = db.session.scalars(
        sa.select(Message)
        .where(
            Message.room_id == room_id,
            Message.seq > found.hidden_up_to,
            Message.deleted_at.is_(None),
            *stretch.holds(Message),
            *_places(room_id, stretch),
        )
        .order_by(newest)
        .limit(stretch.most + 1)
    )
    return _page(list(rows), stretch)


def messages_everywhere(actor: Actor, stretch: Stretch) -> Listing:
    """Return a page of all rooms that the actor is in.

    Of each room as many as the page may hold are looked up, from the end of its index, and the newest of those are
    kept: to sort all messages of all rooms would take as long as they grow.
    """
    candidate = aliased(Message)
    count, limit = stretch.most, stretch.most + 1
    last_of_room = (
        sa.select(candidate.seq)
        .where(candidate.room_id == Membership.room_id, *_shown(candidate), *stretch.holds(candidate))
        .order_by(candidate.seq.asc() if stretch.is_upward else candidate.seq.desc())
        .offset(count)
        .limit(1)
        .correlate(Membership, Room)
        .scalar_subquery()
    )
    if stretch.is_upward:
        within = Message.seq <= sa.func.coalesce(last_of_room, _BEYOND_ALL)
    else:
        within = Message.seq >= sa.func.coalesce(last_of_room, 0)
    query = (
        sa.select(Message.id)
        .select_from(Membership)
        .join(Room, Room.id == Membership.room_id)
        .join(Message, sa.and_(Message.room_id == Membership.room_id, within))
        .where(Membership.user_id == actor.person_id, *_shown(Message), *stretch.holds(Message))
        .order_by(Message.id.asc() if stretch.is_upward else Message.id.desc())
        .limit(limit)
    )
    if actor.room_ids is not None:
        query = query.where(Membership.room_id.in_(actor.room_ids))
    ids = list(db.session.scalars(query))
    rows = {row.id: row for row in db.session.scalars(sa.select(Message).where(Message.id.in_(ids)))}
    return _page([rows[message_id] for message_id in ids], stretch)


def _places(room_id: int, stretch: Stretch) -> list[sa.ColumnElement[bool]]:
    """Return what is known of the ends by place: the index leads there at once, ids would have to be looked through."""
    ends = [end for end in (stretch.before, stretch.after) if end is not None]
    if not ends:
        return []
    rows = db.session.execute(
        sa.select(Message.id, Message.seq).where(Message.id.in_(ends), Message.room_id == room_id)
    )
    return [Message.seq < seq if end == stretch.before else Message.seq > seq for end, seq in rows]


def _shown(message: Any) -> list[sa.ColumnElement[bool]]:
    return [message.deleted_at.is_(None), shown_to_member(message.seq)]


def _page(rows: list[Message], stretch: Stretch) -> Listing:
    """rows: from the end at which the page begins, one more than it holds where there are more."""
    kept = rows[: stretch.most]
    if stretch.is_upward:
        kept.reverse()
    return Listing(kept, has_more=len(rows) > stretch.most)

"""Reading back, and catching up after a gap. The messages are the replay log; there is no queue."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import sqlalchemy as sa

from homechat.actor import Actor
from homechat.database import db
from homechat.messages.models import Message
from homechat.messages.rendering import payloads
from homechat.rooms.finding import RoomInHand, find_room
from homechat.rooms.models import Membership
from homechat.security.policy import RoomRight

PAGE_MESSAGES = 50
PAGE_CHARACTERS = 50_000
CATCH_UP_MESSAGES = 500
CATCH_UP_CHARACTERS = 100_000


@dataclass(frozen=True)
class Page:
    """A stretch of history, oldest first.

    has_more: whether there are older messages; has_newer: whether there are newer ones.
    oldest_seq: the place to page back from, None when the page is empty.  last_seq: the room's latest change.
    """

    room_id: int
    messages: list[Message]
    has_more: bool
    last_seq: int
    has_newer: bool = False

    @property
    def oldest_seq(self) -> int | None:
        return self.messages[0].seq if self.messages else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "room_id": self.room_id,
            "messages": payloads(self.messages),
            "has_more": self.has_more,
            "oldest_seq": self.oldest_seq,
        }


def page_before(actor: Actor, room_id: int, *, before: int | None = None, limit: int = PAGE_MESSAGES) -> Page:
    """Return up to `limit` (1 to 100) messages before the place `before`, or the newest; fewer when they are very long.

    Raises NotFound or Forbidden. In a private room whose newcomers see it from their arrival on, nothing older shows.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    shown, has_more = _older(found, before, max(1, min(limit, 100)), PAGE_CHARACTERS)
    return Page(
        room_id=room_id,
        messages=shown,
        has_more=has_more,
        last_seq=found.last_seq,
        has_newer=before is not None,
    )


def page_around(actor: Actor, room_id: int, place: int) -> Page:
    """Return the messages around the one at `place`, 25 before it and 25 from it on; fewer when they are very long.

    Where no message stands there that the actor may see, those that are nearest. Raises NotFound or Forbidden.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    half, characters = PAGE_MESSAGES // 2, PAGE_CHARACTERS // 2
    older, has_more = _older(found, place, half, characters)
    rows = list(
        db.session.scalars(_visible(found).where(Message.seq >= place).order_by(Message.seq).limit(half + 1))
    )
    newer = _that_fit(rows[:half], characters)
    return Page(
        room_id=room_id,
        messages=older + newer,
        has_more=has_more,
        last_seq=found.last_seq,
        has_newer=len(rows) > len(newer),
    )


def changes_after(actor: Actor, room_id: int, *, after: int) -> dict[str, Any]:
    """Return everything that changed in a room since its number `after`, as messages in the order of their places.

    When more than 500 did, or they are very long together, nothing but `reload: true`: loading anew is quicker.
    """
    found = find_room(actor, room_id, RoomRight.READ)
    rows = db.session.scalars(
        sa.select(Message)
        .where(Message.room_id == room_id, Message.changed_seq > after, Message.seq > found.hidden_up_to)
        .order_by(Message.changed_seq)
        .limit(CATCH_UP_MESSAGES + 1)
    ).all()
    too_far = len(rows) > CATCH_UP_MESSAGES or sum(len(row.body) for row in rows) > CATCH_UP_CHARACTERS
    return {
        "room_id": room_id,
        "messages": [] if too_far else payloads(sorted(rows, key=lambda message: message.seq)),
        "last_seq": found.last_seq,
        "reload": too_far,
        "reads": reads_of(room_id, actor.person_id),
    }


def reads_of(room_id: int, viewer_id: int) -> dict[int, int]:
    """Return up to where each of the others in a room has read."""
    rows = db.session.execute(
        sa.select(Membership.user_id, Membership.last_read_seq).where(
            Membership.room_id == room_id, Membership.user_id != viewer_id
        )
    )
    return {user_id: seq for user_id, seq in rows}


def first_unread_seq(actor: Actor, found: RoomInHand) -> int | None:
    """Return the place of the first message of others that the actor has not read, or None."""
    if not found.is_member:
        return None
    return db.session.scalar(
        sa.select(sa.func.min(Message.seq)).where(
            Message.room_id == found.room_id,
            Message.seq > found.last_read_seq,
            Message.author_id != actor.person_id,
            Message.deleted_at.is_(None),
        )
    )


def _older(found: RoomInHand, before: int | None, limit: int, characters: int) -> tuple[list[Message], bool]:
    """Return the newest messages before a place, oldest first, and whether there are older ones."""
    query = _visible(found).order_by(Message.seq.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(Message.seq < before)
    rows = list(db.session.scalars(query))
    shown = _that_fit(rows[:limit], characters)
    return shown[::-1], len(rows) > len(shown)


def _visible(found: RoomInHand) -> sa.Select[Message]:
    return sa.select(Message).where(Message.room_id == found.room_id, Message.seq > found.hidden_up_to)


def _that_fit(messages: list[Message], characters_max: int) -> list[Message]:
    """Return as many of the first messages as have so many characters together, one at least."""
    sums = accumulate(len(message.body) for message in messages)
    count = sum(characters <= characters_max for characters in sums)
    return messages[: max(1, count)]

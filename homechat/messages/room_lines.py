"""All rooms that somebody can see, as programs list them: how many are in them, what is unread, what was said last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from homechat.actor import Actor
from homechat.database import db
from homechat.messages.latest import Latest, latest_in
from homechat.messages.unread import unread_by_room
from homechat.rooms.cards import RoomCard, cards_of_rooms
from homechat.rooms.finding import find_room, is_within_reach
from homechat.rooms.models import Membership, Room
from homechat.rooms.queries import online_by_room
from homechat.security.policy import RoomKind, RoomRight, RoomRole, Scope, has_scope, room_rights


@dataclass(frozen=True)
class RoomLine:
    """A room as one person sees it.

    unread: messages of others that they have not read; 0 for who is not in it.  online: of those in it, them included.
    latest: None too where they, or their token, may not read.
    """

    card: RoomCard
    created_at: datetime
    unread: int
    online: int
    latest: Latest | None


def room_lines(actor: Actor) -> list[RoomLine]:
    """Return every room in use that the actor can see and that shows to them, in the order in which they were made.

    First those that they are in: clients look at the first few more closely. As many queries for two hundred rooms as
    for one.
    """
    rows = db.session.execute(
        sa.select(Room, Membership)
        .outerjoin(Membership, sa.and_(Membership.room_id == Room.id, Membership.user_id == actor.person_id))
        .where(Room.archived_at.is_(None), sa.or_(Room.kind == RoomKind.PUBLIC, Membership.id.is_not(None)))
        .order_by(Membership.id.is_(None), Room.id)
    )
    shown = [(room, membership) for room, membership in rows if room.shows_to(actor.person_id)]
    return _lines(actor, [(room, here) for room, here in shown if _can_see(actor, room, here)])


def room_line(actor: Actor, room_id: int) -> RoomLine:
    """Return one room, an archived one too. Raises NotFound."""
    found = find_room(actor, room_id, RoomRight.SEE)
    return _lines(actor, [(found.room, found.membership)])[0]


def _can_see(actor: Actor, room: Room, here: Membership | None) -> bool:
    return is_within_reach(actor, room.id) and RoomRight.SEE in _rights(actor, room, here)


def _rights(actor: Actor, room: Room, here: Membership | None) -> frozenset[RoomRight]:
    if actor.role is None:
        return frozenset()
    return room_rights(actor.role, room=room.facts, here=RoomRole(here.role) if here else None)


def _lines(actor: Actor, listed: Sequence[tuple[Room, Membership | None]]) -> list[RoomLine]:
    if not listed:
        return []
    rooms = [room for room, _ in listed]
    mine = {room.id for room, membership in listed if membership is not None}
    readable = [room.id for room, here in listed if RoomRight.READ in _rights(actor, room, here)]
    unread = unread_by_room(actor.person_id, room_id=rooms[0].id if len(rooms) == 1 else None)
    latest = latest_in(actor.person_id, readable if has_scope(actor, Scope.MESSAGES_READ) else [])
    online = online_by_room([room.id for room in rooms])
    return [
        RoomLine(
            card=card,
            created_at=room.created_at,
            unread=unread.get(room.id, 0),
            online=online.get(room.id, 0),
            latest=latest.get(room.id),
        )
        for card, room in zip(cards_of_rooms(actor.person_id, rooms, mine=mine), rooms, strict=True)
    ]

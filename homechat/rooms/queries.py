"""Which rooms there are for somebody, who is in them, and who may make more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import settings
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.database import db
from homechat.errors import Forbidden
from homechat.realtime.models import LiveSocketRow
from homechat.rooms.cards import RoomCard, cards_of_rooms
from homechat.rooms.finding import is_within_reach
from homechat.rooms.models import Membership, Room
from homechat.security.policy import HouseRight, RoomKind, Scope, house_right, was_given


def may_create_room(actor: Actor, kind: RoomKind = RoomKind.PUBLIC) -> bool:
    """Whether the actor may make rooms of this kind: by role, and members by a setting of the house.

    Not where they see but some rooms. A bot makes public ones, with the scope for it.
    """
    if actor.room_ids is not None:
        return False
    if actor.role is Role.BOT:
        return kind is RoomKind.PUBLIC and was_given(actor, Scope.CHANNELS_WRITE)
    if actor.role is Role.MEMBER:
        return settings.value_of(settings.MEMBERS_CREATE_ROOMS)
    return house_right(actor.role, HouseRight.CREATE_ROOM)


def may_start_direct(actor: Actor) -> bool:
    """Whether the actor may begin conversations: by role; a bot answers only, unless it has the scope to make rooms."""
    if actor.room_ids is not None:
        return False
    if actor.role is Role.BOT:
        return was_given(actor, Scope.CHANNELS_WRITE)
    return house_right(actor.role, HouseRight.START_DIRECT)


def may_browse(actor: Actor) -> bool:
    """Whether the actor may see which public rooms there are."""
    return house_right(actor.role, HouseRight.BROWSE_ROOMS)


def home_room() -> Room:
    """Return the household's default room, which every admin and member is in."""
    return db.session.scalars(sa.select(Room).where(Room.is_home)).one()


def room_ids_of(user_id: int) -> list[int]:
    """Return the ids of all rooms a person is in."""
    return list(db.session.scalars(sa.select(Membership.room_id).where(Membership.user_id == user_id)))


def room_ids_by_person(user_ids: Iterable[int]) -> dict[int, set[int]]:
    """Return for each of these people the ids of their rooms."""
    rooms: dict[int, set[int]] = defaultdict(set)
    query = sa.select(Membership.user_id, Membership.room_id).where(Membership.user_id.in_(list(user_ids)))
    for user_id, room_id in db.session.execute(query):
        rooms[user_id].add(room_id)
    return rooms


def members_of(room_id: int) -> list[tuple[Membership, User]]:
    """Return everyone in a room, by name."""
    rows = db.session.execute(
        sa.select(Membership, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.room_id == room_id)
        .order_by(sa.func.lower(User.display_name), User.id)
    )
    return [(membership, user) for membership, user in rows]


def belongs_here_always(room: Room, user: User) -> bool:
    """Whether nobody can take `user` out of `room`: admins and members are always in the home room."""
    return room.is_home and user.belongs_to_house


def member_count(room_id: int) -> int:
    """Return how many people are in a room."""
    query = sa.select(sa.func.count()).select_from(Membership).where(Membership.room_id == room_id)
    return db.session.scalar(query) or 0


def public_rooms(actor: Actor) -> list[RoomCard]:
    """Return every public room in use, by name, for those who may browse; with whether the actor is in it."""
    if not may_browse(actor):
        raise Forbidden(_("Somebody of the house can add you to rooms."))
    rooms = db.session.scalars(
        sa.select(Room)
        .where(Room.kind == RoomKind.PUBLIC, Room.archived_at.is_(None))
        .order_by(Room.name_key)
    ).all()
    mine = set(room_ids_of(actor.person_id))
    return cards_of_rooms(
        actor.person_id, [room for room in rooms if is_within_reach(actor, room.id)], mine=mine
    )


def my_rooms(actor: Actor) -> list[RoomCard]:
    """Return the rooms in use that the actor is in: direct conversations, then those that have a name, by name."""
    return _mine(actor, Room.archived_at.is_(None))


def archived_rooms(actor: Actor) -> list[RoomCard]:
    """Return the archived rooms that the actor is in, by name."""
    return _mine(actor, Room.archived_at.is_not(None))


def rooms_to_open(actor: Actor) -> list[RoomCard]:
    """Return the rooms that the actor may open to a guest, a token or a bot: all public ones, and their own.

    Raises Forbidden for those who may not browse.
    """
    return [*public_rooms(actor), *(room for room in my_rooms(actor) if room.kind == RoomKind.PRIVATE)]


def online_by_room(room_ids: list[int], *, without: int | None = None) -> dict[int, int]:
    """Return how many are online of those in each of these rooms where anybody is; `without` is not counted."""
    rows = db.session.execute(
        sa.select(Membership.room_id, sa.func.count(sa.distinct(Membership.user_id)))
        .join(LiveSocketRow, LiveSocketRow.user_id == Membership.user_id)
        .where(Membership.room_id.in_(room_ids), Membership.user_id.is_distinct_from(without))
        .group_by(Membership.room_id)
    )
    return {room_id: count for room_id, count in rows}


def _mine(actor: Actor, is_wanted: sa.ColumnElement[bool]) -> list[RoomCard]:
    rooms = db.session.scalars(
        sa.select(Room)
        .join(Membership, Membership.room_id == Room.id)
        .where(Membership.user_id == actor.person_id, is_wanted)
        .order_by(sa.func.lower(Room.name), Room.id)
    )
    return cards_of_rooms(actor.person_id, [room for room in rooms if is_within_reach(actor, room.id)])

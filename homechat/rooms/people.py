"""People as far as the actor may know of them: by the rooms that they share."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.accounts.models import Standing, User
from homechat.accounts.queries import person_named
from homechat.actor import Actor, Role
from homechat.database import db, row_of
from homechat.errors import NotFound
from homechat.realtime import presence
from homechat.rooms.finding import is_within_reach
from homechat.rooms.models import Membership, Room
from homechat.security.policy import HouseRight, RoomKind, house_right


def person_in_sight(actor: Actor, user_id: int) -> User:
    """Return the person of this id. Raises NotFound unless the actor may know of them, and while they wait outside."""
    user = row_of(User, user_id)
    return _if_known(actor, user)


def person_in_sight_named(actor: Actor, username: str) -> User:
    """Return the person of this username, as `person_in_sight`."""
    return _if_known(actor, person_named(username))


def known_ids(actor: Actor) -> set[int] | None:
    """Return the ids of those whom the actor may know of, the actor too; None: everybody.

    Members of the house know everybody, guests and bots those who share a room with them. Through a token that is
    bound to rooms: those who are in them.
    """
    if actor.room_ids is None and house_right(actor.role, HouseRight.MEET_EVERYONE):
        return None
    return {*people_around(actor), actor.person_id}


def may_meet(actor: Actor, user: User) -> bool:
    """Whether the actor may know of `user`."""
    if user.id == actor.user_id:
        return True
    known = known_ids(actor)
    return known is None or user.id in known


def may_write_to(actor: Actor, user: User) -> bool:
    """Whether the actor may begin a direct conversation with `user`, whom they may know of.

    Guests and bots are written to by those who share a room with them, and by those with the right to.
    """
    if user.belongs_to_house or house_right(actor.role, HouseRight.WRITE_TO_GUESTS):
        return True
    return user.id in people_around(actor)


def people_around(actor: Actor) -> set[int]:
    """Return the ids of everyone in the rooms that exist for the actor; for a bot, in all that it may read.

    The actor may be among them.
    """
    shared: sa.Select[int] | sa.CompoundSelect[int]
    shared = sa.select(Membership.room_id).where(Membership.user_id == actor.person_id)
    if actor.role is Role.BOT:
        public = sa.select(Room.id).where(Room.kind == RoomKind.PUBLIC, Room.archived_at.is_(None))
        shared = shared.union(public)
    query = sa.select(Membership.user_id).where(Membership.room_id.in_(shared)).distinct()
    if actor.room_ids is not None:
        query = query.where(Membership.room_id.in_(actor.room_ids))
    return set(db.session.scalars(query))


def online_people(actor: Actor) -> list[int]:
    """Return the ids of those who are online, as far as the actor may know of them, the actor included."""
    online, known = presence.everyone_online(), known_ids(actor)
    return sorted(online if known is None else online & known)


def direct_with(actor: Actor, user_id: int) -> int | None:
    """Return the id of the actor's direct conversation with one person, or None while there is none.

    Raises NotFound for people the actor may not know of.
    """
    key = direct_key({actor.person_id, user_id})
    room_id = db.session.scalar(sa.select(Room.id).where(Room.direct_key == key))
    if room_id is not None and is_within_reach(actor, room_id):
        return room_id
    person_in_sight(actor, user_id)
    return None


def direct_key(user_ids: Iterable[int]) -> str:
    """Return `Room.direct_key` of the direct conversation of these people, each of them given once."""
    return "-".join(map(str, sorted(user_ids)))


def _if_known(actor: Actor, user: User | None) -> User:
    hidden = user is None or user.erased_at is not None or user.standing == Standing.PENDING
    if user is None or hidden or not may_meet(actor, user):
        raise NotFound(_("There is nobody like that here."))
    return user

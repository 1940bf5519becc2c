"""All that somebody may know of at once: rooms and people, for lists and for searching."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from homechat.accounts.models import User
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.database import Base, db
from homechat.rooms.models import Membership
from homechat.rooms.queries import (
    IN_HAND,
    RoomInHand,
    acquaintance_ids,
    in_hand,
    is_within_reach,
    may_write_to,
)
from homechat.security.policy import HouseRight, RoomKind, RoomRight, house_right

_rooms, _memberships = (Base.metadata.tables[name] for name in ("rooms", "memberships"))
_IN_SIGHT = IN_HAND.add_columns(_rooms.c.id).where(
    sa.or_(_memberships.c.id.is_not(None), _rooms.c.kind == RoomKind.PUBLIC.value)
)


def rooms_in_sight(actor: Actor) -> list[RoomInHand]:
    """Return every room that the actor may know of, with their rights there, in one query; archived ones too."""
    if actor.user_id is None or actor.role is None:
        return []
    rows = db.session.connection().execute(_IN_SIGHT, {"user_id": actor.user_id}).all()
    found = [in_hand(actor.role, row[-1], row[:-1]) for row in rows if is_within_reach(actor, row[-1])]
    return [room for room in found if RoomRight.SEE in room.rights]


def people_in_sight(actor: Actor, *, roles: tuple[Role, ...] = tuple(Role)) -> list[User]:
    """Return everybody of `roles` who is welcome and whom the actor may know of, the actor too, by name.

    For a token that is bound to rooms, those are the people in these rooms.
    """
    known = people(roles=roles)
    if actor.room_ids is not None:
        around = _people_in({room.room_id for room in rooms_in_sight(actor) if RoomRight.READ in room.rights})
    elif house_right(actor.role, HouseRight.MEET_EVERYONE):
        return known
    else:
        around = acquaintance_ids(actor.person_id)
    return [user for user in known if user.id in around or user.id == actor.user_id]


def ids_to_write_to(actor: Actor, user_ids: Iterable[int]) -> set[int]:
    """Return of these the ids of people with whom the actor may begin a direct conversation; no bots."""
    wanted = {*user_ids} - {actor.person_id}
    if actor.room_ids is not None or not house_right(actor.role, HouseRight.START_DIRECT):
        return set()
    known = people_in_sight(actor, roles=(Role.ADMIN, Role.MEMBER, Role.GUEST))
    return {user.id for user in known if user.id in wanted and may_write_to(actor, user)}


def _people_in(room_ids: set[int]) -> set[int]:
    if not room_ids:
        return set()
    return set(
        db.session.scalars(sa.select(Membership.user_id).where(Membership.room_id.in_(room_ids)).distinct())
    )

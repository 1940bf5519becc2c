"""All that somebody may know of at once: rooms and people, for lists and for searching."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from homechat.accounts.models import User
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.database import Base, db
from homechat.rooms.queries import (
    IN_HAND,
    RoomInHand,
    in_hand,
    is_within_reach,
    known_ids,
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
    """Return everybody of `roles` who is welcome and whom the actor may know of, the actor too, by name."""
    known = known_ids(actor)
    return [user for user in people(roles=roles) if known is None or user.id in known]


def ids_to_write_to(actor: Actor, user_ids: Iterable[int]) -> set[int]:
    """Return of these the ids of people with whom the actor may begin a direct conversation; no bots."""
    wanted = {*user_ids} - {actor.person_id}
    if actor.room_ids is not None or not house_right(actor.role, HouseRight.START_DIRECT):
        return set()
    known = people_in_sight(actor, roles=(Role.ADMIN, Role.MEMBER, Role.GUEST))
    return {user.id for user in known if user.id in wanted and may_write_to(actor, user)}

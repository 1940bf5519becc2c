"""All that somebody may know of at once: rooms and people, for lists and for searching."""

from __future__ import annotations

import sqlalchemy as sa

from homechat.accounts.models import User
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.database import Base, db
from homechat.rooms.finding import IN_HAND, RoomInHand, in_hand, is_within_reach
from homechat.rooms.people import known_ids, may_write_to
from homechat.rooms.queries import may_start_direct
from homechat.security.policy import RoomKind, RoomRight

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


def people_in_sight(actor: Actor) -> list[User]:
    """Return everybody who is welcome and whom the actor may know of, bots and the actor too, by name."""
    known = known_ids(actor)
    return [user for user in people(roles=Role) if known is None or user.id in known]


def people_to_write_to(actor: Actor) -> list[User]:
    """Return everybody else with whom the actor may begin a direct conversation, by name."""
    if not may_start_direct(actor):
        return []
    others = [user for user in people_in_sight(actor) if user.id != actor.user_id]
    return [user for user in others if may_write_to(actor, user)]

"""Finding rooms, always through the eyes of an actor: where they stand in one, and what they may do there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.actor import Actor, Role
from homechat.database import Base, db, looked_up
from homechat.errors import Forbidden, NotFound
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomFacts, RoomKind, RoomRight, RoomRole, room_rights

# Asked twice for each message. Columns of tables, by a statement made once, cost a quarter of two objects.
_rooms, _memberships = (Base.metadata.tables[name] for name in ("rooms", "memberships"))
IN_HAND = sa.select(
    _rooms.c.kind,
    _rooms.c.is_home,
    _rooms.c.archived_at,
    _rooms.c.owners_add_only,
    _rooms.c.from_arrival,
    _rooms.c.last_seq,
    _memberships.c.id,
    _memberships.c.role,
    _memberships.c.joined_seq,
    _memberships.c.last_read_seq,
).outerjoin_from(
    _rooms,
    _memberships,
    sa.and_(_memberships.c.room_id == _rooms.c.id, _memberships.c.user_id == sa.bindparam("user_id")),
)
_ONE_IN_HAND = IN_HAND.where(_rooms.c.id == sa.bindparam("room_id"))


@dataclass(frozen=True)
class RoomInHand:
    """A room that the actor may know of, where they stand in it, and what they may do there; as it was when asked.

    membership_id: None for who is not in it; joined_seq and last_read_seq are 0 then.
    """

    room_id: int
    facts: RoomFacts
    rights: frozenset[RoomRight]
    from_arrival: bool
    last_seq: int
    membership_id: int | None
    joined_seq: int
    last_read_seq: int

    @property
    def is_member(self) -> bool:
        return self.membership_id is not None

    @property
    def hidden_up_to(self) -> int:
        """The last place in the room that a newcomer may not read; 0 where everything is shown."""
        return self.joined_seq if self.from_arrival else 0

    @cached_property
    def room(self) -> Room:
        """The row, for who shows or changes more of it."""
        return db.session.get_one(Room, self.room_id)

    @cached_property
    def membership(self) -> Membership | None:
        """The row, as `room`."""
        return db.session.get_one(Membership, self.membership_id) if self.membership_id is not None else None


def find_room(actor: Actor, room_id: int, right: RoomRight) -> RoomInHand:
    """Return the room for somebody who has `right` in it.

    Raises NotFound when the actor may not know of the room, Forbidden when they do and lack the right.
    """
    found = look_up_room(actor, room_id)
    if found is None or RoomRight.SEE not in found.rights:
        raise no_such_room()
    if right not in found.rights:
        raise Forbidden(_why_not(found, right))
    return found


def has_right_in(actor: Actor, room_id: int, right: RoomRight) -> bool:
    """Whether the actor has `right` in the room of this id; in one that is not there nobody has any."""
    found = look_up_room(actor, room_id)
    return found is not None and right in found.rights


def no_such_room() -> NotFound:
    """Return the one refusal for rooms that are not there and for those that the actor may not know of."""
    return NotFound(_("There is no such conversation, or you are not in it."))


def look_up_room(actor: Actor, room_id: int) -> RoomInHand | None:
    """Return the room with the actor's rights in it, which may be none, or None when no room has this id."""
    if actor.user_id is None or actor.role is None or not 0 < room_id < 2**63:
        return None
    if not is_within_reach(actor, room_id):
        return None
    kept, key = looked_up(), (RoomInHand, room_id, actor.user_id, actor.role)
    found = kept.get(key)  # The door asks before the action does.
    if isinstance(found, RoomInHand):
        return found
    asked = {"room_id": room_id, "user_id": actor.user_id}
    row = db.session.connection().execute(_ONE_IN_HAND, asked).one_or_none()
    if row is None:
        return None
    kept[key] = found = in_hand(actor.role, room_id, row)
    return found


def in_hand(role: Role, room_id: int, row: Iterable[Any]) -> RoomInHand:
    """Return what a row of `IN_HAND` says to somebody of `role`."""
    kind, is_home, archived_at, owners_add_only, from_arrival, last_seq, membership_id, here, *places = row
    facts = RoomFacts(
        kind=RoomKind(kind),
        is_home=is_home,
        is_archived=archived_at is not None,
        owners_add_only=owners_add_only,
    )
    joined_seq, last_read_seq = (place or 0 for place in places)
    return RoomInHand(
        room_id=room_id,
        facts=facts,
        rights=room_rights(role, room=facts, here=RoomRole(here) if here else None),
        from_arrival=from_arrival,
        last_seq=last_seq,
        membership_id=membership_id,
        joined_seq=joined_seq,
        last_read_seq=last_read_seq,
    )


def is_within_reach(actor: Actor, room_id: int) -> bool:
    """Whether a room can exist for the actor: for a token that is bound to rooms, no other does."""
    return actor.room_ids is None or room_id in actor.room_ids


def shown_to_member(seq: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Return the condition of `RoomInHand.hidden_up_to` for a statement with `Room` and the `Membership` in it."""
    return sa.or_(sa.not_(Room.from_arrival), seq > Membership.joined_seq)


def _why_not(found: RoomInHand, right: RoomRight) -> str:
    if found.facts.is_archived:
        return _("This room is archived. You can read it, but not change it.")
    if right is RoomRight.JOIN:
        return _("A bot reads and writes in public rooms without joining them.")
    if right is RoomRight.ANSWER and RoomRight.POST in found.rights:
        return _("Only people answer this, no bots.")
    if not found.is_member:
        return _("Join this room first.")
    return _("Only this room's owners may do that.")

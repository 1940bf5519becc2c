"""Finding rooms and who is in them; always through the eyes of an actor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import settings
from homechat.accounts.cards import PersonCard, card_of
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.database import Base, db, looked_up
from homechat.errors import Forbidden, NotFound
from homechat.realtime import presence
from homechat.realtime.models import LiveSocketRow
from homechat.rooms.models import Membership, Room
from homechat.security.policy import (
    HouseRight,
    RoomFacts,
    RoomKind,
    RoomRight,
    RoomRole,
    Scope,
    house_right,
    room_rights,
    was_given,
)


@dataclass(frozen=True)
class RoomCard:
    """A room as one person sees it; a direct conversation has the others' names for its own."""

    id: int
    kind: str
    name: str
    description: str = ""
    is_home: bool = False
    is_archived: bool = False
    from_arrival: bool = False
    member_count: int = 0
    other: PersonCard | None = None
    is_member: bool = True

    @property
    def is_direct(self) -> bool:
        return self.kind == RoomKind.DIRECT


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


def shown_to_member(seq: sa.SQLColumnExpression[int]) -> sa.ColumnElement[bool]:
    """Return the condition of `RoomInHand.hidden_up_to` for a statement with `Room` and the `Membership` in it."""
    return sa.or_(sa.not_(Room.from_arrival), seq > Membership.joined_seq)


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


def cards_of_rooms(viewer_id: int, rooms: Iterable[Room], *, mine: set[int] | None = None) -> list[RoomCard]:
    """Return the cards of `rooms` in their order as `viewer_id` sees them, in three queries however many there are."""
    listed = list(rooms)
    counts = _counts_of([room.id for room in listed])
    others = _others_in([room.id for room in listed if room.is_direct], viewer_id)
    online = presence.online_among({user.id for people in others.values() for user in people})
    return [
        RoomCard(
            id=room.id,
            kind=room.kind,
            name=room.name or direct_name(others.get(room.id, [])),
            description=room.description,
            is_home=room.is_home,
            is_archived=room.is_archived,
            from_arrival=room.from_arrival,
            member_count=counts.get(room.id, 0),
            other=_only_other(others.get(room.id, []), online),
            is_member=mine is None or room.id in mine,
        )
        for room in listed
    ]


def direct_name(others: list[User]) -> str:
    """Return the name of a direct conversation: the others' names, or a word for talking to oneself."""
    return ", ".join(user.display_name for user in others) or _("Notes to yourself")


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


def _counts_of(room_ids: list[int]) -> dict[int, int]:
    query = (
        sa.select(Membership.room_id, sa.func.count())
        .where(Membership.room_id.in_(room_ids))
        .group_by(Membership.room_id)
    )
    return {room_id: count for room_id, count in db.session.execute(query)}


def _others_in(room_ids: list[int], viewer_id: int) -> dict[int, list[User]]:
    others: dict[int, list[User]] = defaultdict(list)
    if not room_ids:  # SQLite would look for nothing in the whole table.
        return others
    query = (
        sa.select(Membership.room_id, User)
        .join(User, User.id == Membership.user_id)
        .where(Membership.room_id.in_(room_ids), Membership.user_id != viewer_id)
        .order_by(Membership.id)
    )
    for room_id, user in db.session.execute(query):
        others[room_id].append(user)
    return others


def _only_other(others: list[User], online: set[int]) -> PersonCard | None:
    if len(others) != 1:
        return None
    return card_of(others[0], is_online=others[0].id in online)


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

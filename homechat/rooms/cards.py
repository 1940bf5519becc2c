"""Rooms as lists and headings show them to somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.accounts.cards import PersonCard, card_of
from homechat.accounts.models import User
from homechat.database import db
from homechat.realtime import presence
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind


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

"""People as far as the actor may know of them: by the rooms that they share."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.accounts.models import Standing, User
from homechat.accounts.queries import person_named
from homechat.actor import Actor
from homechat.database import db
from homechat.errors import NotFound
from homechat.rooms.models import Room
from homechat.rooms.queries import is_within_reach, may_meet


def person_in_sight(actor: Actor, user_id: int) -> User:
    """Return the person of this id. Raises NotFound unless the actor may know of them, and while they wait outside."""
    user = db.session.get(User, user_id) if 0 < user_id < 2**63 else None
    return _if_known(actor, user)


def person_in_sight_named(actor: Actor, username: str) -> User:
    """Return the person of this username, as `person_in_sight`."""
    return _if_known(actor, person_named(username))


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

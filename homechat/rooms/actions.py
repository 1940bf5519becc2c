"""What people do with rooms. Each function checks the right, writes once, and tells those concerned after commit."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from homechat import audit
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid
from homechat.realtime.events import announce, room_audience
from homechat.rooms.finding import find_room, is_within_reach
from homechat.rooms.membership import add_one, close_room, people_to_add, put_in, updated
from homechat.rooms.models import (
    DESCRIPTION_MAX_CHARACTERS,
    DIRECT_MAX_PEOPLE,
    NAME_MAX_CHARACTERS,
    NAME_MIN_CHARACTERS,
    Room,
)
from homechat.rooms.naming import folded, without_sign
from homechat.rooms.people import direct_key, may_write_to
from homechat.rooms.queries import may_create_room, may_start_direct
from homechat.security import limits
from homechat.security.policy import RoomKind, RoomRight, RoomRole
from homechat.text import one_line

HOME_NAME = "home"


def create_home(actor: Actor) -> Room:
    """Make the household's default room within the founding transaction. Raises Conflict when there is one."""
    with transaction() as session:
        founded = Conflict(_("This house has been founded already."))
        room = Room(kind=RoomKind.PUBLIC.value, name=HOME_NAME, name_key=HOME_NAME, is_home=True)
        session.add(room)
        _flush_or_raise(session, founded)
        audit.record(actor, audit.Action.ROOM_CREATED, subject=f"room:{room.id}", detail={"kind": room.kind})
    return room


def create_room(
    actor: Actor,
    *,
    name: str,
    description: str = "",
    kind: RoomKind = RoomKind.PUBLIC,
    from_arrival: bool = False,
    owners_add_only: bool = False,
    member_ids: Sequence[int] = (),
) -> Room:
    """Make a public or private room with the actor as its owner and `member_ids` in it.

    from_arrival, owners_add_only: for private rooms; public ones do without.
    Raises Forbidden without the right, Invalid naming the fields, Conflict when a public room has this name.
    """
    if not may_create_room(actor, kind):
        raise Forbidden(_("You can't make rooms here. Ask whoever runs the house."))
    limits.spend(limits.CREATE_ROOMS, actor.person_id)
    name, description = _checked(name, description)
    taken = _name_taken()
    with transaction() as session:
        room = Room(
            kind=kind.value,
            name=name,
            name_key=_key_of(name, kind),
            description=description,
            from_arrival=from_arrival and kind is RoomKind.PRIVATE,
            owners_add_only=owners_add_only and kind is RoomKind.PRIVATE,
            created_by_id=actor.person_id,
        )
        session.add(room)
        _flush_or_raise(session, taken)
        audit.record(actor, audit.Action.ROOM_CREATED, subject=f"room:{room.id}", detail={"kind": kind.value})
        put_in(session, room, actor.person_id, RoomRole.OWNER)
        others = [user_id for user_id in member_ids if user_id != actor.person_id]
        for user in people_to_add(actor, others):
            add_one(actor, session, room, user.id)
    return room


def start_direct(actor: Actor, other_ids: Sequence[int]) -> Room:
    """Return the direct conversation of the actor with these people, made when there is none yet.

    other_ids: one to seven others; the actor alone gets a place for notes.
    Raises NotFound for people the actor may not know of, Forbidden for those they may not write to, Invalid
    when there are too many.
    """
    ids = sorted({actor.person_id, *other_ids})
    if len(ids) > DIRECT_MAX_PEOPLE:
        raise Invalid(
            _(
                "A direct conversation takes up to %(number)d people. Make a room instead.",
                number=DIRECT_MAX_PEOPLE,
            )
        )
    key = direct_key(ids)
    found = _direct_room(key)
    if found is not None and is_within_reach(actor, found.id):
        return found
    if not may_start_direct(actor):
        raise Forbidden(_("You can't start conversations."))
    limits.spend(limits.CREATE_ROOMS, actor.person_id)
    try:
        with transaction() as session:
            people = people_to_add(actor, [user_id for user_id in ids if user_id != actor.person_id])
            if not all(may_write_to(actor, user) for user in people):
                raise Forbidden(_("You can write to a guest or a bot once you share a room."))
            room = Room(kind=RoomKind.DIRECT.value, direct_key=key, created_by_id=actor.person_id)
            session.add(room)
            session.flush()
            for user_id in (actor.person_id, *(user.id for user in people)):
                put_in(session, room, user_id, RoomRole.MEMBER)
    except IntegrityError:
        room = db.session.scalars(sa.select(Room).where(Room.direct_key == key)).one()
    return room


def change_room(
    actor: Actor, room_id: int, *, name: str, description: str, owners_add_only: bool | None = None
) -> Room:
    """Give a room another name and description, and a private one another rule for who adds people.

    owners_add_only: None leaves that as it is; so does a public room.
    """
    taken = _name_taken()
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.RENAME).room
        room.name, room.description = _checked(name, description)
        room.name_key = _key_of(room.name, RoomKind(room.kind))
        detail = {}
        if room.kind == RoomKind.PRIVATE and owners_add_only not in (None, room.owners_add_only):
            room.owners_add_only = detail["owners_add_only"] = bool(owners_add_only)
        _flush_or_raise(session, taken)
        audit.record(actor, audit.Action.ROOM_CHANGED, subject=f"room:{room_id}", detail=detail)
        announce(updated(room), room_audience(room_id))
    return room


def archive_room(actor: Actor, room_id: int) -> None:
    """Close a room for good: its members can read on, nobody can write, and its name is free again."""
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.ARCHIVE).room
        close_room(actor, session, room)


def _direct_room(key: str) -> Room | None:
    return db.session.scalar(sa.select(Room).where(Room.direct_key == key))


def _checked(name: str, description: str) -> tuple[str, str]:
    name = without_sign(name)
    description = one_line(description)
    fields = {}
    if not NAME_MIN_CHARACTERS <= len(name) <= NAME_MAX_CHARACTERS:
        fields["name"] = _(
            "A room's name has %(least)d to %(most)d characters.",
            least=NAME_MIN_CHARACTERS,
            most=NAME_MAX_CHARACTERS,
        )
    if len(description) > DESCRIPTION_MAX_CHARACTERS:
        fields["description"] = _("Keep it to %(number)d characters.", number=DESCRIPTION_MAX_CHARACTERS)
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return name, description


def _key_of(name: str, kind: RoomKind) -> str | None:
    """Only public names are unique, so that "taken" never reveals a private room."""
    return folded(name) if kind is RoomKind.PUBLIC else None


def _name_taken() -> Conflict:
    """Made before anything is written: whose language it speaks cannot be looked up after a failed flush."""
    return Conflict.at("name", _("There is already a room of that name."))


def _flush_or_raise(session: Session, conflict: Conflict) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise conflict from error

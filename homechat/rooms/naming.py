"""Rooms by their names, as programs call them: only among those that the actor can see."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.database import db
from homechat.errors import Conflict
from homechat.rooms.cards import cards_of_rooms
from homechat.rooms.finding import has_right_in, no_such_room
from homechat.rooms.models import Membership, Room
from homechat.rooms.queries import home_room
from homechat.security.policy import RoomKind, RoomRight
from homechat.text import is_number, one_line

SIGN = "#"
"""Stands before names of rooms where they are shown, and begins none."""
ROOM_FIELDS = ("room", "room_id", "channel", "channel_id")
"""In which of these what programs send names a room: the first that says something counts."""


def folded(name: str) -> str:
    """Return a room's name as names are compared: without regard to case, and to how its letters are encoded."""
    return unicodedata.normalize("NFKC", name).casefold()


def without_sign(name: str) -> str:
    """Return a name as it was meant: on one line, without what is shown before names."""
    return one_line(one_line(name).lstrip(SIGN))


def room_named(sent: Mapping[str, object]) -> str | int | None:
    """Return the name or the number of the room that `sent` names, or None where it names none; see `ROOM_FIELDS`.

    A name may have # in front; a blank one is none. Raises NotFound for what can be no room's: anything but text and
    whole numbers.
    """
    for named in map(sent.get, ROOM_FIELDS):
        if isinstance(named, bool) or not isinstance(named, str | int | None):
            raise no_such_room()
        named = without_sign(named) if isinstance(named, str) else named
        if named not in (None, ""):
            return named
    return None


def room_meant(actor: Actor, room: str | int | None) -> int | None:
    """Return the id of the room that a program means, or None where the actor can see none like it.

    A number is an id. Text is a name; what no room is called and is all digits is an id, because many programs can send
    nothing but text. Nothing, or only blanks, is the household's own room. Raises Conflict as `room_called`.
    """
    if isinstance(room, str):
        room = without_sign(room)
    if room is None or room == "":
        room = home_room().id
    if isinstance(room, str):
        found = room_called(actor, room)
        if found is not None or not is_number(room):
            return found
        room = int(room)
    return room if _can_see(actor, room) else None


def room_called(actor: Actor, name: str) -> int | None:
    """Return the id of the room of this name that the actor can see, or None.

    Where no room has it, it may be that of a direct conversation of the actor's: lists show the others' names for it,
    and programs send back what they were shown. Archived rooms are not looked for. Raises Conflict when several are
    called that: to choose one would tell things to others than they were meant for.
    """
    key = folded(one_line(name))
    mine = (
        sa.select(Room.id, Room.name)
        .join(Membership, Membership.room_id == Room.id)
        .where(
            Membership.user_id == actor.person_id,
            Room.archived_at.is_(None),
            Room.kind != RoomKind.DIRECT,
        )
    )
    public = sa.select(Room.id, Room.name).where(Room.name_key == key)
    candidates = [*db.session.execute(mine), *db.session.execute(public)]
    ids = {room_id for room_id, other in candidates if folded(other) == key and _can_see(actor, room_id)}
    ids = ids or _conversations_called(actor, key)
    if len(ids) > 1:
        raise Conflict(_("Several rooms have this name. Send the number of the one you mean."))
    return next(iter(ids), None)


def _conversations_called(actor: Actor, key: str) -> set[int]:
    mine = db.session.scalars(
        sa.select(Room)
        .join(Membership, Membership.room_id == Room.id)
        .where(Membership.user_id == actor.person_id, Room.kind == RoomKind.DIRECT)
    )
    cards = cards_of_rooms(actor.person_id, mine)
    return {card.id for card in cards if folded(card.name) == key and _can_see(actor, card.id)}


def is_name_of_private_room(name: str) -> bool:
    """Whether any private room in use has this name; never told to anybody."""
    key = folded(one_line(name))
    names = db.session.scalars(
        sa.select(Room.name).where(Room.kind == RoomKind.PRIVATE, Room.archived_at.is_(None))
    )
    return any(folded(other) == key for other in names)


def _can_see(actor: Actor, room_id: int) -> bool:
    return has_right_in(actor, room_id, RoomRight.SEE)

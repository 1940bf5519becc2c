"""What people do with rooms. Each function checks the right, writes once, and tells those concerned after commit."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from homechat import audit, clock
from homechat.accounts.cards import card_of
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.realtime import revocation
from homechat.realtime.events import (
    MemberJoined,
    MemberLeft,
    RoomLeft,
    RoomUpdated,
    announce,
    person_audience,
    room_audience,
)
from homechat.rooms.models import (
    DESCRIPTION_MAX_CHARACTERS,
    DIRECT_MAX_PEOPLE,
    NAME_MAX_CHARACTERS,
    NAME_MIN_CHARACTERS,
    Membership,
    Room,
)
from homechat.rooms.naming import folded
from homechat.rooms.people import direct_key
from homechat.rooms.queries import (
    belongs_here_always,
    find_room,
    home_room,
    is_within_reach,
    may_create_room,
    may_meet,
    may_start_direct,
    may_write_to,
    member_count,
)
from homechat.rooms.signals import room_entered
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
        _put_in(session, room, actor.person_id, RoomRole.OWNER)
        others = [user_id for user_id in member_ids if user_id != actor.person_id]
        for user in _people_to_add(actor, others):
            _add(actor, session, room, user.id)
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
            people = _people_to_add(actor, [user_id for user_id in ids if user_id != actor.person_id])
            if not all(may_write_to(actor, user) for user in people):
                raise Forbidden(_("You can write to a guest or a bot once you share a room."))
            room = Room(kind=RoomKind.DIRECT.value, direct_key=key, created_by_id=actor.person_id)
            session.add(room)
            session.flush()
            for user_id in (actor.person_id, *(user.id for user in people)):
                _put_in(session, room, user_id, RoomRole.MEMBER)
    except IntegrityError:
        room = db.session.scalars(sa.select(Room).where(Room.direct_key == key)).one()
    return room


def join_room(actor: Actor, room_id: int) -> Room:
    """Enter a public room; nothing happens when the actor is in it already."""
    limits.spend(limits.JOINS, actor.person_id)
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.SEE)
        if not found.is_member:
            found = find_room(actor, room_id, RoomRight.JOIN)
            _add(actor, session, found.room, actor.person_id)
    return found.room


def leave_room(actor: Actor, room_id: int) -> None:
    """Leave a room. The longest-standing member inherits it from its last owner; the last one out archives it."""
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.SEE)
        if found.membership is None:
            return
        if RoomRight.LEAVE not in found.rights:
            raise Conflict(
                _("A direct conversation can't be left.")
                if found.room.is_direct
                else _("Everyone of the house is in here, so this conversation can't be left.")
            )
        _take_out(actor, session, found.room, found.membership)
        _record_about(actor, audit.Action.MEMBER_REMOVED, room_id, actor.person_id)


def add_members(actor: Actor, room_id: int, user_ids: Sequence[int]) -> None:
    """Put people into a room; those who are in it already stay as they are."""
    limits.spend(limits.JOINS, actor.person_id)
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.ADD).room
        for user in _people_to_add(actor, user_ids):
            if _membership(session, room_id, user.id) is None:
                _add(actor, session, room, user.id)


def remove_member(actor: Actor, room_id: int, user_id: int) -> None:
    """Take somebody out of a room; their sockets stop hearing it at once. Raises NotFound when they are not in it."""
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.REMOVE).room
        membership = _membership_of_other(session, room_id, user_id)
        user = session.get_one(User, user_id)
        if belongs_here_always(room, user):
            raise Conflict(_("Everyone of the house is in this room."))
        _take_out(actor, session, room, membership)
        _record_about(actor, audit.Action.MEMBER_REMOVED, room_id, user_id)


def make_owner(actor: Actor, room_id: int, user_id: int) -> None:
    """Let somebody in a room own it besides those who do; nothing happens when they own it already.

    Raises NotFound when they are not in it, Conflict when they do not belong to the house.
    """
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.NAME_OWNERS).room
        membership = _membership_of_other(session, room_id, user_id)
        if not session.get_one(User, user_id).belongs_to_house:
            raise Conflict(_("Only people of the house can own a room."))
        if membership.role != RoomRole.OWNER:
            _give_to(actor, session, room, membership)
            announce(_updated(room), room_audience(room_id))


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
        announce(_updated(room), room_audience(room_id))
    return room


def archive_room(actor: Actor, room_id: int) -> None:
    """Close a room for good: its members can read on, nobody can write, and its name is free again."""
    with transaction() as session:
        room = find_room(actor, room_id, RoomRight.ARCHIVE).room
        _archive(actor, session, room)


def welcome_into(actor: Actor, user: User, room: Room) -> None:
    """Put a newcomer to the house into a room they were invited to, within the transaction that made them."""
    with transaction() as session:
        if _membership(session, room.id, user.id) is None:
            _add(actor, session, room, user.id)


def welcome_home(user: User) -> None:
    """Put an admin or member into the household's default room, within the transaction that made them.

    The audit log does not say so: whoever belongs to the house is in there.
    """
    if not user.belongs_to_house:
        return
    with transaction() as session:
        home = home_room()
        if _membership(session, home.id, user.id) is None:
            _put_in(session, home, user.id, RoomRole.MEMBER)


def take_out_everywhere(actor: Actor, user_id: int) -> None:
    """Within a transaction, take a bot that is about to end out of all rooms that it is in."""
    with transaction() as session:
        query = sa.select(Membership).join(Membership.room)
        query = query.where(Membership.user_id == user_id, Room.kind != RoomKind.DIRECT)
        for membership in session.scalars(query).all():
            _take_out(actor, session, session.get_one(Room, membership.room_id), membership)
            _record_about(actor, audit.Action.MEMBER_REMOVED, membership.room_id, user_id)


def hand_over_rooms(actor: Actor, user: User) -> None:
    """Within the transaction that made `user` a guest, let others lead the rooms that only they could lead."""
    with transaction() as session:
        owned = sa.select(Membership.room_id).filter_by(user_id=user.id, role=RoomRole.OWNER.value)
        for room in session.scalars(
            sa.select(Room).where(Room.id.in_(owned), Room.archived_at.is_(None))
        ).all():
            _keep_an_owner(actor, session, room)


def _add(actor: Actor, session: Session, room: Room, user_id: int) -> None:
    _put_in(session, room, user_id, RoomRole.MEMBER)
    _record_about(actor, audit.Action.MEMBER_ADDED, room.id, user_id)


def _record_about(actor: Actor, action: audit.Action, room_id: int, user_id: int) -> None:
    audit.record(actor, action, subject=f"room:{room_id}", about=user_id, detail={"user": user_id})


def _put_in(session: Session, room: Room, user_id: int, role: RoomRole) -> None:
    session.add(
        Membership(
            room_id=room.id,
            user_id=user_id,
            role=role.value,
            joined_seq=room.last_seq,
            last_read_seq=room.last_seq,
        )
    )
    session.flush()
    user = session.get_one(User, user_id)
    announce(MemberJoined(room_id=room.id, person=card_of(user).as_dict()), room_audience(room.id))
    revocation.enter_room(user_id, room.id)
    room_entered.send(room=room, user_id=user_id)
    announce(_updated(room), room_audience(room.id))


def _take_out(actor: Actor, session: Session, room: Room, membership: Membership) -> None:
    user_id = membership.user_id
    session.delete(membership)
    session.flush()
    revocation.leave_room(user_id, room.id)
    announce(RoomLeft(room_id=room.id), person_audience(user_id))
    announce(MemberLeft(room_id=room.id, person_id=user_id), room_audience(room.id))
    _keep_an_owner(actor, session, room)
    announce(_updated(room), room_audience(room.id))


def _keep_an_owner(actor: Actor, session: Session, room: Room) -> None:
    """Let the longest-standing member inherit an ownerless room; archive it when nobody is left but bots.

    A guest can own a room but not lead it, so one that only guests own goes to somebody of the house, if any is in it.
    """
    if room.is_home or room.is_direct:
        return
    remaining = session.scalars(
        sa.select(Membership)
        .where(Membership.room_id == room.id)
        .order_by(Membership.joined_at, Membership.id)
    ).all()
    people = [m for m in remaining if session.get_one(User, m.user_id).role != Role.BOT]
    if not people:
        _archive(actor, session, room)
        return
    of_the_house = [m for m in people if session.get_one(User, m.user_id).belongs_to_house]
    heirs = of_the_house or people
    if all(membership.role != RoomRole.OWNER for membership in heirs):
        _give_to(actor, session, room, heirs[0])


def _give_to(actor: Actor, session: Session, room: Room, membership: Membership) -> None:
    membership.role = RoomRole.OWNER.value
    session.flush()
    detail = {"owner": membership.user_id}
    subject = f"room:{room.id}"
    audit.record(actor, audit.Action.ROOM_CHANGED, subject=subject, about=membership.user_id, detail=detail)


def _archive(actor: Actor, session: Session, room: Room) -> None:
    room.archived_at = clock.now()
    room.name_key = None
    session.flush()
    audit.record(actor, audit.Action.ROOM_ARCHIVED, subject=f"room:{room.id}")
    announce(_updated(room), room_audience(room.id))


def _people_to_add(actor: Actor, user_ids: Sequence[int]) -> list[User]:
    people = []
    for user_id in dict.fromkeys(user_ids):
        user = db.session.get(User, user_id) if 0 < user_id < 2**63 else None
        if user is None or not user.is_welcome or not may_meet(actor, user):
            raise NotFound(_("There is nobody like that here."))
        people.append(user)
    return people


def _membership(session: Session, room_id: int, user_id: int) -> Membership | None:
    return session.scalar(sa.select(Membership).filter_by(room_id=room_id, user_id=user_id))


def _membership_of_other(session: Session, room_id: int, user_id: int) -> Membership:
    membership = _membership(session, room_id, user_id)
    if membership is None:
        raise NotFound(_("They are not in this room."))
    return membership


def _direct_room(key: str) -> Room | None:
    return db.session.scalar(sa.select(Room).where(Room.direct_key == key))


def _updated(room: Room) -> RoomUpdated:
    return RoomUpdated(
        room_id=room.id,
        name=room.name,
        description=room.description,
        archived=room.is_archived,
        member_count=member_count(room.id),
    )


def _checked(name: str, description: str) -> tuple[str, str]:
    name = one_line(name)
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
    sentence = _("A room of that name is already here.")
    return Conflict(sentence, fields={"name": sentence})


def _flush_or_raise(session: Session, conflict: Conflict) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise conflict from error

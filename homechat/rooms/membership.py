"""Coming into rooms and going, and whose they are. Actions like those of `actions`, and what both are made of."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from homechat import audit, clock
from homechat.accounts.cards import card_of
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.database import row_of, transaction
from homechat.errors import Conflict, NotFound
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
from homechat.rooms.finding import find_room
from homechat.rooms.models import Membership, Room
from homechat.rooms.people import may_meet
from homechat.rooms.queries import belongs_here_always, home_room, member_count
from homechat.rooms.signals import room_entered
from homechat.security import limits
from homechat.security.policy import RoomKind, RoomRight, RoomRole


def join_room(actor: Actor, room_id: int) -> Room:
    """Enter a public room; nothing happens when the actor is in it already."""
    limits.spend(limits.JOINS, actor.person_id)
    with transaction() as session:
        found = find_room(actor, room_id, RoomRight.SEE)
        if not found.is_member:
            found = find_room(actor, room_id, RoomRight.JOIN)
            add_one(actor, session, found.room, actor.person_id)
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
        for user in people_to_add(actor, user_ids):
            if _membership(session, room_id, user.id) is None:
                add_one(actor, session, room, user.id)


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
            announce(updated(room), room_audience(room_id))


def welcome_into(actor: Actor, user: User, room: Room) -> None:
    """Put a newcomer to the house into a room they were invited to, within the transaction that made them."""
    with transaction() as session:
        if _membership(session, room.id, user.id) is None:
            add_one(actor, session, room, user.id)


def welcome_home(user: User) -> None:
    """Put an admin or member into the household's default room, within the transaction that made them.

    The audit log does not say so: whoever belongs to the house is in there.
    """
    if not user.belongs_to_house:
        return
    with transaction() as session:
        home = home_room()
        if _membership(session, home.id, user.id) is None:
            put_in(session, home, user.id, RoomRole.MEMBER)


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


def people_to_add(actor: Actor, user_ids: Sequence[int]) -> list[User]:
    """Return these people, each once. Raises NotFound unless all are welcome and the actor may know of them."""
    people = []
    for user_id in dict.fromkeys(user_ids):
        user = row_of(User, user_id)
        if user is None or not user.is_welcome or not may_meet(actor, user):
            raise NotFound(_("There is nobody like that here."))
        people.append(user)
    return people


def add_one(actor: Actor, session: Session, room: Room, user_id: int) -> None:
    """Put somebody who is not in a room into it, and write down who did."""
    put_in(session, room, user_id, RoomRole.MEMBER)
    _record_about(actor, audit.Action.MEMBER_ADDED, room.id, user_id)


def put_in(session: Session, room: Room, user_id: int, role: RoomRole) -> None:
    """Put somebody who is not in a room into it, and tell those concerned; the audit log does not say so."""
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
    announce(updated(room), room_audience(room.id))


def close_room(actor: Actor, session: Session, room: Room) -> None:
    """Archive a room: by `archive_room`, and when the last one leaves."""
    room.archived_at = clock.now()
    room.name_key = None
    session.flush()
    audit.record(actor, audit.Action.ROOM_ARCHIVED, subject=f"room:{room.id}")
    announce(updated(room), room_audience(room.id))


def updated(room: Room) -> RoomUpdated:
    """Return what those in a room are told when something about it changed."""
    return RoomUpdated(
        room_id=room.id,
        name=room.name,
        description=room.description,
        archived=room.is_archived,
        member_count=member_count(room.id),
    )


def _record_about(actor: Actor, action: audit.Action, room_id: int, user_id: int) -> None:
    audit.record(actor, action, subject=f"room:{room_id}", about=user_id, detail={"user": user_id})


def _take_out(actor: Actor, session: Session, room: Room, membership: Membership) -> None:
    user_id = membership.user_id
    session.delete(membership)
    session.flush()
    revocation.leave_room(user_id, room.id)
    announce(RoomLeft(room_id=room.id), person_audience(user_id))
    announce(MemberLeft(room_id=room.id, person_id=user_id), room_audience(room.id))
    _keep_an_owner(actor, session, room)
    announce(updated(room), room_audience(room.id))


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
        close_room(actor, session, room)
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


def _membership(session: Session, room_id: int, user_id: int) -> Membership | None:
    return session.scalar(sa.select(Membership).filter_by(room_id=room_id, user_id=user_id))


def _membership_of_other(session: Session, room_id: int, user_id: int) -> Membership:
    membership = _membership(session, room_id, user_id)
    if membership is None:
        raise NotFound(_("They are not in this room."))
    return membership

"""Coming to live in the house: with an invitation or, where the house is open, without; at once, or after a wait.

Who waits is a row of `users` that may not come in, and one of `newcomers` beside it. They have no session, no token and
no socket before an admin lets them in, and leave nothing but an empty row when they are turned away.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import selectinload

from homechat import audit, clock, lockdown, settings
from homechat.accounts import sessions, two_factor
from homechat.accounts.actions import NewPerson, check_new_person, create_person
from homechat.accounts.lockout import forget_all_failures
from homechat.accounts.models import Standing, User
from homechat.accounts.proof_models import ResetLink
from homechat.accounts.queries import has_admin, people
from homechat.actor import Actor, Role
from homechat.database import db, row_of, transaction
from homechat.errors import Conflict, Forbidden, NotFound
from homechat.household.invitations import inviter_of, open_invitation, room_to_open
from homechat.household.models import Invitation, Newcomer
from homechat.realtime.events import NewcomerWaiting, announce, person_audience
from homechat.rooms.membership import welcome_home, welcome_into
from homechat.security import limits, passwords
from homechat.security.policy import HouseRight, house_right, may_in_house

WAITING_MAX = 50
"""When so many wait, nobody joins them without an invitation: strangers must not take every name there is."""


@dataclass(frozen=True)
class Joined:
    """Who came, and the secret that their door lets them in with: None for who is not in yet.

    must_enrol: they are not, because the house wants a second step of them, which they have to set up first.
    """

    user: User
    secret: str | None
    must_enrol: bool = False


def is_sign_up_open() -> bool:
    """Return whether people may join without an invitation: never before somebody has founded the house."""
    return settings.value_of(settings.SIGN_UP_OPEN) and has_admin()


def join_house(
    actor: Actor,
    new: NewPerson,
    *,
    invitation: str | None = None,
    let_in: Callable[[Actor, User], str] = sessions.open_session,
) -> Joined:
    """Make a newcomer; put them into their rooms and let them in, or have them wait until an admin does.

    invitation: the secret of its link; None: as a member, where the house is open.  let_in: how the door signs them in;
    called within the transaction, and not for who waits or has yet to set up the second step that the house wants.
    Raises NotFound for a spent link, Forbidden without one where the house is closed, LockedDown, Invalid or Conflict
    naming the fields, TooMany past the limit.
    """
    limits.spend(limits.SIGN_UP, actor.address)
    _way_in(invitation)
    new = check_new_person(new)
    password_hash = passwords.hash_password(new.password)
    with transaction() as session:
        way = _way_in(invitation)  # Once more: others may have taken the last use meanwhile.
        waits = newcomers_wait()
        if waits and way is None and how_many_wait() >= WAITING_MAX:
            raise Conflict(_("So many people wait to be let in that nobody else can join right now."))
        user = create_person(
            actor,
            new,
            role=Role(way.role) if way is not None else Role.MEMBER,
            password_hash=password_hash,
            standing=Standing.PENDING if waits else Standing.ACTIVE,
        )
        newcomer = actor.acting_as(user.id, Role(user.role))
        if way is not None:
            way.uses += 1
        if waits:
            session.add(Newcomer(user_id=user.id, invitation_id=way.id if way is not None else None))
            session.flush()
            _tell_how_many_wait()
        else:
            _show_in(newcomer, user, way)
        if way is not None:
            audit.record(newcomer, audit.Action.INVITE_USED, subject=f"invitation:{way.id}")
        if waits or two_factor.is_required(Role(user.role)):
            return Joined(user, None, must_enrol=not waits)
        return Joined(user, let_in(actor, user))


def newcomers_wait() -> bool:
    """Return whether whoever joins now has to wait, whatever their invitation says: links get passed on."""
    return settings.value_of(settings.NEWCOMERS_WAIT)


def newcomers(actor: Actor) -> list[Newcomer]:
    """Return who waits to be let in, whoever came first first. Raises Forbidden without the right."""
    _check_may_approve(actor)
    query = sa.select(Newcomer).options(selectinload(Newcomer.invitation))
    return list(db.session.scalars(query.order_by(Newcomer.asked_at, Newcomer.user_id)))


def may_approve(actor: Actor) -> bool:
    """Return whether the actor lets people in."""
    return may_in_house(actor, HouseRight.APPROVE)


def how_many_wait() -> int:
    """Return how many wait to be let in."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Newcomer)) or 0


def approve(actor: Actor, user_id: int) -> User:
    """Let somebody in who waits, into home and into the rooms that they were invited to.

    Raises Forbidden without the right, NotFound when nobody like that waits (any more).
    """
    with transaction() as session:
        waiting = _find_newcomer(actor, user_id)
        user, invitation = waiting.user, waiting.invitation
        session.delete(waiting)
        user.standing = Standing.ACTIVE.value
        session.flush()
        audit.record(actor, audit.Action.PERSON_APPROVED, subject=f"user:{user.id}")
        _show_in(actor, user, invitation)
        _tell_how_many_wait()
    return user


def refuse_newcomer(actor: Actor, user_id: int) -> None:
    """Turn somebody away who waits. Their name is free again, and nothing of what they typed is kept.

    Raises Forbidden without the right, NotFound when nobody like that waits (any more).
    """
    with transaction() as session:
        waiting = _find_newcomer(actor, user_id)
        user = waiting.user
        session.delete(waiting)
        session.execute(sa.delete(ResetLink).where(ResetLink.user_id == user.id))
        forget_all_failures(user.id)
        # A row stays, as of everybody, for the audit log's sake; nobody can choose a name with "-" in it.
        user.username = user.display_name = f"-{user.id}"
        user.password_hash = None
        user.erased_at = clock.now()
        session.flush()
        audit.record(actor, audit.Action.PERSON_REFUSED, subject=f"user:{user.id}")
        _tell_how_many_wait()


def _way_in(token: str | None) -> Invitation | None:
    lockdown.refuse_joining()
    if token is not None:
        return open_invitation(token)
    if not is_sign_up_open():
        raise Forbidden(_("You need an invitation to move in here. Ask somebody who lives here for a link."))
    return None


def _show_in(actor: Actor, user: User, invitation: Invitation | None) -> None:
    """Put somebody who has just come in into their rooms."""
    welcome_home(user)
    if invitation is None or not invitation.created_by.is_welcome:
        return
    for room in invitation.rooms:
        with suppress(NotFound, Forbidden):  # It was archived, or whoever invites has left it meanwhile.
            welcome_into(actor, user, room_to_open(inviter_of(invitation), room.id).room)


def _check_may_approve(actor: Actor) -> None:
    if not may_approve(actor):
        raise Forbidden(_("Only those who run the house let people in."))


def _find_newcomer(actor: Actor, user_id: int) -> Newcomer:
    _check_may_approve(actor)
    waiting = row_of(Newcomer, user_id)
    if waiting is None:
        raise NotFound(_("Nobody like that waits to be let in. Perhaps somebody else was faster."))
    return waiting


def _tell_how_many_wait() -> None:
    """Within a transaction, tell all who may let people in, as they stand in it: no list of listeners to keep right."""
    roles = [role for role in Role if house_right(role, HouseRight.APPROVE)]
    announce(
        NewcomerWaiting(count=how_many_wait()), [person_audience(user.id) for user in people(roles=roles)]
    )

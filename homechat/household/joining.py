"""Coming to live in the house."""

from __future__ import annotations

from contextlib import suppress

from flask_babel import gettext as _

from homechat import audit, clock
from homechat.accounts import sessions
from homechat.accounts.actions import NewPerson, check_new_person, create_person
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Forbidden, NotFound
from homechat.household.invitations import inviter_of, open_invitation, room_to_open
from homechat.rooms.actions import welcome_home, welcome_into
from homechat.security import limits, passwords


def join_house(actor: Actor, token: str, new: NewPerson) -> tuple[User, str]:
    """Make the newcomer, put them into their rooms, and return them with their session's secret.

    Raises NotFound for a spent link, Invalid or Conflict naming the fields.
    """
    limits.spend(limits.SIGN_UP, actor.address)
    open_invitation(token)
    new = check_new_person(new)
    password_hash = passwords.hash_password(new.password)
    with transaction() as session:
        invitation = open_invitation(token)
        session.refresh(invitation, with_for_update=True)
        if invitation.state(clock.now()) != "open":
            raise NotFound(_("This invitation is used up or too old. Ask for a new one."))
        invitation.uses += 1
        user = create_person(actor, new, role=Role(invitation.role), password_hash=password_hash)
        newcomer = actor.acting_as(user.id, Role(user.role))
        welcome_home(user)
        for room in invitation.rooms:
            with suppress(NotFound, Forbidden):  # It was archived, or whoever invites has left it meanwhile.
                welcome_into(newcomer, user, room_to_open(inviter_of(invitation), room.id).room)
        audit.record(newcomer, audit.Action.INVITE_USED, subject=f"invitation:{invitation.id}")
        return user, sessions.open_session(actor, user)

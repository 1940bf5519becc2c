"""What those who run the house do to other people's accounts."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat import audit
from homechat.accounts import sessions
from homechat.accounts.models import User
from homechat.accounts.queries import people
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Forbidden, NotFound
from homechat.realtime import revocation
from homechat.rooms.actions import hand_over_rooms, welcome_home
from homechat.security.policy import HouseRight, house_right


def change_role(actor: Actor, user_id: int, role: Role) -> None:
    """Give somebody another role; their devices reconnect with it. The last admin stays one.

    Raises Forbidden without the right, to their own role, and for the last admin; NotFound when nobody has this id.
    """
    if not _may_change_role_of(actor, user_id):
        raise Forbidden(_("You can't change this role."))
    with transaction() as session:
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(_("There is nobody like that here."))
        if user.role == Role.ADMIN and role is not Role.ADMIN and _is_last_admin(user):
            raise Forbidden(_("Somebody has to run the house: this is its last admin."))
        if user.role == role:
            return
        audit.record(
            actor,
            audit.Action.ROLE_CHANGE,
            subject=f"user:{user.id}",
            detail={"from": user.role, "to": role.value},
        )
        user.role = role.value
        session.flush()
        welcome_home(user)
        hand_over_rooms(actor, user)
        sessions.shorten(user)
        revocation.disconnect_user(
            user.id, reason="role_changed", sentence=_("What you may do here has changed. Please reload.")
        )


def _may_change_role_of(actor: Actor, user_id: int) -> bool:
    if actor.is_trusted_operator:
        return True
    return house_right(actor.role, HouseRight.CHANGE_ROLES) and user_id != actor.user_id


def _is_last_admin(user: User) -> bool:
    return all(other.id == user.id for other in people(roles=[Role.ADMIN]))

"""What those who run the house do to other people's accounts.

Nobody does it to themselves, and nobody to the last admin. None of it reads what somebody wrote, sets a password or
signs in as them; a new password comes by `accounts/recovery.py`, and its owner chooses it.
"""

from __future__ import annotations

from flask_babel import gettext as _

from homechat import audit
from homechat.accounts import sessions, two_factor
from homechat.accounts.lockout import forget_all_failures
from homechat.accounts.models import Standing, User
from homechat.accounts.queries import find_other, is_last_admin
from homechat.accounts.revoking import Revoked, end_reset_links, forget_second_step, shut_out
from homechat.actor import Actor, Role
from homechat.database import transaction
from homechat.errors import Conflict, Forbidden
from homechat.realtime import revocation
from homechat.rooms.membership import hand_over_rooms, welcome_home
from homechat.security.policy import HouseRight


def change_role(actor: Actor, user_id: int, role: Role) -> None:
    """Give somebody another role; their devices reconnect with it. The last admin stays one.

    Where the house wants a second step of that role and they have none, they are signed out, and set it up first.

    Raises Forbidden without the right, to their own role, and for the last admin; NotFound when nobody has this id;
    Conflict where a person would become a bot, or a bot a person.
    """
    with transaction() as session:
        user = find_other(actor, user_id, HouseRight.CHANGE_ROLES)
        if (user.role == Role.BOT) is not (role is Role.BOT):
            raise Conflict(_("A person stays a person, and a bot a bot."))
        if user.role == role:
            return
        _check_not_last_admin(user)
        audit.record(
            actor,
            audit.Action.ROLE_CHANGE,
            subject=f"user:{user.id}",
            detail={"from": user.role, "to": role.value},
        )
        user.role = role.value
        session.flush()
        if user.standing != Standing.PENDING:  # They come home when they are let in.
            welcome_home(user)
        hand_over_rooms(actor, user)
        sessions.shorten(user)
        sentence = _("What you may do here has changed. Please reload.")
        if two_factor.is_required(role) and user.two_factor_since is None:
            shut_out(actor, user.id, reason="role_changed", sentence=sentence)
        else:
            revocation.disconnect_user(user.id, reason="role_changed", sentence=sentence)


def lock_person(actor: Actor, user_id: int) -> None:
    """Keep somebody out until they are unlocked: signed out everywhere, and their API tokens open nothing meanwhile.

    Nothing happens to who is locked already. Raises Forbidden without the right, to themselves and for the last
    admin; NotFound when nobody has this id; Conflict for who waits to be let in.
    """
    with transaction() as session:
        user = find_other(actor, user_id, HouseRight.MANAGE_PEOPLE)
        if user.standing == Standing.PENDING:
            raise Conflict(_("They have not come in yet. Let them in, or turn them away."))
        if user.standing == Standing.LOCKED:
            return
        _check_not_last_admin(user)
        user.standing = Standing.LOCKED.value
        session.flush()
        audit.record(actor, audit.Action.ACCOUNT_LOCKED, subject=f"user:{user.id}")
        end_reset_links(user.id)
        shut_out(actor, user.id, sentence=_("Your account was locked. Ask whoever runs the house."))


def unlock_person(actor: Actor, user_id: int) -> bool:
    """Let somebody in again who was locked, by an admin or by failing to sign in too often; return whether they were.

    Raises Forbidden without the right and to themselves, NotFound when nobody has this id.
    """
    with transaction() as session:
        user = find_other(actor, user_id, HouseRight.MANAGE_PEOPLE)
        had_failed = forget_all_failures(user.id)
        was_locked = user.standing == Standing.LOCKED
        if was_locked:
            user.standing = Standing.ACTIVE.value
            session.flush()
        if was_locked or had_failed:
            audit.record(actor, audit.Action.ACCOUNT_UNLOCKED, subject=f"user:{user.id}")
    return was_locked or had_failed


def sign_out_everywhere(actor: Actor, user_id: int) -> Revoked:
    """End all devices of somebody and the API tokens that came of signing in; return how many there were.

    Tokens that they made by hand go on. Raises Forbidden without the right and to themselves, NotFound when nobody
    has this id.
    """
    with transaction():
        user = find_other(actor, user_id, HouseRight.MANAGE_PEOPLE)
        ended = shut_out(actor, user.id, sentence=_("You were signed out by whoever runs the house."))
        audit.record(
            actor,
            audit.Action.ADMIN_ACTION,
            subject=f"user:{user.id}",
            detail={"what": "sign_out", "devices": ended.devices, "tokens": ended.tokens},
        )
    return ended


def reset_two_factor(actor: Actor, user_id: int) -> bool:
    """Have somebody's password alone do again, for who lost phone and codes; they are signed out everywhere.

    Return whether they had a second step; nothing happens where there was none.
    Raises Forbidden without the right and to themselves, NotFound when nobody has this id.
    """
    with transaction():
        user = find_other(actor, user_id, HouseRight.MANAGE_PEOPLE)
        if not forget_second_step(user):
            return False
        audit.record(actor, audit.Action.TWO_FACTOR_DISABLED, subject=f"user:{user.id}")
        shut_out(actor, user.id, sentence=_("Your second step was taken away. Please sign in again."))
    return True


def _check_not_last_admin(user: User) -> None:
    if is_last_admin(user):
        raise Forbidden(_("Somebody has to run the house: this is its last admin."))

"""Coming back in without the password: one-time links that an admin or the operator makes and passes on.

There is no e-mail here. Whoever holds the link sets the password, so it lives for half an hour and works once, and the
person it is about finds it in the history of their account.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.accounts.actions import check_new_password
from homechat.accounts.lockout import forget_all_failures
from homechat.accounts.models import User
from homechat.accounts.proof_models import ResetLink
from homechat.accounts.queries import find_other
from homechat.accounts.revoking import end_reset_links, forget_passkeys, forget_second_step, shut_out
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.security import limits, passwords
from homechat.security.policy import HouseRight, house_right
from homechat.security.tokens import digest_of, new_token

RESET_LINK_LIFE = timedelta(minutes=30)


def make_reset_link(actor: Actor, user_id: int, *, clears_two_factor: bool = False) -> str:
    """Return the secret of a new link with which somebody sets a new password; their older links end.

    clears_two_factor: whether using it takes the second step away, too, for who lost their phone and codes.
    A token makes none for who runs the house: whoever stole it would be another admin by that. In the panel one shows
    who one is first.
    Raises Forbidden without the right and for oneself, NotFound when nobody has this id, Conflict for bots.
    """
    token = new_token()
    now = clock.now()
    with transaction() as session:
        user = find_other(actor, user_id, HouseRight.MANAGE_PEOPLE)
        if user.role == Role.BOT:
            raise Conflict(_("A bot has no password."))
        if user.is_admin and actor.token_id is not None:
            raise Forbidden(_("For somebody who runs the house, this link is made in the panel."))
        end_reset_links(user.id)
        session.add(
            ResetLink(
                token_digest=digest_of(token),
                user_id=user.id,
                created_by_id=actor.user_id,
                clears_two_factor=clears_two_factor,
                expires_at=now + RESET_LINK_LIFE,
            )
        )
        session.flush()
        audit.record(
            actor,
            audit.Action.RESET_LINK_CREATED,
            subject=f"user:{user.id}",
            detail={"clears_two_factor": clears_two_factor},
        )
    return token


def reset_link(token: str) -> ResetLink:
    """Return the link behind a secret. Raises NotFound unless it can still be used."""
    link = db.session.scalar(sa.select(ResetLink).where(ResetLink.token_digest == digest_of(token)))
    if link is None or not _is_open(link):
        raise NotFound(_("This link is used up or too old. Ask whoever runs the house for a new one."))
    return link


def use_reset_link(actor: Actor, token: str, password: str) -> User:
    """Give the person behind the link a new password, and end whatever was signed in as them; return them.

    Passkeys that stand for the password go with it; those that are the second step stay, unless the link takes that.
    Nobody is signed in by it: a second step is asked for as ever, and who is locked or waits stays so.
    Raises NotFound for a spent link, Invalid naming the field, TooMany past the limit of joining.
    """
    limits.spend(limits.SIGN_UP, actor.address)
    try:
        check_new_password(password, reset_link(token).user.username)
    except Invalid as error:
        raise Invalid.at("password", error.message) from error
    password_hash = passwords.hash_password(password)
    with transaction() as session:
        link = reset_link(token)  # Once more: whoever came at the same moment has used it by now.
        user = link.user
        link.used_at = clock.now()
        user.password_hash = password_hash
        session.flush()
        audit.record(actor, audit.Action.PASSWORD_RESET, subject=f"user:{user.id}")
        if user.two_factor_since is None:
            forget_passkeys(actor, user)
        if link.clears_two_factor and forget_second_step(user):
            audit.record(actor, audit.Action.TWO_FACTOR_DISABLED, subject=f"user:{user.id}")
        sentence = _("The password was changed. Please sign in again.")
        shut_out(actor, user.id, reason="password_changed", sentence=sentence, made_tokens=True)
        forget_all_failures(user.id)
    return user


def _is_open(link: ResetLink) -> bool:
    """Whether it works: once, for its time, and as long as whoever made it still may."""
    if link.used_at is not None or clock.now() >= link.expires_at or link.user.erased_at is not None:
        return False
    if link.created_by_id is None:
        return True
    maker = db.session.get_one(User, link.created_by_id)
    return maker.is_welcome and house_right(Role(maker.role), HouseRight.MANAGE_PEOPLE)

"""Finding people."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.accounts.models import Standing, User
from homechat.actor import Actor, Role
from homechat.database import db, row_of
from homechat.errors import Forbidden, NotFound
from homechat.security.policy import HouseRight, may_in_house


def person_named(username: str) -> User | None:
    """Return the person of this username, without regard to case, or None."""
    return db.session.scalar(sa.select(User).where(User.username == username.strip().lower()))


def people(*, roles: Iterable[Role] = (Role.ADMIN, Role.MEMBER, Role.GUEST)) -> list[User]:
    """Return everyone of these roles who is welcome, by name."""
    query = (
        sa.select(User)
        .where(
            User.role.in_([role.value for role in roles]),
            User.standing == Standing.ACTIVE,
            User.erased_at.is_(None),
        )
        .order_by(sa.func.lower(User.display_name), User.id)
    )
    return list(db.session.scalars(query))


def find_other(actor: Actor, user_id: int, right: HouseRight) -> User:
    """Return somebody else's account, for who has `right` over it: an admin, or the operator.

    Raises Forbidden without the right and for one's own account, NotFound when nobody has this id (any more).
    """
    if not may_in_house(actor, right):
        raise Forbidden(_("Only those who run the house may do that."))
    if user_id == actor.user_id:
        raise Forbidden(_("That is your own account. Somebody else who runs the house can do this to it."))
    user = row_of(User, user_id)
    if user is None or user.erased_at is not None:
        raise NotFound(_("There is nobody like that here."))
    return user


def is_last_admin(user: User) -> bool:
    """Return whether nobody but `user` could run the house."""
    return user.is_admin and all(other.id == user.id for other in people(roles=[Role.ADMIN]))


def usernames() -> dict[int, str]:
    """Return the sign-in name of everyone there ever was, by their number."""
    return {person_id: name for person_id, name in db.session.execute(sa.select(User.id, User.username))}


def has_admin() -> bool:
    """Return whether the house has been founded."""
    return db.session.scalar(sa.select(User.id).where(User.role == Role.ADMIN).limit(1)) is not None


def everyone() -> list[User]:
    """Return everybody who has an account, those who may not come in too, by name; without those who were erased."""
    query = (
        sa.select(User).where(User.erased_at.is_(None)).order_by(sa.func.lower(User.display_name), User.id)
    )
    return list(db.session.scalars(query))

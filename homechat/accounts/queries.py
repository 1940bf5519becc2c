"""Finding people."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from homechat.accounts.models import Standing, User
from homechat.actor import Role
from homechat.database import db


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


def usernames() -> dict[int, str]:
    """Return the sign-in name of everyone there ever was, by their number."""
    return {person_id: name for person_id, name in db.session.execute(sa.select(User.id, User.username))}


def has_admin() -> bool:
    """Return whether the house has been founded."""
    return db.session.scalar(sa.select(User.id).where(User.role == Role.ADMIN).limit(1)) is not None

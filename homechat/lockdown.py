"""Emergency lockdowns: rows laid over the house and read at every door, never edits of people or tokens.

That is why lifting one restores exactly what was: nothing else was touched. They end by the clock, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Mapped, mapped_column

from homechat import clock
from homechat.actor import Role
from homechat.database import Base, UtcDateTime, db, looked_up
from homechat.errors import LockedDown


class Kind(StrEnum):
    """tokens: no API token works.  users: nobody but admins comes in.  admin_only: the house is closed to all but
    admins, whoever or whatever they are, and nobody joins it.  all: tokens and admin_only together.
    """

    TOKENS = "tokens"
    USERS = "users"
    ADMIN_ONLY = "admin_only"
    ALL = "all"

    @property
    def stops_tokens(self) -> bool:
        """Whether no token works, an admin's neither."""
        return self in (Kind.TOKENS, Kind.ALL)

    @property
    def stops_people(self) -> bool:
        """Whether everybody but admins has to wait, their tokens and bots too."""
        return self is not Kind.TOKENS

    @property
    def stops_newcomers(self) -> bool:
        """Whether nobody joins the house."""
        return self in (Kind.ADMIN_ONLY, Kind.ALL)


class Lockdown(Base):
    """One lockdown. started_by_id: None for the operator."""

    __tablename__ = "lockdowns"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    reason: Mapped[str] = mapped_column(sa.String(200), default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    started_by_id: Mapped[int | None]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_by_id: Mapped[int | None]


class InForce(NamedTuple):
    """A lockdown as it is read at the doors. expires_at: when it ends if nobody lifts it."""

    id: int
    kind: Kind
    reason: str
    started_at: datetime
    started_by_id: int | None
    expires_at: datetime


_IN_FORCE = sa.select(
    Lockdown.id,
    Lockdown.kind,
    Lockdown.reason,
    Lockdown.started_at,
    Lockdown.started_by_id,
    Lockdown.expires_at,
).where(Lockdown.expires_at > sa.bindparam("at"), Lockdown.lifted_at.is_(None))


def in_force(at: datetime) -> list[InForce]:
    """Return the lockdowns that nobody has lifted and that have not ended by the moment `at`, the oldest first."""
    rows = db.session.execute(_IN_FORCE, {"at": at})
    # Sorted here: asked to, SQLite would rather read the whole table in the order of its ids.
    return sorted(InForce(row.id, Kind(row.kind), *row[2:]) for row in rows)


def refuse(role: Role | None) -> None:
    """Raise LockedDown if somebody of `role` has to wait. Never for admins."""
    _raise(refusal(role, _known()))


def refuse_token(role: Role | None = None) -> None:
    """Raise LockedDown if an API token does not work now.

    role: of the person or bot that it acts as, so that a token opens no more than its person can. None: not known,
    which is refused by whatever refuses anybody.
    """
    _raise(refusal(role, _known(), has_token=True))


def refuse_joining() -> None:
    """Raise LockedDown while nobody may join the house."""
    closed = [each for each in _known() if each.kind.stops_newcomers]
    if closed:
        # To somebody who does not live here yet: why is not theirs to know.
        raise LockedDown(_("Nobody can join right now: the house is closed for a while."), until=_end(closed))


def stops_bots() -> bool:
    """Whether the house is closed to bots at this very moment: read anew, for whoever asks works on and on."""
    return refusal(Role.BOT, in_force(clock.now()), has_token=True) is not None


def refusal(role: Role | None, lockdowns: Sequence[InForce], *, has_token: bool = False) -> LockedDown | None:
    """Return what `lockdowns` say to somebody of `role`, or None when they may go on.

    has_token: whether they come by an API token.
    """
    people = [each for each in lockdowns if each.kind.stops_people and role is not Role.ADMIN]
    tokens = [each for each in lockdowns if each.kind.stops_tokens and has_token]
    stopping = people or tokens
    if not stopping:
        return None
    reason = next((each.reason for each in reversed(stopping) if each.reason), "")
    sentence = (
        _("The house is closed for a while. Nothing of yours is lost.")
        if people
        else _("API tokens do not work for a while.")
    )
    return LockedDown(sentence, reason=reason, until=_end([*people, *tokens]))


def _raise(error: LockedDown | None) -> None:
    if error is not None:
        raise error


def _known() -> Sequence[InForce]:
    """Return what is in force now, read once in a request or event."""
    kept = looked_up()
    found = kept.get(InForce)
    if not isinstance(found, list):
        found = kept[InForce] = in_force(clock.now())
    return found


def _end(lockdowns: Sequence[InForce]) -> datetime:
    return max(each.expires_at for each in lockdowns)

"""Emergency lockdowns: rows laid over the house and read at every door, never edits of people or tokens.

That is why lifting one restores exactly what was: nothing else was touched. They end by the clock, too.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from homechat import clock
from homechat.actor import Role
from homechat.database import Base, UtcDateTime


class Kind(StrEnum):
    """tokens: no API token works.  users: nobody but admins comes in.  admin_only: the house is closed to all but
    admins, whoever or whatever they are, and nobody joins it.  all: tokens and admin_only together.
    """

    TOKENS = "tokens"
    USERS = "users"
    ADMIN_ONLY = "admin_only"
    ALL = "all"


class Lockdown(Base):
    """One lockdown. started_by_id: None for the operator."""

    __tablename__ = "lockdowns"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    reason: Mapped[str] = mapped_column(sa.String(200), default="")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    started_by_id: Mapped[int | None]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_by_id: Mapped[int | None]


def refuse_token(role: Role | None = None) -> None:
    """Raise LockedDown while no API token works for somebody of `role`."""

"""Tables of invitations into the house, and of those who wait to be let in."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime
from homechat.rooms.models import Room

invitation_rooms = sa.Table(
    "invitation_rooms",
    Base.metadata,
    sa.Column("invitation_id", sa.ForeignKey("invitations.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("room_id", sa.ForeignKey("rooms.id"), primary_key=True, index=True),
)


class Invitation(Base):
    """A link into the house. The link's secret is stored as its SHA-256 only."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.CheckConstraint("uses <= max_uses", name="uses"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    created_by_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(sa.String(10))
    note: Mapped[str] = mapped_column(sa.String(100), default="")
    max_uses: Mapped[int] = mapped_column(default=1)
    uses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    created_by: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    rooms: Mapped[list[Room]] = relationship(secondary=invitation_rooms, lazy="selectin")

    def state(self, at: datetime) -> str:
        """Return "open", "used", "expired" or "revoked"."""
        if self.revoked_at is not None:
            return "revoked"
        if self.uses >= self.max_uses:
            return "used"
        return "open" if at < self.expires_at else "expired"


class Newcomer(Base):
    """Somebody who joined and waits for an admin to let them in.

    invitation_id: the invitation they came with, whose rooms they get then; None where the house is open to sign up.
    """

    __tablename__ = "newcomers"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    invitation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("invitations.id"))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    invitation: Mapped[Invitation | None] = relationship()

    __table_args__ = {}

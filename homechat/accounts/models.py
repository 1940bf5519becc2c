"""Tables of people, and of the devices they are signed in on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.actor import Role
from homechat.database import Base, UtcDateTime

COLOR_COUNT = 12


class Standing(StrEnum):
    """Whether a person may come in."""

    ACTIVE = "active"
    PENDING = "pending"
    LOCKED = "locked"


class User(Base):
    """A person of the house, or a bot. Never deleted: an erased person stays as an empty row."""

    __tablename__ = "users"
    __table_args__ = (
        sa.CheckConstraint("color >= 0 AND color < 12", name="color"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(sa.String(30), unique=True)
    display_name: Mapped[str] = mapped_column(sa.String(60))
    role: Mapped[str] = mapped_column(sa.String(10), index=True)
    standing: Mapped[str] = mapped_column(sa.String(10), default=Standing.ACTIVE)
    password_hash: Mapped[str | None] = mapped_column(sa.String(255))
    color: Mapped[int] = mapped_column(default=0)
    locale: Mapped[str | None] = mapped_column(sa.String(10))
    timezone: Mapped[str | None] = mapped_column(sa.String(64))
    theme: Mapped[str] = mapped_column(sa.String(10), default="system")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    two_factor_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when the password alone does not do; None where it does."""

    @property
    def initials(self) -> str:
        """One or two letters for the avatar: of the first and last word of the display name."""
        words = self.display_name.split() or [self.username]
        letters = [words[0][:1], words[-1][:1]] if len(words) > 1 else [words[0][:1]]
        return "".join(letters).upper()

    @property
    def is_admin(self) -> bool:
        return self.role == Role.ADMIN

    @property
    def belongs_to_house(self) -> bool:
        return Role(self.role).belongs_to_house

    @property
    def is_welcome(self) -> bool:
        """Whether this person may come in at all."""
        return self.standing == Standing.ACTIVE and self.erased_at is None


class Device(Base):
    """One browser or app in which one person has signed in. A browser is known by a cookie that outlives signing out.

    browser_digest: SHA-256 of that cookie; several people may sign in on the family's tablet. An app has its own.
    name: what its owner calls it; empty: what it calls itself.
    accepted_at: when the person said, on a device that they knew or an older one, that it is theirs; None: not yet.
    """

    __tablename__ = "devices"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "browser_digest"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    browser_digest: Mapped[str] = mapped_column(sa.String(64), index=True)
    name: Mapped[str] = mapped_column(sa.String(40), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class LoginSession(Base):
    """One person signed in on one device. The cookie's secret is stored as its SHA-256 only.

    proved_at: when the person last showed here who they are, by password (and code) or passkey; None: long ago.
    """

    __tablename__ = "login_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    idle_expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(sa.String(64), default="")
    user_agent: Mapped[str] = mapped_column(sa.String(300), default="")
    proved_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=clock.now)
    device_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("devices.id", ondelete="SET NULL"), index=True
    )

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
    device: Mapped[Device | None] = relationship()

    def is_live(self, at: datetime) -> bool:
        """Whether this device is signed in at the moment `at`."""
        return self.revoked_at is None and at < self.idle_expires_at and at < self.expires_at

"""Tables of API tokens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import Device, User
from homechat.accounts.token_spelling import PREFIX_CHARACTERS
from homechat.database import Base, UtcDateTime


class TokenKind(StrEnum):
    """sign_in: made by signing in at the API, with its person's full rights.  made: with what it was given."""

    SIGN_IN = "sign_in"
    MADE = "made"


class ApiToken(Base):
    """One bearer token, `hc_<prefix>_<secret>`; of the secret only its SHA-256 is stored.

    user: whom it acts as, its maker or a bot.  created_by: whose it is.  scopes: names of scopes, with spaces between.
    room_ids: the only rooms that exist for it; None: all that its person sees.  replaced_by_id: set by rotation.
    device_id: the app that signed in with it; None: it was made by hand, or before apps were devices.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(sa.String(PREFIX_CHARACTERS), unique=True)
    secret_digest: Mapped[str] = mapped_column(sa.String(64))
    kind: Mapped[str] = mapped_column(sa.String(10), default=TokenKind.MADE)
    name: Mapped[str] = mapped_column(sa.String(60))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_by_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scopes: Mapped[str] = mapped_column(sa.String(300), default="")
    room_ids: Mapped[list[int] | None] = mapped_column(sa.JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_address: Mapped[str] = mapped_column(sa.String(64), default="")
    replaced_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("api_tokens.id"))
    device_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("devices.id", ondelete="SET NULL"), index=True
    )

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="joined", innerjoin=True)
    created_by: Mapped[User] = relationship(foreign_keys=[created_by_id], lazy="joined", innerjoin=True)
    device: Mapped[Device | None] = relationship()


class ApiReads(Base):
    """How often a token read something from one address in one hour; becomes one row of the audit log."""

    __tablename__ = "api_reads"
    __table_args__ = (
        sa.UniqueConstraint("token_id", "address", "hour"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(sa.ForeignKey("api_tokens.id", ondelete="CASCADE"))
    address: Mapped[str] = mapped_column(sa.String(64))
    hour: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    count: Mapped[int] = mapped_column(default=0)


class KeptAnswer(Base):
    """What a token was answered to a request that it gave a key, and has with that to be told again for a while.

    key_digest, request_digest: SHA-256.  status, sealed_body: None from the moment that something was written until it
    was answered; encrypted, for an answer may hold a secret.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        sa.UniqueConstraint("token_id", "key_digest"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(sa.ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key_digest: Mapped[str] = mapped_column(sa.String(64))
    request_digest: Mapped[str] = mapped_column(sa.String(64))
    status: Mapped[int | None]
    sealed_body: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, index=True)

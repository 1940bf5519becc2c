"""Tables of what people prove with who they are, and of how often somebody failed to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime


class TotpSecret(Base):
    """The secret that a person's authenticator app shares with the house, encrypted.

    confirmed_at: when its first code was taken; None: never, and it opens nothing.
    last_step: the 30-second step of the last code that was taken; only later ones are taken after it.
    """

    __tablename__ = "totp_secrets"

    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed_secret: Mapped[str] = mapped_column(sa.String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_step: Mapped[int | None] = mapped_column(sa.BigInteger)

    __table_args__ = {}


class RecoveryCode(Base):
    """One of the codes that stand in for a lost phone, once. Those made together share their salt."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    salt: Mapped[str] = mapped_column(sa.String(32))
    digest: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Passkey(Base):
    """A WebAuthn credential: its public half.

    credential_id, public_key: as the authenticator gave them (COSE).  sign_count: the authenticator's own counter.
    """

    __tablename__ = "passkeys"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[bytes] = mapped_column(sa.LargeBinary(1023), unique=True)
    public_key: Mapped[bytes] = mapped_column(sa.LargeBinary(2048))
    sign_count: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    transports: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    name: Mapped[str] = mapped_column(sa.String(40), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class Purpose(StrEnum):
    """What a challenge is for; one made for one thing is worth nothing for another."""

    SECOND_STEP = "second_step"
    ENROLMENT = "enrolment"
    PASSKEY_SIGN_IN = "passkey_sign_in"
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_PROOF = "passkey_proof"
    SHOWN_ONCE = "shown_once"


class Challenge(Base):
    """Somebody who is half-way through proving who they are: short-lived, used once.

    token_digest: SHA-256 of the secret that the browser holds in a cookie.  user_id: None as long as nobody knows.
    webauthn: the bytes that a passkey has to sign, as hexadecimal digits.  tries: how often it was tried in vain.
    """

    __tablename__ = "challenges"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    purpose: Mapped[str] = mapped_column(sa.String(24))
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    webauthn: Mapped[str] = mapped_column(sa.String(128), default="")
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be answered at the moment `at`."""
        return self.used_at is None and at < self.expires_at


class SignInFailures(Base):
    """How often in a row somebody failed to sign in to one account from one place.

    place: "address:…" for devices that the account does not know, "device:…" for one that it knows, "anywhere" for
    all the unknown ones together.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        sa.UniqueConstraint("user_id", "place"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"))
    place: Mapped[str] = mapped_column(sa.String(80))
    count: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ResetLink(Base):
    """A one-time link with which somebody sets a new password. The link's secret is stored as its SHA-256 only.

    created_by_id: the admin who made it; None for the operator.  clears_two_factor: whether 2FA goes, too.
    """

    __tablename__ = "reset_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("users.id"))
    clears_two_factor: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship(foreign_keys=[user_id], lazy="joined", innerjoin=True)

"""Tables of the audit log, and the names of what is written down."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from homechat.database import Base, UtcDateTime

GENESIS = "0" * 64


class Action(StrEnum):
    """What is written down; docs/audit.md says what each row holds."""

    HOUSE_FOUNDED = "house_founded"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    PASSWORD_CHANGE = "password_change"  # noqa: S105  # nosec B105
    PASSWORD_RESET = "password_reset"  # noqa: S105  # nosec B105
    RESET_LINK_CREATED = "reset_link_created"
    TWO_FACTOR_ENABLED = "2fa_enabled"
    TWO_FACTOR_DISABLED = "2fa_disabled"
    TWO_FACTOR_FAILED = "2fa_failed"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_CREATED = "recovery_codes_created"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105  # nosec B105
    API_TOKEN_ROTATED = "api_token_rotated"  # noqa: S105  # nosec B105
    API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105  # nosec B105
    API_REQUEST = "api_request"
    BOT_CREATED = "bot_created"
    BOT_CHANGED = "bot_changed"
    BOT_DELETED = "bot_deleted"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_UNLOCKED = "account_unlocked"
    SESSION_REVOKED = "session_revoked"
    INVITE_CREATED = "invite_created"
    INVITE_REVOKED = "invite_revoked"
    INVITE_USED = "invite_used"
    PERSON_CREATED = "person_created"
    PERSON_APPROVED = "person_approved"
    PERSON_REFUSED = "person_refused"
    ROLE_CHANGE = "role_change"
    ROOM_CREATED = "room_created"
    ROOM_CHANGED = "room_changed"
    ROOM_ARCHIVED = "room_archived"
    MEMBER_ADDED = "member_added"
    MEMBER_REMOVED = "member_removed"
    MESSAGE_DELETED_BY_ADMIN = "message_deleted_by_admin"
    SETTINGS_CHANGE = "settings_change"
    SECRETS_ROTATED = "secrets_rotated"
    EXPORT = "export"
    BACKUP = "backup"
    RESTORE = "restore"
    AUDIT_PRUNED = "audit_pruned"
    AUDIT_CHECKED = "audit_checked"
    LOCKDOWN = "lockdown"
    LOCKDOWN_LIFTED = "lockdown_lifted"
    ADMIN_ACTION = "admin_action"


class AuditLog(Base):
    """One act.

    subject: what it was done to: `user:3`, `room:7`, `token:12`, `bot:4`, `invitation:2`.
    about_id: the person whom it concerns, where the subject is something else: whose token, who was put into the room.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        sa.Index("ix_audit_logs_action_id", "action", "id"),
        sa.Index("ix_audit_logs_actor_id_id", "actor_id", "id"),
        sa.Index("ix_audit_logs_subject_id", "subject", "id"),
        sa.Index("ix_audit_logs_about_id_id", "about_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    action: Mapped[str] = mapped_column(sa.String(40))
    actor_id: Mapped[int | None]
    door: Mapped[str] = mapped_column(sa.String(10))
    subject: Mapped[str] = mapped_column(sa.String(60), default="")
    about_id: Mapped[int | None]
    address: Mapped[str | None] = mapped_column(sa.String(64))
    user_agent: Mapped[str | None] = mapped_column(sa.String(300))
    detail: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    salt: Mapped[str | None] = mapped_column(sa.String(32))
    personal_digest: Mapped[str] = mapped_column(sa.String(64))
    previous_hash: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)

    @property
    def person_id(self) -> int | None:
        """The person whom the act concerns, beside whoever did it; None where it is nobody."""
        kind, _, number = self.subject.partition(":")
        return int(number) if kind == "user" else self.about_id


class AuditChain(Base):
    """The two ends of the chain in one row: concurrent writers queue at it, and a cut-off end shows against it.

    anchor_hash: the hash before the oldest row that is kept (pruning moves it).  head_hash: the newest row's hash.
    """

    __tablename__ = "audit_chain"

    id: Mapped[int] = mapped_column(primary_key=True)
    anchor_hash: Mapped[str] = mapped_column(sa.String(64), default=GENESIS)
    head_hash: Mapped[str] = mapped_column(sa.String(64), default=GENESIS)

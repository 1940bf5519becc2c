"""The audit log: who did what, when, through which door. Append-only and hash-chained; never secrets or bodies.

Each row's hash covers the row before it. What is personal (address, user agent, detail) enters the hash only as a
salted digest, so that erasing a person can blank those columns and their salt, and the chain still verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from homechat import clock
from homechat.actor import Actor
from homechat.database import Base, UtcDateTime, db, transaction

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
    SETTINGS_CHANGE = "settings_change"
    SECRETS_ROTATED = "secrets_rotated"
    EXPORT = "export"
    AUDIT_PRUNED = "audit_pruned"
    LOCKDOWN = "lockdown"
    LOCKDOWN_LIFTED = "lockdown_lifted"
    ADMIN_ACTION = "admin_action"


class AuditLog(Base):
    """One act. `subject` names what it was done to: `user:3`, `room:7`, `session:12`, `invitation:2`."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        sa.Index("ix_audit_logs_action_at", "action", "at"),
        sa.Index("ix_audit_logs_actor_id_at", "actor_id", "at"),
        sa.Index("ix_audit_logs_subject_at", "subject", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    action: Mapped[str] = mapped_column(sa.String(40))
    actor_id: Mapped[int | None]
    door: Mapped[str] = mapped_column(sa.String(10))
    subject: Mapped[str] = mapped_column(sa.String(60), default="")
    address: Mapped[str | None] = mapped_column(sa.String(64))
    user_agent: Mapped[str | None] = mapped_column(sa.String(300))
    detail: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    salt: Mapped[str | None] = mapped_column(sa.String(32))
    personal_digest: Mapped[str] = mapped_column(sa.String(64))
    previous_hash: Mapped[str] = mapped_column(sa.String(64))
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)


class AuditChain(Base):
    """The two ends of the chain in one row: concurrent writers queue at it, and a cut-off end shows against it.

    anchor_hash: the hash before the oldest row that is kept (pruning moves it).  head_hash: the newest row's hash.
    """

    __tablename__ = "audit_chain"

    id: Mapped[int] = mapped_column(primary_key=True)
    anchor_hash: Mapped[str] = mapped_column(sa.String(64), default=GENESIS)
    head_hash: Mapped[str] = mapped_column(sa.String(64), default=GENESIS)


@dataclass(frozen=True)
class Break:
    """Where the chain is broken, and how."""

    row_id: int | None
    why: str


def record(actor: Actor, action: Action, *, subject: str = "", detail: dict[str, Any] | None = None) -> None:
    """Append one row within the surrounding transaction; when it fails, the act it describes fails too.

    detail: small JSON of plain values; never a secret, a code or what somebody wrote.
    """
    with transaction() as session:
        chain = _locked_chain(session)
        row = AuditLog(
            at=clock.now(),
            action=action.value,
            actor_id=actor.user_id,
            door=actor.door.value,
            subject=subject,
            address=actor.address[:64],
            user_agent=actor.user_agent[:300],
            detail=detail or {},
            salt=secrets.token_hex(16),
            previous_hash=chain.head_hash,
        )
        row.personal_digest = _personal_digest(row)
        row.hash = chain.head_hash = _row_hash(row)
        session.add(row)
        session.flush()


def entries(
    *, action: Action | None = None, subject: str | None = None, actor_id: int | None = None, limit: int = 100
) -> list[AuditLog]:
    """Return the newest entries first, at most `limit`, narrowed by what is given."""
    query = sa.select(AuditLog).order_by(AuditLog.id.desc()).limit(limit)
    if action is not None:
        query = query.where(AuditLog.action == action.value)
    if subject is not None:
        query = query.where(AuditLog.subject == subject)
    if actor_id is not None:
        query = query.where(AuditLog.actor_id == actor_id)
    return list(db.session.scalars(query))


def verify() -> Break | None:
    """Walk the whole chain and return the first break, or None when every row is as it was written."""
    chain = db.session.get(AuditChain, 1)
    if chain is None:
        return Break(None, "the chain's ends are missing")
    expected = chain.anchor_hash
    for row in db.session.scalars(sa.select(AuditLog).order_by(AuditLog.id).execution_options(yield_per=500)):
        if row.previous_hash != expected:
            return Break(row.id, "a row before this one is missing")
        if not _is_blank(row) and not hmac.compare_digest(row.personal_digest, _personal_digest(row)):
            return Break(row.id, "its address, device or detail was changed")
        if not hmac.compare_digest(row.hash, _row_hash(row)):
            return Break(row.id, "it was changed")
        expected = row.hash
    if expected != chain.head_hash:
        return Break(None, "the newest rows are missing")
    return None


def _locked_chain(session: Session) -> AuditChain:
    """Return the one row of the chain's ends; nobody else writes until this transaction ends."""
    return session.get_one(AuditChain, 1)


def _is_blank(row: AuditLog) -> bool:
    """Whether the row was stripped of what is personal: of all of it, or somebody could write in what they like."""
    return all(value is None for value in (row.salt, row.address, row.user_agent, row.detail))


def _personal_digest(row: AuditLog) -> str:
    return _sha256([row.salt, row.address, row.user_agent, row.detail])


def _row_hash(row: AuditLog) -> str:
    at = row.at.isoformat(timespec="microseconds")
    return _sha256(
        [row.previous_hash, at, row.action, row.actor_id, row.door, row.subject, row.personal_digest]
    )


def _sha256(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()

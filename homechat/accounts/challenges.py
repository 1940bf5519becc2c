"""Half-way in: short-lived states of proving who one is, each good for one thing and for one answer."""

from __future__ import annotations

import secrets
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.accounts.proof_models import Challenge, Purpose
from homechat.database import db, transaction
from homechat.errors import Unauthenticated
from homechat.security.tokens import digest_of, new_token

LIFE = timedelta(minutes=10)
TRIES_MAX = 5
WEBAUTHN_BYTES = 32


def pose(purpose: Purpose, *, user_id: int | None = None, webauthn: bytes = b"") -> str:
    """Store a new challenge and return its secret, for a cookie; what has run out goes."""
    token = new_token()
    now = clock.now()
    with transaction() as session:
        session.execute(sa.delete(Challenge).where(Challenge.expires_at < now - LIFE))
        session.add(
            Challenge(
                token_digest=digest_of(token),
                purpose=purpose.value,
                user_id=user_id,
                webauthn=webauthn.hex(),
                created_at=now,
                expires_at=now + LIFE,
            )
        )
        session.flush()
    return token


def posed(token: str, purpose: Purpose) -> Challenge:
    """Return the open challenge behind a secret. Raises Unauthenticated when it ran out, or was answered."""
    row = db.session.scalar(
        sa.select(Challenge)
        .where(Challenge.token_digest == digest_of(token))
        .execution_options(populate_existing=True)
    )
    if row is None or row.purpose != purpose or not row.is_open(clock.now()):
        raise Unauthenticated(_("That took too long. Please sign in again."))
    return row


def renew_bytes(token: str, purpose: Purpose) -> bytes:
    """Return new bytes for a passkey to sign, in place of those the challenge had. Raises Unauthenticated."""
    to_sign = secrets.token_bytes(WEBAUTHN_BYTES)
    with transaction() as session:
        posed(token, purpose).webauthn = to_sign.hex()
        session.flush()
    return to_sign


def spend(challenge: Challenge) -> None:
    """Within a transaction, have it answered: it is worth nothing any more."""
    challenge.used_at = clock.now()
    db.session.flush()


def forget_all(user_id: int) -> None:
    """Within a transaction, end whatever is half-way in as `user_id`: what was proved before counts no more."""
    with transaction() as session:
        session.execute(sa.delete(Challenge).where(Challenge.user_id == user_id))


def forget_everybodys() -> None:
    """Within a transaction, do as `forget_all` for the whole house."""
    with transaction() as session:
        session.execute(sa.delete(Challenge))


def note_wrong_answer(challenge: Challenge) -> None:
    """Within a transaction, count a wrong answer; after TRIES_MAX of them the challenge is void."""
    challenge.tries += 1
    challenge.webauthn = ""
    if challenge.tries >= TRIES_MAX:
        challenge.used_at = clock.now()
    db.session.flush()

"""Taking away, all at once, what lets somebody in: devices, API tokens, half-finished sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from homechat import audit, clock
from homechat.accounts import challenges, sessions
from homechat.accounts.api_tokens import end_tokens
from homechat.accounts.models import User
from homechat.accounts.proof_models import Passkey, RecoveryCode, ResetLink, TotpSecret
from homechat.actor import Actor
from homechat.database import transaction
from homechat.realtime import revocation


@dataclass(frozen=True)
class Revoked:
    """How many devices and API tokens were ended."""

    devices: int
    tokens: int


def shut_out(
    actor: Actor, user_id: int, *, sentence: str, reason: str = "revoked", made_tokens: bool = False
) -> Revoked:
    """Within a transaction, sign a person out wherever they are, and end what they are half-way through.

    sentence, reason: why, see `sessions.revoke_all`.  made_tokens: the tokens that they made by hand go as well, not
    only those that came of signing in.
    """
    with transaction():
        devices = sessions.revoke_all(actor, user_id, sentence=sentence, reason=reason)
        tokens = end_tokens(actor, user_id, made_too=made_tokens)
        # Whoever typed the right password a moment ago must not finish with it now.
        challenges.forget_all(user_id)
        revocation.disconnect_user(user_id, reason=reason, sentence=sentence)
    return Revoked(devices, tokens)


def end_reset_links(user_id: int) -> None:
    """Within a transaction, make the links worthless with which somebody could set a new password for `user_id`."""
    now = clock.now()
    with transaction() as session:
        session.execute(
            sa.update(ResetLink)
            .where(ResetLink.user_id == user_id, ResetLink.used_at.is_(None), ResetLink.expires_at > now)
            .values(expires_at=now)
        )


def forget_second_step(user: User, *, keep_passkeys: bool = False) -> bool:
    """Within a transaction, have the password alone do again: the app's secret, recovery codes and passkeys are gone.

    Return whether there was anything to forget.
    """
    had_one = user.two_factor_since is not None
    factors = (TotpSecret, RecoveryCode) if keep_passkeys else (TotpSecret, RecoveryCode, Passkey)
    with transaction() as session:
        for table in factors:
            had_one |= _deleted(session.execute(sa.delete(table).where(table.user_id == user.id)))
        user.two_factor_since = None
        session.flush()
    return had_one


def forget_passkeys(actor: Actor, user: User) -> None:
    """Within a transaction, make all passkeys of a person worthless."""
    with transaction() as session:
        for passkey in session.scalars(sa.select(Passkey).where(Passkey.user_id == user.id)):
            detail = {"passkey": passkey.id}
            session.delete(passkey)
            session.flush()
            audit.record(actor, audit.Action.PASSKEY_REMOVED, subject=f"user:{user.id}", detail=detail)


def _deleted(result: sa.Result[Any]) -> bool:
    return isinstance(result, sa.CursorResult) and result.rowcount > 0

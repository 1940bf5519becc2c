"""Answering the second step: with a code of the app, or with a recovery code, each of them once."""

from __future__ import annotations

from homechat import clock
from homechat.accounts import recovery_codes, totp
from homechat.accounts.models import User
from homechat.accounts.proof_models import TotpSecret
from homechat.actor import Actor
from homechat.database import db
from homechat.extensions import current_settings
from homechat.security import field_encryption


def take_code(actor: Actor, user: User, code: str, *, recovery_digest: str) -> bool:
    """Within a transaction, use up a code of the app or a recovery code; return whether it was right.

    recovery_digest: of `recovery_codes.digest_for`, made beforehand, because that is slow.
    """
    if recovery_codes.take(actor, user.id, recovery_digest):
        return True
    row = db.session.get(TotpSecret, user.id, populate_existing=True)
    step = later_step(row, code) if row is not None and row.confirmed_at is not None else None
    if row is None or step is None:
        return False
    # Whoever sends the same code at the same moment comes after us, and finds the step taken.
    row.last_step = step
    db.session.flush()
    return True


def later_step(row: TotpSecret, code: str) -> int | None:
    """Return the step that `code` proves, if it is later than the last one that was taken."""
    configured = current_settings()
    secret = field_encryption.unseal(row.sealed_secret)
    step = totp.matching_step(secret, code, at=clock.now(), drift_steps=configured.totp_drift_steps)
    return step if step is not None and (row.last_step is None or step > row.last_step) else None

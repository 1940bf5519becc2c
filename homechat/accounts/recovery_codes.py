"""Recovery codes: ten of them, shown once, each good for one sign-in without the phone.

A code has 80 random bits, so nobody guesses it; it is hashed with Argon2id all the same, because it lies in backups for
years. The codes made together share their salt: a code costs one hash to check, not ten.
"""

from __future__ import annotations

import hmac
import secrets

import sqlalchemy as sa
from argon2.low_level import Type, hash_secret_raw

from homechat import audit, clock
from homechat.accounts.proof_models import RecoveryCode
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.security.passwords import calmly

CODES = 10
CODE_CHARACTERS = 16
GROUP_CHARACTERS = 4
# 32 of them, so five bits each: no l, o, 0 or 1, which look alike in many a hand.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_codes() -> list[str]:
    """Return ten new codes as people read them: `abcd-efgh-jkmn-pqrs`."""
    return [_grouped("".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARACTERS))) for _ in range(CODES)]


def hashed(codes: list[str]) -> list[RecoveryCode]:
    """Return rows for new codes, not yet anybody's. Slow by design, off the event loop; not within a transaction."""
    salt = secrets.token_hex(16)
    return [RecoveryCode(salt=salt, digest=_digest(salt, tidied(code))) for code in codes]


def replace_codes(actor: Actor, user_id: int, rows: list[RecoveryCode]) -> None:
    """Within a transaction, make these the codes of `user_id`; earlier ones are void."""
    with transaction() as session:
        session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        for row in rows:
            row.user_id = user_id
            session.add(row)
        session.flush()
        audit.record(actor, audit.Action.RECOVERY_CODES_CREATED, subject=f"user:{user_id}")


def digest_for(user_id: int, code: str) -> str:
    """Return what `code` would be stored as among the codes of `user_id`; "" if it cannot be one of theirs.

    Slow by design, off the event loop; not within a transaction.
    """
    salt = db.session.scalar(sa.select(RecoveryCode.salt).where(RecoveryCode.user_id == user_id).limit(1))
    code = tidied(code)
    return _digest(salt, code) if salt and looks_like_code(code) else ""


def take(actor: Actor, user_id: int, digest: str) -> bool:
    """Within a transaction, use the code behind `digest` up; return whether there was one left."""
    if not digest:
        return False
    rows = db.session.scalars(
        sa.select(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    ).all()
    found = next((row for row in rows if hmac.compare_digest(row.digest, digest)), None)
    if found is None:
        return False
    found.used_at = clock.now()
    db.session.flush()
    audit.record(
        actor, audit.Action.RECOVERY_CODE_USED, subject=f"user:{user_id}", detail={"left": len(rows) - 1}
    )
    return True


def codes_left(user_id: int) -> int:
    """Return how many codes of `user_id` can still be used."""
    return (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(RecoveryCode)
            .where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
        )
        or 0
    )


def tidied(code: str) -> str:
    """Return a code as it was made, however it was typed: capitals, blanks, dashes or none."""
    return "".join(character for character in code.lower() if character.isalnum())


def looks_like_code(code: str) -> bool:
    """Whether a tidied text can be a recovery code at all."""
    return len(code) == CODE_CHARACTERS and all(character in ALPHABET for character in code)


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP_CHARACTERS] for start in range(0, len(code), GROUP_CHARACTERS))


def _digest(salt: str, code: str) -> str:
    raw = calmly(
        hash_secret_raw,
        code.encode(),
        bytes.fromhex(salt),
        time_cost=2,
        memory_cost=19_456,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
    return raw.hex()

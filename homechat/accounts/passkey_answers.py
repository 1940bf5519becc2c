"""Showing who one is with a passkey: what the browser is asked, and what its answer is worth. Each counts once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.accounts import ceremonies, challenges
from homechat.accounts.ceremonies import Credential, Options, WrongAnswer
from homechat.accounts.proof_models import Challenge, Passkey, Purpose
from homechat.actor import Actor
from homechat.database import db
from homechat.errors import Invalid, Unauthenticated
from homechat.extensions import current_settings
from homechat.security import limits

# Where no password came before it, the passkey stands for both: having it, and knowing or being what opens it.
ALONE = (Purpose.PASSKEY_SIGN_IN, Purpose.PASSKEY_PROOF)


@dataclass(frozen=True)
class Question:
    """What a browser is asked. secret: of the challenge, for a cookie."""

    options: Options
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What a passkey signed, as far as that can be checked outside a transaction.

    passkey_id, user_id: None when nobody has such a passkey.  count: None when the answer is wrong.
    signed: the bytes that it was asked to sign, as the challenge has them.
    """

    passkey_id: int | None
    user_id: int | None
    count: int | None
    signed: str


def ask(actor: Actor, purpose: Purpose, *, user_id: int | None = None) -> Question:
    """Return a new question. user_id: whose passkeys will do; None: whose they are is what we want to know.

    Raises Forbidden where there can be no passkeys, TooMany.
    """
    limits.spend(limits.PASSKEY_QUESTIONS, actor.address)
    place = here()
    to_sign = secrets.token_bytes(challenges.WEBAUTHN_BYTES)
    secret = challenges.pose(purpose, user_id=user_id, webauthn=to_sign)
    known = credentials_of(user_id) if user_id is not None else []
    options = ceremonies.options_to_use(place, to_sign, needs_verification=purpose in ALONE, known=known)
    return Question(options, secret)


def ask_half_way(actor: Actor, secret: str, purpose: Purpose) -> Question:
    """Return the question for somebody who is half-way in. Raises Unauthenticated, Forbidden, TooMany."""
    limits.spend(limits.PASSKEY_QUESTIONS, actor.address)
    place = here()
    to_sign = challenges.renew_bytes(secret, purpose)
    user_id = challenges.posed(secret, purpose).user_id
    known = credentials_of(user_id) if user_id is not None else []
    options = ceremonies.options_to_use(place, to_sign, needs_verification=purpose in ALONE, known=known)
    return Question(options, secret)


def read(challenge: Challenge, response: str) -> Answer:
    """Return what an answer to `challenge` is worth. response: JSON of the browser. Not within a transaction."""
    place, signed = here(), challenge.webauthn
    needs_verification = challenge.purpose in ALONE
    try:
        credential_id = ceremonies.credential_id_in(response)
    except WrongAnswer:
        return Answer(None, None, None, signed)
    passkey = db.session.scalar(sa.select(Passkey).where(Passkey.credential_id == credential_id))
    if passkey is None:
        return Answer(None, None, None, signed)
    passkey_id, user_id, public_key = passkey.id, passkey.user_id, passkey.public_key
    try:
        count = ceremonies.check_used(
            place,
            bytes.fromhex(signed),
            response,
            public_key=public_key,
            needs_verification=needs_verification,
        )
    except WrongAnswer:
        return Answer(passkey_id, user_id, None, signed)
    return Answer(passkey_id, user_id, count, signed)


def what_is_wrong(answer: Answer, challenge: Challenge) -> audit.Action | None:
    """Within a transaction, return as what a wrong answer is written down, or None when it is right.

    A count that goes back is that of a copy: somebody else may hold it, or the owner an older one.
    """
    if answer.count is None or not answer.signed or answer.signed != challenge.webauthn:
        return audit.Action.LOGIN_FAILED
    if challenge.user_id is not None and challenge.user_id != answer.user_id:
        return audit.Action.LOGIN_FAILED
    passkey = db.session.get(Passkey, answer.passkey_id, populate_existing=True)
    if passkey is None:
        return audit.Action.LOGIN_FAILED
    counts = answer.count > 0 or passkey.sign_count > 0  # Many authenticators do not; theirs stays 0.
    if counts and answer.count <= passkey.sign_count:
        return audit.Action.TWO_FACTOR_FAILED
    return None


def note_use(answer: Answer) -> None:
    """Within a transaction, write down that a right answer was taken."""
    passkey = db.session.get_one(Passkey, answer.passkey_id)
    passkey.sign_count = answer.count or 0
    passkey.last_used_at = clock.now()
    db.session.flush()


def own_challenge(actor: Actor, secret: str, purpose: Purpose) -> Challenge:
    """Return the open challenge of somebody who is signed in. Raises Invalid when it ran out or is another's."""
    try:
        challenge = challenges.posed(secret, purpose)
    except Unauthenticated:
        raise Invalid(_("That took too long. Please try again.")) from None
    if challenge.user_id != actor.person_id:
        raise Invalid(_("That took too long. Please try again."))
    return challenge


def credentials_of(user_id: int) -> list[Credential]:
    """Return the passkeys of a person as browsers are told of them."""
    rows = db.session.scalars(sa.select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id))
    return [Credential(row.credential_id, tuple(row.transports)) for row in rows]


def has_passkeys(user_id: int) -> bool:
    """Whether a person has any passkey."""
    found = db.session.scalar(sa.select(Passkey.id).where(Passkey.user_id == user_id).limit(1))
    return found is not None


def here() -> ceremonies.Place:
    """Return where the passkeys of this house work. Raises Forbidden where they do not."""
    configured = current_settings()
    return ceremonies.place_of(configured)

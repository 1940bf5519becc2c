"""A person's own passkeys: making one, naming it, removing it, and having it as the second step."""

from __future__ import annotations

import hashlib
import hmac
import secrets

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, settings
from homechat.accounts import (
    ceremonies,
    challenges,
    passkey_answers,
    recovery_codes,
    sessions,
    step_up,
    two_factor,
)
from homechat.accounts.ceremonies import NewPasskey, Options, WrongAnswer
from homechat.accounts.device_names import device_name
from homechat.accounts.models import User
from homechat.accounts.passkey_answers import Question, own_challenge
from homechat.accounts.proof_models import Challenge, Passkey, Purpose, TotpSecret
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.extensions import current_settings
from homechat.security import limits
from homechat.text import one_line

PASSKEYS_MAX = 20
PASSKEY_NAME_MAX_CHARACTERS = 40


def passkeys_of(user_id: int) -> list[Passkey]:
    """Return the passkeys of one person, the oldest first."""
    return list(db.session.scalars(sa.select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


def registration(actor: Actor) -> Question:
    """Return what the actor's browser needs to make a passkey. Raises StepUpNeeded, Forbidden, TooMany."""
    step_up.require(actor)
    limits.spend(limits.PASSKEY_QUESTIONS, actor.address)
    user = db.session.get_one(User, actor.person_id)
    to_sign = secrets.token_bytes(challenges.WEBAUTHN_BYTES)
    options = _options(user, to_sign)
    secret = challenges.pose(Purpose.PASSKEY_REGISTRATION, user_id=user.id, webauthn=to_sign)
    return Question(options, secret)


def register(actor: Actor, secret: str, response: str) -> Passkey:
    """Give the actor the passkey that their browser made; with it they can sign in from now on.

    Raises StepUpNeeded; Invalid when the answer is wrong or came too late; Conflict when it is known, or too many.
    """
    step_up.require(actor)
    made = read(own_challenge(actor, secret, Purpose.PASSKEY_REGISTRATION), response)
    with transaction() as session:
        challenges.spend(own_challenge(actor, secret, Purpose.PASSKEY_REGISTRATION))
        return add(actor, session.get_one(User, actor.person_id), made)


def register_as_second_step(actor: Actor, secret: str, response: str) -> tuple[list[str], str]:
    """Do as `register`, and ask for a second step from now on, which the passkey is.

    Returns the recovery codes, which are shown only now, and the new secret of this device's session. Raises as
    `register`, and Conflict when the second step is on.
    """
    step_up.require(actor)
    made = read(own_challenge(actor, secret, Purpose.PASSKEY_REGISTRATION), response)
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction() as session:
        challenges.spend(own_challenge(actor, secret, Purpose.PASSKEY_REGISTRATION))
        user = session.get_one(User, actor.person_id)
        _require_off(user)
        add(actor, user, made)
        two_factor.switch_on(actor, user, by="passkey", codes=rows)
        return codes, sessions.renew(actor)


def use_as_second_step(actor: Actor) -> tuple[list[str], str]:
    """Ask for a second step from now on, for which the passkeys that the actor has will do.

    Returns as `register_as_second_step`. Raises StepUpNeeded; Conflict when it is on, or there is no passkey.
    """
    step_up.require(actor)
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction() as session:
        user = session.get_one(User, actor.person_id)
        _require_off(user)
        if not passkey_answers.has_passkeys(user.id):
            raise Conflict(_("There is no passkey yet. Please add one first."))
        two_factor.switch_on(actor, user, by="passkey", codes=rows)
        return codes, sessions.renew(actor)


def rename(actor: Actor, passkey_id: int, name: str) -> None:
    """Call one of the actor's passkeys `name`. Raises NotFound for anybody else's, Invalid."""
    name = one_line(name)
    if not name:
        raise Invalid.at("passkey_name", _("Please give it a name."))
    if len(name) > PASSKEY_NAME_MAX_CHARACTERS:
        raise Invalid.at(
            "passkey_name", _("Keep the name to %(number)d characters.", number=PASSKEY_NAME_MAX_CHARACTERS)
        )
    with transaction() as session:
        _own(actor, passkey_id).name = name
        session.flush()


def remove(actor: Actor, passkey_id: int) -> None:
    """Make one of the actor's passkeys worthless; their other devices are signed out.

    With the last thing to answer it with, the second step ends. Raises StepUpNeeded, NotFound for anybody else's,
    Forbidden where it would end and the house wants it.
    """
    step_up.require(actor)
    with transaction() as session:
        passkey = _own(actor, passkey_id)
        user = session.get_one(User, actor.person_id)
        is_last = user.two_factor_since is not None and not _has_other_factor(passkey)
        if is_last and two_factor.is_required(Role(user.role)):
            raise Forbidden(
                _(
                    "Your house wants a second step of you, and this is all you have. Set up another one first."
                )
            )
        session.delete(passkey)
        session.flush()
        audit.record(
            actor, audit.Action.PASSKEY_REMOVED, subject=f"user:{user.id}", detail={"passkey": passkey_id}
        )
        if is_last:
            two_factor.switch_off(actor, user)
        else:
            two_factor.sign_out_others(actor, user)


def ask_half_way(actor: Actor, secret: str, user: User) -> Question:
    """Return what a browser needs to make the first passkey of `user`, who has to before they come in.

    Raises Unauthenticated, Forbidden, TooMany.
    """
    limits.spend(limits.PASSKEY_QUESTIONS, actor.address)
    return Question(_options(user, challenges.renew_bytes(secret, Purpose.ENROLMENT)), secret)


def read(challenge: Challenge, response: str) -> NewPasskey:
    """Return the passkey that a browser made as the answer to `challenge`. Raises Invalid. Not within a transaction."""
    try:
        return ceremonies.check_made(passkey_answers.here(), bytes.fromhex(challenge.webauthn), response)
    except WrongAnswer:
        raise Invalid(_("That did not work with this passkey. Please try again.")) from None


def add(actor: Actor, user: User, made: NewPasskey) -> Passkey:
    """Within a transaction, give `user` a passkey. Raises Conflict when somebody has it, or they have too many."""
    known = sa.select(Passkey.id).where(Passkey.credential_id == made.credential.id)
    if db.session.scalar(known) is not None:
        raise Conflict(_("This passkey is known already."))
    if len(passkeys_of(user.id)) >= PASSKEYS_MAX:
        raise Conflict(_("That is a lot of passkeys. Please remove one first."))
    passkey = Passkey(
        user_id=user.id,
        credential_id=made.credential.id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=list(made.credential.transports),
        name=device_name(actor.user_agent)[:PASSKEY_NAME_MAX_CHARACTERS],
    )
    with transaction() as session:
        session.add(passkey)
        session.flush()
        detail = {"passkey": passkey.id}
        audit.record(actor, audit.Action.PASSKEY_ADDED, subject=f"user:{user.id}", detail=detail)
    return passkey


def _options(user: User, to_sign: bytes) -> Options:
    return ceremonies.options_to_make(
        passkey_answers.here(),
        to_sign,
        handle=_handle(user.id),
        name=user.username,
        display_name=user.display_name,
        house_name=settings.value_of(settings.HOUSE_NAME),
        known=passkey_answers.credentials_of(user.id),
    )


def _handle(user_id: int) -> bytes:
    """Return by what authenticators know a person: always the same, so that a second passkey in the same place takes
    the first one's; and telling nothing, because they show it to whoever holds them.
    """
    configured = current_settings()
    return hmac.digest(configured.secret_key.encode(), f"passkeys of user {user_id}".encode(), hashlib.sha256)


def _own(actor: Actor, passkey_id: int) -> Passkey:
    passkey = db.session.get(Passkey, passkey_id)
    if passkey is None or passkey.user_id != actor.person_id:
        raise NotFound(_("There is no such passkey."))
    return passkey


def _has_other_factor(passkey: Passkey) -> bool:
    app = db.session.get(TotpSecret, passkey.user_id)
    has_app = app is not None and app.confirmed_at is not None
    return has_app or len(passkeys_of(passkey.user_id)) > 1


def _require_off(user: User) -> None:
    if user.two_factor_since is not None:
        raise Conflict(_("The second step is on already."))

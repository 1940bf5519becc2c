"""Somebody who is signed in shows again who they are: by password and code, or by passkey. Wrong ones count."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat import audit
from homechat.accounts import challenges, lockout, passkey_answers, recovery_codes, sessions
from homechat.accounts.models import User
from homechat.accounts.proof_models import Purpose
from homechat.accounts.second_step import take_code
from homechat.actor import Actor
from homechat.database import db, transaction
from homechat.errors import Invalid
from homechat.security import limits, passwords


def prove(actor: Actor, *, password: str, code: str) -> str:
    """Note that the actor showed who they are, and return the new secret of this device's session.

    Raises Invalid, naming the field; TooMany past the limits.
    """
    user = db.session.get_one(User, actor.person_id)
    check_proof(actor, user, password=password, code=code)
    return sessions.renew(actor)


def ask_for_passkey(actor: Actor) -> passkey_answers.Question:
    """Return the question for one of the actor's passkeys. Raises Forbidden where there are none here, TooMany."""
    return passkey_answers.ask(actor, Purpose.PASSKEY_PROOF, user_id=actor.person_id)


def prove_with_passkey(actor: Actor, secret: str, response: str) -> str:
    """Do as `prove` for a passkey's answer in place of password and code."""
    check_passkey(actor, secret, response)
    return sessions.renew(actor)


def check_passkey(actor: Actor, secret: str, response: str) -> None:
    """Check the answer of one of the actor's passkeys. Raises Invalid; counts failures."""
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    challenge = passkey_answers.own_challenge(actor, secret, Purpose.PASSKEY_PROOF)
    answer = passkey_answers.read(challenge, response)
    with transaction() as session:
        challenge = passkey_answers.own_challenge(actor, secret, Purpose.PASSKEY_PROOF)
        challenges.spend(challenge)
        user = session.get_one(User, actor.person_id)
        wrong = passkey_answers.what_is_wrong(answer, challenge)
        if wrong is None and not lockout.is_locked_out(actor, user.id):
            passkey_answers.note_use(answer)
            lockout.forget_failures(actor, user)
            return
        lockout.note_failure(actor, user, wrong or audit.Action.LOGIN_FAILED)
    raise Invalid(_("That passkey did not work here. Try it again, or use your password."))


def check_password(actor: Actor, user: User, password: str) -> None:
    """Check the password alone. Raises Invalid, naming the field; counts failures."""
    limits.spend(limits.SIGN_IN, actor.address, user.username)
    stored = user.password_hash
    is_right = passwords.verify_password(stored, password)
    with transaction() as session:
        user = session.get_one(User, user.id)
        # Slow as checking is, somebody may have shut the old password out meanwhile.
        is_right = is_right and user.password_hash == stored and not lockout.is_locked_out(actor, user.id)
        if is_right:
            return
        lockout.note_failure(actor, user, audit.Action.LOGIN_FAILED)
    raise not_the_current_password()


def not_the_current_password() -> Invalid:
    """Return the refusal of a password that is not, or not any more, the one somebody has."""
    return Invalid.at("current_password", _("That is not your current password."))


def check_proof(actor: Actor, user: User, *, password: str, code: str) -> None:
    """Check the password, and the code where a second step is on. Raises Invalid, naming the field; counts failures."""
    limits.spend(limits.SIGN_IN, actor.address, user.username)
    stored = user.password_hash
    is_right = passwords.verify_password(stored, password)
    digest = recovery_codes.digest_for(user.id, code) if is_right else ""
    with transaction() as session:
        user = session.get_one(User, user.id)
        is_right = is_right and user.password_hash == stored
        wrong = _what_is_wrong(actor, user, is_right=is_right, code=code, recovery_digest=digest)
        if wrong:
            is_code = wrong == "code"
            action = audit.Action.TWO_FACTOR_FAILED if is_code else audit.Action.LOGIN_FAILED
            lockout.note_failure(actor, user, action)
        else:
            lockout.forget_failures(actor, user)
    if wrong == "password":
        raise Invalid.at("current_password", _("That password is not right."))
    if wrong:
        raise Invalid.at("code", _("That code is not right."))


def _what_is_wrong(actor: Actor, user: User, *, is_right: bool, code: str, recovery_digest: str) -> str:
    if not is_right or lockout.is_locked_out(actor, user.id):
        return "password"
    if user.two_factor_since is None:
        return ""
    return "" if take_code(actor, user, code, recovery_digest=recovery_digest) else "code"

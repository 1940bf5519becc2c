"""Signing in: the password, then the second step where one is on; one sentence and one cost for every wrong cause.

A passkey that has seen finger, face or PIN is password and second step in one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, lockdown
from homechat.accounts import (
    challenges,
    lockout,
    passkey_answers,
    passkeys,
    recovery_codes,
    sessions,
    two_factor,
)
from homechat.accounts.models import Standing, User
from homechat.accounts.proof_models import Purpose
from homechat.accounts.queries import person_named
from homechat.accounts.second_step import take_code
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Forbidden, HomeChatError, SecondStepNeeded, Unauthenticated, Waiting
from homechat.security import limits, passwords

NAME_CHARACTERS_READ_MAX = 100


@dataclass(frozen=True)
class Admitted:
    """Somebody is in. secret: for the cookie of the new session.  codes: new recovery codes, to be shown this once."""

    user: User
    secret: str = field(repr=False)
    codes: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class HalfWay:
    """The password was right; now the second step, or setting one up. secret: of the challenge, for a cookie."""

    purpose: Purpose
    secret: str = field(repr=False)


class Proved(NamedTuple):
    """Somebody gave the right password, of which the hash was this."""

    user: User
    password_hash: str | None


def sign_in(actor: Actor, *, username: str, password: str) -> Admitted | HalfWay:
    """Take a name and a password; return who is in, or what is missing.

    Raises Unauthenticated with one sentence for every cause, after one and the same work; Waiting for somebody who has
    yet to be let in; LockedDown for who has to wait; TooMany past the limits.
    """
    proved = _check_password(actor, username, password)
    with transaction():
        user = still(proved)
        if user.two_factor_since is not None:
            return HalfWay(Purpose.SECOND_STEP, challenges.pose(Purpose.SECOND_STEP, user_id=user.id))
        if two_factor.is_required(Role(user.role)):
            return begin_enrolment(user)
        return _admit(actor, user)


def still(proved: Proved) -> User:
    """Within the transaction that lets somebody in, return who it is.

    Raises Unauthenticated where they, or whoever helped them, have shut the password out that was checked before.
    """
    user = db.session.get_one(User, proved.user.id, populate_existing=True)
    if user.password_hash != proved.password_hash:
        raise _refusal()
    return user


def begin_enrolment(user: User) -> HalfWay:
    """Return the way on of somebody whose password is right, or new, and who has to set up a second step first."""
    return HalfWay(Purpose.ENROLMENT, challenges.pose(Purpose.ENROLMENT, user_id=user.id))


def second_step(actor: Actor, secret: str, code: str) -> Admitted:
    """Take a code of the app, or a recovery code.

    Raises Unauthenticated when it is wrong, or came too late; LockedDown for who has to wait; TooMany.
    """
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    user_id = challenges.posed(secret, Purpose.SECOND_STEP).user_id
    if user_id is None:
        raise LookupError("a second step belongs to somebody")
    digest = recovery_codes.digest_for(user_id, code)
    with transaction() as session:
        challenge = challenges.posed(secret, Purpose.SECOND_STEP)
        user = session.get_one(User, user_id)
        is_right = _may_come_in(actor, user) and take_code(actor, user, code, recovery_digest=digest)
        if is_right:
            challenges.spend(challenge)
            return _admit(actor, user)
        challenges.note_wrong_answer(challenge)
        lockout.note_failure(actor, user, audit.Action.TWO_FACTOR_FAILED)
    raise Unauthenticated(_("That code is not right. Try the newest one, or a recovery code."))


def ask_for_passkey(actor: Actor) -> passkey_answers.Question:
    """Return the question for any passkey of this house. Raises Forbidden where there can be none, TooMany."""
    return passkey_answers.ask(actor, Purpose.PASSKEY_SIGN_IN)


def sign_in_with_passkey(actor: Actor, secret: str, response: str) -> Admitted:
    """Take a passkey's answer in place of name, password and second step.

    Raises Unauthenticated with one sentence for every cause, or when it came too late; Waiting; LockedDown; TooMany.
    """
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    answer = passkey_answers.read(challenges.posed(secret, Purpose.PASSKEY_SIGN_IN), response)
    with transaction() as session:
        challenge = challenges.posed(secret, Purpose.PASSKEY_SIGN_IN)
        challenges.spend(challenge)
        user = session.get(User, answer.user_id) if answer.user_id is not None else None
        wrong = passkey_answers.what_is_wrong(answer, challenge)
        if user is not None and wrong is None and _may_come_in(actor, user):
            passkey_answers.note_use(answer)
            return _admit(actor, user)
        waits = user is not None and wrong is None and _waits(actor, user)
        if not waits:
            failed = wrong or audit.Action.LOGIN_FAILED
            lockout.note_failure(actor, user, failed, counts=wrong is not None)
    if waits:
        raise _has_to_wait()
    raise Unauthenticated(_("Couldn't sign you in with a passkey. Try it again, or use name and password."))


def ways_on(secret: str) -> two_factor.State | None:
    """Return with what somebody half-way in may go on; None when it took too long."""
    try:
        challenge = challenges.posed(secret, Purpose.SECOND_STEP)
    except Unauthenticated:
        return None
    return two_factor.state_of(db.session.get_one(User, challenge.user_id))


def ask_for_second_passkey(actor: Actor, secret: str) -> passkey_answers.Question:
    """Return the question for a passkey of whoever is half-way in. Raises Unauthenticated, Forbidden, TooMany."""
    return passkey_answers.ask_half_way(actor, secret, Purpose.SECOND_STEP)


def second_step_with_passkey(actor: Actor, secret: str, response: str) -> Admitted:
    """Do as `second_step` for a passkey's answer in place of a code."""
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    answer = passkey_answers.read(challenges.posed(secret, Purpose.SECOND_STEP), response)
    with transaction() as session:
        challenge = challenges.posed(secret, Purpose.SECOND_STEP)
        user = session.get_one(User, challenge.user_id)
        if _may_come_in(actor, user) and passkey_answers.what_is_wrong(answer, challenge) is None:
            challenges.spend(challenge)
            passkey_answers.note_use(answer)
            return _admit(actor, user)
        challenges.note_wrong_answer(challenge)
        lockout.note_failure(actor, user, audit.Action.TWO_FACTOR_FAILED)
    raise Unauthenticated(_("That passkey did not work here. Try it again, or use a recovery code."))


def whose_enrolment(secret: str) -> User:
    """Return who has to set up a second step before they come in. Raises Unauthenticated, also once they have one."""
    challenge = challenges.posed(secret, Purpose.ENROLMENT)
    user = db.session.get_one(User, challenge.user_id, populate_existing=True)
    if user.two_factor_since is not None:
        raise Unauthenticated(_("This was set up already. Please look again."))
    return user


def enrol(actor: Actor, secret: str, code: str, *, sealed: str) -> Admitted:
    """Set up the second step that the house wants, and come in.

    sealed: what the app was given, of `two_factor.setup_for`.
    Raises Invalid for a wrong code, Unauthenticated, TooMany; LockedDown, and then nothing is set up, because the
    recovery codes would never be shown.
    """
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    user = whose_enrolment(secret)
    newcomer = actor.acting_as(user.id, Role(user.role))
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction():
        user = _spend_enrolment(secret)
        two_factor.confirm(newcomer, user, code, sealed=sealed, codes=rows)
        admitted = _admit(actor, user)
    return Admitted(admitted.user, admitted.secret, codes)


def ask_to_make_passkey(actor: Actor, secret: str) -> passkey_answers.Question:
    """Return the question for a first passkey, which lets its owner in. Raises Unauthenticated, Forbidden, TooMany."""
    return passkeys.ask_half_way(actor, secret, whose_enrolment(secret))


def enrol_with_passkey(actor: Actor, secret: str, response: str) -> Admitted:
    """Do as `enrol` with a new passkey as the second step."""
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    user = whose_enrolment(secret)
    made = passkeys.read(challenges.posed(secret, Purpose.ENROLMENT), response)
    newcomer = actor.acting_as(user.id, Role(user.role))
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction():
        user = _spend_enrolment(secret)
        passkeys.add(newcomer, user, made)
        two_factor.switch_on(newcomer, user, by="passkey", codes=rows)
        admitted = _admit(actor, user)
    return Admitted(admitted.user, admitted.secret, codes)


def _spend_enrolment(secret: str) -> User:
    """Within a transaction, return whose it is: once more, for somebody else may have been faster."""
    user = whose_enrolment(secret)
    challenges.spend(challenges.posed(secret, Purpose.ENROLMENT))
    return user


def prove_all(actor: Actor, *, username: str, password: str, code: str = "") -> Proved:
    """Return who it is that shows everything at once, for doors without pages; let them in with `still`.

    Raises as `sign_in` does, and SecondStepNeeded when a code is missing.
    """
    proved = _check_password(actor, username, password)
    user = proved.user
    if user.two_factor_since is None:
        if two_factor.is_required(Role(user.role)):
            raise Forbidden(_("Your house wants a second step. Sign in once in a browser to set it up."))
        return proved
    if not code:
        raise SecondStepNeeded(_("Now type the code from your authenticator app."))
    digest = recovery_codes.digest_for(user.id, code)
    with transaction() as session:
        user = session.get_one(User, user.id)
        is_right = _may_come_in(actor, user) and take_code(actor, user, code, recovery_digest=digest)
        if is_right:
            lockout.forget_failures(actor, user)
            return proved
        lockout.note_failure(actor, user, audit.Action.TWO_FACTOR_FAILED)
    raise _refusal()


def _check_password(actor: Actor, username: str, password: str) -> Proved:
    # Stripped once more: however much blank follows a name, it is the same name to every budget.
    name = username.strip().lower()[:NAME_CHARACTERS_READ_MAX].strip()
    limits.spend(limits.SIGN_IN_ADDRESS, actor.address)
    limits.spend(limits.SIGN_IN, actor.address, name)
    user = person_named(name)
    stored = user.password_hash if user is not None else None
    is_right = passwords.verify_password(stored, password)
    refusal = _judge(actor, user, stored, is_right=is_right)
    if refusal is not None or user is None:
        raise refusal or _refusal()
    lockdown.refuse(Role(user.role))
    if stored is not None and passwords.needs_rehash(stored):
        renewed = passwords.hash_password(password)
        _replace_password_hash(user.id, stored, renewed)
        stored = renewed
    return Proved(user, stored)


def _judge(actor: Actor, user: User | None, stored: str | None, *, is_right: bool) -> HomeChatError | None:
    """Write down how it went, in one transaction whatever it was, and return the refusal if there is to be one.

    stored: the hash that was checked, slowly; who has another password by now has shut the old one out.
    """
    with transaction() as session:
        # All is asked for, whatever is wrong: time must tell no more than words do.
        user_id = user.id if user is not None else lockout.NOBODY
        user, is_locked_out = session.get(User, user_id), lockout.is_locked_out(actor, user_id)
        is_right = is_right and user is not None and user.password_hash == stored
        if user is not None and is_right and not is_locked_out and _is_let_in(user):
            return None
        if user is not None and is_right and _waits(actor, user):
            return _has_to_wait()
        lockout.note_failure(actor, user, audit.Action.LOGIN_FAILED, counts=not is_right)
    return _refusal()


def _may_come_in(actor: Actor, user: User) -> bool:
    return _is_let_in(user) and not lockout.is_locked_out(actor, user.id)


def _is_let_in(user: User) -> bool:
    return user.is_welcome and user.role != Role.BOT


def _waits(actor: Actor, user: User) -> bool:
    is_pending = user.standing == Standing.PENDING and user.erased_at is None
    return is_pending and not lockout.is_locked_out(actor, user.id)


def _admit(actor: Actor, user: User) -> Admitted:
    with transaction():
        lockdown.refuse(Role(user.role))
        lockout.forget_failures(actor, user)
        return Admitted(user, sessions.open_session(actor, user))


def _replace_password_hash(user_id: int, stored: str, renewed: str) -> None:
    """Store the same password's newer hash, unless somebody has chosen another password while it was made."""
    is_still_theirs = sa.and_(User.id == user_id, User.password_hash == stored)
    with transaction() as session:
        session.execute(sa.update(User).where(is_still_theirs).values(password_hash=renewed))


def _has_to_wait() -> Waiting:
    return Waiting(_("Your account is waiting for whoever runs the house to let you in."))


def _refusal() -> Unauthenticated:
    return Unauthenticated(_("Couldn't sign you in. Check the name and password."))

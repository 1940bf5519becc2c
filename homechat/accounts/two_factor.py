"""The second step of signing in: setting it up and turning it off. Answering it is second_step.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock, settings
from homechat.accounts import api_tokens, challenges, recovery_codes, sessions, step_up, totp
from homechat.accounts.models import User
from homechat.accounts.proof import check_passkey, check_proof
from homechat.accounts.proof_models import Passkey, RecoveryCode, TotpSecret
from homechat.accounts.revoking import forget_second_step
from homechat.accounts.second_step import later_step
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid
from homechat.security import field_encryption


@dataclass(frozen=True)
class State:
    """How somebody signs in."""

    since: datetime | None
    has_app: bool
    passkeys: int
    codes_left: int
    is_required: bool

    @property
    def is_on(self) -> bool:
        return self.since is not None


@dataclass(frozen=True)
class Setup:
    """What an authenticator app needs: the secret as people type it, and the address that a QR code carries.

    sealed: the same secret for the form, which brings it back with the first code. Nothing is stored before: whoever
    looked at this page earlier, on a borrowed phone or with a stolen password, has seen a secret that is nobody's.
    """

    secret: str = field(repr=False)
    address: str = field(repr=False)
    sealed: str = field(repr=False)


def state_of(user: User) -> State:
    """Return how `user` signs in."""
    row = db.session.get(TotpSecret, user.id)
    passkeys = db.session.scalar(
        sa.select(sa.func.count()).select_from(Passkey).where(Passkey.user_id == user.id)
    )
    return State(
        since=user.two_factor_since,
        has_app=row is not None and row.confirmed_at is not None,
        passkeys=passkeys or 0,
        codes_left=recovery_codes.codes_left(user.id),
        is_required=is_required(Role(user.role)),
    )


def is_required(role: Role) -> bool:
    """Whether the house wants a second step of people of `role`."""
    wanted = settings.value_of(settings.TWO_FACTOR_REQUIRED)
    return wanted == "everybody" or (wanted == "admins" and role is Role.ADMIN)


def start(actor: Actor, sealed: str = "") -> Setup:
    """Return what the actor's app needs; see `setup_for`. Raises StepUpNeeded; Conflict once there is an app."""
    step_up.require(actor)
    return setup_for(db.session.get_one(User, actor.person_id), sealed)


def turn_on(actor: Actor, code: str, *, sealed: str) -> tuple[list[str], str]:
    """Turn the actor's second step on; return the recovery codes, and the new secret of this device's session.

    Raises StepUpNeeded, Invalid for a wrong code, Conflict when it is on already.
    """
    step_up.require(actor)
    user = db.session.get_one(User, actor.person_id)
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction():
        confirm(actor, user, code, sealed=sealed, codes=rows)
        return codes, sessions.renew(actor)


def setup_for(user: User, sealed: str = "") -> Setup:
    """Return what an app of `user` needs. Raises Conflict once there is an app.

    sealed: of the form that was sent with a wrong code: then it is the same secret again, and nothing to scan anew.
    """
    row = db.session.get(TotpSecret, user.id)
    if row is not None and row.confirmed_at is not None:
        raise Conflict(_("An authenticator app is set up already."))
    secret = _secret_in(sealed, user) or totp.new_secret()
    house_name = settings.value_of(settings.HOUSE_NAME)
    address = totp.address_for_app(secret, username=user.username, house_name=house_name)
    return Setup(totp.spelled(secret), address, field_encryption.seal(f"{user.id} {secret}"))


def confirm(actor: Actor, user: User, code: str, *, sealed: str, codes: list[RecoveryCode]) -> None:
    """Within a transaction, turn the second step on with a first valid code.

    sealed: the secret that the app was given, of `setup_for`.  codes: from `recovery_codes.hashed`.
    Other devices of `user` are signed out; the caller renews the one at hand. Raises Invalid for a wrong code, Conflict
    when there is an app already.
    """
    with transaction() as session:
        row = session.get(TotpSecret, user.id, populate_existing=True)
        if row is not None and row.confirmed_at is not None:
            raise Conflict(_("This was set up already. Please look again."))
        secret = _secret_in(sealed, user)
        if secret is None:
            raise Invalid(_("That took too long. Please try again."))
        row = row or TotpSecret(user_id=user.id)
        row.sealed_secret = field_encryption.seal(secret)
        step = later_step(row, code)
        if step is None:
            raise Invalid.at(
                "code",
                _("That code is not right. Check that your phone's clock is, and type the newest one."),
            )
        row.confirmed_at, row.last_step = clock.now(), step
        session.add(row)
        switch_on(actor, user, by="code", codes=codes)


def turn_off(actor: Actor, *, password: str, code: str) -> str:
    """Take the second step away from the actor's account, and return the new secret of this device's session.

    Raises Invalid for a wrong password or code, Forbidden where the house wants it, Conflict when it is off.
    """
    user = _who_may_turn_off(actor)
    check_proof(actor, user, password=password, code=code)
    with transaction():
        switch_off(actor, user)
        return sessions.renew(actor)


def turn_off_with_passkey(actor: Actor, secret: str, response: str) -> str:
    """Do as `turn_off` for a passkey's answer in place of password and code."""
    user = _who_may_turn_off(actor)
    check_passkey(actor, secret, response)
    with transaction():
        switch_off(actor, user)
        return sessions.renew(actor)


def switch_on(actor: Actor, user: User, *, by: str, codes: list[RecoveryCode]) -> None:
    """Within a transaction, ask `user` for a second step from now on; other devices are signed out.

    by: with what it was set up, "code" or "passkey".  codes: from `recovery_codes.hashed`.
    """
    stored = db.session.get_one(User, user.id)
    stored.two_factor_since = stored.two_factor_since or clock.now()
    audit.record(actor, audit.Action.TWO_FACTOR_ENABLED, subject=f"user:{user.id}", detail={"by": by})
    sign_out_others(actor, user)
    recovery_codes.replace_codes(actor, user.id, codes)


def switch_off(actor: Actor, user: User) -> None:
    """Within a transaction, have the password alone do again, and the passkeys; other devices are signed out."""
    forget_second_step(db.session.get_one(User, user.id), keep_passkeys=True)
    audit.record(actor, audit.Action.TWO_FACTOR_DISABLED, subject=f"user:{user.id}")
    sign_out_others(actor, user)


def renew_codes(actor: Actor) -> list[str]:
    """Give the actor ten new recovery codes, shown only now; the old ones are void. Raises Conflict, StepUpNeeded."""
    step_up.require(actor)
    user = db.session.get_one(User, actor.person_id)
    if user.two_factor_since is None:
        raise Conflict(_("Set up the second step first."))
    codes = recovery_codes.new_codes()
    rows = recovery_codes.hashed(codes)
    with transaction():
        recovery_codes.replace_codes(actor, user.id, rows)
    return codes


def reseal_secrets() -> int:
    """Within a transaction, put the secrets of all apps under the newest encryption key; return how many there are."""
    with transaction() as session:
        rows = session.scalars(sa.select(TotpSecret)).all()
        for row in rows:
            row.sealed_secret = field_encryption.reseal(row.sealed_secret)
        session.flush()
    return len(rows)


def sign_out_others(actor: Actor, user: User) -> None:
    """Within a transaction, end every device of `user` but the one at hand, and what is half-way in."""
    sentence = _("How you sign in was changed. Please sign in again.")
    sessions.revoke_all(actor, user.id, reason="revoked", sentence=sentence, except_id=actor.session_id)
    api_tokens.end_tokens(actor, user.id)
    challenges.forget_all(user.id)


def _secret_in(sealed: str, user: User) -> str | None:
    """Return the secret that a form brings back, or None where it is none that this person was shown."""
    try:
        user_id, _blank, secret = field_encryption.unseal(sealed).partition(" ")
    except (field_encryption.Unreadable, ValueError):  # ValueError: not even ASCII.
        return None
    return secret if user_id == str(user.id) else None


def _who_may_turn_off(actor: Actor) -> User:
    user = db.session.get_one(User, actor.person_id)
    if user.two_factor_since is None:
        raise Conflict(_("The second step is off already."))
    if is_required(Role(user.role)):
        raise Forbidden(_("Your house wants a second step of everybody like you, so it stays on."))
    return user

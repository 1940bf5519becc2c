"""Locking out whoever guesses: one account from one place, for longer each time.

Devices that the account knows are counted apart: neither a stranger nor somebody of the same household can lock a
person out of the phone in their hand. All that nobody knows together may fail 20 times an hour, however many addresses
they come from. Counters live in the database: a restart forgives nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import sqlalchemy as sa

from homechat import audit, clock
from homechat.accounts.devices import known_device
from homechat.accounts.models import User
from homechat.accounts.proof_models import SignInFailures
from homechat.actor import Actor
from homechat.addresses import address_key
from homechat.database import db, transaction

log = logging.getLogger(__name__)

LOCKS = {5: timedelta(minutes=30), 10: timedelta(hours=2), 15: timedelta(hours=24)}
LOCK_AGAIN_EVERY = 5  # Failures beyond the last of LOCKS.
FORGOTTEN_AFTER = timedelta(hours=24)
ANYWHERE = "anywhere"
NOBODY = 0
ANYWHERE_MAX = 20
ANYWHERE_WINDOW = timedelta(hours=1)


def is_locked_out(actor: Actor, user_id: int) -> bool:
    """Return whether nobody may sign in as `user_id` from where the actor stands, not even with the right password."""
    now = clock.now()
    places = _places(actor, user_id)
    locks = db.session.scalars(
        sa.select(SignInFailures.locked_until).where(
            SignInFailures.user_id == user_id, SignInFailures.place.in_(places)
        )
    )
    return any(until is not None and now < until for until in locks)


def note_failure(actor: Actor, user: User | None, action: audit.Action, *, counts: bool = True) -> None:
    """Within a transaction, write a failure down under the account it aimed at, and count it.

    user: None for a name that nobody has; the name is not kept, it may be a password.
    counts: False for the right password at the wrong time, which is no guess.
    """
    # fail2ban matches this line; keep it. It comes first: it must be there also when the disk is full.
    log.warning("sign-in failed from %s", actor.address)
    audit.record(actor, action, subject=f"user:{user.id}" if user else "")
    if user is not None and counts:
        _count_failure(actor, user)
    else:
        _count_for_nobody(actor)


def forget_failures(actor: Actor, user: User) -> None:
    """Within a transaction, after somebody came in: what failed from where they stand counts no more."""
    with transaction() as session:
        session.execute(
            sa.delete(SignInFailures).where(
                SignInFailures.user_id == user.id, SignInFailures.place == _places(actor, user.id)[0]
            )
        )


def forget_all_failures(user_id: int) -> bool:
    """Within a transaction, let everybody try again to sign in as `user_id`; return whether anybody was locked out."""
    with transaction() as session:
        rows = session.scalars(sa.select(SignInFailures).where(SignInFailures.user_id == user_id)).all()
        now = clock.now()
        was_locked = any(row.locked_until is not None and now < row.locked_until for row in rows)
        session.execute(sa.delete(SignInFailures).where(SignInFailures.user_id == user_id))
    return was_locked


def locked_out_until(user_id: int) -> datetime | None:
    """Return when the last lock of this account from anywhere ends, or None when there is none now."""
    latest = db.session.scalar(
        sa.select(sa.func.max(SignInFailures.locked_until)).where(SignInFailures.user_id == user_id)
    )
    return latest if latest is not None and clock.now() < latest else None


def all_locked_out() -> dict[int, datetime]:
    """Return for each account that is locked now, from anywhere, when the last of its locks ends; by user id."""
    query = (
        sa.select(SignInFailures.user_id, sa.func.max(SignInFailures.locked_until))
        .where(SignInFailures.locked_until > clock.now())
        .group_by(SignInFailures.user_id)
    )
    return {user_id: until for user_id, until in db.session.execute(query) if until is not None}


def _count_failure(actor: Actor, user: User) -> None:
    """Count a wrong password or code; the fifth, tenth, fifteenth locks, and that is audited."""
    for place in _places(actor, user.id):
        row = _counter(user.id, place)
        _count(row, clock.now())
        until = _locked_until(row)
        if until is not None:
            row.locked_until = max(until, row.locked_until or until)
            minutes = round((until - row.last_at).total_seconds() / 60)
            kind = place.partition(":")[0]
            audit.record(
                actor,
                audit.Action.ACCOUNT_LOCKED,
                subject=f"user:{user.id}",
                detail={"minutes": minutes, "place": kind, "failures": row.count},
            )
    db.session.flush()


def _count_for_nobody(actor: Actor) -> None:
    """Ask all that counting asks, and count nothing.

    How long a refusal takes must tell neither whether a name exists, nor a right password from wrong ones while locked.
    """
    for place in _places(actor, NOBODY):
        _find_counter(NOBODY, place)
        ours = sa.and_(SignInFailures.user_id == NOBODY, SignInFailures.place == place)
        db.session.execute(sa.update(SignInFailures).where(ours).values(last_at=clock.now()))


def _places(actor: Actor, user_id: int) -> list[str]:
    device = known_device(user_id, actor.browser_digest)
    if device is not None:
        return [f"device:{device.id}"]
    return [f"address:{address_key(actor.address)}", ANYWHERE]


def _find_counter(user_id: int, place: str) -> SignInFailures | None:
    return db.session.scalar(
        sa.select(SignInFailures).where(SignInFailures.user_id == user_id, SignInFailures.place == place)
    )


def _counter(user_id: int, place: str) -> SignInFailures:
    row = _find_counter(user_id, place)
    if row is None:
        row = SignInFailures(user_id=user_id, place=place, count=0, first_at=clock.now(), last_at=clock.now())
        db.session.add(row)
    return row


def _count(row: SignInFailures, now: datetime) -> None:
    is_old = now - row.last_at >= FORGOTTEN_AFTER
    if row.place == ANYWHERE:
        is_old = now - row.first_at >= ANYWHERE_WINDOW
    if is_old:
        row.count, row.first_at = 0, now
    row.count += 1
    row.last_at = now


def _locked_until(row: SignInFailures) -> datetime | None:
    """Return until when the failure that was just counted locks, or None when it does not."""
    if row.place == ANYWHERE:
        return row.first_at + ANYWHERE_WINDOW if row.count == ANYWHERE_MAX else None
    last = max(LOCKS)
    if row.count > last and (row.count - last) % LOCK_AGAIN_EVERY == 0:
        return row.last_at + LOCKS[last]
    length = LOCKS.get(row.count)
    return row.last_at + length if length is not None else None

"""Devices that are signed in: opaque cookies, stored as digests, ended at any moment."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload

from homechat import audit, clock
from homechat.accounts import api_tokens, challenges
from homechat.accounts.devices import recognise
from homechat.accounts.models import Device, LoginSession, User
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import NotFound, Unavailable
from homechat.extensions import current_settings
from homechat.realtime import revocation
from homechat.security.tokens import digest_of, new_token

TOUCH_EVERY = timedelta(seconds=60)
STRICT_IDLE = timedelta(minutes=15)
STRICT_LIFE = timedelta(hours=8)

_ID_BY_DIGEST = sa.select(LoginSession.id).where(LoginSession.token_digest == sa.bindparam("digest"))


def open_session(actor: Actor, user: User) -> str:
    """Sign `user` in and return the secret for the cookie, which is not stored.

    A device that was signed in already is so once only; the person's other devices hear of one that is new.
    """
    token = new_token()
    now = clock.now()
    idle, life = lifetimes(user)
    with transaction() as session:
        device = recognise(actor, user)
        if device is not None:
            _end_earlier_sessions(device)
        row = LoginSession(
            device_id=device.id if device is not None else None,
            proved_at=now,
            token_digest=digest_of(token),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            idle_expires_at=now + idle,
            expires_at=now + life,
            address=actor.address[:64],
            user_agent=actor.user_agent[:300],
        )
        session.add(row)
        session.flush()
        who = actor.acting_as(user.id, Role(user.role))
        _record(who, audit.Action.LOGIN, row)
    return token


def renew(actor: Actor) -> str:
    """Give the actor's session a new secret, now that they showed who they are; return it for the cookie."""
    token = new_token()
    with transaction() as session:
        row = session.get_one(LoginSession, actor.session_id)
        row.token_digest = digest_of(token)
        row.proved_at = clock.now()
        session.flush()
    return token


def find_session(token: str) -> LoginSession | None:
    """Return the live session behind a cookie, or None: unknown, ended, or its person is not welcome any more."""
    row = db.session.scalar(sa.select(LoginSession).where(LoginSession.token_digest == digest_of(token)))
    return row if row is not None and _counts(row) else None


def is_live(token: str) -> bool:
    """Whether there is a live session behind a cookie; as cheap as can be for cookies that are made up."""
    session_id = db.session.scalar(_ID_BY_DIGEST, {"digest": digest_of(token)})
    return session_id is not None and session_by_id(session_id) is not None


def session_by_id(session_id: int) -> LoginSession | None:
    """Return the live session of this id as the database has it now, or None; sockets ask at each event."""
    row = db.session.get(LoginSession, session_id, populate_existing=True)
    return row if row is not None and _counts(row) else None


def roles_by_live_session(session_ids: list[int]) -> dict[int, Role]:
    """Return those of `session_ids` that still count, each with what its person is to the house now."""
    if not session_ids:
        return {}
    rows = db.session.scalars(
        sa.select(LoginSession)
        .where(LoginSession.id.in_(session_ids))
        .execution_options(populate_existing=True)
    )
    return {row.id: Role(row.user.role) for row in rows if _counts(row)}


def touch(row: LoginSession) -> None:
    """Note that the device is in use; written once a minute at most, to spare the disk."""
    now = clock.now()
    if now - row.last_seen_at < TOUCH_EVERY:
        return
    idle, _life = lifetimes(row.user)
    # Reading goes on while nothing can be written, and nobody waits for this; there will be a next time.
    with suppress(Unavailable), transaction(waits=False) as session:
        session.execute(
            sa.update(LoginSession)
            .where(LoginSession.id == row.id)
            .values(last_seen_at=now, idle_expires_at=now + idle)
        )
        session.execute(sa.update(User).where(User.id == row.user_id).values(last_seen_at=now))


def devices_of(user_id: int) -> list[LoginSession]:
    """Return the live sessions of one person, the most recently used first."""
    rows = db.session.scalars(
        sa.select(LoginSession)
        .where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
        .options(joinedload(LoginSession.device))
        .order_by(LoginSession.last_seen_at.desc())
    )
    now = clock.now()
    return [row for row in rows if row.is_live(now)]


def sign_out(actor: Actor) -> None:
    """End the actor's own device session; its sockets are cut."""
    if actor.session_id is None:
        return
    with transaction() as session:
        row = session.get(LoginSession, actor.session_id)
        if row is not None and row.revoked_at is None:
            _revoke(row, reason="signed_out", sentence=_("You signed out."))
            _record(actor, audit.Action.LOGOUT, row)


def revoke_device(actor: Actor, session_id: int) -> None:
    """End one of the actor's devices, and know it no more. Raises NotFound for anybody else's."""
    with transaction() as session:
        row = session.get(LoginSession, session_id)
        if row is None or row.user_id != actor.person_id or row.revoked_at is not None:
            raise NotFound(_("There is no such device."))
        _revoke(row, reason="revoked", sentence=_("This device was signed out from another one."))
        if row.device is not None and session_id != actor.session_id:
            session.delete(row.device)
        _record(actor, audit.Action.SESSION_REVOKED, row)


def revoke_others(actor: Actor) -> int:
    """End every device of the actor but the one at hand, every app, and what is half-way in; return how many ended."""
    sentence = _("This device was signed out from another one.")
    with transaction():
        apps = api_tokens.end_tokens(actor, actor.person_id)
        challenges.forget_all(actor.person_id)
        return apps + revoke_all(actor, actor.person_id, sentence=sentence, except_id=actor.session_id)


def revoke_all(
    actor: Actor, user_id: int, *, sentence: str, reason: str = "revoked", except_id: int | None = None
) -> int:
    """End every device of a person; return how many were ended.

    reason, sentence: why, for programs and for people; see `session:ended` in docs/realtime.md.
    except_id: a session that goes on.
    """
    with transaction() as session:
        rows = session.scalars(
            sa.select(LoginSession).where(
                LoginSession.user_id == user_id,
                LoginSession.revoked_at.is_(None),
                LoginSession.id != (except_id or 0),
            )
        ).all()
        for row in rows:
            _revoke(row, reason=reason, sentence=sentence)
            _record(actor, audit.Action.SESSION_REVOKED, row)
    return len(rows)


def revoke_everybody(*, except_id: int | None) -> int:
    """Within a transaction, end every device and app of the house in one stroke; return how many were ended.

    What is half-way in ends, too. except_id: a session that goes on. Their sockets are cut within a second. Whoever
    calls this writes it down.
    """
    now = clock.now()
    with transaction() as session:
        ended = session.scalars(
            sa.update(LoginSession)
            .where(is_live_at(now), LoginSession.id != (except_id or 0))
            .values(revoked_at=now)
            .returning(LoginSession.id)
            .execution_options(synchronize_session=False)
        ).all()
        apps = api_tokens.end_all_apps()
        challenges.forget_everybodys()
        revocation.check_every_socket()
    return len(ended) + apps


def is_live_at(at: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a session counts at the moment `at`, as far as the session itself goes."""
    return sa.and_(
        LoginSession.revoked_at.is_(None), LoginSession.idle_expires_at > at, LoginSession.expires_at > at
    )


def shorten(user: User) -> None:
    """Let no device of `user` stay signed in for longer than their present role allows."""
    now = clock.now()
    idle, life = lifetimes(user)
    with transaction() as session:
        rows = session.scalars(sa.select(LoginSession).filter_by(user_id=user.id, revoked_at=None))
        for row in rows:
            row.expires_at = min(row.expires_at, now + life)
            row.idle_expires_at = min(row.idle_expires_at, now + idle)
        session.flush()


def lifetimes(user: User) -> tuple[timedelta, timedelta]:
    """Return how long a device of `user` stays signed in: unused, and at most."""
    settings = current_settings()
    if settings.strict_sessions:
        return STRICT_IDLE, STRICT_LIFE
    if user.is_admin:
        return timedelta(days=settings.admin_session_idle_days), timedelta(days=settings.admin_session_days)
    return timedelta(days=settings.session_idle_days), timedelta(days=settings.session_days)


def _counts(row: LoginSession) -> bool:
    return row.is_live(clock.now()) and row.user.is_welcome


def _end_earlier_sessions(device: Device) -> None:
    rows = db.session.scalars(
        sa.select(LoginSession).where(LoginSession.device_id == device.id, LoginSession.revoked_at.is_(None))
    )
    for row in rows.all():
        _revoke(row, reason="revoked", sentence=_("You signed in again on this device. Please reload."))


def _record(actor: Actor, action: audit.Action, row: LoginSession) -> None:
    audit.record(actor, action, subject=f"user:{row.user_id}", detail={"session": row.id})


def _revoke(row: LoginSession, *, reason: str, sentence: str) -> None:
    row.revoked_at = clock.now()
    revocation.disconnect_session(row.id, reason=reason, sentence=sentence)

"""Closing the house in an emergency, opening it again, and signing everybody out: by its admins and its operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import aliased

from homechat import audit, clock, lockdown
from homechat.accounts import sessions, step_up
from homechat.accounts.bearers import is_live_app_at
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Role
from homechat.database import db, transaction
from homechat.errors import Forbidden, Invalid
from homechat.lockdown import InForce, Kind, Lockdown
from homechat.realtime import revocation
from homechat.realtime.models import LiveSocketRow
from homechat.security.policy import HouseRight, may_in_house
from homechat.text import one_line

LOCKDOWN_HOURS = (1, 30 * 24)
DEFAULT_HOURS = 24
REASON_MAX_CHARACTERS = 200
SESSIONS = "sessions"
"""Signs everybody out once; stands beside the kinds of lockdown, and is none: nothing stays in force."""


@dataclass(frozen=True)
class Reach:
    """Whom and what a lockdown concerns.

    people: who have to wait.  devices: on which they are signed in.  windows: how many of theirs are connected, as the
    servers wrote down.  tokens: that do not work.  admins: who can still come in.
    """

    people: int
    devices: int
    windows: int
    tokens: int
    admins: int


@dataclass(frozen=True)
class Outcome:
    """What was done, or would be. until: when it ends by itself.  is_new: whether there was none of this kind before.

    signed_out: devices whose sessions were ended for good, and apps.
    """

    kind: Kind
    reason: str
    until: datetime
    is_new: bool
    reach: Reach
    signed_out: int = 0


@dataclass(frozen=True)
class Status:
    """How it stands: what is in force, and whom that concerns."""

    in_force: Sequence[InForce]
    reach: Reach


def start(
    actor: Actor,
    kind: Kind,
    *,
    hours: int = DEFAULT_HOURS,
    reason: str = "",
    dry_run: bool = False,
    uid: int | None = None,
) -> Outcome:
    """Close the house as `kind` says, for so many hours, and return whom that concerns.

    Where one of this kind is in force already, it lasts as long as the longer of the two, and nothing else happens.
    `all` signs everybody out besides, apps too, when it begins; an admin keeps the session with which they began it.
    hours: 1 to 720.  reason: up to 200 characters, told to those who have to wait.  dry_run: change nothing.
    uid: of whoever is at the shell, for the audit log.
    Raises Forbidden without the right, StepUpNeeded, Invalid naming the fields.
    """
    _check_right(actor)
    reason = _checked(hours, reason)
    now = clock.now()
    until = now + timedelta(hours=hours)
    if dry_run:
        return _expected(actor, kind, reason, until)
    with transaction() as session:
        reach = reach_of(kind)
        row = session.scalar(_lockdowns_of(kind, now))
        is_new = row is None
        if row is None:
            row = Lockdown(kind=kind.value, started_at=now, started_by_id=actor.user_id, expires_at=until)
            session.add(row)
        row.reason = reason or row.reason or ""
        row.expires_at = max(row.expires_at, until)
        session.flush()
        signed_out = sessions.revoke_everybody(except_id=actor.session_id) if _signs_out(kind, is_new) else 0
        revocation.check_every_socket()
        detail: dict[str, Any] = {"kind": kind.value, "hours": hours, "reason": reason, **_shell(uid)}
        if signed_out:
            detail["devices"] = signed_out
        audit.record(actor, audit.Action.LOCKDOWN, subject=f"lockdown:{row.id}", detail=detail)
        return Outcome(kind, row.reason, row.expires_at, is_new, reach, signed_out)


def sign_everybody_out(
    actor: Actor, *, reason: str = "", dry_run: bool = False, uid: int | None = None
) -> tuple[int, Reach]:
    """End every session but the actor's own, and every app's, once; return how many, and whom that concerned.

    It cannot be lifted, and what people made by hand for their programs goes on.

    Everybody may sign in again at once. Raises as `start` does.
    """
    _check_right(actor)
    reason = _checked(LOCKDOWN_HOURS[0], reason)
    if dry_run:
        return _signed_in(actor), _reach_of_signing_out(actor)
    with transaction():
        reach = _reach_of_signing_out(actor)
        count = sessions.revoke_everybody(except_id=actor.session_id)
        detail = {"kind": SESSIONS, "devices": count, "reason": reason, **_shell(uid)}
        audit.record(actor, audit.Action.LOCKDOWN, detail=detail)
    return count, reach


def lift(actor: Actor, *, dry_run: bool = False, uid: int | None = None) -> Sequence[InForce]:
    """Open the house again: end all that is in force, and return it; nothing happens where nothing is.

    Raises Forbidden without the right, StepUpNeeded.
    """
    _check_right(actor)
    if dry_run:
        return lockdown.in_force(clock.now())
    with transaction() as session:
        now = clock.now()
        lifted = lockdown.in_force(now)
        for each in lifted:
            row = session.get_one(Lockdown, each.id)
            row.lifted_at = now
            row.lifted_by_id = actor.user_id
            audit.record(
                actor,
                audit.Action.LOCKDOWN_LIFTED,
                subject=f"lockdown:{each.id}",
                detail={"kind": each.kind.value, **_shell(uid)},
            )
        session.flush()
    return lifted


def status() -> Status:
    """Return what is in force now, and whom it concerns altogether."""
    in_force = lockdown.in_force(clock.now())
    return Status(in_force, _reach([each.kind for each in in_force]))


def past_lockdowns(*, limit: int = 10) -> list[Lockdown]:
    """Return the last lockdowns that are over, the newest first."""
    now = clock.now()
    is_over = sa.or_(Lockdown.lifted_at.is_not(None), Lockdown.expires_at <= now)
    return list(
        db.session.scalars(sa.select(Lockdown).where(is_over).order_by(Lockdown.id.desc()).limit(limit))
    )


def reach_of(kind: Kind) -> Reach:
    """Return whom a lockdown of this kind concerns, if it began now."""
    return _reach([kind])


def _reach(kinds: Sequence[Kind]) -> Reach:
    stops_people = any(kind.stops_people for kind in kinds)
    stops_tokens = any(kind.stops_tokens for kind in kinds)
    others = sa.and_(_is_welcome(), User.role != Role.ADMIN)
    waiting = others if stops_people else sa.false()
    return Reach(
        people=_count(sa.select(User.id).where(waiting, User.role != Role.BOT)),
        devices=_count(_sessions().where(waiting)),
        windows=_count(
            sa.select(LiveSocketRow.sid).join(User, User.id == LiveSocketRow.user_id).where(waiting)
        ),
        tokens=_count(_tokens().where(sa.or_(waiting, sa.true() if stops_tokens else sa.false()))),
        admins=_count(sa.select(User.id).where(_is_welcome(), User.role == Role.ADMIN)),
    )


def _reach_of_signing_out(actor: Actor) -> Reach:
    on_devices = _sessions().where(LoginSession.id != (actor.session_id or 0)).with_only_columns(User.id)
    in_apps = _apps().join(User, User.id == ApiToken.user_id).with_only_columns(User.id)
    return Reach(
        people=_count(sa.union(on_devices, in_apps)),
        devices=_signed_in(actor),
        windows=_count(sa.select(LiveSocketRow.sid)),
        tokens=0,
        admins=reach_of(Kind.TOKENS).admins,
    )


def _expected(actor: Actor, kind: Kind, reason: str, until: datetime) -> Outcome:
    """Return what `start` would."""
    row = db.session.scalar(_lockdowns_of(kind, clock.now()))
    signed_out = _signed_in(actor) if _signs_out(kind, row is None) else 0
    if row is not None:
        reason, until = reason or row.reason, max(until, row.expires_at)
    return Outcome(kind, reason, until, row is None, reach_of(kind), signed_out)


def _signs_out(kind: Kind, is_new: bool) -> bool:
    return kind is Kind.ALL and is_new


def _lockdowns_of(kind: Kind, at: datetime) -> sa.Select[Lockdown]:
    return (
        sa.select(Lockdown)
        .where(Lockdown.expires_at > at, Lockdown.lifted_at.is_(None), Lockdown.kind == kind.value)
        .order_by(Lockdown.id)
        .limit(1)
    )


def _signed_in(actor: Actor) -> int:
    """Return on how many devices, and in how many apps, people are signed in, but for where the actor is."""
    return _count(_sessions().where(LoginSession.id != (actor.session_id or 0))) + _count(_apps())


def _apps() -> sa.Select[int]:
    return sa.select(ApiToken.id).where(is_live_app_at(clock.now()))


def _sessions() -> sa.Select[int]:
    return (
        sa.select(LoginSession.id)
        .join(User, User.id == LoginSession.user_id)
        .where(sessions.is_live_at(clock.now()))
    )


def _tokens() -> sa.Select[int]:
    owner, now = aliased(User), clock.now()
    not_over = sa.or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)
    is_made = sa.and_(ApiToken.kind == TokenKind.MADE, ApiToken.revoked_at.is_(None), not_over)
    return (
        sa.select(ApiToken.id)
        .join(User, User.id == ApiToken.user_id)
        .join(owner, owner.id == ApiToken.created_by_id)
        .where(_is_welcome(), owner.standing == Standing.ACTIVE, owner.erased_at.is_(None))
        .where(sa.or_(is_made, is_live_app_at(now)))
    )


def _is_welcome() -> sa.ColumnElement[bool]:
    return sa.and_(User.standing == Standing.ACTIVE, User.erased_at.is_(None))


def _count(query: sa.SelectBase) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0


def _check_right(actor: Actor) -> None:
    if not may_in_house(actor, HouseRight.LOCK_DOWN):
        raise Forbidden(_("Only an admin can close the house."))
    step_up.require(actor)


def _checked(hours: int, reason: str) -> str:
    """Return the reason tidied. Raises Invalid, naming the fields."""
    reason = one_line(reason)
    least, most = LOCKDOWN_HOURS
    fields = {}
    if not least <= hours <= most:
        fields["hours"] = _("A lockdown lasts from 1 hour to 30 days: 1 to %(most)d hours.", most=most)
    if len(reason) > REASON_MAX_CHARACTERS:
        fields["reason"] = _("Keep it to %(number)d characters.", number=REASON_MAX_CHARACTERS)
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return reason


def _shell(uid: int | None) -> dict[str, int]:
    return {} if uid is None else {"uid": uid}

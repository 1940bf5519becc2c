"""What somebody who runs the house should look at now: found by asking, at the moment somebody asks.

Nothing is kept and nobody is told yet. What the log says is asked by its indexes, and never more than the newest
LOOKED_AT_MAX entries of a span, so that a flood of them makes an alert and not a slow answer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask import current_app
from flask_babel import gettext as _

from homechat import clock, settings
from homechat.accounts.token_models import ApiReads, ApiToken, TokenKind
from homechat.actor import Actor
from homechat.addresses import address_key
from homechat.audit import Action, AuditLog
from homechat.database import db
from homechat.operations import machine
from homechat.operations.checks import Status, checks
from homechat.request_counts import RequestCounts
from homechat.security import limits

FAILED_MAX = 10
RIGHTS_CHANGED_MAX = 5
ADMIN_ACTS_MAX = 20
BROKEN_A_SECOND_MAX = 10
LOAD_PERCENT_MAX = 80
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOOKED_AT_MAX = 10_000
ADDRESSES_KNOWN_MAX = 1_000
OF_A_KIND_MAX = 20

FAILED = (Action.LOGIN_FAILED, Action.TWO_FACTOR_FAILED)
GIVE_RIGHTS = (
    settings.MEMBERS_CREATE_ROOMS,
    settings.MEMBERS_INVITE,
    settings.SIGN_UP_OPEN,
    settings.NEWCOMERS_WAIT,
    settings.TWO_FACTOR_REQUIRED,
)
OF_ADMINS = (
    Action.ROLE_CHANGE,
    Action.RESET_LINK_CREATED,
    Action.TWO_FACTOR_DISABLED,
    Action.ACCOUNT_UNLOCKED,
    Action.PERSON_APPROVED,
    Action.PERSON_REFUSED,
    Action.SETTINGS_CHANGE,
    Action.EXPORT,
    Action.LOCKDOWN,
    Action.ADMIN_ACTION,
)
OF_CHECKS = {"disk": "disk_low", "memory": "memory_high", "backup": "no_backup"}
"""Checks of which a warning is an alert, too; of all others only a failure."""


class Level(StrEnum):
    """warning: look at it soon.  critical: now."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Alert:
    """One thing to look at. code: docs/monitoring.md has them all.

    about: an address, or `token:7`; empty where it is about the house.
    count: how many; None where nothing was counted.
    """

    code: str
    level: Level
    message: str
    about: str = ""
    count: int | None = None


def alerts(actor: Actor) -> list[Alert]:
    """Return what is to be looked at, the critical first. Raises NotFound for everybody but admins and the operator."""
    found = [
        *_of_checks(actor),
        *_of_this_process(),
        *_failed_sign_ins(),
        *_rights_changed(),
        *_admin_acts(),
        *_new_addresses(),
    ]
    return sorted(found, key=lambda alert: alert.level is not Level.CRITICAL)


def _of_checks(actor: Actor) -> Iterator[Alert]:
    for name, check in checks(actor).items():
        if check.status is Status.FAIL:
            yield Alert(OF_CHECKS.get(name, f"{name}_failed"), Level.CRITICAL, check.message)
        elif check.status is Status.WARN and name in OF_CHECKS:
            yield Alert(OF_CHECKS[name], Level.WARNING, check.message)


def _of_this_process() -> Iterator[Alert]:
    counts: RequestCounts = current_app.extensions["homechat_request_counts"]
    if (peak := counts.broken_peak()) > BROKEN_A_SECOND_MAX:
        message = _("HomeChat failed to answer %(count)d requests within a second.", count=peak)
        yield Alert("server_errors", Level.CRITICAL, message, count=peak)
    if (load := machine.load_percent()) > LOAD_PERCENT_MAX:
        message = _("The machine has been %(load)d%% busy for some minutes.", load=load)
        yield Alert("machine_busy", Level.WARNING, message, count=load)
    if limits.is_redis_lost():
        message = _("Redis is not there. Servers of the house don't hear each other; nothing is lost.")
        yield Alert("redis_lost", Level.WARNING, message)


def _failed_sign_ins() -> Iterator[Alert]:
    newest = _newest(FAILED, HOUR, AuditLog.address).subquery()
    by_address: Counter[str] = Counter()
    for address, count in db.session.execute(
        sa.select(newest.c.address, sa.func.count()).group_by("address")
    ):
        by_address[address_key(address or "")] += count
    for address, count in by_address.most_common(OF_A_KIND_MAX):
        if count > FAILED_MAX:
            message = _(
                "%(count)d sign-ins from %(address)s failed within an hour.", count=count, address=address
            )
            yield Alert("failed_sign_ins", Level.WARNING, message, about=address, count=count)


def _rights_changed() -> Iterator[Alert]:
    of_rights = [f"setting:{each.key}" for each in GIVE_RIGHTS]
    newest = _newest((Action.ROLE_CHANGE, Action.SETTINGS_CHANGE), HOUR, AuditLog.action, AuditLog.subject)
    count = sum(
        action == Action.ROLE_CHANGE or subject in of_rights for action, subject in db.session.execute(newest)
    )
    if count > RIGHTS_CHANGED_MAX:
        message = _("Roles and rights were changed %(count)d times within an hour.", count=count)
        yield Alert("rights_changed", Level.WARNING, message, count=count)


def _admin_acts() -> Iterator[Alert]:
    newest = _newest(OF_ADMINS, HOUR, AuditLog.id).subquery()
    count = db.session.scalar(sa.select(sa.func.count()).select_from(newest)) or 0
    if count > ADMIN_ACTS_MAX:
        message = _("%(count)d things that only admins do were done within an hour.", count=count)
        yield Alert("many_admin_acts", Level.WARNING, message, count=count)


def _new_addresses() -> Iterator[Alert]:
    """Tokens that came from an address that they had not come from before: of those made by hand.

    An app in which somebody signed in comes along in their pocket.
    """
    found: dict[tuple[str, str], None] = {}
    for subject, address, first in [*_addresses_of_tokens(), *_addresses_not_in_the_log()]:
        known = _known_addresses(subject, before=first)
        if known and address_key(address) not in known:
            found[subject, address_key(address)] = None
        time.sleep(0)  # Lets the others of a serving process on.
    for subject, address in list(found)[:OF_A_KIND_MAX]:
        message = _("A token was used from a new address, %(address)s.", address=address)
        yield Alert("token_from_new_address", Level.WARNING, message, about=subject)


def _addresses_of_tokens() -> Iterable[tuple[str, str, int]]:
    """Return from where each token came today, with the number of the first entry that says so."""
    newest = _newest((Action.API_REQUEST,), DAY, AuditLog.id, AuditLog.subject, AuditLog.address).subquery()
    rows = db.session.execute(
        sa.select(newest.c.subject, newest.c.address, sa.func.min(newest.c.id))
        .where(newest.c.subject.in_(_made_by_hand()), newest.c.address != "")
        .group_by(newest.c.subject, newest.c.address)
        .order_by(sa.func.min(newest.c.id).desc())
        .limit(OF_A_KIND_MAX)
    )
    return [(subject, address, first) for subject, address, first in rows]


def _addresses_not_in_the_log() -> Iterable[tuple[str, str, int | None]]:
    """Return the same of reads in hours that are not over: they have no entry yet."""
    rows = db.session.execute(
        sa.select(ApiReads.token_id, ApiReads.address)
        .join(ApiToken, ApiToken.id == ApiReads.token_id)
        .where(ApiToken.kind == TokenKind.MADE, ApiReads.address != "", ApiReads.hour >= clock.now() - DAY)
        .distinct()
        .limit(OF_A_KIND_MAX)
    )
    return [(f"token:{token_id}", address, None) for token_id, address in rows]


def _made_by_hand() -> list[str]:
    ids = db.session.scalars(
        sa.select(ApiToken.id).where(ApiToken.kind == TokenKind.MADE, ApiToken.revoked_at.is_(None))
    )
    return [f"token:{token_id}" for token_id in ids]


def _known_addresses(subject: str, *, before: int | None) -> set[str]:
    """Return from where a token came earlier, by its newest entries before that one."""
    query = sa.select(AuditLog.address).where(
        AuditLog.subject == subject, AuditLog.action == Action.API_REQUEST.value
    )
    if before is not None:
        query = query.where(AuditLog.id < before)
    newest = query.order_by(AuditLog.id.desc()).limit(ADDRESSES_KNOWN_MAX).subquery()
    return {
        address_key(address)
        for address in db.session.scalars(sa.select(newest.c.address).distinct())
        if address
    }


def _newest(actions: Iterable[Action], within: timedelta, *columns: Any) -> sa.Select[Any]:
    """Return the question for these columns of the newest entries of a span."""
    return (
        sa.select(*columns)
        .where(AuditLog.action.in_([action.value for action in actions]), AuditLog.at >= clock.now() - within)
        .order_by(AuditLog.at.desc())
        .limit(LOOKED_AT_MAX)
    )

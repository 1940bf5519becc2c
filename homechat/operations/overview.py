"""How the house is, in numbers: for whoever runs it, and nothing that one person would mind another to know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit, clock
from homechat.accounts.api_tokens import all_tokens
from homechat.accounts.lockout import all_locked_out
from homechat.accounts.models import Standing, User
from homechat.accounts.queries import everyone
from homechat.actor import Actor, Role
from homechat.audit import Action, AuditLog, Check
from homechat.database import db
from homechat.errors import NotFound
from homechat.household.accounts import signed_in_devices
from homechat.messages.counting import messages_since
from homechat.realtime import presence
from homechat.security.policy import HouseRight, may_in_house

DAYS_SHOWN = 7
FAILED = (Action.LOGIN_FAILED, Action.TWO_FACTOR_FAILED)


@dataclass(frozen=True)
class People:
    """How many there are; bots are counted nowhere.

    locked: by an admin.  locked_out: for a while, by wrong guesses.  without_second_step: admins of whom the password
    is enough.
    """

    active: int
    waiting: int
    locked: int
    locked_out: int
    second_steps: int
    admins_without_second_step: int


@dataclass(frozen=True)
class Day:
    """A day where the reader lives, and how often something happened on it."""

    day: date
    count: int


@dataclass(frozen=True)
class Overview:
    """How the house is at this moment.

    here: people with a window open, and the reader.  failed: sign-ins within 24 hours.
    failed_by_day: the oldest first, today last.
    """

    people: People
    here: int
    windows: int
    devices: int
    tokens: int
    messages_today: int
    failed: int
    failed_by_day: list[Day]
    last_check: Check | None

    @property
    def failed_most(self) -> int:
        """The most on one day."""
        return max(each.count for each in self.failed_by_day)


def overview(actor: Actor, *, zone: ZoneInfo) -> Overview:
    """Return how the house is. zone: where the reader lives, for what is a day.

    Raises NotFound for everybody but admins and the operator.
    """
    if not may_in_house(actor, HouseRight.ADMIN_PANEL):
        raise NotFound(_("There is nothing at this address."))
    today = clock.now().astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS_SHOWN))]
    return Overview(
        people=_people(everyone()),
        here=len(presence.everyone_online() | ({actor.user_id} - {None})),
        windows=presence.open_windows(),
        devices=sum(signed_in_devices().values()),
        tokens=len(all_tokens(actor)),
        messages_today=messages_since(_begin(today, zone)),
        failed=_failed(clock.now() - timedelta(days=1)),
        failed_by_day=[
            Day(day, _failed(_begin(day, zone), _begin(day + timedelta(days=1), zone))) for day in days
        ],
        last_check=audit.last_check(),
    )


def _people(users: Iterable[User]) -> People:
    everybody = [user for user in users if user.role != Role.BOT]
    active = [user for user in everybody if user.standing == Standing.ACTIVE]
    locked_out = all_locked_out()
    return People(
        active=len(active),
        waiting=sum(user.standing == Standing.PENDING for user in everybody),
        locked=sum(user.standing == Standing.LOCKED for user in everybody),
        locked_out=sum(user.id in locked_out for user in active),
        second_steps=sum(user.two_factor_since is not None for user in active),
        admins_without_second_step=sum(user.is_admin and user.two_factor_since is None for user in active),
    )


def _failed(since: datetime, until: datetime | None = None) -> int:
    """Return how many sign-ins failed, by password or by code."""
    query = sa.select(sa.func.count(AuditLog.id)).where(
        AuditLog.action.in_([action.value for action in FAILED]), AuditLog.at >= since
    )
    if until is not None:
        query = query.where(AuditLog.at < until)
    return db.session.scalar(query) or 0


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)

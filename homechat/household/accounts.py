"""Everyone's account as those who run the house see it: how it stands, and nothing of what anybody wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.accounts.bearers import is_live_app_at
from homechat.accounts.cards import PersonCard, cards_of
from homechat.accounts.lockout import all_locked_out
from homechat.accounts.models import LoginSession, Standing, User
from homechat.accounts.queries import everyone
from homechat.accounts.sessions import is_live_at
from homechat.accounts.token_models import ApiToken
from homechat.actor import Actor
from homechat.database import db, row_of
from homechat.errors import Forbidden, NotFound
from homechat.security.policy import HouseRight, may_in_house
from homechat.text import one_line


@dataclass(frozen=True)
class Account:
    """How somebody's account stands.

    second_step_since: None where the password alone does.  devices, apps: on and in how many they are signed in.
    locked_out_until: when the last lock ends that wrong guesses brought about; None when there is none.
    """

    person: PersonCard
    standing: Standing
    since: datetime
    second_step_since: datetime | None
    devices: int
    apps: int
    locked_out_until: datetime | None


def accounts(actor: Actor, *, matching: str = "") -> list[Account]:
    """Return the accounts of all who came in and have not left, by name; who waits is among the newcomers.

    matching: a piece of their name or sign-in name.  Raises Forbidden without the right.
    """
    _check_right(actor)
    wanted = one_line(matching).lower()
    found = [user for user in everyone() if user.standing != Standing.PENDING and _is_called(user, wanted)]
    return _with_standing(found)


def account(actor: Actor, user_id: int) -> Account:
    """Return somebody's account, one's own too. Raises Forbidden without the right, NotFound for ids of nobody."""
    _check_right(actor)
    user = row_of(User, user_id)
    if user is None or user.erased_at is not None:
        raise NotFound(_("There is nobody like that here."))
    return _with_standing([user])[0]


def signed_in_devices() -> dict[int, int]:
    """Return on how many devices each person is signed in, by user id; without those who are on none."""
    query = (
        sa.select(LoginSession.user_id, sa.func.count(LoginSession.id))
        .where(is_live_at(clock.now()))
        .group_by(LoginSession.user_id)
    )
    return {user_id: count for user_id, count in db.session.execute(query)}


def signed_in_apps() -> dict[int, int]:
    """Return in how many apps each person is signed in by name and password, by user id; without those in none."""
    query = (
        sa.select(ApiToken.created_by_id, sa.func.count(ApiToken.id))
        .where(is_live_app_at(clock.now()))
        .group_by(ApiToken.created_by_id)
    )
    return {user_id: count for user_id, count in db.session.execute(query)}


def _check_right(actor: Actor) -> None:
    if not may_in_house(actor, HouseRight.MANAGE_PEOPLE):
        raise Forbidden(_("Only those who run the house may do that."))


def _is_called(user: User, wanted: str) -> bool:
    """Not asked of the database: SQLite knows the small letters of ASCII only."""
    return wanted.removeprefix("@") in user.username or wanted in user.display_name.lower()


def _with_standing(users: list[User]) -> list[Account]:
    devices, apps = signed_in_devices(), signed_in_apps()
    locked_out = all_locked_out()
    return [
        Account(
            person=card,
            standing=Standing(user.standing),
            since=user.created_at,
            second_step_since=user.two_factor_since,
            devices=devices.get(user.id, 0),
            apps=apps.get(user.id, 0),
            locked_out_until=locked_out.get(user.id),
        )
        for user, card in zip(users, cards_of(users), strict=True)
    ]

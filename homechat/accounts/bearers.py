"""Who is behind a bearer token: looked up by its prefix, compared in constant time, asked anew at every use.

A token is worth something only while it is neither revoked nor over, and while both whom it acts as and whose it is may
come in; that of a bot, while that is switched on. What it may be used for is never more than what these two may do now:
a demoted admin's `admin:read` is dead.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa

from homechat import clock
from homechat.accounts import token_spelling
from homechat.accounts.models import User
from homechat.accounts.signals import bot_asked_for
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Door, Role
from homechat.database import UtcDateTime, db, transaction
from homechat.errors import Unavailable
from homechat.security.policy import SCOPES, HouseRight, Scope, house_right
from homechat.security.tokens import digest_of

TOUCH_EVERY = timedelta(seconds=60)
SIGN_IN_IDLE = timedelta(days=90)


def find(text: str) -> ApiToken | None:
    """Return the live token that is spelled `text`, or None: unknown, ended, or its people are not welcome any more."""
    parts = token_spelling.read(text)
    if parts is None:
        return None
    prefix, secret = parts
    row = db.session.scalar(sa.select(ApiToken).where(ApiToken.prefix == prefix))
    is_right = hmac.compare_digest(row.secret_digest if row else "", digest_of(secret))
    return row if row is not None and is_right and counts(row) else None


def token_by_id(token_id: int) -> ApiToken | None:
    """Return the live token of this id as the database has it now, or None; sockets ask at each event."""
    row = db.session.get(ApiToken, token_id, populate_existing=True)
    return row if row is not None and counts(row) else None


def roles_by_live_token(token_ids: list[int]) -> dict[int, Role]:
    """Return those of `token_ids` that still count, each with what whom it acts as is to the house now."""
    if not token_ids:
        return {}
    rows = db.session.scalars(
        sa.select(ApiToken).where(ApiToken.id.in_(token_ids)).execution_options(populate_existing=True)
    )
    return {row.id: Role(row.user.role) for row in rows if counts(row)}


def counts(row: ApiToken) -> bool:
    """Whether the token opens anything at this moment."""
    if has_ended(row, clock.now()) or not (row.user.is_welcome and row.created_by.is_welcome):
        return False
    if row.user.role == Role.BOT and not _is_switched_on(row.user_id):
        return False
    return row.kind == TokenKind.SIGN_IN or house_right(Role(row.created_by.role), HouseRight.MAKE_TOKENS)


def _is_switched_on(bot_user_id: int) -> bool:
    answers = bot_asked_for.send(user_id=bot_user_id)
    return all(answer is not False for _listener, answer in answers)


def has_ended(row: ApiToken, at: datetime) -> bool:
    """Whether the token has come to its end by the moment `at`: revoked, too old, or a sign-in nobody used for long."""
    if row.revoked_at is not None or (row.expires_at is not None and at >= row.expires_at):
        return True
    return row.kind == TokenKind.SIGN_IN and at - (row.last_used_at or row.created_at) >= SIGN_IN_IDLE


def is_live_app_at(at: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a token is a sign-in that has not ended by the moment `at`, see `has_ended`."""
    last_used_at = sa.func.coalesce(ApiToken.last_used_at, ApiToken.created_at, type_=UtcDateTime)
    return sa.and_(
        ApiToken.kind == TokenKind.SIGN_IN, ApiToken.revoked_at.is_(None), last_used_at > at - SIGN_IN_IDLE
    )


def scopes_now(row: ApiToken) -> frozenset[Scope]:
    """Return what the token may be used for now: what it was given, as far as its people may still do that."""
    possible = SCOPES[Role(row.user.role)] & SCOPES[Role(row.created_by.role)]
    if row.kind == TokenKind.SIGN_IN:
        return possible
    given = row.scopes.split()
    return frozenset(scope for scope in possible if scope.value in given)


def actor_of(
    row: ApiToken, *, door: Door, address: str = "", user_agent: str = "", socket_id: str = ""
) -> Actor:
    """Return whom the token acts as, with what it may be used for."""
    return Actor(
        user_id=row.user_id,
        role=Role(row.user.role),
        door=door,
        address=address,
        user_agent=user_agent,
        socket_id=socket_id,
        token_id=row.id,
        maker_id=row.created_by_id if row.created_by_id != row.user_id else None,
        scopes=frozenset(scope.value for scope in scopes_now(row)),
        room_ids=None if row.room_ids is None else frozenset(row.room_ids),
    )


def touch(row: ApiToken, address: str) -> None:
    """Note that the token is in use, and from where; written once a minute at most, to spare the disk."""
    now = clock.now()
    if row.last_used_at is not None and now - row.last_used_at < TOUCH_EVERY:
        return
    # Reading goes on while nothing can be written, and nobody waits for this; there will be a next time.
    with suppress(Unavailable), transaction(waits=False) as session:
        session.execute(
            sa.update(ApiToken)
            .where(ApiToken.id == row.id)
            .values(last_used_at=now, last_used_address=address[:64])
        )
        if row.kind == TokenKind.SIGN_IN:
            session.execute(sa.update(User).where(User.id == row.user_id).values(last_seen_at=now))

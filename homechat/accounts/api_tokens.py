"""API tokens: how they come to be, are replaced and end. Making one by hand is `household/tokens.py: create_token`.

The secret of a token is returned once and stored as its SHA-256 only: it is random, so that nobody can guess it from
that, and a slow hash would cost its time at every request.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import aliased

from homechat import audit, clock
from homechat.accounts import step_up, token_spelling
from homechat.accounts.bearers import has_ended
from homechat.accounts.models import Device, User
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Role
from homechat.database import db, row_of, transaction
from homechat.errors import Conflict, Forbidden, Invalid, NotFound
from homechat.realtime import revocation
from homechat.security import limits
from homechat.security.policy import HouseRight, Scope, house_right, may_in_house
from homechat.security.tokens import digest_of, new_token
from homechat.text import one_line

NAME_MAX_CHARACTERS = 60
OVERLAP_HOURS = 24
OVERLAP_MAX_HOURS = 168
APPS_MAX = 50


def issue(
    actor: Actor,
    *,
    kind: TokenKind,
    name: str,
    acts_as: User,
    owner: User,
    scopes: Iterable[Scope] = (),
    room_ids: list[int] | None = None,
    life: timedelta | None = None,
    device: Device | None = None,
) -> tuple[ApiToken, str]:
    """Within a transaction, store a new token; return it and how it is spelled, which is known only now.

    life: how long it works; None: until it is revoked.  device: the app that signs in with it.
    Whoever calls has made sure that `owner` may have such a token.
    """
    secret, now = new_token(), clock.now()
    with transaction() as session:
        row = ApiToken(
            prefix=_free_prefix(),
            secret_digest=digest_of(secret),
            kind=kind.value,
            name=name,
            user=acts_as,
            created_by=owner,
            scopes=" ".join(scope.value for scope in Scope if scope in frozenset(scopes)),
            room_ids=room_ids,
            created_at=now,
            expires_at=None if life is None else now + life,
            device=device,
        )
        session.add(row)
        session.flush()
        detail = {"kind": kind.value, "scopes": row.scopes, "acts_as": acts_as.id}
        audit.record(
            actor, audit.Action.API_TOKEN_CREATED, subject=f"token:{row.id}", about=owner.id, detail=detail
        )
    return row, token_spelling.spelled(row.prefix, secret)


def family_of(token_id: int) -> list[int]:
    """Return the ids of a token, of those in whose place it came, and of those that came in its place: one program."""
    before, after = aliased(ApiToken), aliased(ApiToken)
    older = sa.select(ApiToken.id).where(ApiToken.id == token_id).cte("older", recursive=True)
    older = older.union(sa.select(before.id).where(before.replaced_by_id == older.c.id))
    newer = sa.select(ApiToken.id).where(ApiToken.id == token_id).cte("newer", recursive=True)
    newer = newer.union(
        sa.select(after.replaced_by_id).where(after.id == newer.c.id, after.replaced_by_id.is_not(None))
    )
    return list(db.session.scalars(sa.union(sa.select(older.c.id), sa.select(newer.c.id))))


def ids_acted_as(person_id: int) -> sa.ScalarSelect[int]:
    """Return the query of whom a person acts as, or has acted: themself, and bots by the tokens that they made."""
    by_token = sa.select(ApiToken.user_id).where(ApiToken.created_by_id == person_id)
    return by_token.union(sa.select(sa.literal(person_id))).scalar_subquery()


def rotate(actor: Actor, token_id: int, *, overlap_hours: int = OVERLAP_HOURS) -> tuple[ApiToken, str]:
    """Give one of the actor's tokens a successor with the same powers; return it and how it is spelled.

    The old one works on for `overlap_hours` (0 to 168), so that whatever uses it can be changed in peace, though not
    beyond its own end; the one that it replaced itself ends now, so that never more than two are alive. One that has an
    end gets a successor that lives as long as it was to live.
    Raises NotFound for anybody else's, Conflict for one that was replaced before, Invalid, Forbidden, StepUpNeeded,
    TooMany for too many an hour.
    """
    step_up.require(actor)
    check_may_make(actor)
    if not 0 <= overlap_hours <= OVERLAP_MAX_HOURS:
        raise Invalid.at(
            "overlap_hours", _("Choose between 0 and %(number)d hours.", number=OVERLAP_MAX_HOURS)
        )
    spend_one(actor)
    with transaction():
        old = _own(actor, token_id)
        if old.kind == TokenKind.SIGN_IN:  # It is replaced by signing in.
            raise NotFound(_("There is no such token."))
        if old.replaced_by_id is not None:
            raise Conflict(_("This token has a successor already."))
        if not house_right(Role(old.created_by.role), HouseRight.MAKE_TOKENS):
            raise Forbidden(_("Tokens are for people of the house."))
        now = clock.now()
        new, spelled = issue(
            actor,
            kind=TokenKind.MADE,
            name=old.name,
            acts_as=old.user,
            owner=old.created_by,
            scopes=[Scope(name) for name in old.scopes.split()],
            room_ids=old.room_ids,
            life=None if old.expires_at is None else old.expires_at - old.created_at,
        )
        _end_predecessors(actor, old)
        old.replaced_by_id = new.id
        end = now + timedelta(hours=overlap_hours)
        old.expires_at = end if old.expires_at is None else min(end, old.expires_at)
        detail = {"successor": new.id, "hours": overlap_hours}
        audit.record(
            actor,
            audit.Action.API_TOKEN_ROTATED,
            subject=f"token:{old.id}",
            about=old.created_by_id,
            detail=detail,
        )
        if overlap_hours == 0:
            _end(old)
    return new, spelled


def revoke(actor: Actor, token_id: int) -> ApiToken:
    """End a token at once, with its live connections: one of the actor's own, or anybody's for who manages tokens.

    Raises NotFound for anybody else's, and for one that has ended.
    """
    with transaction():
        row = _own(actor, token_id, may_manage=True)
        _revoke(actor, row)
    return row


def sign_out(actor: Actor) -> None:
    """End the token by which the actor acts; its connections are cut."""
    with transaction() as session:
        row = session.get(ApiToken, actor.token_id) if actor.token_id is not None else None
        if row is None or row.revoked_at is not None:
            return
        _end(row)
        is_app = row.kind == TokenKind.SIGN_IN
        action = audit.Action.LOGOUT if is_app else audit.Action.API_TOKEN_REVOKED
        audit.record(actor, action, subject=f"token:{row.id}", about=row.created_by_id)


def end_tokens(actor: Actor, user_id: int, *, made_too: bool = False) -> int:
    """Within a transaction, sign a person out in every app that signed in by name and password; return how many.

    made_too: whether the tokens that they made by hand end as well, those by which a bot of theirs acts among them.
    """
    with transaction() as session:
        query = sa.select(ApiToken).where(ApiToken.created_by_id == user_id, ApiToken.revoked_at.is_(None))
        rows = session.scalars(query if made_too else _apps(user_id)).all()
        for row in rows:
            _revoke(actor, row)
    return len(rows)


def end_tokens_of_bot(actor: Actor, user_id: int) -> None:
    """Within a transaction, end every token by which somebody acts as this bot."""
    with transaction() as session:
        query = sa.select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        for row in session.scalars(query).all():
            _revoke(actor, row)


def end_all_apps() -> int:
    """Within a transaction, sign everybody out in every app, in one stroke; return how many there were.

    Their sockets are cut when they are looked at. Whoever calls this writes it down, and has that done.
    """
    with transaction() as session:
        ended = session.scalars(
            sa.update(ApiToken)
            .where(ApiToken.kind == TokenKind.SIGN_IN, ApiToken.revoked_at.is_(None))
            .values(revoked_at=clock.now())
            .returning(ApiToken.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(ended)


def end_oldest_apps(actor: Actor, user_id: int) -> None:
    """Within a transaction, make room for one more app: a person is signed in in APPS_MAX of them at most."""
    with transaction() as session:
        rows = session.scalars(_apps(user_id)).all()
        by_use = sorted(rows, key=lambda row: row.last_used_at or row.created_at)
        for row in by_use[: max(0, len(rows) - APPS_MAX + 1)]:
            _revoke(actor, row)


def tokens_of(actor: Actor) -> list[ApiToken]:
    """Return the tokens that the actor made and that have not ended, the newest first."""
    return _not_ended(
        sa.select(ApiToken).where(ApiToken.created_by_id == actor.person_id, ApiToken.kind == TokenKind.MADE)
    )


def apps_of(actor: Actor) -> list[ApiToken]:
    """Return where the actor is signed in without a browser, the newest first."""
    return _not_ended(_apps(actor.person_id))


def last_uses(user_ids: Iterable[int]) -> dict[int, datetime]:
    """Return when a token was last used that acts as one of these, by their ids; who is not among them never was."""
    query = sa.select(ApiToken.user_id, sa.func.max(ApiToken.last_used_at)).group_by(ApiToken.user_id)
    rows = db.session.execute(query.where(ApiToken.user_id.in_(list(user_ids))))
    return {user_id: at for user_id, at in rows if at is not None}


def all_tokens(actor: Actor) -> list[ApiToken]:
    """Return everybody's tokens that have not ended, the newest first. Raises Forbidden without the right."""
    if not may_in_house(actor, HouseRight.MANAGE_TOKENS):
        raise Forbidden(_("Only those who run the house may do that."))
    return _not_ended(sa.select(ApiToken))


def check_may_make(actor: Actor) -> None:
    """Raise Forbidden unless the actor may have tokens. No token makes another one."""
    if actor.token_id is not None:
        raise Forbidden(_("A token can't make tokens. Sign in to a browser for that."))
    if not may_in_house(actor, HouseRight.MAKE_TOKENS):
        raise Forbidden(_("Tokens are for people of the house."))


def spend_one(actor: Actor) -> None:
    """Count a token that the actor makes, or gives a successor. Raises TooMany; the operator may make any number."""
    if actor.user_id is not None:
        limits.spend(limits.NEW_TOKENS, actor.user_id)


def checked_name(name: str) -> str:
    """Return the name of a token tidied. Raises Invalid."""
    tidied = one_line(name)
    if not tidied:
        raise Invalid(_("Say what it is for, so that you know it again."))
    if len(tidied) > NAME_MAX_CHARACTERS:
        raise Invalid(_("Keep the name to %(number)d characters.", number=NAME_MAX_CHARACTERS))
    return tidied


def _own(actor: Actor, token_id: int, *, may_manage: bool = False) -> ApiToken:
    """Return a token that has not ended: the actor's own. The operator has everybody's.

    may_manage: anybody's for who manages tokens, too. Raises NotFound.
    """
    row = row_of(ApiToken, token_id)
    manages = actor.is_trusted_operator or (may_manage and may_in_house(actor, HouseRight.MANAGE_TOKENS))
    has_it = row is not None and (manages or row.created_by_id == actor.user_id)
    if row is None or not has_it or has_ended(row, clock.now()):
        raise NotFound(_("There is no such token."))
    return row


def _apps(user_id: int) -> sa.Select[ApiToken]:
    return sa.select(ApiToken).where(
        ApiToken.created_by_id == user_id,
        ApiToken.kind == TokenKind.SIGN_IN,
        ApiToken.revoked_at.is_(None),
    )


def _not_ended(query: sa.Select[ApiToken]) -> list[ApiToken]:
    now = clock.now()
    rows = db.session.scalars(query.where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.id.desc()))
    return [row for row in rows if not has_ended(row, now)]


def _revoke(actor: Actor, row: ApiToken) -> None:
    _end(row)
    audit.record(actor, audit.Action.API_TOKEN_REVOKED, subject=f"token:{row.id}", about=row.created_by_id)


def _end_predecessors(actor: Actor, row: ApiToken) -> None:
    query = sa.select(ApiToken).where(ApiToken.replaced_by_id == row.id, ApiToken.revoked_at.is_(None))
    for older in db.session.scalars(query).all():
        if not has_ended(older, clock.now()):
            _revoke(actor, older)


def _end(row: ApiToken) -> None:
    row.revoked_at = clock.now()
    db.session.flush()
    revocation.disconnect_token(row.id, reason="revoked", sentence=_("This token was revoked."))


def _free_prefix() -> str:
    while True:
        prefix = token_spelling.new_prefix()
        if db.session.scalar(sa.select(ApiToken.id).where(ApiToken.prefix == prefix)) is None:
            return prefix

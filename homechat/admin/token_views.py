"""Everybody's API tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import redirect, url_for

from homechat.accounts import api_tokens
from homechat.accounts.cards import PersonCard, card_of
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.admin.panel import Page, blueprint, page
from homechat.doors.people import current_actor
from homechat.household.scope_words import scope_words
from homechat.security.policy import Scope


@dataclass(frozen=True)
class TokenLine:
    """One token. is_app: it came of signing in, with its person's full rights.  may_everything: it has every scope.

    acts_as: the bot as which it acts; "" where that is its owner.  rooms: to how many it is bound; None: to none.
    """

    id: int
    name: str
    prefix: str
    owner: PersonCard
    is_app: bool
    acts_as: str
    scopes: list[str]
    may_everything: bool
    rooms: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_address: str


@blueprint.get("/tokens")
def tokens() -> Page:
    words = scope_words()
    return page("tokens", tokens=[_line(row, words) for row in api_tokens.all_tokens(current_actor())])


@blueprint.post("/tokens/<int:token_id>/revoke")
def revoke_token(token_id: int) -> Page:
    api_tokens.revoke(current_actor(), token_id)
    return redirect(url_for("admin.tokens", done="revoked"))


def _line(row: ApiToken, words: dict[str, str]) -> TokenLine:
    return TokenLine(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        owner=card_of(row.created_by),
        is_app=row.kind == TokenKind.SIGN_IN,
        acts_as="" if row.user_id == row.created_by_id else row.user.display_name,
        scopes=[words[Scope(name)] for name in row.scopes.split()],
        may_everything=len(row.scopes.split()) == len(Scope),
        rooms=None if row.room_ids is None else len(row.room_ids),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_address=row.last_used_address,
    )

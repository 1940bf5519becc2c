"""Making an API token by hand: it may be bound to rooms, and act as a bot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import clock
from homechat.accounts import step_up
from homechat.accounts.api_tokens import check_may_make, checked_name, issue, spend_one
from homechat.accounts.bots import make_bot
from homechat.accounts.models import User
from homechat.accounts.token_models import ApiToken, TokenKind
from homechat.actor import Actor, Role
from homechat.bots.actions import equip_bot
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden, Invalid
from homechat.rooms.finding import has_right_in
from homechat.security.policy import SCOPES, HouseRight, RoomRight, Scope, house_right

LIFE_MAX_HOURS = 24 * 366 * 5
TOKENS_MAX = 100
ROOMS_MAX = 50


def create_token(
    actor: Actor,
    *,
    name: str,
    scopes: Iterable[str],
    room_ids: Sequence[int] | None = None,
    hours: int | None = None,
    as_bot: bool = False,
    owner_id: int | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; return it and how it is spelled, which is shown this once.

    scopes: names of `Scope`, one at least.  room_ids: the only rooms that exist for it; None: all that it may see.
    hours: until it ends; None: never.  as_bot: it acts as a new bot called `name`, else as its owner.
    owner_id: whose it is, when the operator makes it; else it is the actor's own.
    Raises Invalid naming the fields, Conflict for too many, TooMany for too many an hour, Forbidden, StepUpNeeded.
    """
    step_up.require(actor)
    check_may_make(actor)
    spend_one(actor)
    with transaction():
        owner = _owner(actor, owner_id)
        _refuse_too_many(owner)
        given, tidied = _checked(owner, name=name, scopes=scopes, hours=hours, as_bot=as_bot)
        rooms = None if room_ids is None else _rooms(owner, room_ids)
        acts_as = make_bot(actor, tidied) if as_bot else owner
        if as_bot:
            equip_bot(actor, acts_as, owner)
        return issue(
            actor,
            kind=TokenKind.MADE,
            name=tidied,
            acts_as=acts_as,
            owner=owner,
            scopes=given,
            room_ids=rooms,
            life=None if hours is None else timedelta(hours=hours),
        )


def scopes_to_give(role: Role, *, as_bot: bool = False) -> list[Scope]:
    """Return what somebody of `role` may give to a token of theirs, in the order of the list."""
    possible = SCOPES[role] & SCOPES[Role.BOT] if as_bot else SCOPES[role]
    return [scope for scope in Scope if scope in possible]


def _owner(actor: Actor, owner_id: int | None) -> User:
    if owner_id is not None and not actor.is_trusted_operator:
        raise Forbidden(_("Everybody makes their own tokens."))
    owner = db.session.get_one(User, actor.person_id if owner_id is None else owner_id)
    if not owner.is_welcome or not house_right(Role(owner.role), HouseRight.MAKE_TOKENS):
        raise Forbidden(_("Tokens are for people of the house."))
    return owner


def _refuse_too_many(owner: User) -> None:
    count = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(ApiToken)
        .where(
            ApiToken.created_by_id == owner.id,
            ApiToken.kind == TokenKind.MADE,
            ApiToken.revoked_at.is_(None),
            sa.or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > clock.now()),
        )
    )
    if (count or 0) >= TOKENS_MAX:
        raise Conflict(_("You have %(number)d tokens. Revoke some first.", number=TOKENS_MAX))


def _checked(
    owner: User, *, name: str, scopes: Iterable[str], hours: int | None, as_bot: bool
) -> tuple[list[Scope], str]:
    fields: dict[str, str] = {}
    tidied = ""
    try:
        tidied = checked_name(name)
    except Invalid as error:
        fields["name"] = error.message
    wanted = set(scopes)
    given = [scope for scope in scopes_to_give(Role(owner.role), as_bot=as_bot) if scope.value in wanted]
    if not wanted:
        fields["scopes"] = _("Tick at least one thing that it may do.")
    elif len(given) != len(wanted):
        refused = ", ".join(sorted(wanted.difference(given)))[:100]
        fields["scopes"] = _("This token can't be given: %(scopes)s", scopes=refused)
    if hours is not None and not 1 <= hours <= LIFE_MAX_HOURS:
        fields["hours"] = _("Choose how long it works.")
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return given, tidied


def _rooms(owner: User, room_ids: Sequence[int]) -> list[int]:
    """Return these rooms once each. Raises Invalid unless the owner may know of all of them."""
    ids = sorted(set(room_ids))
    if not ids or len(ids) > ROOMS_MAX:
        raise Invalid.at("room_ids", _("Choose 1 to %(number)d rooms.", number=ROOMS_MAX))
    maker = Actor.system().acting_as(owner.id, Role(owner.role))
    if not all(has_right_in(maker, room_id, RoomRight.SEE) for room_id in ids):
        raise Invalid.at("room_ids", _("One of these rooms is not there."))
    return ids

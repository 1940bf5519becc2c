"""What people do with bots: making them, changing them, switching them off and on, and taking them away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat import audit
from homechat.accounts import api_tokens, step_up
from homechat.accounts.bots import make_bot, retire_bot
from homechat.accounts.models import User
from homechat.accounts.signals import person_changed
from homechat.actor import Actor, Role
from homechat.bots import deliveries
from homechat.bots.checking import Wanted, checked
from homechat.bots.models import Bot, BotType
from homechat.bots.queries import bot_of_token, check_holds, check_may_make, find_bot
from homechat.database import db, transaction
from homechat.errors import Conflict, Forbidden
from homechat.realtime import revocation
from homechat.rooms.membership import take_out_everywhere
from homechat.security import field_encryption
from homechat.security.outgoing import origin_of
from homechat.security.policy import HouseRight, house_right, may_in_house
from homechat.security.tokens import new_token

BOTS_MAX = 50
OF_ITS_OWNER = ("callback_url", "default_room_id")
CHANGEABLE = ("name", "description", *OF_ITS_OWNER)


@dataclass(frozen=True)
class Made:
    """A bot with the secret that it signs with. is_new: False where the token had asked for it before."""

    bot: Bot
    secret: str = field(repr=False)
    is_new: bool = True


def create_bot(actor: Actor, wanted: Wanted, *, owner_id: int | None = None) -> Made:
    """Make a bot of the actor's and return it with its secret; a token gets the one that it asked for by this name.

    owner_id: whose it is, when the operator makes it.
    Raises Invalid naming the fields, Conflict for too many or a webhook id that is taken, TooMany for too many an
    hour, Forbidden, StepUpNeeded.
    """
    step_up.require(actor)
    check_may_make(actor)
    owner = _owner(actor, owner_id)
    wanted = checked(wanted, owner, actor)
    if actor.token_id is not None and (known := bot_of_token(actor.token_id, wanted.name)) is not None:
        return Made(known, field_encryption.unseal(known.sealed_secret), is_new=False)
    api_tokens.spend_one(actor)
    secret = new_token()
    sealed = field_encryption.seal(secret)
    with transaction():
        if actor.token_id is not None and (known := bot_of_token(actor.token_id, wanted.name)) is not None:
            return Made(known, field_encryption.unseal(known.sealed_secret), is_new=False)
        _refuse_too_many(owner)
        bot = _put_in(actor, make_bot(actor, wanted.name), owner.id, wanted, sealed)
    return Made(bot, secret)


def equip_bot(actor: Actor, user: User, owner: User) -> Bot:
    """Within a transaction, give a bot that was made along with a token of `owner` a place among the others.

    Raises Conflict for too many.
    """
    _refuse_too_many(owner)
    wanted = Wanted(user.display_name, BotType.API)
    return _put_in(actor, user, owner.id, wanted, field_encryption.seal(new_token()))


def change_bot(actor: Actor, bot_id: int, changes: Mapping[str, Any]) -> Bot:
    """Change what is named in `changes`, see CHANGEABLE; the rest stays as it is.

    Raises NotFound, Invalid naming the fields, Forbidden for what is its owner's (OF_ITS_OWNER).
    """
    with transaction() as session:
        bot = find_bot(actor, bot_id)
        if any(name in changes for name in OF_ITS_OWNER):
            check_holds(actor, bot)
        wanted = Wanted(
            bot.name,
            description=bot.description,
            callback_url=bot.callback_url,
            default_room_id=bot.default_room_id if "default_room_id" in changes else None,
        )
        wanted = replace(wanted, **{name: changes[name] for name in CHANGEABLE if name in changes})
        wanted = checked(wanted, bot.owner, actor)
        if bot.user.display_name != wanted.name:
            bot.user.display_name = wanted.name
            person_changed.send(user=bot.user)
        moved = _moved(bot.callback_url, wanted.callback_url)
        bot.description, bot.callback_url = wanted.description, wanted.callback_url
        if "default_room_id" in changes:
            bot.default_room_id = wanted.default_room_id
        session.flush()
        _record(actor, audit.Action.BOT_CHANGED, bot, what="details", **moved)
    return bot


def set_active(actor: Actor, bot_id: int, *, active: bool) -> Bot:
    """Switch a bot on or off; off, its hook and its tokens open nothing, and what waits for it is given up.

    Switched off by anybody but its owner, it stays so until somebody who runs the house switches it on. Nothing happens
    where it is so already. Raises NotFound, Forbidden.
    """
    with transaction() as session:
        bot = find_bot(actor, bot_id)
        if active and bot.kept_off and not may_in_house(actor, HouseRight.MANAGE_BOTS):
            raise Forbidden(_("Whoever runs the house has switched this bot off. Ask them to switch it on."))
        kept_off = not active and (bot.kept_off or actor.user_id != bot.owner_id)
        if (bot.active, bot.kept_off) == (active, kept_off):
            return bot
        bot.active, bot.kept_off = active, kept_off
        session.flush()
        if not active:
            deliveries.give_up(bot.id)
            sentence = _("This bot was switched off.")
            revocation.disconnect_user(bot.user_id, reason="revoked", sentence=sentence)
        _record(actor, audit.Action.BOT_CHANGED, bot, what="on" if active else "off")
    return bot


def renew_secret(actor: Actor, bot_id: int) -> Made:
    """Give a bot another secret and return it; the old one is worth nothing from now on.

    Raises NotFound, Forbidden for anybody but its owner, StepUpNeeded.
    """
    step_up.require(actor)
    secret = new_token()
    sealed = field_encryption.seal(secret)
    with transaction() as session:
        bot = find_bot(actor, bot_id)
        check_holds(actor, bot)
        bot.sealed_secret = sealed
        session.flush()
        _record(actor, audit.Action.BOT_CHANGED, bot, what="secret")
    return Made(bot, secret, is_new=False)


def delete_bot(actor: Actor, bot_id: int) -> None:
    """Take a bot away for good: out of all rooms, with its tokens and all that waits for it. What it wrote stays.

    Raises NotFound.
    """
    with transaction() as session:
        bot = find_bot(actor, bot_id)
        _record(actor, audit.Action.BOT_DELETED, bot)
        user = bot.user
        session.delete(bot)  # And with it, by the database, its deliveries.
        session.flush()
        take_out_everywhere(actor, user.id)
        api_tokens.end_tokens_of_bot(actor, user.id)
        retire_bot(user)


def reseal_secrets() -> int:
    """Within a transaction, put the secrets of all bots under the newest encryption key; return how many there are."""
    with transaction() as session:
        bots = session.scalars(sa.select(Bot)).all()
        for bot in bots:
            bot.sealed_secret = field_encryption.reseal(bot.sealed_secret)
        session.flush()
    return len(bots)


def _owner(actor: Actor, owner_id: int | None) -> User:
    if owner_id is not None and not actor.is_trusted_operator:
        raise Forbidden(_("Everybody makes their own bots."))
    owner = db.session.get_one(User, actor.person_id if owner_id is None else owner_id)
    if not owner.is_welcome or not house_right(Role(owner.role), HouseRight.MAKE_BOTS):
        raise Forbidden(_("Bots are for people of the house."))
    return owner


def _refuse_too_many(owner: User) -> None:
    count = db.session.scalar(sa.select(sa.func.count()).select_from(Bot).where(Bot.owner_id == owner.id))
    if (count or 0) >= BOTS_MAX:
        raise Conflict(_("You have %(number)d bots. Delete some first.", number=BOTS_MAX))


def _put_in(actor: Actor, user: User, owner_id: int, wanted: Wanted, sealed: str) -> Bot:
    webhook_id = wanted.webhook_id or new_token()
    if db.session.scalar(sa.select(Bot.id).where(Bot.webhook_id == webhook_id)) is not None:
        raise Conflict.at("webhook_id", _("Another bot has this webhook id."))
    bot = Bot(
        user=user,
        owner_id=owner_id,
        token_id=actor.token_id,
        bot_type=BotType(wanted.bot_type).value,
        description=wanted.description,
        webhook_id=webhook_id,
        sealed_secret=sealed,
        callback_url=wanted.callback_url,
        default_room_id=wanted.default_room_id,
        active=True,
    )
    db.session.add(bot)
    db.session.flush()
    db.session.refresh(bot)
    _record(actor, audit.Action.BOT_CREATED, bot, kind=bot.bot_type)
    return bot


def _moved(before: str, after: str) -> dict[str, str]:
    """Return for the log from which host to which a bot was moved. What stands behind a host may be secret."""
    return {} if before == after else {"from": origin_of(before), "to": origin_of(after)}


def _record(actor: Actor, action: audit.Action, bot: Bot, **detail: str) -> None:
    audit.record(actor, action, subject=f"bot:{bot.id}", about=bot.owner_id, detail=detail)

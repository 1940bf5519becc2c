"""Finding bots."""

from __future__ import annotations

import sqlalchemy as sa
from flask_babel import gettext as _

from homechat.accounts.api_tokens import family_of
from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.bots.models import Bot
from homechat.database import db, row_of
from homechat.errors import Forbidden, NotFound
from homechat.security.policy import HouseRight, house_right, may_in_house


def bots_of(actor: Actor) -> list[Bot]:
    """Return the actor's bots by name; for who manages bots, everybody's. Raises Forbidden for who may have none."""
    _check_sees_all_rooms(actor)
    query = sa.select(Bot).join(Bot.user).order_by(sa.func.lower(User.display_name), Bot.id)
    if may_in_house(actor, HouseRight.MANAGE_BOTS):
        return list(db.session.scalars(query))
    check_may_make(actor)
    return list(db.session.scalars(query.where(Bot.owner_id == actor.person_id)))


def find_bot(actor: Actor, bot_id: int) -> Bot:
    """Return a bot of the actor's, or anybody's for who manages bots. Raises NotFound, Forbidden for who has none."""
    _check_sees_all_rooms(actor)
    manages = may_in_house(actor, HouseRight.MANAGE_BOTS)
    if not manages:
        check_may_make(actor)
    bot = row_of(Bot, bot_id)
    if bot is None or not (manages or bot.owner_id == actor.user_id):
        raise NotFound(_("There is no such bot."))
    return bot


def holds(actor: Actor, bot: Bot) -> bool:
    """Whether a bot's address, room and secret are the actor's to know and to change: for its owner, and the operator.

    Not for who manages everybody's bots: whoever says where one is called hears what is said in rooms not theirs.
    """
    return actor.is_trusted_operator or bot.owner_id == actor.user_id


def check_holds(actor: Actor, bot: Bot) -> None:
    """Raise Forbidden unless the actor `holds` the bot."""
    if not holds(actor, bot):
        raise Forbidden(_("Only the bot's owner can change its address, its room or its secret."))


def bot_of_token(token_id: int, name: str) -> Bot | None:
    """Return the bot of this name that a token, or another of its family, has asked for."""
    return db.session.scalar(
        sa.select(Bot)
        .join(Bot.user)
        .where(Bot.token_id.in_(family_of(token_id)), User.display_name == name)
        .order_by(Bot.id)
        .limit(1)
    )


def is_at_work(bot: Bot) -> bool:
    """Whether anything comes in or goes out: it is switched on, and it and its owner may still do that."""
    may_have = house_right(Role(bot.owner.role), HouseRight.MAKE_BOTS)
    return bot.active and bot.user.is_welcome and bot.owner.is_welcome and may_have


def at_work_among(bot_ids: list[int]) -> list[int]:
    """Return those of these bots that are at work, see `is_at_work`."""
    bots = db.session.scalars(sa.select(Bot).where(Bot.id.in_(bot_ids)).order_by(Bot.id)) if bot_ids else ()
    return [bot.id for bot in bots if is_at_work(bot)]


def check_may_make(actor: Actor) -> None:
    """Raise Forbidden unless the actor may have bots."""
    _check_sees_all_rooms(actor)
    if not may_in_house(actor, HouseRight.MAKE_BOTS):
        raise Forbidden(_("Bots are for people of the house."))


def _check_sees_all_rooms(actor: Actor) -> None:
    """Raise Forbidden for a token that is bound to rooms: no bot is, so one of its making would lead out of them."""
    if actor.room_ids is not None:
        raise Forbidden(
            _("This token is bound to rooms, and bots are not: it can neither make nor change them.")
        )

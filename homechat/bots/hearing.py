"""Which bots hear what people write: those in the room, and those that a public room calls by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from homechat.accounts.api_tokens import family_of
from homechat.accounts.models import User
from homechat.actor import Actor, Door, Role
from homechat.bots.models import Bot, BotType
from homechat.bots.queries import at_work_among
from homechat.database import db
from homechat.rooms.finding import has_right_in
from homechat.rooms.models import Membership, Room
from homechat.security.policy import RoomKind, RoomRight

# Made once: asked for each message of a person. Of bots there are a handful, of most houses none.
_WHO_COULD = (
    sa.select(Bot.id, User.username, Membership.id.is_not(None), Room.kind, Bot.token_id)
    .select_from(Bot)
    .join(User, User.id == Bot.user_id)
    .join(Room, Room.id == sa.bindparam("in_room"))
    .outerjoin(Membership, sa.and_(Membership.room_id == Room.id, Membership.user_id == Bot.user_id))
    .where(Bot.active, Bot.bot_type == BotType.WEBHOOK.value, Bot.callback_url != "")
)
_NAME_CALLED = re.compile(r"(?<![\w.@-])@([a-z0-9_]{2,30})(?![\w-])", re.IGNORECASE)


class Hearer(NamedTuple):
    """A bot that could hear something. is_member: whether it is in the room.  kind: of the room.

    token_id: of the program that made it, or None.
    """

    bot_id: int
    username: str
    is_member: bool
    kind: str
    token_id: int | None

    def hears(self, body: str) -> bool:
        """Whether it hears a message of this text."""
        if self.is_member:
            return True
        return self.kind == RoomKind.PUBLIC and self.username in called_in(body)


def hearers_of(room_id: int, body: str, *, labelled_by: int | None = None) -> list[int]:
    """Return the ids of the bots at work that hear what a person writes in a room.

    labelled_by: the token of the program that said it under a label. A bot that was made with this token, or with
    another of its family, does not hear it.
    """
    hearers = [hearer for hearer in _who_could(room_id) if hearer.hears(body)]
    if labelled_by is not None and hearers:
        own = family_of(labelled_by)
        hearers = [hearer for hearer in hearers if hearer.token_id not in own]
    return at_work_among([hearer.bot_id for hearer in hearers])


def still_hears(bot: Bot, room_id: int, body: str) -> bool:
    """Whether a bot hears it now: it may have left the room since."""
    return any(hearer.bot_id == bot.id and hearer.hears(body) for hearer in _who_could(room_id))


def may_be_told(bot: Bot, room_id: int) -> bool:
    """Whether a bot may know now what happens in a room: one that was taken out of a private one does not any more."""
    return has_right_in(Actor(bot.user_id, Role.BOT, Door.SYSTEM), room_id, RoomRight.READ)


def called_in(body: str) -> set[str]:
    """Return the usernames that a text calls with @, in small letters. Pure."""
    return {name.lower() for name in _NAME_CALLED.findall(body)}


def _who_could(room_id: int) -> Iterator[Hearer]:
    for row in db.session.connection().execute(_WHO_COULD, {"in_room": room_id}):
        yield Hearer(*row)

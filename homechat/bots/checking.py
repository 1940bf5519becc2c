"""What a bot may be called and how it is reached: everything about it that somebody types."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from flask_babel import gettext as _

from homechat.accounts.models import User
from homechat.actor import Actor, Role
from homechat.bots.models import (
    DESCRIPTION_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    WEBHOOK_ID_MAX_CHARACTERS,
    WEBHOOK_ID_MIN_CHARACTERS,
    BotType,
)
from homechat.errors import Invalid
from homechat.rooms.finding import has_right_in
from homechat.security.outgoing import Refused, target_of
from homechat.security.policy import RoomRight
from homechat.text import one_line

_WEBHOOK_ID = re.compile(rf"[A-Za-z0-9_-]{{{WEBHOOK_ID_MIN_CHARACTERS},{WEBHOOK_ID_MAX_CHARACTERS}}}")


@dataclass(frozen=True)
class Wanted:
    """A bot as somebody wants it.

    webhook_id: the end of its address here, 16 to 128 of A-Z a-z 0-9 _ -; empty: one is made.
    callback_url: where deliveries go; empty: nowhere.  default_room_id: where it writes unless a call says otherwise.
    """

    name: str
    bot_type: BotType = BotType.WEBHOOK
    description: str = ""
    webhook_id: str = ""
    callback_url: str = ""
    default_room_id: int | None = None


def checked(wanted: Wanted, owner: User, maker: Actor) -> Wanted:
    """Return `wanted` tidied. Raises Invalid naming each field that does not do."""
    fields: dict[str, str] = {}
    tidied = replace(wanted, name=one_line(wanted.name), description=one_line(wanted.description))
    if not 0 < len(tidied.name) <= NAME_MAX_CHARACTERS:
        fields["name"] = _("Give it a name of up to %(number)d characters.", number=NAME_MAX_CHARACTERS)
    if len(tidied.description) > DESCRIPTION_MAX_CHARACTERS:
        fields["description"] = _("Keep it to %(number)d characters.", number=DESCRIPTION_MAX_CHARACTERS)
    if tidied.webhook_id and not _WEBHOOK_ID.fullmatch(tidied.webhook_id):
        fields["webhook_id"] = _(
            "Use %(least)d to %(most)d letters, digits, - or _, so that nobody can guess it.",
            least=WEBHOOK_ID_MIN_CHARACTERS,
            most=WEBHOOK_ID_MAX_CHARACTERS,
        )
    if tidied.callback_url and not _is_an_address(tidied.callback_url):
        fields["callback_url"] = _("That address can't be called. Begin it with https:// or http://.")
    if tidied.default_room_id is not None and not _may_know(owner, maker, tidied.default_room_id):
        fields["default_room_id"] = _("There is no such room.")
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return tidied


def _is_an_address(url: str) -> bool:
    try:
        target_of(url)
    except Refused:
        return False
    return True


def _may_know(owner: User, maker: Actor, room_id: int) -> bool:
    """Whether whose bot it is, or whoever says so, may know of the room; for a token, whether it exists for that."""
    eyes = (maker, replace(maker, user_id=owner.id, role=Role(owner.role)))
    return any(has_right_in(each, room_id, RoomRight.SEE) for each in eyes)

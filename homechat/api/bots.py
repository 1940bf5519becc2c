"""Bots: making them, seeing how they do, changing them."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from homechat.actor import Actor
from homechat.api.endpoints import Body, Json, endpoint
from homechat.api.paging import PagedIfAsked, part
from homechat.api.shapes import Moment, Page, Shape, Success
from homechat.bots import actions
from homechat.bots.checking import Wanted
from homechat.bots.data import bot_data, made_data, status_data
from homechat.bots.models import BotType
from homechat.bots.queries import bots_of, find_bot
from homechat.doors.shapes import Number, Text, YesOrNo
from homechat.security.policy import Scope


class NewBot(Body):
    """A bot as you want it."""

    ABOUT = {
        "name": "What it is called, up to 60 characters.",
        "description": "What it is for, up to 200 characters.",
        "callback_url": "Where to tell it what people write or tap: https://…, or http://… at home; empty: nowhere.",
        "default_room_id": "The room it writes to when a call names none; null: where everybody is.",
        "bot_type": "`webhook`: it is told what people write. `api`: what they tap alone; it asks by itself.",
        "webhook_id": "The end of its address here, 16 to 128 of A-Z a-z 0-9 _ -; left out: one that nobody guesses.",
    }

    name = Text(required=True)
    bot_type = Text(load_default=BotType.WEBHOOK.value, validate=validate.OneOf([*BotType]))
    description = Text(load_default="", allow_none=True)
    webhook_id = Text(load_default="", allow_none=True)
    callback_url = Text(load_default="", allow_none=True)
    default_room_id = Number(load_default=None, allow_none=True, at_least=1)


class ChangedBot(Body):
    """What is to be different; the rest stays as it is."""

    ABOUT = {**NewBot.ABOUT, "active": "`false`: nothing comes in and nothing goes out."}

    name = Text()
    description = Text(allow_none=True)
    callback_url = Text(allow_none=True)
    default_room_id = Number(allow_none=True, at_least=1)
    active = YesOrNo()


class Creation(Body):
    bot = fields.Nested(NewBot, required=True)


class Change(Body):
    bot = fields.Nested(ChangedBot, required=True)


class Bot(Shape):
    """A machine that writes.

    Of somebody else's, whoever runs the house is told the host of callback_url alone, and no default_room_id.
    """

    ABOUT = {
        "name": "What it is called.",
        "username": "What stands after an @.",
        "user_id": "The number by which its messages name it.",
        "owner_id": "The number of whoever made it.",
        "bot_type": "`webhook`: it is told what people write. `api`: what they tap alone; it asks by itself.",
        "description": "What it is for; may be empty.",
        "webhook_id": "The end of `webhook_url`.",
        "webhook_url": "Where to call it.",
        "callback_url": "Where it is told what people write or tap; empty: nowhere.",
        "default_room_id": "The room it writes to when a call names none; null: where everybody is.",
        "active": "Whether it is switched on.",
    }

    id = Number()
    name = Text()
    username = Text()
    user_id = Number()
    owner_id = Number()
    bot_type = Text()
    description = Text()
    webhook_id = Text()
    webhook_url = Text()
    callback_url = Text()
    default_room_id = Number(allow_none=True)
    active = YesOrNo()
    created_at = Moment()


class BotWithSecret(Bot):
    """A bot with the secret that signs: told this once, to whoever made it or asked for a new one."""

    webhook_secret = Text(metadata={"description": "What calls in both directions are signed with."})


class Bots(Page):
    bots = fields.List(fields.Nested(Bot))


class OneBot(Shape):
    bot = fields.Nested(Bot)


class ThatBot(Success, OneBot):
    """The bot as it is now."""


class RenewedBot(Success):
    bot = fields.Nested(BotWithSecret)


class BotInData(Shape):
    bot = fields.Nested(BotWithSecret)


class MadeBot(RenewedBot):
    """A bot, twice over: some clients look for it in `data`."""

    data = fields.Nested(BotInData)


class LastDelivery(Shape):
    """How the last delivery went."""

    ABOUT = {
        "delivery": "The id that the other end knows it by.",
        "state": "`waiting`, `delivered` or `dead` (given up).",
        "tries": "How often it was tried.",
        "response_status": "The status that came back; null: there was no answer.",
    }

    delivery = Text()
    state = Text()
    tries = Number()
    response_status = Number(allow_none=True)
    created_at = Moment()


class BotStatus(Shape):
    """How a bot does."""

    ABOUT = {
        "active": "Whether it is switched on.",
        "status": "`active`: it is at work; `inactive`: it is switched off, or its owner may have none now.",
        "last_received_at": "When it was last called; null: never.",
        "deliveries": "How many there are of each state.",
        "last_delivery": "Null: there is none.",
    }

    id = Number()
    active = YesOrNo()
    status = Text()
    last_received_at = Moment(allow_none=True)
    deliveries = fields.Dict(keys=Text(), values=Number())
    last_delivery = fields.Nested(LastDelivery, allow_none=True)


@endpoint("GET", "/bots", needs=Scope.BOTS_WRITE, takes=PagedIfAsked, gives=Bots)
def bots(actor: Actor, data: Json) -> Json:
    """Your bots; all of the house, for those who run it."""
    return part("bots", [bot_data(actor, bot) for bot in bots_of(actor)], data)


@endpoint(
    "POST",
    "/bots",
    needs=Scope.BOTS_WRITE,
    takes=Creation,
    gives={201: MadeBot, 200: MadeBot},
    example={"bot": {"name": "Home Assistant", "bot_type": "webhook"}},
)
def create_bot(actor: Actor, data: Json) -> tuple[Json, int]:
    """Make a bot; 200 with the one that this token has by this name already."""
    asked = _without_none(data["bot"])
    made = actions.create_bot(actor, Wanted(**{**asked, "bot_type": BotType(asked["bot_type"])}))
    shown = made_data(actor, made)
    return {"success": True, "bot": shown, "data": {"bot": shown}}, 201 if made.is_new else 200


@endpoint("GET", "/bots/<int:bot_id>", needs=Scope.BOTS_WRITE, gives=OneBot)
def bot(actor: Actor, data: Json, bot_id: int) -> Json:
    """One bot."""
    return {"bot": bot_data(actor, find_bot(actor, bot_id))}


@endpoint(
    "PATCH",
    "/bots/<int:bot_id>",
    needs=Scope.BOTS_WRITE,
    takes=Change,
    gives=ThatBot,
    example={"bot": {"description": "Lights and doors"}},
)
def change_bot(actor: Actor, data: Json, bot_id: int) -> Json:
    """Change what is named; the rest stays as it is."""
    changes = {
        name: value or "" if name != "default_room_id" else value for name, value in data["bot"].items()
    }
    active = changes.pop("active", None)
    changed = actions.change_bot(actor, bot_id, changes) if changes else find_bot(actor, bot_id)
    if active is not None:
        changed = actions.set_active(actor, bot_id, active=bool(active))
    return {"success": True, "bot": bot_data(actor, changed)}


@endpoint("DELETE", "/bots/<int:bot_id>", needs=Scope.BOTS_WRITE, gives=Success)
def delete_bot(actor: Actor, data: Json, bot_id: int) -> Json:
    """End a bot, its tokens and its deliveries; what it wrote stays."""
    actions.delete_bot(actor, bot_id)
    return {"success": True}


@endpoint("GET", "/bots/<int:bot_id>/status", needs=Scope.BOTS_WRITE, gives=BotStatus)
def bot_status(actor: Actor, data: Json, bot_id: int) -> Json:
    """How a bot does: whether it works, when it was last called, what became of its deliveries."""
    return status_data(find_bot(actor, bot_id))


@endpoint("POST", "/bots/<int:bot_id>/activate", needs=Scope.BOTS_WRITE, gives=ThatBot)
def activate_bot(actor: Actor, data: Json, bot_id: int) -> Json:
    """Let a bot work."""
    return {"success": True, "bot": bot_data(actor, actions.set_active(actor, bot_id, active=True))}


@endpoint("POST", "/bots/<int:bot_id>/deactivate", needs=Scope.BOTS_WRITE, gives=ThatBot)
def deactivate_bot(actor: Actor, data: Json, bot_id: int) -> Json:
    """Have a bot rest: its hook and its tokens are like none meanwhile."""
    return {"success": True, "bot": bot_data(actor, actions.set_active(actor, bot_id, active=False))}


@endpoint(
    "POST", "/bots/<int:bot_id>/regenerate_secret", needs=Scope.BOTS_WRITE, gives=RenewedBot, creates=True
)
def regenerate_secret(actor: Actor, data: Json, bot_id: int) -> Json:
    """A new secret in place of the old one, which is worth nothing at once."""
    return {"success": True, "bot": made_data(actor, actions.renew_secret(actor, bot_id))}


def _without_none(sent: Json) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if value is not None}

"""Bots and deliveries as programs read them: at the API and at the shell."""

from __future__ import annotations

from typing import Any

from homechat import clock
from homechat.actor import Actor
from homechat.bots.actions import Made
from homechat.bots.delivery_log import counts_of, last_of
from homechat.bots.models import Bot, WebhookDelivery
from homechat.bots.queries import holds, is_at_work
from homechat.extensions import current_settings
from homechat.security.outgoing import origin_of

Json = dict[str, Any]


def bot_data(actor: Actor, bot: Bot) -> Json:
    """Return what there is to know of a bot but its secret; for who only manages it, of its address the host alone."""
    is_held = holds(actor, bot)
    return {
        "id": bot.id,
        "name": bot.name,
        "username": bot.user.username,
        "user_id": bot.user_id,
        "owner_id": bot.owner_id,
        "bot_type": bot.bot_type,
        "description": bot.description,
        "webhook_id": bot.webhook_id,
        "webhook_url": webhook_url(bot),
        "callback_url": bot.callback_url if is_held else origin_of(bot.callback_url),
        "default_room_id": bot.default_room_id if is_held else None,
        "active": bot.active,
        "created_at": clock.as_iso(bot.created_at),
    }


def made_data(actor: Actor, made: Made) -> Json:
    """Return a bot with its secret: for whoever made it, or asked for a new one."""
    return {**bot_data(actor, made.bot), "webhook_secret": made.secret}


def status_data(bot: Bot) -> Json:
    """Return how a bot does: whether it works, when it was last called, what became of its deliveries."""
    last = last_of([bot.id]).get(bot.id)
    return {
        "id": bot.id,
        "active": bot.active,
        "status": "active" if is_at_work(bot) else "inactive",
        "last_received_at": clock.as_iso(bot.last_received_at) if bot.last_received_at else None,
        "deliveries": counts_of(bot.id),
        "last_delivery": None if last is None else _last_data(last),
    }


def webhook_url(bot: Bot) -> str:
    """Return the address at which a bot takes calls."""
    settings = current_settings()
    return f"{settings.api_url}/webhooks/{bot.webhook_id}"


def _last_data(row: WebhookDelivery) -> Json:
    """Return how the last delivery went. Not why there was no answer: that would tell what is there in the house."""
    return {
        "delivery": row.uuid,
        "state": row.state,
        "tries": row.tries,
        "response_status": row.response_status,
        "created_at": clock.as_iso(row.created_at),
    }

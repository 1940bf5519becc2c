"""Commands about bots: making, listing, switching, renewing their secrets, deleting them."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from homechat.actor import Actor
from homechat.bots import actions
from homechat.bots.checking import Wanted
from homechat.bots.data import bot_data, made_data, status_data, webhook_url
from homechat.bots.models import Bot, BotType
from homechat.bots.queries import bots_of, find_bot, is_at_work
from homechat.cli.kit import about_a_house, as_json, person_called, show

bot_group = AppGroup("bot", help="Bots: machines that write, and that hear what is written.")

TYPES = click.Choice([kind.value for kind in BotType])


@bot_group.command("create")
@click.argument("owner")
@click.option("--name", required=True, help="What it is called.")
@click.option("--type", "bot_type", type=TYPES, default=BotType.WEBHOOK.value, show_default=True)
@click.option("--description", default="", help="What it is for.")
@click.option("--callback-url", default="", help="Where what people write is delivered to.")
@click.option("--webhook-id", default="", help="The end of its address here; made up when left out.")
@click.option("--room", "room_id", type=int, help="Where it writes when a call names no room; else home.")
@as_json
@about_a_house
def bot_create(
    owner: str,
    name: str,
    bot_type: str,
    description: str,
    callback_url: str,
    webhook_id: str,
    room_id: int | None,
    as_json: bool,
) -> None:
    """Make a bot that belongs to OWNER, and print its secret: this once."""
    wanted = Wanted(
        name=name,
        bot_type=BotType(bot_type),
        description=description,
        webhook_id=webhook_id,
        callback_url=callback_url,
        default_room_id=room_id,
    )
    made = actions.create_bot(Actor.operator(), wanted, owner_id=person_called(owner).id)
    lines = [f"Bot {made.bot.id} ({made.bot.name}) takes calls at {webhook_url(made.bot)}", made.secret]
    show(made_data(Actor.operator(), made), lines, as_json=as_json)


@bot_group.command("list")
@as_json
@about_a_house
def bot_list(as_json: bool) -> None:
    """Print everybody's bots."""
    found = bots_of(Actor.operator())
    show(
        [bot_data(Actor.operator(), bot) for bot in found], [_as_line(bot) for bot in found], as_json=as_json
    )


@bot_group.command("show")
@click.argument("bot_id", type=int)
@as_json
@about_a_house
def bot_show(bot_id: int, as_json: bool) -> None:
    """Print what a bot is, and how it does; not its secret."""
    data = _shown(find_bot(Actor.operator(), bot_id))
    show(data, [f"{key}\t{value}" for key, value in data.items()], as_json=as_json)


@bot_group.command("activate")
@click.argument("bot_id", type=int)
@as_json
@about_a_house
def bot_activate(bot_id: int, as_json: bool) -> None:
    """Switch a bot on."""
    _switch(bot_id, active=True, as_json=as_json)


@bot_group.command("deactivate")
@click.argument("bot_id", type=int)
@as_json
@about_a_house
def bot_deactivate(bot_id: int, as_json: bool) -> None:
    """Switch a bot off: no call comes in, nothing is delivered, and what waits is given up."""
    _switch(bot_id, active=False, as_json=as_json)


@bot_group.command("rotate")
@click.argument("bot_id", type=int)
@as_json
@about_a_house
def bot_rotate(bot_id: int, as_json: bool) -> None:
    """Give a bot a new secret, and print it: this once. The old one is worth nothing from now on."""
    made = actions.renew_secret(Actor.operator(), bot_id)
    show(made_data(Actor.operator(), made), [made.secret], as_json=as_json)


@bot_group.command("delete")
@click.argument("bot_id", type=int)
@as_json
@about_a_house
def bot_delete(bot_id: int, as_json: bool) -> None:
    """Take a bot away for good, with its tokens; what it wrote stays."""
    actions.delete_bot(Actor.operator(), bot_id)
    show({"id": bot_id, "deleted": True}, [f"Bot {bot_id} is gone."], as_json=as_json)


def _switch(bot_id: int, *, active: bool, as_json: bool) -> None:
    bot = actions.set_active(Actor.operator(), bot_id, active=active)
    show(
        bot_data(Actor.operator(), bot),
        [f"{bot.name} is switched {'on' if active else 'off'}."],
        as_json=as_json,
    )


def _shown(bot: Bot) -> dict[str, Any]:
    return {**bot_data(Actor.operator(), bot), **status_data(bot)}


def _as_line(bot: Bot) -> str:
    state = "on" if is_at_work(bot) else "off"
    return "\t".join([str(bot.id), bot.user.username, bot.name, bot.bot_type, bot.owner.username, state])

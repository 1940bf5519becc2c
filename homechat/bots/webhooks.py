"""Calls from outside: signed by whoever knows a bot's secret, they become messages of that bot.

In this order, so that nobody learns more than they may: is there such a hook? → is the call signed? → is the house
closed? → is it too often, too old, or here already? → what does it say, and where?
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any
from urllib.parse import parse_qs

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import ngettext

from homechat import clock, lockdown
from homechat.actor import Actor, Role
from homechat.bots.models import WEBHOOK_ID_MAX_CHARACTERS, Bot
from homechat.bots.payloads import is_alert, plain, readable
from homechat.bots.queries import is_at_work
from homechat.bots.rooms import room_for
from homechat.bots.signatures import are_right
from homechat.database import db, transaction
from homechat.errors import Conflict, Invalid, Malformed, NotFound, Unauthenticated, Unavailable
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.messages.asking import card_asked
from homechat.messages.finding import sent_before
from homechat.realtime.events import MessagePosted
from homechat.rooms.queries import member_count
from homechat.security import field_encryption, limits
from homechat.security.tokens import new_token

log = logging.getLogger(__name__)

AGE_MAX = timedelta(seconds=300)
NOTE_USE_EVERY = timedelta(seconds=60)
ACTIONS = ("send_message", "status_update", "command")
COMMANDS = ("ping", "status", "echo")
FORM = "application/x-www-form-urlencoded"


class Meaning(Enum):
    """What a call is: something to say, a command to the bot, or something of others that we make readable."""

    SAID = auto()
    COMMAND = auto()
    FOREIGN = auto()


@dataclass(frozen=True)
class Call:
    """What came in. signatures: all that it carries.  delivery_id, sent_at, event: what its headers say, or "".

    sent_at: seconds since 1970, as text.  event: what GitHub says that it is.
    """

    body: bytes = field(repr=False)
    signatures: Sequence[str] = field(default=(), repr=False)
    delivery_id: str = ""
    sent_at: str = ""
    event: str = ""
    content_type: str = ""


def receive(caller: Actor, webhook_id: str, call: Call) -> MessagePosted:
    """Store what a call says as a message of its bot, and return that.

    caller: a stranger with an address.
    Raises NotFound for a hook that is not there or switched off, Unauthenticated for a call that is not signed, or too
    old, LockedDown, TooMany past 60 a minute of this hook, or past what one address may get wrong, Conflict for a
    delivery id that was here before, Unavailable where the bot's secret cannot be read, Malformed, Invalid,
    and whatever `send_message` does.
    """
    try:
        bot = _hook(webhook_id, call)
    except (NotFound, Unauthenticated, Unavailable):
        limits.spend(limits.WRONG_CALLS, caller.address)
        raise
    lockdown.refuse_token(Role.BOT)
    limits.spend(limits.WEBHOOKS, bot.id)
    _refuse_old(call.sent_at)
    client_id = _client_id(call.delivery_id)
    _refuse_replay(bot, client_id)
    actor = caller.acting_as(bot.user_id, Role.BOT)
    sent = _json(call)
    room_id = room_for(actor, sent, default_room_id=bot.default_room_id)
    meaning = _meaning(sent)
    text = _text(meaning, bot, sent, call.event, room_id)
    card = _card(sent) if meaning is Meaning.SAID else None
    told = send_message(actor, room_id=room_id, body=text, client_id=client_id, card=card)
    _note_use(bot)
    return told


def _hook(webhook_id: str, call: Call) -> Bot:
    """Return whose hook it is.

    Raises NotFound where there is none, Unauthenticated where the call is not its, Unavailable where nobody can tell.
    """
    bot = None
    if len(webhook_id) <= WEBHOOK_ID_MAX_CHARACTERS:
        bot = db.session.scalar(sa.select(Bot).where(Bot.webhook_id == webhook_id))
    if bot is None or not is_at_work(bot):
        raise NotFound(_("There is nothing at this address."))
    if not are_right(call.signatures, _secret_of(bot), call.body):
        raise Unauthenticated(_("This call is not signed with the secret of this bot."))
    return bot


def _secret_of(bot: Bot) -> str:
    try:
        return field_encryption.unseal(bot.sealed_secret)
    except field_encryption.Unreadable as error:
        log.exception("the secret of bot %d cannot be read", bot.id)
        raise Unavailable(_("The bot's secret cannot be read here. Make it a new one.")) from error


def _refuse_old(sent_at: str) -> None:
    """Refuse a call of another time. Most senders do not say when it is; GitHub and Home Assistant do not."""
    if not sent_at:
        return
    is_number = sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 12
    if not is_number or abs(clock.now().timestamp() - int(sent_at)) > AGE_MAX.total_seconds():
        raise Unauthenticated(_("This call is too old, or the clocks differ."))


def _client_id(delivery_id: str) -> str:
    """Return what a message is known by: where a call has an id, the same for the same call."""
    if not delivery_id:
        return f"hook-{new_token()}"
    return f"hook-{hashlib.sha256(delivery_id.encode('utf-8', 'surrogatepass')).hexdigest()[:48]}"


def _refuse_replay(bot: Bot, client_id: str) -> None:
    """Refuse what was here before, as long as its message is kept. Of two at once the database stores one."""
    if sent_before(bot.user_id, client_id) is not None:
        raise Conflict(_("This delivery was here before."))


def _json(call: Call) -> dict[str, Any]:
    """Return what was sent. GitHub may wrap it into a form, as its pages offer first."""
    try:
        text = call.body.decode("utf-8")
        if call.content_type == FORM:
            text = parse_qs(text, max_num_fields=10).get("payload", [""])[0]
        sent = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(_("That isn't JSON.")) from error
    if not isinstance(sent, dict):
        raise Invalid(_("Please send one JSON object."))
    return sent


def _meaning(sent: dict[str, Any]) -> Meaning:
    action = sent.get("action") if sent.get("action") in ACTIONS else ""
    if action == "command" or (not action and isinstance(sent.get("command"), str)):
        return Meaning.COMMAND
    is_ours = _said(sent) is not None and not is_alert(sent)
    return Meaning.SAID if action or is_ours else Meaning.FOREIGN


def _text(meaning: Meaning, bot: Bot, sent: dict[str, Any], event: str, room_id: int) -> str:
    """Return the body of the message. What is meant for us may have markup; what is not is only text."""
    if meaning is Meaning.COMMAND:
        return _answer(bot, sent, room_id)
    if meaning is Meaning.SAID:
        return _words(sent)
    text = readable(sent, event=event)
    if not text:
        raise Invalid(_("There is nothing in this that people could read."))
    return text


def _said(sent: dict[str, Any]) -> object:
    return next((sent[key] for key in ("message", "content") if sent.get(key) is not None), None)


def _words(sent: dict[str, Any]) -> str:
    said = _said(sent)
    if not isinstance(said, str) or not said.strip():
        raise Invalid.at("message", _("Say something: the message is missing."))
    title = plain(sent.get("title"), 200) or (_("Status") if sent.get("action") == "status_update" else "")
    return f"**{title}**\n{said}" if title else said


def _card(sent: dict[str, Any]) -> ActionCard:
    return card_asked(
        actions=sent.get("actions"), ack_required=sent.get("ack_required"), expires_at=sent.get("expires_at")
    )


def _answer(bot: Bot, sent: dict[str, Any], room_id: int) -> str:
    command = sent.get("command")
    if command == "ping":
        return "pong"
    if command == "echo":
        args = sent.get("args")
        words = " ".join(map(str, args)) if isinstance(args, list) else args
        if isinstance(words, str) and words.strip():
            return words
        raise Invalid.at("args", _("Say what to echo."))
    if command == "status":
        here = ngettext(
            "%(num)d member in this room.", "%(num)d members in this room.", member_count(room_id)
        )
        is_on = _("%(name)s is switched on.", name=plain(bot.name))
        return f"{is_on} {here}"
    raise Invalid.at(
        "command", _("There is no such command. The commands are: %(commands)s", commands=", ".join(COMMANDS))
    )


def _note_use(bot: Bot) -> None:
    """Note when the hook was last called; once a minute at most, to spare the disk, and nobody waits for it."""
    now = clock.now()
    if bot.last_received_at is not None and now - bot.last_received_at < NOTE_USE_EVERY:
        return
    with suppress(Unavailable), transaction(waits=False) as session:
        session.execute(sa.update(Bot).where(Bot.id == bot.id).values(last_received_at=now))

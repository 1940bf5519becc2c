"""Everybody's bots: making, switching, renewing and deleting them, what was delivered, and where they may be called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from homechat import settings as household
from homechat.accounts.api_tokens import last_uses
from homechat.actor import Actor
from homechat.admin.panel import Page, blueprint, page
from homechat.bots import actions, delivery_log
from homechat.bots.checking import Wanted
from homechat.bots.data import webhook_url
from homechat.bots.models import (
    CALLBACK_URL_MAX_CHARACTERS,
    DESCRIPTION_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    Bot,
    BotType,
    DeliveryState,
    WebhookDelivery,
)
from homechat.bots.queries import bots_of, find_bot, holds, is_at_work
from homechat.database import transaction
from homechat.doors import shown_once
from homechat.doors.forms import errors_of, form_number, form_text, query_number
from homechat.doors.people import current_actor
from homechat.errors import HomeChatError, Invalid, NotFound, StepUpNeeded
from homechat.household.house_settings import change_settings
from homechat.rooms.queries import home_room, rooms_to_open

HOSTS = household.WEBHOOK_PRIVATE_HOSTS


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery. next_try_at: None unless it waits.  why: what went wrong, in words, or "".

    wants_listing: it may be that its host at home is not listed.
    room_name: where it was said; "" where whoever looks may not see that.
    """

    id: int
    bot_id: int
    uuid: str
    state: str
    tries: int
    next_try_at: datetime | None
    response_status: int | None
    why: str
    wants_listing: bool
    room_name: str
    created_at: datetime


@dataclass(frozen=True)
class BotLine:
    """One bot. is_at_work: whether it takes calls and is told things; off also where its owner may have none now.

    is_mine: whether whoever looks may say where it is called, and with which secret.
    last_heard_of_at: when it last wrote or, where it goes by a token, last used that; None: never.
    """

    id: int
    name: str
    username: str
    owner_name: str
    description: str
    is_webhook: bool
    webhook_url: str
    has_address: bool
    is_mine: bool
    active: bool
    is_at_work: bool
    last_heard_of_at: datetime | None
    last_delivery: DeliveryLine | None


@blueprint.get("/bots")
def bots() -> Page:
    return _bots_page(current_actor())


@blueprint.get("/bots/new")
def new_bot() -> Page:
    return _new_bot_page(current_actor(), form=MultiDict())


@blueprint.post("/bots/new")
def make_bot() -> Page:
    actor = current_actor()
    try:
        with transaction():
            made = actions.create_bot(actor, _wanted())
            shown_once.keep(_secret_of(made.bot), made.secret)
    except StepUpNeeded:
        raise
    except HomeChatError as error:
        return _new_bot_page(actor, form=request.form, errors=errors_of(error)), error.status
    return _to_secret(made.bot)


@blueprint.post("/bots/hosts")
def save_private_hosts() -> Page:
    typed = form_text(HOSTS.key)
    try:
        change_settings(current_actor(), {HOSTS.key: typed})
    except HomeChatError as error:
        return _bots_page(current_actor(), hosts=typed, errors=errors_of(error)), error.status
    return redirect(url_for("admin.bots", done="hosts", _anchor="hosts"))


@blueprint.get("/bots/<int:bot_id>")
def bot(bot_id: int) -> Page:
    actor = current_actor()
    return _bot_page(actor, find_bot(actor, bot_id))


@blueprint.post("/bots/<int:bot_id>")
def change_bot(bot_id: int) -> Page:
    actor = current_actor()
    wanted = _wanted()
    changes = {name: getattr(wanted, name) for name in actions.CHANGEABLE if name in request.form}
    try:
        actions.change_bot(actor, bot_id, changes)
    except NotFound:
        raise
    except HomeChatError as error:
        shown = _bot_page(actor, find_bot(actor, bot_id), form=request.form, errors=errors_of(error))
        return shown, error.status
    return redirect(url_for("admin.bot", bot_id=bot_id, done="changed"))


@blueprint.post("/bots/<int:bot_id>/on")
def switch_bot_on(bot_id: int) -> Page:
    actions.set_active(current_actor(), bot_id, active=True)
    return redirect(url_for("admin.bot", bot_id=bot_id, done="on"))


@blueprint.post("/bots/<int:bot_id>/off")
def switch_bot_off(bot_id: int) -> Page:
    actions.set_active(current_actor(), bot_id, active=False)
    return redirect(url_for("admin.bot", bot_id=bot_id, done="off"))


@blueprint.post("/bots/<int:bot_id>/secret")
def renew_bot_secret(bot_id: int) -> Page:
    with transaction():
        made = actions.renew_secret(current_actor(), bot_id)
        shown_once.keep(_secret_of(made.bot), made.secret)
    return _to_secret(made.bot)


@blueprint.post("/bots/<int:bot_id>/delete")
def delete_bot(bot_id: int) -> Page:
    actions.delete_bot(current_actor(), bot_id)
    return redirect(url_for("admin.bots", done="deleted"))


@blueprint.post("/bots/deliveries/<int:delivery_id>/replay")
def replay_delivery(delivery_id: int) -> Page:
    row = delivery_log.replay(current_actor(), delivery_id)
    there = url_for(
        "admin.bot",
        bot_id=row.bot_id,
        before=query_number("before"),
        replayed=row.id,
        _anchor=f"delivery-{row.id}",
    )
    return redirect(there)


def _bots_page(actor: Actor, *, hosts: str | None = None, errors: dict[str, str] | None = None) -> str:
    found = bots_of(actor)
    last, uses = delivery_log.last_of([bot.id for bot in found]), last_uses([bot.user_id for bot in found])
    in_lines = household.value_of(HOSTS).replace(" ", "\n") if hosts is None else hosts
    return page(
        "bots",
        bots=[_line(actor, bot, last.get(bot.id), uses.get(bot.user_id)) for bot in found],
        hosts_form={HOSTS.key: in_lines},
        errors=errors,
    )


def _new_bot_page(actor: Actor, *, form: MultiDict[str, str], errors: dict[str, str] | None = None) -> str:
    return page("new_bot", form=form, errors=errors, rooms=_rooms(actor), limits=_limits())


def _bot_page(
    actor: Actor,
    found: Bot,
    *,
    form: Mapping[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    before = query_number("before")
    rows = delivery_log.log_of(actor, bot_id=found.id, before=before)
    names = delivery_log.room_names(actor, rows)
    uses = last_uses([found.user_id])
    return page(
        "bot",
        bot=_line(actor, found, rows[0] if rows else None, uses.get(found.user_id)),
        deliveries=[_delivery_line(row, names.get(row.id, "")) for row in rows],
        before=before,
        older=rows[-1].id if len(rows) == delivery_log.PAGE else None,
        replayed=query_number("replayed"),
        form=form or _as_form(found),
        errors=errors,
        secret=shown_once.take(_secret_of(found)),
        rooms=_rooms(actor, found.default_room_id),
        limits=_limits(),
    )


def _wanted() -> Wanted:
    kind = form_text("bot_type") or BotType.WEBHOOK.value
    if kind not in [*BotType]:
        raise Invalid.at("bot_type", _("Choose what it does."))
    return Wanted(
        name=form_text("name"),
        bot_type=BotType(kind),
        description=form_text("description"),
        callback_url=form_text("callback_url").strip(),
        default_room_id=form_number("default_room_id") or None,
    )


def _as_form(found: Bot) -> dict[str, str]:
    return {
        "name": found.name,
        "description": found.description,
        "callback_url": found.callback_url,
        "default_room_id": str(found.default_room_id or ""),
    }


def _to_secret(found: Bot) -> Page:
    """Go to the page of a bot, which shows the secret that was made this moment."""
    return redirect(url_for("admin.bot", bot_id=found.id, done="secret"))


def _secret_of(found: Bot) -> str:
    return f"secret of bot {found.id}"


def _rooms(actor: Actor, present: int | None = None) -> list[tuple[str, str]]:
    """Return the rooms to choose from; the present one of a bot also where it is none of ours."""
    known = [(str(room.id), room.name) for room in rooms_to_open(actor) if not room.is_home]
    choices = [("", home_room().name), *known]
    if present is not None and str(present) not in dict(choices):
        choices.append((str(present), _("A room that you are not in")))
    return choices


def _limits() -> dict[str, int]:
    return {
        "name": NAME_MAX_CHARACTERS,
        "description": DESCRIPTION_MAX_CHARACTERS,
        "callback_url": CALLBACK_URL_MAX_CHARACTERS,
    }


def _line(actor: Actor, found: Bot, last: WebhookDelivery | None, last_use_at: datetime | None) -> BotLine:
    moments = [at for at in (found.last_received_at, last_use_at) if at is not None]
    return BotLine(
        id=found.id,
        name=found.name,
        username=found.user.username,
        owner_name=found.owner.display_name,
        description=found.description,
        is_webhook=found.bot_type == BotType.WEBHOOK,
        webhook_url=webhook_url(found),
        has_address=bool(found.callback_url),
        is_mine=holds(actor, found),
        active=found.active,
        is_at_work=is_at_work(found),
        last_heard_of_at=max(moments, default=None),
        last_delivery=None if last is None else _delivery_line(last),
    )


def _delivery_line(row: WebhookDelivery, room_name: str = "") -> DeliveryLine:
    waits = row.state == DeliveryState.WAITING
    return DeliveryLine(
        id=row.id,
        bot_id=row.bot_id,
        uuid=row.uuid,
        state=row.state,
        tries=row.tries,
        next_try_at=row.next_try_at if waits else None,
        response_status=row.response_status,
        why=_problem_words().get(row.problem, ""),
        wants_listing=row.problem == "refused",
        room_name=room_name,
        created_at=row.created_at,
    )


def _problem_words() -> dict[str, str]:
    return {
        "refused": _("This address may not be called. Is it at home?"),
        "unknown_host": _("There is no such host."),
        "unreachable": _("Nobody answered there."),
        "timeout": _("It took too long."),
        "tls": _("The certificate there is not one that can be trusted."),
        "broken": _("What came back was no answer."),
        "switched_off": _("The bot was switched off."),
        "deleted": _("The message was deleted."),
        "queue_full": _("Too much was waiting for this bot already."),
        "unsigned": _("The bot's secret cannot be read here. Give it a new one."),
        "left": _("The bot is not in the room any more."),
    }

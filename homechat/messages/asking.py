"""What people are asked with a message, as programs send it: buttons, "have you seen this?", and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from homechat import clock
from homechat.errors import Invalid
from homechat.messages.action_cards import ActionCard, CardAction, Style

_AS_TEXT = {"true": True, "false": False}


def card_asked(*, actions: object, ack_required: object, expires_at: object) -> ActionCard:
    """Return what is asked, which may be nothing: None is nothing. What it means is checked with the message.

    actions: objects with `id`, `label`, and perhaps `style` and `confirm`.  ack_required: also as text, because many
    programs fill in nothing else.  expires_at: ISO 8601, or a moment.
    Raises Invalid naming the fields that have the wrong shape.
    """
    fields: dict[str, str] = {}
    buttons: tuple[CardAction, ...] = ()
    ends_at = None
    try:
        buttons = tuple(_action(each) for each in _list(actions))
    except TypeError:
        fields["actions"] = _("Send a list of objects, each with id and label.")
    is_ack = _AS_TEXT.get(ack_required) if isinstance(ack_required, str) else ack_required
    if not isinstance(is_ack, bool) and ack_required is not None:
        fields["ack_required"] = _("This is true or false.")
    try:
        ends_at = _moment(expires_at)
    except (TypeError, ValueError):
        fields["expires_at"] = _("Write it like 2026-11-21 or 2026-11-21T18:42:00Z.")
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return ActionCard(actions=buttons, ack_required=bool(is_ack), expires_at=ends_at)


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _action(sent: object) -> CardAction:
    """Return one button. Raises TypeError for what is none."""
    if not isinstance(sent, dict):
        raise TypeError("not an object")
    return CardAction(
        id=_text(sent.get("id")),
        label=_text(sent.get("label")),
        style=_text_or_none(sent.get("style")) or Style.DEFAULT.value,
        confirm=_text_or_none(sent.get("confirm")) or "",
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _moment(value: object) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return clock.from_iso(_text(value))

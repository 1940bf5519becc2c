"""What a call from outside asks people for, besides what it says: buttons, and whether they have seen it."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from homechat import clock
from homechat.errors import Invalid
from homechat.messages.action_cards import ActionCard, CardAction, Style


def card_in(sent: dict[str, Any]) -> ActionCard:
    """Return what `sent` asks, which may be nothing. What it means is checked with the message.

    Raises Invalid naming the fields that have the wrong shape.
    """
    fields: dict[str, str] = {}
    actions: tuple[CardAction, ...] = ()
    expires_at = None
    try:
        actions = tuple(_action(each) for each in _list(sent.get("actions")))
    except TypeError:
        fields["actions"] = _("Send a list of objects, each with id and label.")
    ack_required = sent.get("ack_required") or False
    if not isinstance(ack_required, bool):
        fields["ack_required"] = _("This is true or false.")
    try:
        expires_at = clock.from_iso(sent["expires_at"]) if sent.get("expires_at") is not None else None
    except (TypeError, ValueError):
        fields["expires_at"] = _("Write it like 2026-11-21 or 2026-11-21T18:42:00Z.")
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return ActionCard(actions=actions, ack_required=ack_required, expires_at=expires_at)


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _action(sent: Any) -> CardAction:
    """Return one button. Raises TypeError for what is none."""
    if not isinstance(sent, dict):
        raise TypeError("not an object")
    return CardAction(
        id=_text(sent.get("id")),
        label=_text(sent.get("label")),
        style=_text(sent.get("style") or Style.DEFAULT.value),
        confirm=_text(sent.get("confirm") or ""),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value

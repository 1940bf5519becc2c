"""What a program may ask people with a message: up to four buttons, "have you seen this?", and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _

from homechat import clock
from homechat.errors import Invalid
from homechat.messages.models import Message
from homechat.text import one_line

CARD = "card"
"""In a payload: what is asked. Whatever takes the payload away takes the buttons away."""
ACK = "ack"
"""What says "I have seen this" instead of an action's id, where that is asked for."""

ACTIONS_MAX = 4
LABEL_MAX_CHARACTERS = 40
CONFIRM_MAX_CHARACTERS = 200
OPEN_MAX = timedelta(days=365)
ACTION_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Style(StrEnum):
    """How a button looks. primary: what most will want.  danger: what cannot be taken back."""

    DEFAULT = "default"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True)
class CardAction:
    """One button. id: what the program knows it by.  confirm: what one has to agree to first, or ""."""

    id: str
    label: str
    style: str = Style.DEFAULT
    confirm: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"id": self.id, "label": self.label, "style": self.style, "confirm": self.confirm}


@dataclass(frozen=True)
class ActionCard:
    """What is asked. ack_required: of each person whether they have seen it.  expires_at: then nobody answers any more.

    token_id: the token that asked; whoever asks does not answer.
    """

    actions: tuple[CardAction, ...] = ()
    ack_required: bool = False
    expires_at: datetime | None = None
    token_id: int | None = None

    @property
    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def asks_something(self) -> bool:
        return bool(self.actions) or self.ack_required

    def is_ack(self, action_id: str) -> bool:
        """Whether this says that somebody has seen it, rather than what shall be done."""
        return self.ack_required and action_id == ACK

    def label_of(self, action_id: str) -> str:
        """Return what stands on a button, "" for one that is not there."""
        return next((action.label for action in self.actions if action.id == action_id), "")

    def style_of(self, action_id: str) -> str:
        """Return how a button looks, the usual way for one that is not there."""
        styles = (action.style for action in self.actions if action.id == action_id)
        return next(styles, Style.DEFAULT.value)

    def as_payload(self) -> dict[str, Any]:
        """Return the card as the table of messages has it."""
        return {
            "actions": [action.as_dict() for action in self.actions],
            "ack_required": self.ack_required,
            "expires_at": clock.as_iso(self.expires_at) if self.expires_at else None,
            "token_id": self.token_id,
        }


def checked_card(card: ActionCard | None) -> ActionCard | None:
    """Return a card as it is stored, or None where nothing is asked. Raises Invalid naming the fields."""
    if card is None or card == ActionCard(token_id=card.token_id):
        return None
    tidied = replace(card, actions=tuple(_tidied(action) for action in card.actions))
    fields = {"actions": _wrong_with_actions(tidied), "expires_at": _wrong_with_end(tidied)}
    fields = {name: why for name, why in fields.items() if why}
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return tidied


def card_on(message: Message) -> ActionCard | None:
    """Return what is asked with a message, or None; a deleted one asks nothing."""
    stored = message.payload.get(CARD) if message.payload and message.deleted_at is None else None
    if stored is None:
        return None
    return ActionCard(
        actions=tuple(CardAction(**action) for action in stored["actions"]),
        ack_required=stored["ack_required"],
        expires_at=clock.from_iso(stored["expires_at"]) if stored["expires_at"] else None,
        token_id=stored["token_id"],
    )


def _tidied(action: CardAction) -> CardAction:
    return replace(action, label=one_line(action.label), confirm=one_line(action.confirm))


def _wrong_with_actions(card: ActionCard) -> str:
    """Return what is wrong with the buttons, in a sentence, or ""."""
    ids = [action.id for action in card.actions]
    if len(ids) > ACTIONS_MAX:
        return _("A message takes up to %(number)d buttons.", number=ACTIONS_MAX)
    if not all(ACTION_ID.fullmatch(action_id) for action_id in ids):
        return _("An id has 1 to 64 of A-Z a-z 0-9 _ . -")
    if len(set(ids)) < len(ids) or (card.ack_required and ACK in ids):
        return _("Each button needs an id of its own; with ack_required, “ack” is taken.")
    if not all(0 < len(action.label) <= LABEL_MAX_CHARACTERS for action in card.actions):
        return _("A label has 1 to %(number)d characters.", number=LABEL_MAX_CHARACTERS)
    if any(len(action.confirm) > CONFIRM_MAX_CHARACTERS for action in card.actions):
        return _("A question has up to %(number)d characters.", number=CONFIRM_MAX_CHARACTERS)
    if not all(action.style in set(Style) for action in card.actions):
        return _("A style is one of these: %(styles)s", styles=", ".join(Style))
    return ""


def _wrong_with_end(card: ActionCard) -> str:
    if card.expires_at is None:
        return ""
    if not card.asks_something:
        return _("There is nothing to answer: send actions or ack_required with it.")
    if not clock.now() < card.expires_at <= clock.now() + OPEN_MAX:
        return _("The end has to be in the future, and at most a year from now.")
    return ""

"""What programs ask people with a message, as they send it."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import EXCLUDE

from homechat.api.endpoints import Json
from homechat.api.shapes import Described
from homechat.doors.shapes import Few, Text
from homechat.messages.action_cards import ActionCard, CardAction, Style


class Button(Described):
    """A button."""

    ABOUT = {
        "id": "What you know it by: 1 to 64 of A-Z a-z 0-9 _ . -",
        "label": "What stands on it, up to 40 characters.",
        "style": "How it looks: `default`, `primary` (what most will want) or `danger` (what can't be taken back).",
        "confirm": "What to ask before it counts, up to 200 characters.",
    }

    class Meta:
        unknown = EXCLUDE

    id = Text(required=True)
    label = Text(required=True)
    style = Text(load_default=None, allow_none=True)
    confirm = Text(load_default=None, allow_none=True)


class Buttons(Few):
    """A list of buttons; as JSON in a text, too: a form has nothing else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise self.make_error("invalid") from error
        return super()._deserialize(value, attr, data, **kwargs)


def card_of(data: Json) -> ActionCard:
    """Return what is asked along with it, which may be nothing."""
    actions = tuple(
        CardAction(
            id=button["id"],
            label=button["label"],
            style=button["style"] or Style.DEFAULT,
            confirm=button["confirm"] or "",
        )
        for button in data["actions"] or ()
    )
    return ActionCard(
        actions=actions, ack_required=data["ack_required"] or False, expires_at=data["expires_at"]
    )

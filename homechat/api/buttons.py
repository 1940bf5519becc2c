"""What programs ask people with a message, as the document of the API describes it."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import EXCLUDE

from homechat.api.shapes import Described
from homechat.doors.shapes import Few, Text


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

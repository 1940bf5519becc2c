"""Fields of what programs send us, by socket or by the API: a wrong shape is refused before an action sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext
from marshmallow import fields, validate

from homechat import clock
from homechat.doors.forms import is_unstorable

STORABLE_NUMBER_MAX = 2**63 - 1


class Text(fields.String):
    """Text that every part of the house can store: no NUL, no half of a character pair."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):  # marshmallow takes bytes, too.
            raise self.make_error("invalid")
        if is_unstorable(value):
            raise self.make_error("invalid_utf8")
        return super()._deserialize(value, attr, data, **kwargs)


class Number(fields.Integer):
    """A whole number that fits the database; not true or false, not text."""

    def __init__(self, *, at_least: int = 0, **kwargs: Any) -> None:
        limits = validate.Range(min=at_least, max=STORABLE_NUMBER_MAX)
        super().__init__(strict=True, validate=limits, **kwargs)


class YesOrNo(fields.Boolean):
    """True or false, and nothing that means one of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class NumberInAddress(fields.Integer):
    """A whole number behind the `?` of an address, where everything is text."""

    def __init__(self, *, at_least: int = 0, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=at_least, max=STORABLE_NUMBER_MAX), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class MomentInAddress(fields.Field[datetime]):
    """A day or a time in ISO 8601, in UTC unless it says otherwise."""

    default_error_messages = {"invalid": lazy_gettext("Write it like 2026-11-21 or 2026-11-21T18:42:00Z.")}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return clock.from_iso(value)
        except (TypeError, ValueError) as error:
            raise self.make_error("invalid") from error


def flat(messages: Any) -> dict[str, str]:
    """Return marshmallow's complaints with one sentence for each field."""
    if not isinstance(messages, dict):
        return {}
    return {
        str(name): str(why[0] if isinstance(why, list) and why else why) for name, why in messages.items()
    }

"""Fields of what programs send us, by socket or by the API, and of what the API replies.

A wrong shape is refused before an action sees it; a reply of a wrong shape is a mistake of ours, and stopped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from flask_babel import lazy_gettext
from marshmallow import fields, validate
from marshmallow.exceptions import SCHEMA

from homechat import clock
from homechat.doors.forms import is_unstorable
from homechat.text import is_number

STORABLE_NUMBER_MAX = 2**63 - 1
T = TypeVar("T")


class Text(fields.String):
    """Text that every part of the house can store: no NUL, no half of a character pair."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str):  # marshmallow takes bytes, too.
            raise self.make_error("invalid")
        if is_unstorable(value):
            raise self.make_error("invalid_utf8")
        return super()._deserialize(value, attr, data, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return _just(str, value, attr)


class Number(fields.Integer):
    """A whole number that fits the database; not true or false, not text."""

    def __init__(self, *, at_least: int = 0, **kwargs: Any) -> None:
        limits = validate.Range(min=at_least, max=STORABLE_NUMBER_MAX)
        super().__init__(strict=True, validate=limits, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return _just(int, value, attr)


class YesOrNo(fields.Boolean):
    """True or false, and nothing that means one of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return _just(bool, value, attr)


class YesOrNoOrText(YesOrNo):
    """True or false, as text too: a form has nothing else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if value in ("true", "false"):
            value = value == "true"
        return super()._deserialize(value, attr, data, **kwargs)


class NumberInAddress(fields.Integer):
    """A whole number behind the `?` of an address, where everything is text."""

    def __init__(self, *, at_least: int = 0, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=at_least, max=STORABLE_NUMBER_MAX), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not (isinstance(value, str) and is_number(value)):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class NumberOrDigits(Number):
    """A whole number, in digits too: many a program can fill in nothing but text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str) and is_number(value):
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class NumberDigitsOrBlank(NumberOrDigits):
    """The same, or blank for none. Never for what says who is to read it."""

    def deserialize(self, value: Any, *places: Any, **kwargs: Any) -> Any:
        """Return the number that was sent, or None where it is blank."""
        return super().deserialize(None if value == "" else value, *places, **kwargs)


class NameOrNumber(fields.Field[str | int]):
    """Text that is a name, or a whole number that is an id."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": ["string", "integer"]}, **kwargs)

    default_error_messages = {"invalid": "Not a valid name or number.", "invalid_utf8": "Not a valid name."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int:
        if isinstance(value, str):
            if is_unstorable(value):
                raise self.make_error("invalid_utf8")
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= STORABLE_NUMBER_MAX:
            raise self.make_error("invalid")
        return value


class Few(fields.List[Any]):
    """A list of `at_most`. Of a longer one nothing is looked at: a body of a megabyte has room for 300,000 things."""

    default_error_messages = {"too_many": lazy_gettext("That is too many at once.")}

    def __init__(self, of: fields.Field[Any], *, at_most: int, **kwargs: Any) -> None:
        super().__init__(of, validate=validate.Length(max=at_most), **kwargs)
        self.at_most = at_most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.at_most:
            raise self.make_error("too_many")
        return super()._deserialize(value, attr, data, **kwargs)


class MomentInAddress(fields.Field[datetime]):
    """A day or a time in ISO 8601, in UTC unless it says otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"type": "string"}, **kwargs)

    default_error_messages = {"invalid": lazy_gettext("Write it like 2026-11-21 or 2026-11-21T18:42:00Z.")}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        try:
            return clock.from_iso(value)
        except (TypeError, ValueError) as error:
            raise self.make_error("invalid") from error


class MomentOrText(MomentInAddress):
    """The same in JSON."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metadata = {**self.metadata, "format": "date-time"}


def flat(messages: Any) -> dict[str, str]:
    """Return marshmallow's complaints with one sentence for each field; of an object in an object, for each of its."""
    found: dict[str, str] = {}
    for name, why in messages.items() if isinstance(messages, dict) else ():
        is_object = isinstance(why, dict) and all(isinstance(key, str) and key != SCHEMA for key in why)
        found |= flat(why) if is_object else {str(name): _first_sentence(why)}
    return found


def _first_sentence(why: Any) -> str:
    """Return the first complaint, however deep in lists and objects of what was sent it is about."""
    while isinstance(why, dict | list) and why:
        why = next(iter(why.values())) if isinstance(why, dict) else why[0]
    return str(why)


def _just(kind: type[T], value: object, attr: str | None) -> T | None:
    """Return `value` if it is of this very kind of JSON, or None. marshmallow would make it so: "7" of 7, 1 of true."""
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{attr} is {type(value).__name__}, not {kind.__name__}")
    return value

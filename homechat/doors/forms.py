"""Reading what pages send, with a sentence for what makes no sense."""

from __future__ import annotations

import re

from flask import request
from flask_babel import gettext as _
from werkzeug.routing import BaseConverter, IntegerConverter, PathConverter

from homechat.errors import HomeChatError, Invalid
from homechat.text import is_number

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class StorableNumber(IntegerConverter):
    """A number in a path, as `<int:…>`: one that does not fit the database is the address of nothing."""

    regex = r"[0-9]{1,18}"
    part_isolating = True


class StorableText(BaseConverter):
    """A word in a path, as `<…>`: one that the database could not take is the address of nothing."""

    regex = r"[^/\x00]+"
    part_isolating = True


class StorablePath(PathConverter):
    """The rest of a path, as `<path:…>`: the same holds for it."""

    regex = r"[^/\x00][^\x00]*?"
    part_isolating = False


CONVERTERS = {
    "default": StorableText,
    "string": StorableText,
    "path": StorablePath,
    "int": StorableNumber,
}


def form_text(name: str) -> str:
    """Return one field of a form as text, empty when it is missing. Raises Invalid for what is not text."""
    value = request.form.get(name, "")
    if is_unstorable(value):
        raise Invalid(
            _("There is a character in there that can't be stored."),
            fields={name: _("Please type it again.")},
        )
    return value


def form_number(name: str, default: int = 0) -> int:
    """Return one field of a form as a number. Raises Invalid, naming the field."""
    return _number(request.form.get(name, ""), name, default)


def form_numbers(name: str) -> list[int]:
    """Return a repeated field of a form as numbers. Raises Invalid, naming the field."""
    return [_number(value, name, 0) for value in request.form.getlist(name)[:100]]


def query_number(name: str, default: int | None = None) -> int | None:
    """Return one value of the query string as a number, or `default` when it is not there."""
    text = request.args.get(name, "")
    return _number(text, name, 0) if text else default


def is_unstorable(text: str) -> bool:
    """Whether the database could not take `text`: NUL, or half of a character pair."""
    return _UNSTORABLE.search(text) is not None


def _number(text: str, name: str, default: int) -> int:
    if not text:
        return default
    if not is_number(text.removeprefix("-")):
        raise Invalid(_("That is not a number."), fields={name: _("Type a number.")})
    return int(text)


def errors_of(error: HomeChatError) -> dict[str, str]:
    """Return a refusal as a form shows it: a sentence per field, and under "" what concerns the whole."""
    if error.message in error.fields.values():
        return error.fields
    return {"": error.message, **error.fields}

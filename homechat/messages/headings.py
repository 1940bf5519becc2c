"""What may stand above a message: a title, and a label beside its author's name. Programs send both."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat.errors import Invalid
from homechat.messages.models import Message
from homechat.text import one_line

TITLE_MAX_CHARACTERS = 200
LABEL_MAX_CHARACTERS = 60


def heading(title: str, label: str) -> dict[str, str]:
    """Return those of a title and a label that there are as they are stored, each on one line.

    Raises Invalid naming the fields when they are too long.
    """
    parts = {"title": one_line(title), "label": one_line(label)}
    limits = {"title": TITLE_MAX_CHARACTERS, "label": LABEL_MAX_CHARACTERS}
    fields = {
        part: _("Keep it to %(number)d characters.", number=most)
        for part, most in limits.items()
        if len(parts[part]) > most
    }
    if fields:
        raise Invalid(_("Please look at the fields below once more."), fields=fields)
    return {part: text for part, text in parts.items() if text}


def title_of(message: Message) -> str | None:
    """Return what stands above a message as its title, or None."""
    return _part(message, "title")


def label_of(message: Message) -> str | None:
    """Return what stands beside its author's name, or None; never instead of it."""
    return _part(message, "label")


def _part(message: Message, part: str) -> str | None:
    if message.deleted_at is not None or not message.payload:
        return None
    return message.payload.get(part)

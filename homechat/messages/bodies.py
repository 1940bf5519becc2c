"""What a message may consist of."""

from __future__ import annotations

from flask_babel import gettext as _

from homechat.errors import Invalid
from homechat.extensions import current_settings
from homechat.messages.formatting import clean_body, is_blank


def checked_body(body: str, *, may_be_blank: bool = False) -> str:
    """Return `body` as it is stored, "" for a blank one. Raises Invalid, naming the field, when it is too long.

    may_be_blank: whether the message has something else to show; else Invalid too when it is blank.
    """
    most = current_settings().message_characters
    # Far too long is refused before any work; whatever cleaning takes away, it is not that much.
    cleaned = clean_body(body) if len(body) <= 2 * most else body
    if len(body) <= 2 * most and is_blank(cleaned):
        if may_be_blank:
            return ""
        sentence = _("Write something first.")
    elif len(cleaned) > most:
        sentence = _(
            "A message takes up to %(most)d characters; this one has %(has)d.", most=most, has=len(cleaned)
        )
    else:
        return cleaned
    raise Invalid.at("body", sentence)

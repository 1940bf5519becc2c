"""What somebody wants to say, and what of it is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_babel import gettext as _

from homechat.actor import Actor
from homechat.errors import Invalid
from homechat.messages.action_cards import CARD, ActionCard, checked_card
from homechat.messages.bodies import checked_body
from homechat.messages.headings import heading
from homechat.messages.models import FILES

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True)
class Letter:
    """What is to be sent; see `send_message`."""

    body: str
    client_id: str
    title: str = ""
    label: str = ""
    reply_to_id: int | None = None
    upload_ids: Sequence[str] = ()
    card: ActionCard | None = None


@dataclass(frozen=True)
class CheckedLetter:
    """A letter's text as it is stored, and the payload beside it, which may be empty."""

    body: str
    payload: dict[str, Any]


def checked_letter(actor: Actor, letter: Letter, *, has_files: bool = False) -> CheckedLetter:
    """Return what is stored of a letter of the actor's. Raises Invalid naming the fields.

    has_files: whether files are about to come with it that are not in it yet, so that its text may be blank.
    """
    if not CLIENT_ID.fullmatch(letter.client_id):
        raise Invalid(_("This message has no usable id."), fields={"client_id": "8-64 of A-Z a-z 0-9 _ -"})
    asked = checked_card(letter.card)
    body = checked_body(letter.body, may_be_blank=has_files or bool(letter.upload_ids))
    payload: dict[str, Any] = {**heading(letter.title, letter.label)}
    if letter.upload_ids:
        payload[FILES] = len(letter.upload_ids)
    if asked is not None:
        payload[CARD] = replace(asked, token_id=actor.token_id).as_payload()
    return CheckedLetter(body, payload)

"""Files and a caption in one go, as a form or a program sends them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import sqlalchemy as sa

from homechat.actor import Actor
from homechat.database import db
from homechat.errors import HomeChatError
from homechat.messages.action_cards import ActionCard
from homechat.messages.actions import send_message
from homechat.messages.models import Message
from homechat.realtime.events import MessagePosted
from homechat.uploads.actions import drop_upload, store_upload
from homechat.uploads.receiving import ReceivedFile


def send_files(
    actor: Actor,
    *,
    room_id: int,
    files: Iterable[ReceivedFile],
    caption: str,
    client_id: str,
    title: str = "",
    label: str = "",
    reply_to_id: int | None = None,
    card: ActionCard | None = None,
) -> MessagePosted:
    """Take in `files`, in their order, and send them as one message, with `caption` as its text; "" for none.

    Sent again with the same `client_id`, it changes nothing and the first message is returned. Where one file is
    refused, none is sent, and what was taken in before it is forgotten. Raises as `send_message` and `store_upload` do.
    """
    if _is_sent(actor, client_id):
        files = ()
        caption = caption or "."  # It stays with what was sent first, whatever is in this.
    upload_ids: list[str] = []
    try:
        for file in files:
            upload = store_upload(actor, room_id=room_id, name=file.name, stream=file.stream)
            upload_ids.append(upload.id)
        return send_message(
            actor,
            room_id=room_id,
            body=caption,
            client_id=client_id,
            title=title,
            label=label,
            reply_to_id=reply_to_id,
            upload_ids=upload_ids,
            card=card,
        )
    except HomeChatError:
        _drop(actor, upload_ids)
        raise


def _drop(actor: Actor, upload_ids: list[str]) -> None:
    """Give back what they take of the actor's share. Where that can't be, they go in a day."""
    for upload_id in upload_ids:
        with suppress(HomeChatError):
            drop_upload(actor, upload_id)


def _is_sent(actor: Actor, client_id: str) -> bool:
    sent = sa.select(Message.id).where(Message.author_id == actor.person_id, Message.client_id == client_id)
    return db.session.scalar(sent) is not None

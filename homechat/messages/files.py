"""Files and a caption in one go, as a form or a program sends them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from homechat.actor import Actor
from homechat.errors import HomeChatError
from homechat.messages.actions import send_message, sent_again
from homechat.messages.letters import Letter
from homechat.realtime.events import MessagePosted
from homechat.uploads.actions import drop_upload, store_upload
from homechat.uploads.files import ReceivedFile


def send_files(actor: Actor, letter: Letter, *, room_id: int, files: Iterable[ReceivedFile]) -> MessagePosted:
    """Take in `files`, in their order, and send them as one message, with the letter's text, which may be blank.

    Sent again with the same `client_id`, it changes nothing and the first message is returned. Where one file is
    refused, none is sent, and what was taken in before it is forgotten. Raises as `send_message` and `store_upload` do.
    """
    again = sent_again(actor, room_id=room_id, client_id=letter.client_id)
    if again is not None:
        return again
    upload_ids: list[str] = []
    try:
        for file in files:
            upload = store_upload(actor, room_id=room_id, name=file.name, stream=file.stream)
            upload_ids.append(upload.id)
        told = send_message(actor, room_id=room_id, **vars(replace(letter, upload_ids=upload_ids)))
    except HomeChatError:
        _drop(actor, upload_ids)
        raise
    # Where the same was sent at the same moment, the message has the files of whoever was first.
    taken = {file["id"] for file in told.files}
    _drop(actor, [upload_id for upload_id in upload_ids if upload_id not in taken])
    return told


def _drop(actor: Actor, upload_ids: list[str]) -> None:
    """Give back what they take of the actor's share. Where that can't be, they go in a day."""
    for upload_id in upload_ids:
        with suppress(HomeChatError):
            drop_upload(actor, upload_id)

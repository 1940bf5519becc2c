"""Files of messages, for programs."""

from __future__ import annotations

import secrets

from flask import Response, request

from homechat.actor import Actor
from homechat.api.endpoints import FORM_WITH_FILES, Body, Json, endpoint
from homechat.api.file_json import file_as_json
from homechat.api.refusals import fields_as_sent
from homechat.api.shapes import PostedMedia
from homechat.doors.shapes import Text
from homechat.messages.letters import Letter
from homechat.messages.posting import post_files
from homechat.security.policy import Scope
from homechat.uploads.files import ReceivedFile
from homechat.uploads.queries import files_of, find_upload
from homechat.uploads.receiving import received_files
from homechat.uploads.serving import reply_with_file, reply_with_thumbnail


class Media(Body):
    """What goes with the files."""

    ABOUT = {
        "caption": "Words to go with them.",
        "client_id": "An id of your own making: sent again with the same one, it is one message.",
    }

    caption = Text(load_default=None, allow_none=True)
    client_id = Text(load_default=None, allow_none=True)


FIELDS = ("files[]", "files", "file")
"""Under which of these names a form has its files; existing clients differ."""


@endpoint("GET", "/uploads/<upload_id>", needs=Scope.MESSAGES_READ, gives_bytes=True)
def upload(actor: Actor, data: Json, upload_id: str) -> Response:
    """A file of a message, for who may read that."""
    return reply_with_file(find_upload(actor, upload_id))


@endpoint("GET", "/uploads/<upload_id>/thumbnail", needs=Scope.MESSAGES_READ, gives_bytes=True)
def upload_thumbnail(actor: Actor, data: Json, upload_id: str) -> Response:
    """A picture in 800 pixels at most."""
    return reply_with_thumbnail(find_upload(actor, upload_id))


@endpoint(
    "POST",
    "/channels/<int:room_id>/media",
    needs=Scope.MEDIA_WRITE,
    takes=Media,
    gives=PostedMedia,
    creates=True,
    takes_files=True,
)
def post_media(actor: Actor, data: Json, room_id: int) -> Json:
    """Send files to a room as one message: a form with them as `files[]`, 20 at most."""
    letter = Letter(body=data["caption"] or "", client_id=data["client_id"] or secrets.token_urlsafe(16))
    with fields_as_sent(text="caption"):
        told = post_files(actor, letter, room_id=room_id, files=files_sent())
    files = files_of([told.id]).get(told.id, [])
    return {
        "success": True,
        "data": {
            "id": told.id,
            "channel_id": told.room_id,
            "files": [file_as_json(file) for file in files],
        },
    }


def files_sent() -> list[ReceivedFile]:
    """Return the files of the form that was sent, if one was; see FIELDS. Raises Invalid past 20."""
    field = next((name for name in FIELDS if name in request.files), FIELDS[0])
    return received_files(field)


def was_left_unread() -> bool:
    """Whether a form came without what was in it, because its sender may send no files; see `serving/front.py`."""
    return request.mimetype == FORM_WITH_FILES and not request.content_length

"""People who share files in tests."""

from __future__ import annotations

import itertools
from io import BytesIO
from typing import Any

from homechat.actor import Door
from homechat.messages.actions import send_message
from homechat.realtime.events import MessagePosted
from homechat.uploads.actions import store_upload
from homechat.uploads.cards import FileCard
from tests.house import House

_numbers = itertools.count(1)


def share(house: House, who: str, room: int, name: str, data: bytes) -> FileCard:
    """Have somebody hand in one file, which no message has yet."""
    actor = house.actor(who, Door.PAGE)
    return house.act(store_upload, actor, room_id=room, name=name, stream=BytesIO(data))


def send(
    house: House, who: str, room: int, *files: FileCard, body: str = "", client_id: str = ""
) -> MessagePosted:
    """Have somebody send a message with files they have handed in."""
    return house.act(
        send_message,
        house.actor(who),
        room_id=room,
        body=body,
        client_id=client_id or f"shared-{next(_numbers):06}",
        upload_ids=[file.id for file in files],
    )


def post_form(house: House, who: str, room: int, *files: tuple[str, bytes], **form: Any) -> Any:
    """Send the composer's form, as a browser without scripts does."""
    data = {
        "body": "",
        "client_id": f"form-{next(_numbers):06}",
        "files": [(BytesIO(content), name) for name, content in files],
        **form,
    }
    return house.client(who).post(f"/rooms/{room}/files", data, content_type="multipart/form-data")

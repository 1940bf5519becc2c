"""Files: taking them in one at a time, and giving them out."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from homechat.doors.people import current_actor
from homechat.errors import Invalid
from homechat.rooms.finding import find_room
from homechat.security import limits
from homechat.security.policy import RoomRight
from homechat.uploads.actions import drop_upload, store_upload
from homechat.uploads.queries import find_upload
from homechat.uploads.receiving import received_files
from homechat.uploads.serving import reply_with_file, reply_with_thumbnail

blueprint = Blueprint("uploads", __name__)


@blueprint.post("/rooms/<int:room_id>/uploads")
def store(room_id: int) -> Response:
    actor = current_actor()
    files = received_files()
    if len(files) != 1:
        # Who may not know of it learns nothing of what is asked there.
        find_room(actor, room_id, RoomRight.POST)
        raise Invalid(_("Choose a file first."))
    file = store_upload(actor, room_id=room_id, name=files[0].name, stream=files[0].stream)
    return jsonify(ok=True, file=file.as_dict())


@blueprint.post("/uploads/<upload_id>/drop")
def drop(upload_id: str) -> Response:
    actor = current_actor()
    limits.spend(limits.UPLOADS, actor.person_id)
    drop_upload(actor, upload_id)
    return jsonify(ok=True)


@blueprint.get("/uploads/<upload_id>/thumbnail")
def thumbnail(upload_id: str) -> Response:
    return reply_with_thumbnail(find_upload(current_actor(), upload_id))


@blueprint.get("/uploads/<upload_id>/<name>")
def file(upload_id: str, name: str) -> Response:
    return reply_with_file(find_upload(current_actor(), upload_id))

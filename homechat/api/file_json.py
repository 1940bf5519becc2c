"""A file as the API shows it."""

from __future__ import annotations

from homechat.api.endpoints import Json
from homechat.extensions import current_settings
from homechat.uploads.cards import FileCard


def file_as_json(file: FileCard) -> Json:
    """Return what clients of the API know a file by: its addresses are those that take tokens."""
    settings = current_settings()
    place = f"{settings.api_url}/uploads/{file.id}"
    small = f"{place}/thumbnail" if file.thumbnail_url else None
    return {**file.as_dict(), "url": place, "thumbnail_url": small}

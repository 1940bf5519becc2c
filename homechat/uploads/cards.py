"""A file as everyone sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask_babel import gettext as _

from homechat.errors import NotFound
from homechat.extensions import current_settings
from homechat.uploads.kinds import OPAQUE_TYPE, Group
from homechat.uploads.models import Upload

SHORT_NAME_MAX_CHARACTERS = 40
KEPT_AT_THE_START, KEPT_AT_THE_END = 24, 15


@dataclass(frozen=True)
class FileCard:
    """One file of a message. url: where pages find it.  thumbnail_url: a picture of 800 pixels at most, or None."""

    id: str
    name: str
    content_type: str
    byte_size: int
    url: str
    thumbnail_url: str | None
    width: int | None
    height: int | None

    @property
    def group(self) -> Group:
        """How it is shown."""
        if self.content_type == OPAQUE_TYPE:
            return Group.OPAQUE
        if self.content_type.startswith("image/"):
            return Group.PICTURE
        return Group.AUDIO if self.content_type.startswith("audio/") else Group.VIDEO

    @property
    def may_be_see_through(self) -> bool:
        """Whether what stands behind the picture may show."""
        return self.group is Group.PICTURE and self.content_type != "image/jpeg"

    @property
    def short_name(self) -> str:
        """The name as two lines of a phone have room for it, without its middle. lib/file-names.js does the same."""
        if len(self.name) <= SHORT_NAME_MAX_CHARACTERS:
            return self.name
        return f"{self.name[:KEPT_AT_THE_START]}…{self.name[-KEPT_AT_THE_END:]}"

    @property
    def size_text(self) -> str:
        """How large it is, for those without scripts."""
        if self.byte_size < 1000:
            return f"{self.byte_size} B"
        if self.byte_size < 1_000_000:
            return f"{self.byte_size / 1000:.0f} kB"
        return f"{self.byte_size / 1_000_000:.1f} MB"

    def as_dict(self) -> dict[str, Any]:
        """Return the file as events and JSON carry it."""
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "byte_size": self.byte_size,
            "url": self.url,
            "thumbnail_url": self.thumbnail_url,
            "width": self.width,
            "height": self.height,
        }


def card_of_file(upload: Upload) -> FileCard:
    """Return the card of a file. Its addresses have the prefix of the house's own in front."""
    settings = current_settings()
    place = f"{settings.path_prefix}/uploads/{upload.id}"
    return FileCard(
        id=upload.id,
        name=upload.name,
        content_type=upload.content_type,
        byte_size=upload.byte_size,
        url=f"{place}/{quote(upload.name, safe='')}",
        thumbnail_url=f"{place}/thumbnail" if upload.thumbnail_sha256 else None,
        width=upload.width,
        height=upload.height,
    )


def no_such_file() -> NotFound:
    """Return the one refusal for files that are not there and for those that are not the actor's to have."""
    return NotFound(_("There is no such file, or it is not for you."))

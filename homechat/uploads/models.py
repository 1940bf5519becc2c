"""The table of files that people share."""

from __future__ import annotations

import secrets
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from homechat import clock
from homechat.database import Base, UtcDateTime

NAME_MAX_CHARACTERS = 120
ID_BYTES = 18


def new_id() -> str:
    """Return the name of a file for the world: 144 random bits, so that nobody comes upon one by trying."""
    return secrets.token_urlsafe(ID_BYTES)


class Upload(Base):
    """One file as somebody sent it. Its bytes lie in the data folder under their SHA-256, once however often sent.

    message_id: None until a message takes it; whoever sent it alone may see it until then.
    position: its place among the files of that message.  content_type: what we found it to be, not what was said.
    width, height: of a picture, in pixels.  thumbnail_sha256: of a picture that stands still.
    deleted_at: gone for everybody since; row and bytes stay for a day, so that a backup under way finds both.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        sa.Index("ix_uploads_message_id_position", "message_id", "position"),
        sa.Index("ix_uploads_owner_id_deleted_at", "owner_id", "deleted_at"),
    )

    id: Mapped[str] = mapped_column(sa.String(24), primary_key=True, default=new_id)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    room_id: Mapped[int] = mapped_column(sa.ForeignKey("rooms.id"), index=True)
    message_id: Mapped[int | None] = mapped_column(sa.ForeignKey("messages.id"))
    position: Mapped[int] = mapped_column(default=0)
    name: Mapped[str] = mapped_column(sa.String(NAME_MAX_CHARACTERS))
    content_type: Mapped[str] = mapped_column(sa.String(40))
    byte_size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    width: Mapped[int | None] = mapped_column()
    height: Mapped[int | None] = mapped_column()
    thumbnail_sha256: Mapped[str | None] = mapped_column(sa.String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, index=True)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)

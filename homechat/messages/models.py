"""The table of messages: also the replay log from which every client catches up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime

TEXT = "text"
"""What people write, as opposed to what the house notes down about a room."""


class Message(Base):
    """One message. A deleted one stays as an empty tombstone, so that clients can learn of the deletion.

    seq: its place in the room.  changed_seq: the room's number at its last change; equals seq when new.
    client_id: chosen by the author's client, unique per author, so that a retry is never stored twice.
    """

    __tablename__ = "messages"
    __table_args__ = (
        sa.UniqueConstraint("room_id", "seq"),
        sa.UniqueConstraint("author_id", "client_id"),
        sa.Index("ix_messages_room_id_changed_seq", "room_id", "changed_seq"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(sa.ForeignKey("rooms.id"))
    seq: Mapped[int] = mapped_column(sa.BigInteger)
    changed_seq: Mapped[int] = mapped_column(sa.BigInteger)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    client_id: Mapped[str] = mapped_column(sa.String(64))
    kind: Mapped[str] = mapped_column(sa.String(10), default=TEXT)
    body: Mapped[str] = mapped_column(sa.Text, default="")
    payload: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON)
    reply_to_id: Mapped[int | None] = mapped_column(sa.ForeignKey("messages.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, index=True)
    edited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    author: Mapped[User] = relationship(lazy="joined", innerjoin=True)

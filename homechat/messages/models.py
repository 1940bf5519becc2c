"""The table of messages: also the replay log from which every client catches up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from homechat import clock
from homechat.accounts.models import User
from homechat.database import Base, UtcDateTime
from homechat.messages.emoji import EMOJI_CHARACTERS_MAX

TEXT = "text"
"""What people write, as opposed to what the house notes down about a room."""

FILES = "files"
"""In a payload: how many files a message has. Most have none, and nobody has to look for them."""


def file_count(payload: dict[str, Any] | None) -> int:
    """Return how many files a message with this payload has."""
    return int(payload.get(FILES, 0)) if payload else 0


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


class MessageReaction(Base):
    """One emoji of one person on one message. Goes with the message's text when that is deleted."""

    __tablename__ = "message_reactions"
    __table_args__ = (
        sa.UniqueConstraint("message_id", "user_id", "emoji"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("messages.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    emoji: Mapped[str] = mapped_column(sa.String(EMOJI_CHARACTERS_MAX))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class MessageAnswer(Base):
    """One tap of one person on the card of a message: an action of it, or that they have seen it.

    Of actions there is one, whoever was first; of "seen" one for each person.
    """

    __tablename__ = "message_answers"
    __table_args__ = (
        sa.UniqueConstraint("message_id", "user_id", "is_ack"),
        sa.Index(
            "uq_message_answers_first",
            "message_id",
            unique=True,
            sqlite_where=sa.text("NOT is_ack"),
            postgresql_where=sa.text("NOT is_ack"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("messages.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id", ondelete="CASCADE"), index=True)
    action_id: Mapped[str] = mapped_column(sa.String(64))
    is_ack: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
